#include "repository/postgres/operations.h"

/* Runs a statement that takes an epoch, its nonce and the time, while nobody else does. */
static int epoch_write(struct session *session, enum statement statement,
                       const struct repository_op *op, int64_t now)
{
    struct query query;
    pq_begin(&query, session, STATEMENT_LOCK_SCHEMA);
    if (pq_change(&query) < 0)
        return -1;
    pq_begin(&query, session, statement);
    pq_number(&query, op->since);
    pq_text(&query, op->id);
    pq_number(&query, now);
    return pq_change(&query) < 0 ? -1 : 0;
}

/* Whether one was begun and not ended. */
static int restore_read(struct session *session, struct repository_op *op)
{
    struct query query;
    pq_begin(&query, session, STATEMENT_RESTORE_IS);
    if (pq_run(&query) < 0)
        return -1;
    op->more = pq_step(&query);
    pq_end(&query);
    return 0;
}

static int restore_write(struct session *session, enum statement statement,
                         struct repository_op *op)
{
    struct query query;
    pq_begin(&query, session, statement);
    pq_text(&query, op->id);
    op->outcome = REPOSITORY_OK;
    return pq_change(&query) < 0 ? -1 : 0;
}

int postgres_epoch_meet(struct session *session, struct repository_op *op, int64_t now)
{
    struct query query;
    if (op->since >= 0 && epoch_write(session, STATEMENT_EPOCH_RAISE, op, now) < 0)
        return -1;
    pq_begin(&query, session, STATEMENT_EPOCH_LAST);
    if (pq_run(&query) < 0)
        return -1;
    op->matched = 0;
    if (pq_step(&query)) {
        op->matched = pq_column_number(&query);
        pq_column_copy(&query, op->store_id, sizeof op->store_id);
    }
    pq_end(&query);
    op->outcome = REPOSITORY_OK;
    return restore_read(session, op);
}

int postgres_epoch_take(struct session *session, struct repository_op *op, int64_t now)
{
    op->outcome = REPOSITORY_OK;
    return epoch_write(session, STATEMENT_EPOCH_TAKE, op, now);
}

int postgres_restore_begin(struct session *session, struct repository_op *op, int64_t now)
{
    (void)now;
    return restore_write(session, STATEMENT_RESTORE_BEGIN, op);
}

int postgres_restore_end(struct session *session, struct repository_op *op, int64_t now)
{
    (void)now;
    return restore_write(session, STATEMENT_RESTORE_END, op);
}
