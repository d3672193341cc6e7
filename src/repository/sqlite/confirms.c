#include "repository/sqlite/operations.h"

#include <stdlib.h>
#include <string.h>

/* What a finished row leaves behind, and whom it leaves with nothing else. */
struct finished {
    char store_id[UUID_TEXT_SIZE];
    char user_id[UUID_TEXT_SIZE];
    char reason[16];
    int64_t attempts, created_at;
    bool is_there;
    bool is_last;    /* it is the last one of a marked user … */
    bool is_pointed; /* … who still points at it */
    int64_t asked_at;
};

/*
 * Looks a row up that may be finished; 1 if it is there. What is looked up before it is deleted
 * is what a RETURNING would say: there is one writer. It costs less: for RETURNING, SQLite
 * makes a table each time.
 */
static int row_find(struct connection *connection, const char *key, struct finished *finished)
{
    struct query query = query_begin(connection, STATEMENT_FINAL);
    query_text(&query, key);
    int found = query_step(&query);
    finished->is_there = found > 0;
    if (found > 0) {
        query_column_copy(&query, finished->store_id, sizeof finished->store_id);
        query_column_copy(&query, finished->user_id, sizeof finished->user_id);
        query_column_copy(&query, finished->reason, sizeof finished->reason);
        finished->attempts = query_column_number(&query);
        finished->created_at = query_column_number(&query);
        finished->is_last = query_column_number(&query) != 0;
        finished->is_pointed = query_column_number(&query) != 0;
        finished->asked_at = query_column_number(&query);
    }
    query_end(&query);
    return found;
}

static bool item_finishes(const struct confirmation *item)
{
    return item->outcome == CONFIRM_DONE && deletion_is_final(item->row);
}

/* Looks up what `count` items finish; the others are not there. */
static int rows_find(struct connection *connection, const struct confirmation *items,
                     size_t count, struct finished *finished)
{
    for (size_t i = 0; i < count; i++) {
        finished[i] = (struct finished){0};
        if (item_finishes(&items[i]) &&
            row_find(connection, items[i].row->key, &finished[i]) < 0)
            return -1;
    }
    return 0;
}

static int text_change(struct connection *connection, enum statement statement,
                       const char *text)
{
    struct query query = query_begin(connection, statement);
    query_text(&query, text);
    return query_change(connection, &query);
}

static void receipt_bind(struct query *query, const struct confirmation *item,
                         const struct finished *finished, int64_t now)
{
    query_text(query, item->row->key);
    query_text(query, finished->store_id);
    query_text_or_null(query, finished->user_id);
    query_text(query, finished->reason);
    query_number(query, finished->attempts + 1);
    query_number(query, item->status);
    query_number(query, finished->created_at);
    query_number(query, now);
}

static void user_receipt_bind(struct query *query, const struct finished *finished, int64_t now)
{
    query_text(query, finished->user_id);
    query_number(query, finished->asked_at ? finished->asked_at : finished->created_at);
    query_number(query, now);
}

/*
 * Rows whose users have nothing left but them, as most have: they go in a few statements. A
 * statement costs what it opens, and of each page that one with triggers changes SQLite keeps a
 * copy.
 */
struct company {
    struct confirmation *items[STATEMENT_ROWS_MAX];
    const struct finished *finished[STATEMENT_ROWS_MAX];
    size_t count;
};

/* Fewer are finished one by one. */
#define COMPANY_LEAST 4

#define SEEN_WORDS 64

/* False also, once in a hundred times, for one that was not seen: it is finished by itself. */
static bool key_is_new(uint64_t seen[static SEEN_WORDS], const char *key)
{
    uint64_t hash = 0;
    for (const char *at = key; *at; at++)
        hash = (hash ^ (unsigned char)*at) * UINT64_C(0x100000001b3);
    hash = (hash ^ hash >> 32) * UINT64_C(0x9e3779b97f4a7c15);
    uint64_t *word = &seen[hash >> 58], bit = UINT64_C(1) << (hash >> 52) % 64;
    bool is_new = (*word & bit) == 0;
    *word |= bit;
    return is_new;
}

static void company_gather(struct company *company, struct confirmation *items, size_t count,
                           const struct finished *finished)
{
    uint64_t seen[SEEN_WORDS] = {0};
    company->count = 0;
    for (size_t i = 0; i < count; i++) {
        if (!finished[i].is_last || !finished[i].is_pointed ||
            !key_is_new(seen, items[i].row->key))
            continue;
        company->items[company->count] = &items[i];
        company->finished[company->count++] = &finished[i];
    }
}

/* Binds NULL for rows that a statement has room for and the company does not have. */
static int company_change(struct connection *connection, struct query *query, size_t values,
                          const struct company *company)
{
    query_nulls(query, (STATEMENT_ROWS_MAX - company->count) * values);
    int changed = query_change(connection, query);
    return changed == (int)company->count ? 0 : -1;
}

static int company_remove(struct connection *connection, const struct company *company)
{
    struct query users = query_begin(connection, STATEMENT_USERS_REMOVE);
    for (size_t i = 0; i < company->count; i++)
        query_text(&users, company->finished[i]->user_id);
    if (company_change(connection, &users, 1, company) < 0)
        return -1;
    struct query rows = query_begin(connection, STATEMENT_FINISH_ROWS);
    for (size_t i = 0; i < company->count; i++)
        query_text(&rows, company->items[i]->row->key);
    return company_change(connection, &rows, 1, company);
}

static int company_receipt(struct connection *connection, const struct company *company,
                           int64_t now)
{
    struct query receipts = query_begin(connection, STATEMENT_RECEIPTS_INSERT);
    for (size_t i = 0; i < company->count; i++)
        receipt_bind(&receipts, company->items[i], company->finished[i], now);
    if (company_change(connection, &receipts, 8, company) < 0)
        return -1;
    struct query persons = query_begin(connection, STATEMENT_USER_RECEIPTS_INSERT);
    for (size_t i = 0; i < company->count; i++)
        user_receipt_bind(&persons, company->finished[i], now);
    return company_change(connection, &persons, 3, company);
}

/*
 * The users go ahead of their rows: the trigger then meets the row itself (R2), and leaves the
 * receipt to who finishes it. What is finished is there no more.
 */
static int company_finish(struct connection *connection, const struct company *company,
                          int64_t now)
{
    if (company_remove(connection, company) < 0 ||
        company_receipt(connection, company, now) < 0)
        return -1;
    for (size_t i = 0; i < company->count; i++) {
        struct confirmation *item = company->items[i];
        item->applied = item->finished = item->user_gone = true;
    }
    return 0;
}

static int user_receipt_insert(struct connection *connection, enum statement statement,
                               struct confirmation *item, const struct finished *finished,
                               int64_t now)
{
    struct query query = query_begin(connection, statement);
    user_receipt_bind(&query, finished, now);
    int written = query_change(connection, &query);
    item->user_gone = written > 0;
    return written;
}

/* Removes the user with the last of its deletions, and writes its receipt (R3, R11, C6). */
static int user_finish(struct connection *connection, struct confirmation *item,
                       const struct finished *finished, int64_t now)
{
    if (finished->is_last)
        return user_receipt_insert(connection, STATEMENT_USER_RECEIPT_LAST, item, finished,
                                   now);
    int removed = text_change(connection, STATEMENT_USER_DELETE_MARKED, finished->user_id);
    if (removed == 0)
        return user_receipt_insert(connection, STATEMENT_USER_RECEIPT_INSERT, item, finished,
                                   now);
    item->user_gone = removed > 0;
    return removed;
}

/* The row goes after what the trigger looks for: the user or the pointer (R2). */
static int item_finish(struct connection *connection, struct confirmation *item,
                       const struct finished *finished, int64_t now)
{
    const char *key = item->row->key;
    if (!finished->is_there)
        return 0;
    if (finished->is_last &&
        text_change(connection, STATEMENT_USER_REMOVE, finished->user_id) < 0)
        return -1;
    if (!finished->is_pointed && text_change(connection, STATEMENT_POINTER_CLEAR, key) < 0)
        return -1;
    int gone = text_change(connection, STATEMENT_FINISH, key);
    if (gone <= 0)
        return gone;
    item->applied = item->finished = true;
    struct query receipt = query_begin(connection, STATEMENT_RECEIPT_INSERT);
    receipt_bind(&receipt, item, finished, now);
    if (query_change(connection, &receipt) < 0)
        return -1;
    return *finished->user_id ? user_finish(connection, item, finished, now) : 0;
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

static int item_confirm(struct connection *connection, const struct confirm *confirm,
                        struct confirmation *item, const struct finished *finished, int64_t now)
{
    if (item->outcome != CONFIRM_DONE)
        return item_put_off(connection, item, now);
    if (deletion_is_final(item->row))
        return item_finish(connection, item, finished, now);
    return item_look_again(connection, confirm, item, now);
}

/* As many as a statement has room for; those that go together first. */
static int items_confirm(struct connection *connection, const struct confirm *confirm,
                         struct confirmation *items, size_t count, int64_t now)
{
    struct finished finished[STATEMENT_ROWS_MAX];
    struct company company;
    if (rows_find(connection, items, count, finished) < 0)
        return -1;
    company_gather(&company, items, count, finished);
    if (company.count >= COMPANY_LEAST && company_finish(connection, &company, now) < 0)
        return -1;
    for (size_t i = 0; i < count; i++) {
        if (!items[i].finished &&
            item_confirm(connection, confirm, &items[i], &finished[i], now) < 0)
            return -1;
    }
    return 0;
}

int sqlite_deletions_confirm(struct connection *connection, struct repository_op *op,
                             int64_t now)
{
    const struct confirm *confirm = &op->confirm;
    for (size_t i = 0; i < confirm->count; i++) {
        struct confirmation *item = &confirm->items[i];
        item->applied = item->finished = item->user_gone = false;
    }
    for (size_t at = 0; at < confirm->count; at += STATEMENT_ROWS_MAX) {
        size_t left = confirm->count - at;
        size_t count = left < STATEMENT_ROWS_MAX ? left : STATEMENT_ROWS_MAX;
        if (items_confirm(connection, confirm, &confirm->items[at], count, now) < 0)
            return -1;
    }
    op->outcome = REPOSITORY_OK;
    return 0;
}
