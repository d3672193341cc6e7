#include "repository/sqlite/sqlite.h"

#include "base/log.h"
#include "repository/sqlite/copy.h"
#include "repository/sqlite/operations.h"
#include "repository/sqlite/schema.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sysexits.h>
#include <unistd.h>

/*
 * Pages in the write-ahead log. A checkpoint syncs the database, for which everybody waits:
 * from the first on it is put off until nobody asks for anything, and no longer than to the
 * second. Many pages are in a long log more than once, and go to the database once. A log of
 * the second size stays in the file that journal_size_limit leaves.
 */
#define LOG_PAGES     1000
#define LOG_PAGES_MAX 4000

struct sqlite {
    struct repository_driver driver;
    struct connection writer;
    struct sqlite_copy copy;
    char *path;
    int lock; /* of the file beside the database; held as long as the process lives */
    pthread_mutex_t readers_lock;
    pthread_cond_t reader_free;
    struct connection *readers;
    size_t reader_count, free_count;
    struct connection **free_readers;
};

/* Clears what an operation put out, so that it can be carried out again. */
static void outputs_clear(struct repository_op *op)
{
    repository_op_deinit(op);
    op->matched = 0;
    op->more = false;
    op->claim.live_users = 0;
    op->claim.next_due_at = 0;
    for (size_t i = 0; op->verb == DELETIONS_CONFIRM && i < op->confirm.count; i++) {
        struct confirmation *item = &op->confirm.items[i];
        item->applied = item->finished = item->user_gone = false;
    }
}

static int write_carry_out(struct connection *connection, struct repository_op *op, int64_t now)
{
    switch (op->verb) {
    case USER_ADD:
        return sqlite_user_add(connection, op, now);
    case USER_REPLACE:
        return sqlite_user_replace(connection, op, now);
    case USER_MARK:
        return sqlite_user_mark(connection, op, now);
    case AVATAR_CLEAR:
        return sqlite_avatar_clear(connection, op, now);
    case GUARD_ADD:
        return sqlite_guard_add(connection, op, now);
    case AVATAR_ATTACH:
        return sqlite_avatar_attach(connection, op, now);
    case GUARD_SETTLE:
        return sqlite_guard_settle(connection, op, now);
    case DELETIONS_CLAIM:
        return sqlite_deletions_claim(connection, op, now);
    case DELETIONS_CONFIRM:
        return sqlite_deletions_confirm(connection, op, now);
    case DELETIONS_UNBLOCK:
        return sqlite_deletions_unblock(connection, op, now);
    case DELETIONS_RETRY:
        return sqlite_deletions_retry(connection, op, now);
    case DELETION_ADD:
        return sqlite_deletion_add(connection, op, now);
    case DELETIONS_REDATE:
        return sqlite_deletions_redate(connection, op, now);
    case MARKED_FINISH:
        return sqlite_marked_finish(connection, op, now);
    case RECEIPTS_REOPEN:
        return sqlite_receipts_reopen(connection, op, now);
    case RECEIPTS_SEAL:
        return sqlite_receipts_seal(connection, op, now);
    case RECEIPTS_PRUNE:
        return sqlite_receipts_prune(connection, op, now);
    case EPOCH_MEET:
        return sqlite_epoch_meet(connection, op, now);
    case EPOCH_TAKE:
        return sqlite_epoch_take(connection, op, now);
    case RESTORE_BEGIN:
        return sqlite_restore_begin(connection, op, now);
    case RESTORE_END:
        return sqlite_restore_end(connection, op, now);
    case STORE_ADOPT:
        return sqlite_store_adopt(connection, op, now);
    case AUDIT_START:
        return sqlite_audit_start(connection, op, now);
    case AUDIT_CLAIM:
        return sqlite_audit_claim(connection, op, now);
    case AUDIT_SAVE:
        return sqlite_audit_save(connection, op, now);
    case AUDIT_STOP:
        return sqlite_audit_stop(connection, op, now);
    case DATABASE_COPY:
    case AUDIT_GET:
    case FINDING_LIST:
    case POINTER_LIST:
    case STRAYS_FIND:
    case USER_GET:
    case USER_LIST:
    case ERASURE_GET:
    case DELETION_LIST:
    case FINISHED_FIND:
    case BACKLOG_GET:
    case RECEIPTS_READ:
        break;
    }
    return -1;
}

static int read_carry_out(struct connection *connection, struct repository_op *op)
{
    switch (op->verb) {
    case AUDIT_GET:
        return sqlite_audit_get(connection, op);
    case FINDING_LIST:
        return sqlite_finding_list(connection, op);
    case POINTER_LIST:
        return sqlite_pointer_list(connection, op);
    case STRAYS_FIND:
        return sqlite_strays_find(connection, op);
    case USER_GET:
        return sqlite_user_get(connection, op);
    case USER_LIST:
        return sqlite_user_list(connection, op);
    case ERASURE_GET:
        return sqlite_erasure_get(connection, op);
    case DELETION_LIST:
        return sqlite_deletion_list(connection, op);
    case FINISHED_FIND:
        return sqlite_finished_find(connection, op);
    case BACKLOG_GET:
        return sqlite_backlog_get(connection, op);
    case RECEIPTS_READ:
        return sqlite_receipts_read(connection, op);
    default:
        return -1;
    }
}

static int now_read(struct connection *connection, int64_t *ret_now)
{
    struct query query = query_begin(connection, STATEMENT_NOW);
    int found = query_step(&query);
    if (found > 0)
        *ret_now = query_column_number(&query);
    query_end(&query);
    return found > 0 ? 0 : -1;
}

static int statement_run(struct connection *connection, enum statement statement)
{
    struct query query = query_begin(connection, statement);
    return query_change(connection, &query) < 0 ? -1 : 0;
}

/*
 * An I/O error of COMMIT has an unknown result: the frames may be found valid after the next
 * start (D4). Nothing true can be answered any more, so the process ends and recovers.
 */
static void commit_check(struct connection *connection)
{
    int code = sqlite3_extended_errcode(connection->handle);
    if ((code & 0xff) != SQLITE_IOERR)
        return;
    log_error("commit failed with an unknown result; ending, to recover at the next start",
              log_text("error", sqlite3_errmsg(connection->handle)));
    _exit(EX_UNAVAILABLE);
}

/* Without memory of our own, SQLite knows of no error. */
static void op_fail(struct repository_op *op, struct connection *connection, const char *what)
{
    int code = sqlite3_errcode(connection->handle);
    bool memory =
        code == SQLITE_OK || code == SQLITE_ROW || code == SQLITE_DONE || code == SQLITE_NOMEM;
    op->outcome = REPOSITORY_FAILED;
    error_set(&op->error, memory ? ERROR_NO_MEMORY : ERROR_UNAVAILABLE, "%s: %s", what,
              memory ? "out of memory" : sqlite3_errmsg(connection->handle));
}

/* Without memory it may fail, and is done before the next one begins. */
static void transaction_end(struct connection *connection)
{
    if (!sqlite3_get_autocommit(connection->handle))
        connection_run(connection, "ROLLBACK");
}

/* One transaction over `count` operations; 0, or -1 with nothing of it kept. */
static int batch_run(struct connection *connection, struct repository_op **ops, size_t count)
{
    int64_t now = 0;
    transaction_end(connection);
    int failed = statement_run(connection, STATEMENT_BEGIN);
    if (!failed)
        failed = now_read(connection, &now);
    for (size_t i = 0; i < count && !failed; i++) {
        failed =
            write_carry_out(connection, ops[i], now) < 0 || connection_was_starved(connection);
        /* SQLite may have rolled all of it back by itself; what follows would stand alone (D3).
         */
        if (sqlite3_get_autocommit(connection->handle))
            failed = -1;
    }
    if (!failed && statement_run(connection, STATEMENT_COMMIT) < 0) {
        commit_check(connection);
        failed = -1;
    }
    if (!failed)
        return 0;
    connection_was_starved(connection);
    for (size_t i = 0; i < count; i++) {
        outputs_clear(ops[i]);
        op_fail(ops[i], connection, "the database failed");
    }
    transaction_end(connection);
    return -1;
}

/* After each commit; in the place of SQLite's own, which would begin a checkpoint here. */
static int commit_note(void *data, sqlite3 *handle, const char *name, int pages)
{
    struct connection *connection = data;
    (void)handle;
    (void)name;
    connection->log_pages = pages;
    return SQLITE_OK;
}

/* What fails, or waits for a reader, is begun again after one of the next commits. */
static void sqlite_checkpoint(struct repository_driver *driver)
{
    struct sqlite *sqlite = (struct sqlite *)driver;
    connection_run(&sqlite->writer, "PRAGMA wal_checkpoint(PASSIVE)");
    sqlite->writer.log_pages = 0;
    driver->puts_off = false;
}

static void sqlite_apply(struct repository_driver *driver, struct repository_op **ops,
                         size_t count)
{
    struct sqlite *sqlite = (struct sqlite *)driver;
    bool failed = batch_run(&sqlite->writer, ops, count) < 0;
    for (size_t i = 0; i < count && count > 1 && failed; i++)
        batch_run(&sqlite->writer, &ops[i], 1);
    driver->puts_off = sqlite->writer.log_pages >= LOG_PAGES;
    if (sqlite->writer.log_pages >= LOG_PAGES_MAX)
        sqlite_checkpoint(driver);
    for (size_t i = 0; i < count && failed; i++) {
        if (ops[i]->outcome == REPOSITORY_FAILED)
            log_error("a change was not kept", log_text("error", ops[i]->error.text));
    }
}

static void database_copy(struct repository_driver *driver, struct repository_op *op)
{
    struct sqlite *sqlite = (struct sqlite *)driver;
    sqlite_copy_step(&sqlite->copy, &sqlite->writer, sqlite->path, op);
}

static struct connection *reader_take(struct sqlite *sqlite)
{
    pthread_mutex_lock(&sqlite->readers_lock);
    while (sqlite->free_count == 0)
        pthread_cond_wait(&sqlite->reader_free, &sqlite->readers_lock);
    struct connection *reader = sqlite->free_readers[--sqlite->free_count];
    pthread_mutex_unlock(&sqlite->readers_lock);
    return reader;
}

static void reader_return(struct sqlite *sqlite, struct connection *reader)
{
    pthread_mutex_lock(&sqlite->readers_lock);
    sqlite->free_readers[sqlite->free_count++] = reader;
    pthread_cond_signal(&sqlite->reader_free);
    pthread_mutex_unlock(&sqlite->readers_lock);
}

static void sqlite_read(struct repository_driver *driver, struct repository_op *op)
{
    struct sqlite *sqlite = (struct sqlite *)driver;
    struct connection *reader = reader_take(sqlite);
    bool failed = read_carry_out(reader, op) < 0;
    if (connection_was_starved(reader) || failed) {
        op_fail(op, reader, "the database cannot be read");
        log_error("a read failed", log_text("error", op->error.text));
    }
    reader_return(sqlite, reader);
}

static void sqlite_close(struct repository_driver *driver)
{
    struct sqlite *sqlite = (struct sqlite *)driver;
    for (size_t i = 0; i < sqlite->reader_count; i++)
        connection_close(&sqlite->readers[i]);
    free(sqlite->readers);
    free(sqlite->free_readers);
    sqlite_copy_deinit(&sqlite->copy, sqlite->path);
    connection_close(&sqlite->writer);
    if (sqlite->lock >= 0)
        close(sqlite->lock);
    pthread_cond_destroy(&sqlite->reader_free);
    pthread_mutex_destroy(&sqlite->readers_lock);
    free(sqlite->path);
    free(sqlite);
}

/*
 * The lock has a file of its own: closing any descriptor of the database itself would drop the
 * locks that SQLite holds on it.
 */
static int lock_take(struct sqlite *sqlite, const char *path, struct error *error)
{
    char name[4096];
    if (snprintf(name, sizeof name, "%s.lock", path) >= (int)sizeof name)
        return error_set(error, ERROR_CONFIG, "the database's path is too long");
    sqlite->lock = open(name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (sqlite->lock < 0)
        return error_set_errno(error, error_class_of(errno), errno,
                               "cannot create %s: give a folder that can be written", name);
    if (flock(sqlite->lock, LOCK_EX | LOCK_NB) == 0)
        return 0;
    if (errno != EWOULDBLOCK)
        return error_set_errno(error, error_class_of(errno), errno, "cannot lock %s", name);
    return error_set(error, ERROR_UNAVAILABLE,
                     "the database %s is in use by another process: stop that one first", path);
}

static int readers_open(struct sqlite *sqlite, const char *path, size_t count,
                        struct error *error)
{
    sqlite->readers = calloc(count, sizeof *sqlite->readers);
    sqlite->free_readers = calloc(count, sizeof *sqlite->free_readers);
    if (!sqlite->readers || !sqlite->free_readers)
        return error_set(error, ERROR_NO_MEMORY, "no memory for %zu readers", count);
    for (size_t i = 0; i < count; i++) {
        if (connection_open(&sqlite->readers[i], path, false, error) < 0)
            return -1;
        sqlite->reader_count++;
        sqlite->free_readers[sqlite->free_count++] = &sqlite->readers[i];
    }
    return 0;
}

/* Ends what the process before this one had under way: nobody is left to go on with it. */
static int leftovers_clear(struct sqlite *sqlite, struct error *error)
{
    int64_t now;
    if (now_read(&sqlite->writer, &now) == 0) {
        struct query query = query_begin(&sqlite->writer, STATEMENT_LEASES_CLEAR);
        query_number(&query, now);
        if (query_change(&sqlite->writer, &query) >= 0 &&
            statement_run(&sqlite->writer, STATEMENT_AUDIT_LEASE_CLEAR) == 0 &&
            statement_run(&sqlite->writer, STATEMENT_IDEMPOTENCY_CLEAR_BUSY) == 0)
            return 0;
    }
    return error_set(error, ERROR_UNAVAILABLE, "cannot write to the database: %s",
                     sqlite3_errmsg(sqlite->writer.handle));
}

static int sqlite_assemble(struct sqlite *sqlite, const char *path, size_t readers,
                           struct error *error)
{
    sqlite->path = strdup(path);
    if (!sqlite->path)
        return error_set(error, ERROR_NO_MEMORY, "no memory for the database");
    if (lock_take(sqlite, path, error) < 0)
        return -1;
    sqlite_copy_clear(path);
    if (connection_open(&sqlite->writer, path, true, error) < 0)
        return -1;
    sqlite3_wal_hook(sqlite->writer.handle, commit_note, &sqlite->writer);
    if (schema_migrate(&sqlite->writer, path, error) < 0 ||
        schema_read_ids(&sqlite->writer, path, &sqlite->driver, error) < 0 ||
        leftovers_clear(sqlite, error) < 0)
        return -1;
    /* A migration may have written all of the database to the log. */
    if (sqlite->writer.log_pages >= LOG_PAGES)
        sqlite_checkpoint(&sqlite->driver);
    return readers_open(sqlite, path, readers, error);
}

int repository_sqlite_open(const char *path, size_t readers,
                           struct repository_driver **ret_driver, struct error *error)
{
    /* Each connection stays with one thread at a time; nobody reads the memory statistics. */
    sqlite3_config(SQLITE_CONFIG_MULTITHREAD);
    sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);

    struct sqlite *sqlite = calloc(1, sizeof *sqlite);
    if (!sqlite)
        return error_set(error, ERROR_NO_MEMORY, "no memory for the database");
    sqlite->lock = -1;
    sqlite->driver = (struct repository_driver){.name = "sqlite",
                                                .apply = sqlite_apply,
                                                .read = sqlite_read,
                                                .copy = database_copy,
                                                .rest = sqlite_checkpoint,
                                                .close = sqlite_close};
    if (pthread_mutex_init(&sqlite->readers_lock, NULL) != 0) {
        free(sqlite);
        return error_set(error, ERROR_UNAVAILABLE, "the system has no more locks");
    }
    if (pthread_cond_init(&sqlite->reader_free, NULL) != 0) {
        pthread_mutex_destroy(&sqlite->readers_lock);
        free(sqlite);
        return error_set(error, ERROR_UNAVAILABLE, "the system has no more locks");
    }
    if (sqlite_assemble(sqlite, path, readers, error) < 0) {
        sqlite_close(&sqlite->driver);
        return -1;
    }
    *ret_driver = &sqlite->driver;
    return 0;
}

static int folder_check(const char *path, struct error *error)
{
    char folder[4096];
    const char *slash = strrchr(path, '/');
    size_t length = slash ? (size_t)(slash - path) + 1 : 0;
    if (length >= sizeof folder)
        return error_set(error, ERROR_CONFIG, "the database's path is too long");
    memcpy(folder, path, length);
    memcpy(folder + length, ".", 2);
    if (access(folder, W_OK | X_OK) == 0)
        return 0;
    return error_set_errno(error, ERROR_CONFIG, errno, "cannot create the database %s", path);
}

int repository_sqlite_check(const char *path, struct error *error)
{
    struct connection connection;
    if (access(path, F_OK) != 0)
        return folder_check(path, error);
    if (connection_open(&connection, path, false, error) < 0)
        return -1;
    int result = schema_check(&connection, path, error);
    connection_close(&connection);
    return result;
}
