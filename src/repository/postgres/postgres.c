#include "repository/postgres/postgres.h"

#include "base/clock.h"
#include "base/log.h"
#include "repository/postgres/batch.h"
#include "repository/postgres/pq.h"
#include "repository/postgres/readers.h"
#include "repository/postgres/schema.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Of the writing connection's round trips; locks are waited for less long. */
#define WRITE_TIMEOUT_MS 30000

/* How long operations whose COMMIT has an unknown end wait for the database to tell. */
#define UNKNOWN_TIMEOUT_MS 30000

/* A batch that met another transaction is run again so often. */
#define AGAIN_MAX 5

/* Between attempts to connect, doubled each time; in between, writes fail at once. */
#define RETRY_PAUSE_LEAST_MS 100
#define RETRY_PAUSE_MOST_MS  3000

#define WRITERS 2

/* A connection that writes, with a row of its own in writers. */
struct writer {
    struct session session;
    char id[UUID_TEXT_SIZE];
    int64_t batch; /* number of the last batch */
    int64_t retry_at, retry_pause_ms;
    bool taken, was_connected;
};

struct postgres {
    struct repository_driver driver;
    struct address address;
    pthread_mutex_t lock; /* over who takes which */
    pthread_cond_t given_back;
    struct writer writers[WRITERS]; /* the second connects when two are wanted at once */
    struct readers readers;
    bool has_readers;
};

static void pause_until(int64_t boot_ms)
{
    int64_t left = boot_ms - clock_boot_ms();
    if (left > 0)
        usleep((useconds_t)left * 1000);
}

/* Connects if needed; -1 with the reason in the connection's words. */
static int writer_connect(const struct postgres *postgres, struct writer *writer)
{
    struct session *session = &writer->session;
    struct error error;
    if (session->handle)
        return 0;
    if (clock_boot_ms() < writer->retry_at)
        return -1;
    bool opened = session_open(session, &postgres->address, WRITE_TIMEOUT_MS, &error) == 0;
    if (opened && session_prepare(session, true) == 0) {
        writer->retry_pause_ms = RETRY_PAUSE_LEAST_MS;
        if (writer->was_connected)
            log_info("connected to the database again");
        writer->was_connected = true;
        return 0;
    }
    if (!opened)
        memcpy(session->words, error.text, sizeof session->words);
    session_close(session);
    writer->retry_at = clock_boot_ms() + writer->retry_pause_ms;
    if (writer->retry_pause_ms < RETRY_PAUSE_MOST_MS)
        writer->retry_pause_ms *= 2;
    return -1;
}

static void writer_give_back(struct postgres *postgres, struct writer *writer)
{
    pthread_mutex_lock(&postgres->lock);
    writer->taken = false;
    pthread_cond_broadcast(&postgres->given_back);
    pthread_mutex_unlock(&postgres->lock);
}

/* Waits for one of the first `count` that nobody has. */
static struct writer *writer_wait(struct postgres *postgres, size_t count)
{
    struct writer *writer = NULL;
    pthread_mutex_lock(&postgres->lock);
    for (;;) {
        for (size_t i = 0; i < count && !writer; i++) {
            if (!postgres->writers[i].taken)
                writer = &postgres->writers[i];
        }
        if (writer)
            break;
        pthread_cond_wait(&postgres->given_back, &postgres->lock);
    }
    writer->taken = true;
    pthread_mutex_unlock(&postgres->lock);
    return writer;
}

/* The second is a help: where the server has no room for it, the first does it all. */
static struct writer *writer_take(struct postgres *postgres)
{
    struct writer *writer = writer_wait(postgres, WRITERS);
    if (writer == postgres->writers || writer_connect(postgres, writer) == 0)
        return writer;
    writer_give_back(postgres, writer);
    return writer_wait(postgres, 1);
}

enum settled {
    SETTLED_ANSWERED, /* its operations have their answers */
    SETTLED_ALONE,    /* each is to be tried alone */
    SETTLED_NOWHERE,  /* nothing of it was kept, and this writer has no connection any more */
};

/* What may have been kept is not done again, neither whole nor one by one. */
static enum settled settled_how(const struct writer *writer, size_t count, enum batch_end end,
                                bool is_unknown)
{
    if (!is_unknown && !writer->session.handle)
        return SETTLED_NOWHERE;
    return count == 1 || is_unknown || end == BATCH_LOST ? SETTLED_ANSWERED : SETTLED_ALONE;
}

/* Runs a batch until its end is known: while it is not, nobody can be answered truthfully. */
static enum settled batch_settle(const struct postgres *postgres, struct writer *writer,
                                 struct repository_op **ops, size_t count)
{
    struct batch batch = {.ops = ops,
                          .count = count,
                          .writer_id = writer->id,
                          .beside_id = postgres->writers[writer == postgres->writers].id,
                          .number = ++writer->batch};
    int64_t unknown_until = 0;
    int again = 0, lost = 0;
    for (;;) {
        enum batch_end end = BATCH_LOST;
        bool connected = writer_connect(postgres, writer) == 0;
        if (connected)
            end = batch_run(&writer->session, &batch);
        if (end == BATCH_KEPT)
            return SETTLED_ANSWERED;
        if (end == BATCH_UNKNOWN && !unknown_until) {
            log_warning("the connection was lost at COMMIT; finding out what came of it",
                        log_text("error", writer->session.words));
            unknown_until = clock_boot_ms() + UNKNOWN_TIMEOUT_MS;
            batch.is_unknown = true;
        }
        if (end == BATCH_AGAIN && again++ < AGAIN_MAX)
            continue;
        if (end == BATCH_LOST && connected && !unknown_until && lost++ == 0)
            continue;
        /* Its own row being locked means that the server has not ended it yet. */
        bool wait = unknown_until && end != BATCH_REFUSED && end != BATCH_AGAIN;
        if (!wait || clock_boot_ms() > unknown_until) {
            batch_fail(&batch, wait
                                   ? "the connection was lost at COMMIT, with an unknown result"
                                   : writer->session.words);
            return settled_how(writer, count, end, wait);
        }
        pause_until(connected ? clock_boot_ms() + RETRY_PAUSE_LEAST_MS : writer->retry_at);
    }
}

/* What the second lost its connection over is the first one's, which may still have its own. */
static enum settled batch_pass_on(struct postgres *postgres, struct writer **writer,
                                  struct repository_op **ops, size_t count)
{
    enum settled settled = batch_settle(postgres, *writer, ops, count);
    if (settled != SETTLED_NOWHERE || *writer == postgres->writers)
        return settled;
    writer_give_back(postgres, *writer);
    *writer = writer_wait(postgres, 1);
    return batch_settle(postgres, *writer, ops, count);
}

static void postgres_apply(struct repository_driver *driver, struct repository_op **ops,
                           size_t count)
{
    struct postgres *postgres = (struct postgres *)driver;
    struct writer *writer = writer_take(postgres);
    if (batch_pass_on(postgres, &writer, ops, count) == SETTLED_ALONE) {
        for (size_t i = 0; i < count; i++)
            batch_pass_on(postgres, &writer, &ops[i], 1);
    }
    writer_give_back(postgres, writer);
    size_t failed = 0, last = 0;
    for (size_t i = 0; i < count; i++) {
        if (ops[i]->outcome == REPOSITORY_FAILED) {
            failed++;
            last = i;
        }
    }
    if (failed)
        log_error("changes were not kept", log_number("count", (int64_t)failed),
                  log_text("error", ops[last]->error.text));
}

static void postgres_read(struct repository_driver *driver, struct repository_op *op)
{
    readers_answer(&((struct postgres *)driver)->readers, &op, 1);
}

static void postgres_look_up_all(struct repository_driver *driver, struct repository_op **ops,
                                 size_t count)
{
    readers_answer(&((struct postgres *)driver)->readers, ops, count);
}

static void postgres_close(struct repository_driver *driver)
{
    struct postgres *postgres = (struct postgres *)driver;
    if (postgres->has_readers)
        readers_deinit(&postgres->readers);
    for (size_t i = 0; i < WRITERS; i++)
        session_close(&postgres->writers[i].session);
    address_deinit(&postgres->address);
    pthread_cond_destroy(&postgres->given_back);
    pthread_mutex_destroy(&postgres->lock);
    free(postgres);
}

/* One attempt to get the first writing connection to where it can be used. */
static int writer_open(struct postgres *postgres, struct error *error)
{
    struct session *writer = &postgres->writers[0].session;
    struct query forget;
    if (session_open(writer, &postgres->address, WRITE_TIMEOUT_MS, error) < 0)
        return -1;
    if (postgres_schema_migrate(writer, error) < 0 ||
        postgres_schema_read_ids(writer, &postgres->driver, error) < 0) {
        session_close(writer);
        return -1;
    }
    pq_begin(&forget, writer, STATEMENT_WRITERS_FORGET);
    if (pq_change(&forget) < 0 || session_prepare(writer, true) < 0) {
        error_set(error, ERROR_UNAVAILABLE, "cannot use the database: %s", writer->words);
        session_close(writer);
        return -1;
    }
    postgres->writers[0].was_connected = true;
    return 0;
}

static int writer_open_in_time(struct postgres *postgres, int64_t timeout_ms,
                               struct error *error)
{
    int64_t until = clock_boot_ms() + timeout_ms;
    bool told = false;
    while (writer_open(postgres, error) < 0) {
        if (error->class != ERROR_UNAVAILABLE ||
            address_is_refused(&postgres->address, error) || clock_boot_ms() >= until)
            return -1;
        if (!told)
            log_warning("the database does not answer yet", log_text("error", error->text));
        told = true;
        pause_until(clock_boot_ms() + RETRY_PAUSE_LEAST_MS);
    }
    return 0;
}

static struct postgres *postgres_make(void)
{
    struct postgres *postgres = calloc(1, sizeof *postgres);
    if (!postgres)
        return NULL;
    if (pthread_mutex_init(&postgres->lock, NULL) == 0) {
        if (pthread_cond_init(&postgres->given_back, NULL) == 0)
            return postgres;
        pthread_mutex_destroy(&postgres->lock);
    }
    free(postgres);
    return NULL;
}

int repository_postgres_open(const char *url, int64_t startup_timeout_ms,
                             struct repository_driver **ret_driver, struct error *error)
{
    struct postgres *postgres = postgres_make();
    if (!postgres)
        return error_set(error, ERROR_NO_MEMORY, "no memory for the database");
    postgres->driver = (struct repository_driver){.name = "postgres",
                                                  .writers = WRITERS,
                                                  .apply = postgres_apply,
                                                  .read = postgres_read,
                                                  .look_up = postgres_look_up_all,
                                                  .close = postgres_close};
    for (size_t i = 0; i < WRITERS; i++) {
        postgres->writers[i].retry_pause_ms = RETRY_PAUSE_LEAST_MS;
        uuid_generate(postgres->writers[i].id);
    }
    if (address_parse(url, &postgres->address, error) == 0 &&
        writer_open_in_time(postgres, startup_timeout_ms, error) == 0 &&
        readers_init(&postgres->readers, &postgres->address, error) == 0) {
        postgres->has_readers = true;
        *ret_driver = &postgres->driver;
        return 0;
    }
    postgres_close(&postgres->driver);
    return -1;
}

/* Connects once. */
static int database_look(const char *url, struct address *ret_address,
                         struct session *ret_session, struct error *error)
{
    if (address_parse(url, ret_address, error) < 0)
        return -1;
    if (session_open(ret_session, ret_address, WRITE_TIMEOUT_MS, error) == 0)
        return 0;
    address_deinit(ret_address);
    return -1;
}

bool repository_postgres_is_empty(const char *url)
{
    struct address address;
    struct session session;
    struct error error;
    if (database_look(url, &address, &session, &error) < 0)
        return false;
    bool empty = postgres_schema_is_empty(&session);
    session_close(&session);
    address_deinit(&address);
    return empty;
}

int repository_postgres_check(const char *url, struct error *error)
{
    struct address address;
    struct session session;
    if (database_look(url, &address, &session, error) < 0)
        return -1;
    int failed = postgres_schema_check(&session, error);
    session_close(&session);
    address_deinit(&address);
    return failed;
}
