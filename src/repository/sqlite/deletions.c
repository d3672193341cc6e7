#include "repository/erasure.h"
#include "repository/sqlite/operations.h"

#include <string.h>

/* Runs a bound statement whose number of rows is what was asked for. */
static int matched_change(struct connection *connection, struct repository_op *op,
                          struct query *query)
{
    int changed = query_change(connection, query);
    op->matched = changed;
    op->outcome = REPOSITORY_OK;
    return changed < 0 ? -1 : 0;
}

int sqlite_deletions_unblock(struct connection *connection, struct repository_op *op,
                             int64_t now)
{
    struct query query = query_begin(connection, STATEMENT_UNBLOCK);
    query_text(&query, op->store_id);
    query_text(&query, op->error_class);
    query_number(&query, now);
    return matched_change(connection, op, &query);
}

static const char *state_filter(const struct repository_op *op)
{
    return op->filter_state < 0 ? ""
                                : deletion_state_name((enum deletion_state)op->filter_state);
}

int sqlite_deletions_retry(struct connection *connection, struct repository_op *op, int64_t now)
{
    bool by_key = *op->key;
    struct query query =
        query_begin(connection, by_key ? STATEMENT_RETRY_KEY : STATEMENT_RETRY);
    if (by_key) {
        query_text(&query, op->key);
    } else {
        query_text_or_null(&query, state_filter(op));
        query_text_or_null(&query, op->error_class);
    }
    query_number(&query, now);
    return matched_change(connection, op, &query);
}

int sqlite_deletion_add(struct connection *connection, struct repository_op *op, int64_t now)
{
    struct query query = query_begin(connection, STATEMENT_EXTERNAL_INSERT);
    query_text(&query, op->key);
    query_text(&query, op->store_id);
    query_number(&query, now);
    return matched_change(connection, op, &query);
}

int sqlite_deletions_redate(struct connection *connection, struct repository_op *op,
                            int64_t now)
{
    struct query query = query_begin(connection, STATEMENT_REDATE);
    query_number(&query, now);
    query_number(&query, op->longest.guard_ms);
    query_number(&query, op->longest.second_look_ms);
    query_number(&query, op->longest.retry_ms);
    query_number(&query, op->longest.blocked_ms);
    return matched_change(connection, op, &query);
}

/* op->key becomes the id of the last of the next marked users, "" if there are none. */
static int marked_next(struct connection *connection, struct repository_op *op)
{
    struct query query = query_begin(connection, STATEMENT_MARKED_NEXT);
    query_text(&query, op->cursor);
    query_number(&query, op->limit);
    int found = query_step(&query);
    if (found > 0) {
        query_column_copy(&query, op->key, sizeof op->key);
        op->more = query_column_number(&query) == op->limit;
    }
    query_end(&query);
    return found > 0 ? 0 : -1;
}

int sqlite_marked_finish(struct connection *connection, struct repository_op *op, int64_t now)
{
    (void)now;
    if (marked_next(connection, op) < 0)
        return -1;
    struct query revive = query_begin(connection, STATEMENT_MARKED_REVIVE);
    query_text(&revive, op->cursor);
    query_text(&revive, op->key);
    if (query_change(connection, &revive) < 0)
        return -1;
    struct query remove = query_begin(connection, STATEMENT_MARKED_DELETE);
    query_text(&remove, op->cursor);
    query_text(&remove, op->key);
    return matched_change(connection, op, &remove);
}

int sqlite_receipts_reopen(struct connection *connection, struct repository_op *op, int64_t now)
{
    int64_t since = repository_op_since(op, now);
    /* The rows first: a receipt that was taken back no longer stands. */
    struct query deletions = query_begin(connection, STATEMENT_REOPEN_DELETIONS);
    query_text(&deletions, op->store_id);
    query_number(&deletions, since);
    query_number(&deletions, now);
    if (matched_change(connection, op, &deletions) < 0)
        return -1;
    struct query receipts = query_begin(connection, STATEMENT_REOPEN_RECEIPTS);
    query_text(&receipts, op->store_id);
    query_number(&receipts, since);
    query_number(&receipts, now);
    return query_change(connection, &receipts) < 0 ? -1 : 0;
}

int sqlite_store_adopt(struct connection *connection, struct repository_op *op, int64_t now)
{
    struct query insert = query_begin(connection, STATEMENT_STORE_INSERT);
    query_text(&insert, op->store_id);
    query_number(&insert, now);
    query_text(&insert, op->id);
    if (query_change(connection, &insert) < 0)
        return -1;
    struct query exists = query_begin(connection, STATEMENT_STORE_EXISTS);
    query_text(&exists, op->store_id);
    int found = query_step(&exists);
    query_end(&exists);
    op->outcome = found > 0 ? REPOSITORY_OK : REPOSITORY_CONFLICT;
    return found < 0 ? -1 : 0;
}

int sqlite_erasure_get(struct connection *connection, struct repository_op *op)
{
    struct query query = query_begin(connection, STATEMENT_ERASURE);
    query_text(&query, op->id);
    int found = query_step(&query);
    if (found > 0) {
        struct erasure_rows rows = {.is_there =
                                        sqlite3_column_type(query.statement, 0) != SQLITE_NULL};
        rows.is_marked = query_column_number(&query);
        rows.marked_at = query_column_number(&query);
        rows.left = query_column_number(&query);
        rows.blocked = query_column_number(&query);
        rows.oldest_at = query_column_number(&query);
        rows.attempts = query_column_number(&query);
        rows.receipt_asked_at = query_column_number(&query);
        rows.receipt_at = query_column_number(&query);
        op->erasure = erasure_of_rows(&rows);
    }
    query_end(&query);
    op->outcome = REPOSITORY_OK;
    return found < 0 ? -1 : 0;
}

int sqlite_deletion_list(struct connection *connection, struct repository_op *op)
{
    struct query query = query_begin(connection, STATEMENT_DELETION_PAGE);
    query_text(&query, op->cursor);
    query_text_or_null(&query, state_filter(op));
    query_text_or_null(&query, op->error_class);
    query_number(&query, op->limit + 1);
    int found;
    while ((found = query_step(&query)) > 0) {
        if ((int64_t)op->deletions.count == op->limit) {
            op->more = true;
            break;
        }
        struct deletion *row = deletions_extend(&op->deletions);
        if (!row || sqlite_deletion_read(&query, row) < 0) {
            found = -1;
            break;
        }
    }
    query_end(&query);
    op->outcome = REPOSITORY_OK;
    return found < 0 ? -1 : 0;
}

int sqlite_finished_find(struct connection *connection, struct repository_op *op)
{
    const struct watch *watch = &op->watch;
    op->outcome = REPOSITORY_OK;
    for (size_t i = 0; i < watch->count; i++) {
        struct query query = query_begin(connection, STATEMENT_UNFINISHED);
        query_text(&query, watch->subjects[i]);
        int found = query_step(&query);
        query_end(&query);
        if (found < 0)
            return -1;
        watch->finished[i] = found == 0;
    }
    return 0;
}

int sqlite_backlog_get(struct connection *connection, struct repository_op *op)
{
    struct query query = query_begin(connection, STATEMENT_BACKLOG);
    int found = query_step(&query);
    if (found > 0) {
        op->backlog.pending = query_column_number(&query);
        op->backlog.blocked = query_column_number(&query);
        op->backlog.scheduled = query_column_number(&query);
        op->backlog.oldest_ms = query_column_number(&query);
        op->backlog.next_due_at = query_column_number(&query);
        op->backlog.marked = query_column_number(&query);
        op->backlog.now = query_column_number(&query);
    }
    query_end(&query);
    op->outcome = REPOSITORY_OK;
    return found < 0 ? -1 : 0;
}
