#include "repository/sqlite/operations.h"

#include "base/clock.h"

#include <stdlib.h>
#include <string.h>

/* What came due behind a claim's place waits for no longer than this. */
#define CLAIM_ANEW_MS 5000

int sqlite_deletion_read(struct query *query, struct deletion *row)
{
    row->key = strdup(query_column_text(query));
    query_column_copy(query, row->store_id, sizeof row->store_id);
    query_column_copy(query, row->user_id, sizeof row->user_id);
    row->reason = deletion_reason_parse(query_column_text(query));
    row->state = *query_column_text(query) == 'b' ? DELETION_BLOCKED : DELETION_PENDING;
    row->look = *query_column_text(query) == 's' ? LOOK_SECOND : LOOK_FIRST;
    row->claim = query_column_number(query);
    row->attempts = query_column_number(query);
    row->created_at = query_column_number(query);
    row->not_before = query_column_number(query);
    row->due_at = query_column_number(query);
    query_column_copy(query, row->error_class, sizeof row->error_class);
    query_column_copy(query, row->error, sizeof row->error);
    return row->key ? 0 : -1;
}

/* Reads the rows that `query` finds; those that a live user points at go to `live`. */
static int rows_find(struct query *query, struct claim *claim, struct deletions *live)
{
    int found;
    while ((found = query_step(query)) > 0) {
        struct deletion *row = deletions_extend(&claim->claimed);
        if (!row || sqlite_deletion_read(query, row) < 0)
            return -1;
        if (query_column_number(query)) {
            struct deletion *refused = deletions_extend(live);
            if (!refused)
                return -1;
            *refused = *row;
            claim->claimed.count--;
        }
    }
    return found;
}

/*
 * What was found is taken row by row, not by an UPDATE that returns it: for that, SQLite makes
 * two tables of its own.
 */
static int rows_take(struct connection *connection, struct deletions *rows, size_t from,
                     int64_t until)
{
    for (size_t i = from; i < rows->count; i++) {
        struct query query = query_begin(connection, STATEMENT_CLAIM_TAKE);
        query_text(&query, rows->rows[i].key);
        query_number(&query, until);
        if (query_change(connection, &query) < 0)
            return -1;
        rows->rows[i].claim++;
    }
    return 0;
}

static int64_t untouched_since(const struct claim *claim, int64_t now)
{
    /* Nothing is touched in a time to come: there the clock was set back (P4). */
    return claim->untouched_since && claim->untouched_since < now ? claim->untouched_since
                                                                  : now;
}

static bool is_due_before(const struct deletion *row, const struct deletion *other)
{
    return row->due_at < other->due_at ||
           (row->due_at == other->due_at && strcmp(row->key, other->key) < 0);
}

/* The first and the last of rows that are in the order in which they come due. */
static void range_extend(const struct deletions *rows, const struct deletion **first,
                         const struct deletion **last)
{
    if (rows->count == 0)
        return;
    if (!*first || is_due_before(&rows->rows[0], *first))
        *first = &rows->rows[0];
    if (!*last || is_due_before(*last, &rows->rows[rows->count - 1]))
        *last = &rows->rows[rows->count - 1];
}

/* What due_find found is a range of what may be claimed, live ones too: one statement takes it.
 */
static int due_take(struct connection *connection, struct claim *claim, int64_t now,
                    const struct deletions *live)
{
    const struct deletion *first = NULL, *last = NULL;
    range_extend(&claim->claimed, &first, &last);
    range_extend(live, &first, &last);
    if (!last)
        return 0;
    connection->claim_from = last->due_at;
    struct query query = query_begin(connection, STATEMENT_CLAIM_TAKE_DUE);
    query_number(&query, now);
    query_number(&query, untouched_since(claim, now));
    query_number(&query, now + claim->lease_ms);
    query_number(&query, first->due_at);
    query_number(&query, last->due_at);
    query_text(&query, last->key);
    int taken = query_change(connection, &query);
    for (size_t i = 0; i < claim->claimed.count; i++)
        claim->claimed.rows[i].claim++;
    return taken == (int)(claim->claimed.count + live->count) ? 0 : -1;
}

static int live_block(struct connection *connection, const struct deletions *live, int64_t now)
{
    for (size_t i = 0; i < live->count; i++) {
        struct query query = query_begin(connection, STATEMENT_LIVE_BLOCK);
        query_text(&query, live->rows[i].key);
        query_number(&query, now);
        if (query_change(connection, &query) < 0)
            return -1;
    }
    return 0;
}

static void claim_bind(struct query *query, const struct claim *claim, int64_t now)
{
    query_number(query, now);
    query_number(query, untouched_since(claim, now));
}

static int due_find(struct connection *connection, struct claim *claim, int64_t now,
                    struct deletions *live)
{
    struct query query = query_begin(connection, STATEMENT_CLAIM_DUE);
    claim_bind(&query, claim, now);
    query_number(&query, claim->horizon_ms);
    query_number(&query, (int64_t)claim->limit);
    query_number(&query, connection->claim_from);
    int result = rows_find(&query, claim, live);
    query_end(&query);
    return result;
}

static void claim_begin_anew(struct connection *connection, int64_t boot)
{
    connection->claim_from = 0;
    connection->claim_anew_at = boot + CLAIM_ANEW_MS;
}

/*
 * Goes on where the claim before ended: what is under way lies behind that. What has come due
 * there is found by beginning anew, every few seconds and wherever too little is left ahead.
 */
static int claim_due(struct connection *connection, struct claim *claim, int64_t now,
                     struct deletions *live)
{
    int64_t boot = clock_boot_ms();
    if (boot >= connection->claim_anew_at)
        claim_begin_anew(connection, boot);
    int result = due_find(connection, claim, now, live);
    if (result == 0 && connection->claim_from &&
        claim->claimed.count + live->count < claim->limit) {
        claim_begin_anew(connection, boot);
        deletions_deinit(&claim->claimed);
        deletions_deinit(live);
        result = due_find(connection, claim, now, live);
    }
    if (result < 0 || due_take(connection, claim, now, live) < 0)
        return -1;

    struct query next = query_begin(connection, STATEMENT_NEXT_DUE);
    query_number(&next, now);
    int found = query_step(&next);
    if (found > 0)
        claim->next_due_at = query_column_number(&next);
    query_end(&next);
    return found < 0 ? -1 : 0;
}

static int claim_keys(struct connection *connection, struct claim *claim, int64_t now,
                      struct deletions *live)
{
    int64_t until = now + claim->lease_ms;
    /* One by one: a key that is named twice is under a lease the second time. */
    for (size_t i = 0; i < claim->key_count; i++) {
        size_t claimed = claim->claimed.count, refused = live->count;
        struct query query = query_begin(connection, STATEMENT_CLAIM_KEY);
        claim_bind(&query, claim, now);
        query_text(&query, claim->keys[i]);
        int result = rows_find(&query, claim, live);
        query_end(&query);
        if (result < 0 || rows_take(connection, &claim->claimed, claimed, until) < 0 ||
            rows_take(connection, live, refused, until) < 0)
            return -1;
    }
    return 0;
}

static int claim_sweep(struct connection *connection, struct claim *claim, int64_t now,
                       struct deletions *live)
{
    struct query query = query_begin(connection, STATEMENT_CLAIM_SWEEP);
    claim_bind(&query, claim, now);
    query_text(&query, claim->after_key);
    query_number(&query, (int64_t)claim->limit);
    query_number(&query, claim->created_until ? claim->created_until : now);
    int result = rows_find(&query, claim, live);
    query_end(&query);
    return result;
}

/* Steps over the classes by index: the cost is one look-up a class, however many rows it has.
 */
static int claim_probes(struct connection *connection, struct claim *claim, int64_t now,
                        struct deletions *live)
{
    char store_id[UUID_TEXT_SIZE] = "", error_class[ERROR_CLASS_SIZE] = "";
    for (size_t i = 0; i < claim->limit; i++) {
        struct query next = query_begin(connection, STATEMENT_CLASS_NEXT);
        query_text(&next, store_id);
        query_text(&next, error_class);
        int found = query_step(&next);
        char next_store_id[UUID_TEXT_SIZE], next_class[ERROR_CLASS_SIZE];
        if (found > 0) {
            query_column_copy(&next, next_store_id, sizeof next_store_id);
            query_column_copy(&next, next_class, sizeof next_class);
        }
        query_end(&next);
        if (found <= 0)
            return found;
        memcpy(store_id, next_store_id, sizeof store_id);
        memcpy(error_class, next_class, sizeof error_class);

        struct query probe = query_begin(connection, STATEMENT_CLAIM_PROBE);
        claim_bind(&probe, claim, now);
        query_text(&probe, store_id);
        query_text(&probe, error_class);
        int result = rows_find(&probe, claim, live);
        query_end(&probe);
        if (result < 0)
            return -1;
    }
    return 0;
}

int sqlite_deletions_claim(struct connection *connection, struct repository_op *op, int64_t now)
{
    struct claim *claim = &op->claim;
    struct deletions live = {0};
    int result = -1;
    switch (claim->kind) {
    case CLAIM_DUE:
        result = claim_due(connection, claim, now, &live);
        break;
    case CLAIM_KEYS:
        result = claim_keys(connection, claim, now, &live);
        break;
    case CLAIM_SWEEP:
        result = claim_sweep(connection, claim, now, &live);
        break;
    case CLAIM_PROBES:
        result = claim_probes(connection, claim, now, &live);
        break;
    }
    int64_t until = now + claim->lease_ms;
    bool by_rows = claim->kind == CLAIM_SWEEP || claim->kind == CLAIM_PROBES;
    if (result == 0 && by_rows &&
        (rows_take(connection, &claim->claimed, 0, until) < 0 ||
         rows_take(connection, &live, 0, until) < 0))
        result = -1;
    if (result == 0)
        result = live_block(connection, &live, now);
    claim->live_users = live.count;
    deletions_deinit(&live);
    claim->now = now;
    op->outcome = REPOSITORY_OK;
    return result;
}
