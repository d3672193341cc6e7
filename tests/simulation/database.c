#include "database.h"

#include "faults.h"
#include "judge.h"
#include "nemesis.h"
#include "repository/sqlite/sqlite.h"
#include "virtual.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Days from the beginning of SQLite's calendar to 1970. */
#define JULIAN_EPOCH_MS INT64_C(210866760000000)

#define BATCH_MAX 64

struct batch {
    struct replica *replica;
    bool dead, carried;
    size_t count;
    struct repository_op *ops[BATCH_MAX];
};

static struct repository_driver *driver;
static sqlite3 *writer;
static char folder[] = "/tmp/simulation-XXXXXX";
static char path[sizeof folder + 16];

int64_t database_now(void)
{
    return VIRTUAL_EPOCH_MS + virtual_now() + virtual_database_offset;
}

static int time_tell(sqlite3_vfs *vfs, sqlite3_int64 *ret_ms)
{
    (void)vfs;
    *ret_ms = JULIAN_EPOCH_MS + database_now();
    return SQLITE_OK;
}

static int random_tell(sqlite3_vfs *vfs, int length, char *ret_bytes)
{
    (void)vfs;
    memset(ret_bytes, 7, (size_t)length);
    return length;
}

/* SQLite's own files in memory, with another clock. */
static void vfs_register(void)
{
    static sqlite3_vfs vfs;
    if (sqlite3_initialize() != SQLITE_OK || !sqlite3_vfs_find("memdb"))
        abort();
    vfs = *sqlite3_vfs_find("memdb");
    vfs.zName = "simulation";
    vfs.iVersion = 2;
    vfs.xCurrentTimeInt64 = time_tell;
    vfs.xRandomness = random_tell;
    if (sqlite3_vfs_register(&vfs, 1) != SQLITE_OK)
        abort();
}

static int connection_note(sqlite3 *handle, const char **error, const void *thunk)
{
    (void)error;
    (void)thunk;
    if (!writer)
        writer = handle;
    return SQLITE_OK;
}

static void folder_remove(void)
{
    char lock[sizeof path + 8];
    snprintf(lock, sizeof lock, "%s.lock", path);
    unlink(lock);
    rmdir(folder);
}

static void process_prepare(void)
{
    if (*path)
        return;
    /* The driver's lock is a file of its own. */
    if (!mkdtemp(folder))
        abort();
    snprintf(path, sizeof path, "%s/db", folder);
    atexit(folder_remove);
    vfs_register();
    sqlite3_auto_extension((void (*)(void))connection_note);
}

void database_begin(void)
{
    struct error error = {0};
    process_prepare();
    writer = NULL;
    if (repository_sqlite_open(path, 1, &driver, &error) < 0) {
        fprintf(stderr, "simulation: %s\n", error.text);
        abort();
    }
}

void database_end(void)
{
    driver->close(driver);
}

sqlite3 *database_handle(void)
{
    return writer;
}

const char *database_store_id(void)
{
    static char id[UUID_TEXT_SIZE];
    sqlite3_stmt *statement = NULL;
    id[0] = '\0';
    sqlite3_prepare_v2(writer, "SELECT id FROM stores ORDER BY adopted_at DESC LIMIT 1", -1,
                       &statement, NULL);
    if (sqlite3_step(statement) == SQLITE_ROW)
        snprintf(id, sizeof id, "%s", (const char *)sqlite3_column_text(statement, 0));
    sqlite3_finalize(statement);
    return id;
}

void database_type(const char *sql)
{
    int result = sqlite3_exec(writer, sql, NULL, NULL, NULL);
    trace_say("sql: %s: %s", sql, result == SQLITE_OK ? "ok" : sqlite3_errmsg(writer));
    judge_look();
}

/* Carries a batch out; judged before anybody hears of it. */
static void batch_apply(struct batch *batch)
{
    driver->apply(driver, batch->ops, batch->count);
    judge_after(batch->ops, batch->count);
}

static void outputs_drop(struct batch *batch)
{
    for (size_t i = 0; i < batch->count; i++) {
        struct repository_op *op = batch->ops[i];
        repository_op_deinit(op);
        for (size_t j = 0; op->verb == DELETIONS_CONFIRM && j < op->confirm.count; j++) {
            struct confirmation *item = &op->confirm.items[j];
            item->applied = item->finished = item->user_gone = false;
        }
    }
}

static void batch_fail(struct batch *batch)
{
    outputs_drop(batch);
    for (size_t i = 0; i < batch->count; i++) {
        batch->ops[i]->outcome = REPOSITORY_FAILED;
        error_set(&batch->ops[i]->error, ERROR_UNAVAILABLE, "the connection broke");
    }
}

static void batch_plan(struct replica *replica);

static void batch_answer(struct replica *replica, void *what)
{
    struct batch *batch = what;
    replica->repository.batch = NULL;
    for (size_t i = 0; i < batch->count; i++)
        batch->ops[i]->done(batch->ops[i]);
    batch_plan(replica);
}

static void batch_arrive(void *owner)
{
    struct batch *batch = owner;
    if (batch->dead)
        return;
    bool down = fault_is_on(FAULT_DATABASE_DOWN);
    bool unknown = fault_is_on(FAULT_COMMITS_UNKNOWN) && chance_of(250);
    if (!down && (!unknown || chance_of(500)))
        batch_apply(batch);
    if (down || unknown) {
        trace_say("replica %d: %s of %zu operations", batch->replica->index,
                  down ? "no transaction" : "a commit of unknown result", batch->count);
        batch_fail(batch);
    }
    batch->carried = true;
    int64_t slow = fault_is_on(FAULT_DATABASE_SLOW) && chance_of(150) ? SECONDS(30) : 0;
    replica_later(batch->replica, chance_between(0, 2) + chance_between(0, slow), batch_answer,
                  batch);
    nemesis_moment(batch->replica);
}

/* On the store thread: takes what has queued up. */
static void batch_send(struct replica *replica, void *what)
{
    struct batch *batch = what;
    struct repository *repository = &replica->repository;
    while (repository->first && batch->count < BATCH_MAX) {
        batch->ops[batch->count++] = (struct repository_op *)repository->first;
        repository->first = repository->first->next;
        repository->places--;
    }
    if (!repository->first)
        repository->last = &repository->first;
    int64_t slow = fault_is_on(FAULT_DATABASE_SLOW) && chance_of(150) ? SECONDS(30) : 0;
    agenda_add(chance_between(0, 3) + chance_between(0, slow), batch_arrive, batch);
}

static void batch_plan(struct replica *replica)
{
    struct repository *repository = &replica->repository;
    if (repository->batch || !repository->first)
        return;
    repository->batch = virtual_take(sizeof *repository->batch);
    repository->batch->replica = replica;
    replica_later(replica, chance_between(0, 1), batch_send, repository->batch);
}

void database_drop(struct repository *repository)
{
    struct batch *batch = repository->batch;
    if (!batch)
        return;
    batch->dead = true;
    if (!batch->carried && !fault_is_on(FAULT_DATABASE_DOWN) && chance_of(500))
        batch_apply(batch);
    outputs_drop(batch);
}

/* What the runtime calls in the place of repository/repository.c: see meson.build. */

void __wrap_repository_submit_always(struct repository *repository, struct repository_op *op);
bool __wrap_repository_submit(struct repository *repository, struct repository_op *op);
bool __wrap_repository_reserve(struct repository *repository);
void __wrap_repository_release(struct repository *repository);
void __wrap_repository_submit_reserved(struct repository *repository, struct repository_op *op);
size_t __wrap_repository_queued(struct repository *repository);
void __wrap_repository_read(struct repository *repository, struct repository_op *op);
const char *__wrap_repository_database_id(const struct repository *repository);
const char *__wrap_repository_secret(const struct repository *repository);

void __wrap_repository_submit_reserved(struct repository *repository, struct repository_op *op)
{
    judge_asked(op);
    op->message.next = NULL;
    *repository->last = &op->message;
    repository->last = &op->message.next;
    batch_plan(repository->replica);
}

void __wrap_repository_submit_always(struct repository *repository, struct repository_op *op)
{
    repository->places++;
    __wrap_repository_submit_reserved(repository, op);
}

bool __wrap_repository_reserve(struct repository *repository)
{
    repository->places++;
    return true;
}

bool __wrap_repository_submit(struct repository *repository, struct repository_op *op)
{
    __wrap_repository_submit_always(repository, op);
    return true;
}

void __wrap_repository_release(struct repository *repository)
{
    repository->places--;
}

size_t __wrap_repository_queued(struct repository *repository)
{
    return repository->places;
}

void __wrap_repository_read(struct repository *repository, struct repository_op *op)
{
    (void)repository;
    if (fault_is_on(FAULT_DATABASE_DOWN)) {
        op->outcome = REPOSITORY_FAILED;
        error_set(&op->error, ERROR_UNAVAILABLE, "no connection");
        return;
    }
    driver->read(driver, op);
}

const char *__wrap_repository_database_id(const struct repository *repository)
{
    (void)repository;
    return driver->database_id;
}

const char *__wrap_repository_secret(const struct repository *repository)
{
    (void)repository;
    return driver->secret;
}
