#include "repository/erasure.h"
#include "repository/postgres/array.h"
#include "repository/postgres/operations.h"

#include <stdio.h>
#include <string.h>

/* Runs a bound statement whose number of rows is what was asked for. */
static int matched_change(struct repository_op *op, struct query *query)
{
    int changed = pq_change(query);
    op->matched = changed;
    op->outcome = REPOSITORY_OK;
    return changed < 0 ? -1 : 0;
}

int postgres_deletions_unblock(struct session *session, struct repository_op *op, int64_t now)
{
    struct query query;
    pq_begin(&query, session, STATEMENT_UNBLOCK);
    pq_text(&query, op->store_id);
    pq_text(&query, op->error_class);
    pq_number(&query, now);
    return matched_change(op, &query);
}

static const char *state_filter(const struct repository_op *op)
{
    return op->filter_state < 0 ? ""
                                : deletion_state_name((enum deletion_state)op->filter_state);
}

int postgres_deletions_retry(struct session *session, struct repository_op *op, int64_t now)
{
    struct query query;
    bool by_key = *op->key;
    pq_begin(&query, session, by_key ? STATEMENT_RETRY_KEY : STATEMENT_RETRY);
    if (by_key) {
        pq_text(&query, op->key);
    } else {
        pq_text_or_null(&query, state_filter(op));
        pq_text_or_null(&query, op->error_class);
    }
    pq_number(&query, now);
    return matched_change(op, &query);
}

int postgres_deletion_add(struct session *session, struct repository_op *op, int64_t now)
{
    struct query query;
    pq_begin(&query, session, STATEMENT_EXTERNAL_INSERT);
    pq_text(&query, op->key);
    pq_text(&query, op->store_id);
    pq_number(&query, now);
    if (matched_change(op, &query) < 0)
        return -1;
    if (op->matched == 0)
        return 0;
    pq_begin(&query, session, STATEMENT_EXTERNAL_LIVE);
    pq_text(&query, op->key);
    pq_number(&query, now);
    int taken_back = pq_change(&query);
    op->matched -= taken_back;
    return taken_back < 0 ? -1 : 0;
}

int postgres_deletions_redate(struct session *session, struct repository_op *op, int64_t now)
{
    struct query query;
    pq_begin(&query, session, STATEMENT_REDATE);
    pq_number(&query, now);
    pq_number(&query, op->longest.guard_ms);
    pq_number(&query, op->longest.second_look_ms);
    pq_number(&query, op->longest.retry_ms);
    pq_number(&query, op->longest.blocked_ms);
    return matched_change(op, &query);
}

/* Runs a bound statement that returns ids; the last of them goes to `ret_last`, if it is given.
 */
static int ids_take(struct query *query, struct array *ids, char *ret_last, size_t size)
{
    if (pq_run(query) < 0)
        return -1;
    while (pq_step(query)) {
        const char *id = pq_column_text(query);
        array_add_text(ids, id);
        if (ret_last)
            snprintf(ret_last, size, "%s", id);
    }
    pq_end(query);
    return array_text(ids) ? 0 : -1;
}

static int marked_next(struct session *session, struct repository_op *op, struct array *ids)
{
    struct query query;
    pq_begin(&query, session, STATEMENT_MARKED_NEXT);
    pq_text(&query, op->cursor);
    pq_number(&query, op->limit);
    if (ids_take(&query, ids, op->key, sizeof op->key) < 0)
        return -1;
    op->more = (int64_t)ids->count == op->limit;
    return 0;
}

/* "None left" is looked at again once the users are locked (R11). */
static int marked_remove(struct session *session, struct repository_op *op, const char *ids)
{
    struct query query;
    pq_begin(&query, session, STATEMENT_MARKED_REVIVE);
    pq_text(&query, ids);
    if (pq_change(&query) < 0)
        return -1;
    struct array locked;
    array_init(&locked);
    pq_begin(&query, session, STATEMENT_MARKED_LOCK);
    pq_text(&query, ids);
    int failed = ids_take(&query, &locked, NULL, 0);
    if (!failed) {
        pq_begin(&query, session, STATEMENT_USERS_REMOVE);
        pq_text(&query, locked.text.bytes);
        failed = matched_change(op, &query);
    }
    array_deinit(&locked);
    return failed;
}

int postgres_marked_finish(struct session *session, struct repository_op *op, int64_t now)
{
    (void)now;
    struct array ids;
    array_init(&ids);
    op->matched = 0;
    op->outcome = REPOSITORY_OK;
    int failed = marked_next(session, op, &ids);
    if (!failed && ids.count)
        failed = marked_remove(session, op, ids.text.bytes);
    array_deinit(&ids);
    return failed;
}

int postgres_receipts_reopen(struct session *session, struct repository_op *op, int64_t now)
{
    struct query query;
    int64_t since = repository_op_since(op, now);
    /* The rows first: a receipt that was taken back no longer stands. */
    pq_begin(&query, session, STATEMENT_REOPEN_DELETIONS);
    pq_text(&query, op->store_id);
    pq_number(&query, since);
    pq_number(&query, now);
    if (matched_change(op, &query) < 0)
        return -1;
    pq_begin(&query, session, STATEMENT_REOPEN_RECEIPTS);
    pq_text(&query, op->store_id);
    pq_number(&query, since);
    pq_number(&query, now);
    return pq_change(&query) < 0 ? -1 : 0;
}

int postgres_store_adopt(struct session *session, struct repository_op *op, int64_t now)
{
    struct query query;
    /* Two processes that start at once each see no store yet. */
    pq_begin(&query, session, STATEMENT_LOCK_SCHEMA);
    if (pq_change(&query) < 0)
        return -1;
    pq_begin(&query, session, STATEMENT_STORE_INSERT);
    pq_text(&query, op->store_id);
    pq_number(&query, now);
    pq_text(&query, op->id);
    if (pq_change(&query) < 0)
        return -1;
    pq_begin(&query, session, STATEMENT_STORE_EXISTS);
    pq_text(&query, op->store_id);
    if (pq_run(&query) < 0)
        return -1;
    op->outcome = pq_step(&query) ? REPOSITORY_OK : REPOSITORY_CONFLICT;
    pq_end(&query);
    return 0;
}

int postgres_erasure_get_send(struct session *session, struct repository_op *op)
{
    struct query query;
    pq_begin(&query, session, STATEMENT_ERASURE);
    pq_text(&query, op->id);
    return pq_send(&query);
}

int postgres_erasure_get_take(struct session *session, struct repository_op *op)
{
    struct query query;
    if (pq_take(&query, session) < 0)
        return -1;
    if (pq_step(&query)) {
        struct erasure_rows rows = {.is_there = !pq_column_is_null(&query)};
        rows.is_marked = pq_column_number(&query);
        rows.marked_at = pq_column_number(&query);
        rows.left = pq_column_number(&query);
        rows.blocked = pq_column_number(&query);
        rows.oldest_at = pq_column_number(&query);
        rows.attempts = pq_column_number(&query);
        rows.receipt_asked_at = pq_column_number(&query);
        rows.receipt_at = pq_column_number(&query);
        op->erasure = erasure_of_rows(&rows);
    }
    pq_end(&query);
    op->outcome = REPOSITORY_OK;
    return 0;
}

int postgres_deletion_list(struct session *session, struct repository_op *op)
{
    struct query query;
    pq_begin(&query, session, STATEMENT_DELETION_PAGE);
    pq_text(&query, op->cursor);
    pq_text_or_null(&query, state_filter(op));
    pq_text_or_null(&query, op->error_class);
    pq_number(&query, op->limit + 1);
    if (pq_run(&query) < 0)
        return -1;
    int failed = 0;
    while (!failed && pq_step(&query)) {
        if ((int64_t)op->deletions.count == op->limit) {
            op->more = true;
            break;
        }
        struct deletion *row = deletions_extend(&op->deletions);
        failed = row ? postgres_deletion_read(&query, row) : -1;
    }
    pq_end(&query);
    op->outcome = REPOSITORY_OK;
    return failed;
}

int postgres_finished_find(struct session *session, struct repository_op *op)
{
    const struct watch *watch = &op->watch;
    struct array subjects;
    array_init(&subjects);
    for (size_t i = 0; i < watch->count; i++) {
        array_add_text(&subjects, watch->subjects[i]);
        watch->finished[i] = false;
    }
    const char *text = array_text(&subjects);
    struct query query;
    pq_begin(&query, session, STATEMENT_FINISHED);
    pq_text(&query, text);
    int failed = text ? pq_run(&query) : -1;
    array_deinit(&subjects);
    if (failed)
        return -1;
    while (pq_step(&query)) {
        int64_t place = pq_column_number(&query);
        if (place >= 1 && place <= (int64_t)watch->count)
            watch->finished[place - 1] = true;
    }
    pq_end(&query);
    op->outcome = REPOSITORY_OK;
    return 0;
}

int postgres_backlog_get(struct session *session, struct repository_op *op)
{
    struct query query;
    pq_begin(&query, session, STATEMENT_BACKLOG);
    if (pq_run(&query) < 0)
        return -1;
    if (pq_step(&query)) {
        op->backlog.pending = pq_column_number(&query);
        op->backlog.blocked = pq_column_number(&query);
        op->backlog.scheduled = pq_column_number(&query);
        op->backlog.oldest_ms = pq_column_number(&query);
        op->backlog.next_due_at = pq_column_number(&query);
        op->backlog.marked = pq_column_number(&query);
        op->backlog.now = pq_column_number(&query);
    }
    pq_end(&query);
    op->outcome = REPOSITORY_OK;
    return 0;
}
