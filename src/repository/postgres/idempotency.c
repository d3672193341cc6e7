#include "repository/postgres/operations.h"

#include <stdlib.h>
#include <string.h>

/* Puts the request on record: 1, or 0 if its key is on record for another. */
static int record_put(struct session *session, const struct repository_op *op, int64_t now,
                      int64_t busy_until)
{
    struct query query;
    pq_begin(&query, session, STATEMENT_IDEMPOTENCY_EXPIRE);
    pq_number(&query, now);
    pq_number(&query, op->idempotency.ttl_ms);
    if (pq_change(&query) < 0)
        return -1;
    pq_begin(&query, session, STATEMENT_IDEMPOTENCY_PUT);
    pq_text(&query, op->idempotency.key);
    pq_text(&query, op->idempotency.body);
    pq_text(&query, op->user.id);
    pq_number(&query, now);
    pq_number(&query, busy_until);
    pq_number(&query, op->idempotency.ttl_ms);
    return pq_change(&query);
}

/* The request was answered before: with the user as it is now, if there still is one (C5). */
static int record_answer(struct session *session, struct repository_op *op, const char *user_id)
{
    /* Apart from op->user, which this operation came with and would be redone with. */
    struct repository_op read = {.verb = USER_GET}, *reads = &read;
    memcpy(read.id, user_id, sizeof read.id);
    if (postgres_look_up(session, &reads, 1) < 0)
        return -1;
    op->outcome = read.outcome;
    if (read.outcome != REPOSITORY_OK)
        return 0;
    op->users = malloc(sizeof *op->users);
    if (!op->users)
        return -1;
    op->users[0] = read.user;
    op->user_count = 1;
    op->outcome = REPOSITORY_REPEATED;
    return 0;
}

/* The record of another request under the same key. */
static int record_meet(struct session *session, struct repository_op *op, int64_t now)
{
    char user_id[UUID_TEXT_SIZE];
    struct query query;
    pq_begin(&query, session, STATEMENT_IDEMPOTENCY_SELECT);
    pq_text(&query, op->idempotency.key);
    pq_number(&query, now);
    if (pq_run(&query) < 0)
        return -1;
    /* It was there a statement ago; gone since, the batch is run again. */
    if (!pq_step(&query)) {
        pq_end(&query);
        return -1;
    }
    bool same = strcmp(pq_column_text(&query), op->idempotency.body) == 0;
    pq_column_copy(&query, user_id, sizeof user_id);
    bool busy = pq_column_number(&query);
    pq_end(&query);
    if (same && !busy)
        return record_answer(session, op, user_id);
    op->outcome = same ? REPOSITORY_BUSY : REPOSITORY_MISMATCHED;
    return 0;
}

int postgres_idempotency_meet(struct session *session, struct repository_op *op, int64_t now,
                              int64_t busy_until)
{
    op->outcome = REPOSITORY_OK;
    if (!*op->idempotency.key)
        return 0;
    int put = record_put(session, op, now, busy_until);
    if (put != 0)
        return put < 0 ? -1 : 0;
    return record_meet(session, op, now);
}

int postgres_idempotency_forget_send(struct session *session, const struct repository_op *op)
{
    struct query query;
    pq_begin(&query, session, STATEMENT_IDEMPOTENCY_FORGET);
    pq_text(&query, op->idempotency.key);
    pq_text(&query, op->user.id);
    return pq_send(&query);
}

int postgres_idempotency_forget(struct session *session, const struct repository_op *op)
{
    if (!*op->idempotency.key)
        return 0;
    struct query query;
    pq_begin(&query, session, STATEMENT_IDEMPOTENCY_FORGET);
    pq_text(&query, op->idempotency.key);
    pq_text(&query, op->user.id);
    return pq_change(&query) < 0 ? -1 : 0;
}
