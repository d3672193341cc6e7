#include "repository/postgres/readers.h"

#include "base/clock.h"
#include "base/log.h"
#include "repository/postgres/operations.h"

#include <stdio.h>

/* Of one statement: counting ten million deletions fits, a database that hangs does not. */
#define READ_TIMEOUT_MS 10000

/* After a failure to connect, reads fail at once for so long. */
#define RETRY_PAUSE_MS 500

/* A read that broke sooner than this is tried once more on a new connection. */
#define BROKEN_SOON_MS 1000

int readers_init(struct readers *readers, const struct address *address, struct error *error)
{
    *readers = (struct readers){.address = address};
    if (pthread_mutex_init(&readers->lock, NULL) != 0)
        return error_set(error, ERROR_UNAVAILABLE, "the system has no more locks");
    if (pthread_cond_init(&readers->returned, NULL) != 0) {
        pthread_mutex_destroy(&readers->lock);
        return error_set(error, ERROR_UNAVAILABLE, "the system has no more locks");
    }
    while (readers->idle_count < READERS_MAX) {
        readers->idle[readers->idle_count] = &readers->connections[readers->idle_count];
        readers->idle_count++;
    }
    return 0;
}

void readers_deinit(struct readers *readers)
{
    for (size_t i = 0; i < READERS_MAX; i++)
        session_close(&readers->connections[i]);
    pthread_cond_destroy(&readers->returned);
    pthread_mutex_destroy(&readers->lock);
}

static struct session *reader_take(struct readers *readers)
{
    pthread_mutex_lock(&readers->lock);
    while (readers->idle_count == 0)
        pthread_cond_wait(&readers->returned, &readers->lock);
    struct session *session = readers->idle[--readers->idle_count];
    pthread_mutex_unlock(&readers->lock);
    return session;
}

static void reader_return(struct readers *readers, struct session *session)
{
    pthread_mutex_lock(&readers->lock);
    readers->idle[readers->idle_count++] = session;
    pthread_cond_signal(&readers->returned);
    pthread_mutex_unlock(&readers->lock);
}

static bool retry_is_allowed(struct readers *readers)
{
    pthread_mutex_lock(&readers->lock);
    bool allowed = clock_boot_ms() >= readers->retry_at;
    pthread_mutex_unlock(&readers->lock);
    return allowed;
}

static void retry_put_off(struct readers *readers)
{
    pthread_mutex_lock(&readers->lock);
    readers->retry_at = clock_boot_ms() + RETRY_PAUSE_MS;
    pthread_mutex_unlock(&readers->lock);
}

static int reader_connect(struct readers *readers, struct session *session, struct error *error)
{
    if (session->handle)
        return 0;
    if (!retry_is_allowed(readers))
        return error_set(error, ERROR_UNAVAILABLE, "the database does not answer");
    if (session_open(session, readers->address, READ_TIMEOUT_MS, error) == 0) {
        if (session_prepare(session, false) == 0)
            return 0;
        error_set(error, ERROR_UNAVAILABLE, "cannot prepare to read: %s", session->words);
        session_close(session);
    }
    retry_put_off(readers);
    return -1;
}

static int read_carry_out(struct session *session, struct repository_op *op)
{
    switch (op->verb) {
    case AUDIT_GET:
        return postgres_audit_get(session, op);
    case FINDING_LIST:
        return postgres_finding_list(session, op);
    case POINTER_LIST:
        return postgres_pointer_list(session, op);
    case STRAYS_FIND:
        return postgres_strays_find(session, op);
    case USER_LIST:
        return postgres_user_list(session, op);
    case USER_GET:
    case ERASURE_GET:
        return postgres_look_up(session, &op, 1);
    case DELETION_LIST:
        return postgres_deletion_list(session, op);
    case FINISHED_FIND:
        return postgres_finished_find(session, op);
    case BACKLOG_GET:
        return postgres_backlog_get(session, op);
    case RECEIPTS_READ:
        return postgres_receipts_read(session, op);
    default:
        return -1;
    }
}

/* Several at once are look-ups. */
static int reads_carry_out(struct session *session, struct repository_op **ops, size_t count)
{
    return count == 1 ? read_carry_out(session, ops[0]) : postgres_look_up(session, ops, count);
}

/* Nothing is left of what was read so far. */
static void reads_fail(struct repository_op **ops, size_t count, const struct error *error)
{
    for (size_t i = 0; i < count; i++) {
        repository_op_deinit(ops[i]);
        ops[i]->more = false;
        ops[i]->outcome = REPOSITORY_FAILED;
        ops[i]->error = *error;
    }
}

/* 1: answered; 0: the connection broke; -1: the database refused. */
static int reads_try(struct session *session, struct repository_op **ops, size_t count,
                     struct error *error)
{
    session_begin(session);
    if (reads_carry_out(session, ops, count) == 0)
        return 1;
    error_set(error, ERROR_UNAVAILABLE, "the database cannot be read: %s",
              *session->words ? session->words : "no memory");
    reads_fail(ops, count, error);
    if (!session_is_lost(session) && session_settle(session) == 0)
        return -1;
    session_close(session);
    return 0;
}

static int reads_answer(struct readers *readers, struct session *session,
                        struct repository_op **ops, size_t count, struct error *error)
{
    int64_t began = clock_boot_ms();
    if (reader_connect(readers, session, error) < 0)
        return -1;
    int answered = reads_try(session, ops, count, error);
    if (answered != 0)
        return answered;
    /* A connection may have died while it was idle; one that hung is not waited for again. */
    if (clock_boot_ms() - began > BROKEN_SOON_MS) {
        retry_put_off(readers);
        return -1;
    }
    if (reader_connect(readers, session, error) < 0)
        return -1;
    return reads_try(session, ops, count, error);
}

void readers_answer(struct readers *readers, struct repository_op **ops, size_t count)
{
    struct session *session = reader_take(readers);
    struct error error = {0};
    int64_t began = clock_boot_ms();
    if (reads_answer(readers, session, ops, count, &error) <= 0) {
        reads_fail(ops, count, &error);
        log_error("a read failed", log_text("error", error.text));
        /* What the server refuses of one is refused to those beside it: each is tried alone. */
        for (size_t i = 0; i < count && count > 1 && session->handle; i++) {
            if (clock_boot_ms() - began < BROKEN_SOON_MS)
                reads_answer(readers, session, &ops[i], 1, &error);
        }
    }
    reader_return(readers, session);
}
