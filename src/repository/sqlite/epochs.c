#include "repository/sqlite/operations.h"

/* Runs a statement that takes an epoch, its nonce and the time. */
static int epoch_write(struct connection *connection, enum statement statement,
                       const struct repository_op *op, int64_t now)
{
    struct query query = query_begin(connection, statement);
    query_number(&query, op->since);
    query_text(&query, op->id);
    query_number(&query, now);
    return query_change(connection, &query) < 0 ? -1 : 0;
}

/* Whether one was begun and not ended. */
static int restore_read(struct connection *connection, struct repository_op *op)
{
    struct query query = query_begin(connection, STATEMENT_RESTORE_IS);
    int found = query_step(&query);
    op->more = found > 0;
    query_end(&query);
    return found < 0 ? -1 : 0;
}

static int restore_write(struct connection *connection, enum statement statement,
                         struct repository_op *op)
{
    struct query query = query_begin(connection, statement);
    query_text(&query, op->id);
    op->outcome = REPOSITORY_OK;
    return query_change(connection, &query) < 0 ? -1 : 0;
}

int sqlite_epoch_meet(struct connection *connection, struct repository_op *op, int64_t now)
{
    if (op->since >= 0 && epoch_write(connection, STATEMENT_EPOCH_RAISE, op, now) < 0)
        return -1;
    struct query query = query_begin(connection, STATEMENT_EPOCH_LAST);
    int found = query_step(&query);
    op->matched = 0;
    if (found > 0) {
        op->matched = query_column_number(&query);
        query_column_copy(&query, op->store_id, sizeof op->store_id);
    }
    query_end(&query);
    op->outcome = REPOSITORY_OK;
    return found < 0 ? -1 : restore_read(connection, op);
}

int sqlite_epoch_take(struct connection *connection, struct repository_op *op, int64_t now)
{
    op->outcome = REPOSITORY_OK;
    return epoch_write(connection, STATEMENT_EPOCH_TAKE, op, now);
}

int sqlite_restore_begin(struct connection *connection, struct repository_op *op, int64_t now)
{
    (void)now;
    return restore_write(connection, STATEMENT_RESTORE_BEGIN, op);
}

int sqlite_restore_end(struct connection *connection, struct repository_op *op, int64_t now)
{
    (void)now;
    return restore_write(connection, STATEMENT_RESTORE_END, op);
}
