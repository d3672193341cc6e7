#include "repository/sqlite/operations.h"

#include <stdlib.h>
#include <string.h>

/* What a finished row leaves behind. */
struct finished {
    char store_id[UUID_TEXT_SIZE];
    char user_id[UUID_TEXT_SIZE];
    char reason[16];
    int64_t attempts, created_at;
};

/* A user whose row went ahead of its last deletion. */
struct removed {
    bool gone, pointed;
    int64_t asked_at;
};

/*
 * What is looked up before it is deleted is what a RETURNING would say: there is one writer. It
 * costs less: for RETURNING, SQLite makes a table each time.
 */

static int user_remove(struct connection *connection, const char *user_id)
{
    struct query query = query_begin(connection, STATEMENT_USER_REMOVE);
    query_text(&query, user_id);
    return query_change(connection, &query);
}

/* Removes a user who has nothing left but the row that is about to be finished: most do. */
static int user_remove_last(struct connection *connection, const struct deletion *row,
                            struct removed *ret_removed)
{
    *ret_removed = (struct removed){0};
    if (!*row->user_id)
        return 0;
    struct query query = query_begin(connection, STATEMENT_USER_WITH_LAST);
    query_text(&query, row->user_id);
    query_text(&query, row->key);
    int found = query_step(&query);
    if (found > 0) {
        ret_removed->gone = true;
        ret_removed->asked_at = query_column_number(&query);
        ret_removed->pointed = query_column_number(&query) != 0;
    }
    query_end(&query);
    if (found > 0 && user_remove(connection, row->user_id) < 0)
        found = -1;
    return found < 0 ? -1 : 0;
}

static int pointer_clear(struct connection *connection, const char *key)
{
    struct query query = query_begin(connection, STATEMENT_POINTER_CLEAR);
    query_text(&query, key);
    return query_change(connection, &query);
}

/* Takes the row out of deletions: 1 if it was there, 0 if not, -1 on failure. */
static int row_finish(struct connection *connection, const char *key, struct finished *finished)
{
    struct query query = query_begin(connection, STATEMENT_FINAL);
    query_text(&query, key);
    int found = query_step(&query);
    if (found > 0) {
        query_column_copy(&query, finished->store_id, sizeof finished->store_id);
        query_column_copy(&query, finished->user_id, sizeof finished->user_id);
        query_column_copy(&query, finished->reason, sizeof finished->reason);
        finished->attempts = query_column_number(&query);
        finished->created_at = query_column_number(&query);
    }
    query_end(&query);
    if (found <= 0)
        return found;
    struct query finish = query_begin(connection, STATEMENT_FINISH);
    query_text(&finish, key);
    return query_change(connection, &finish);
}

static int receipt_insert(struct connection *connection, const struct confirmation *item,
                          const struct finished *finished, int64_t now)
{
    struct query query = query_begin(connection, STATEMENT_RECEIPT_INSERT);
    query_text(&query, item->row->key);
    query_text(&query, finished->store_id);
    query_text_or_null(&query, finished->user_id);
    query_text(&query, finished->reason);
    query_number(&query, finished->attempts + 1);
    query_number(&query, item->status);
    query_number(&query, finished->created_at);
    query_number(&query, now);
    return query_change(connection, &query);
}

static int user_receipt_insert(struct connection *connection, struct confirmation *item,
                               const char *user_id, int64_t asked_at, int64_t now)
{
    struct query receipt = query_begin(connection, STATEMENT_USER_RECEIPT_INSERT);
    query_text(&receipt, user_id);
    query_number(&receipt, asked_at);
    query_number(&receipt, now);
    int written = query_change(connection, &receipt);
    item->user_gone = written > 0;
    return written;
}

/* Removes the user with the last of its deletions, and writes its receipt (R3, R11, C6). */
static int user_finish(struct connection *connection, struct confirmation *item,
                       const struct finished *finished, const struct removed *ahead,
                       int64_t now)
{
    if (ahead->gone)
        return user_receipt_insert(connection, item, finished->user_id,
                                   ahead->asked_at ? ahead->asked_at : finished->created_at,
                                   now);
    struct query remove = query_begin(connection, STATEMENT_USER_DELETE_MARKED);
    query_text(&remove, finished->user_id);
    int removed = query_change(connection, &remove);
    if (removed == 0)
        return user_receipt_insert(connection, item, finished->user_id, finished->created_at,
                                   now);
    item->user_gone = removed > 0;
    return removed;
}

static int item_finish(struct connection *connection, struct confirmation *item, int64_t now)
{
    struct finished finished;
    struct removed removed;
    if (user_remove_last(connection, item->row, &removed) < 0 ||
        (!removed.pointed && pointer_clear(connection, item->row->key) < 0))
        return -1;
    int found = row_finish(connection, item->row->key, &finished);
    if (found <= 0)
        return found;
    item->applied = item->finished = true;
    if (receipt_insert(connection, item, &finished, now) < 0)
        return -1;
    return *finished.user_id ? user_finish(connection, item, &finished, &removed, now) : 0;
}

static int item_look_again(struct connection *connection, const struct confirm *confirm,
                           struct confirmation *item, int64_t now)
{
    struct query query = query_begin(connection, STATEMENT_LOOK_AGAIN);
    query_text(&query, item->row->key);
    query_number(&query, item->row->claim);
    query_number(&query, now);
    query_number(&query, confirm->second_look_ms);
    int changed = query_change(connection, &query);
    item->applied = changed > 0;
    return changed;
}

static int item_put_off(struct connection *connection, struct confirmation *item, int64_t now)
{
    struct query query = query_begin(connection, STATEMENT_PUT_OFF);
    query_text(&query, item->row->key);
    query_number(&query, item->row->claim);
    query_number(&query, now);
    query_text(&query, item->outcome == CONFIRM_BLOCKED ? "blocked" : "pending");
    query_number(&query, item->delay_ms);
    query_number(&query, item->spend);
    query_text_or_null(&query, item->error_class);
    query_text_or_null(&query, item->error);
    query_text(&query, item->row->look == LOOK_SECOND ? "second" : "first");
    int changed = query_change(connection, &query);
    item->applied = changed > 0;
    return changed;
}

int sqlite_deletions_confirm(struct connection *connection, struct repository_op *op,
                             int64_t now)
{
    for (size_t i = 0; i < op->confirm.count; i++) {
        struct confirmation *item = &op->confirm.items[i];
        item->applied = item->finished = item->user_gone = false;
        int result;
        if (item->outcome != CONFIRM_DONE)
            result = item_put_off(connection, item, now);
        else if (deletion_is_final(item->row))
            result = item_finish(connection, item, now);
        else
            result = item_look_again(connection, &op->confirm, item, now);
        if (result < 0)
            return -1;
    }
    op->outcome = REPOSITORY_OK;
    return 0;
}
