#include "repository/sqlite/operations.h"

#include <string.h>

/* Reads a seal; 1, or 0 if there is none: then it is all zero. */
static int seal_read(struct query *query, struct receipt_seal *seal)
{
    *seal = (struct receipt_seal){0};
    int found = query_step(query);
    if (found > 0) {
        seal->number = query_column_number(query);
        seal->sealed_at = query_column_number(query);
        seal->objects.after = query_column_number(query);
        seal->objects.last = query_column_number(query);
        seal->objects.count = query_column_number(query);
        seal->persons.after = query_column_number(query);
        seal->persons.last = query_column_number(query);
        seal->persons.count = query_column_number(query);
        query_column_copy(query, seal->content, sizeof seal->content);
        query_column_copy(query, seal->previous, sizeof seal->previous);
        query_column_copy(query, seal->digest, sizeof seal->digest);
        seal->pruned_at = query_column_number(query);
        if (!*seal->previous)
            memcpy(seal->previous, receipt_digest_none, sizeof seal->previous);
    }
    query_end(query);
    return found;
}

static int seal_select(struct connection *connection, int64_t number, struct receipt_seal *seal)
{
    struct query query = query_begin(connection, STATEMENT_SEAL_SELECT);
    query_number(&query, number);
    return seal_read(&query, seal);
}

static int seal_select_last(struct connection *connection, struct receipt_seal *seal)
{
    struct query query = query_begin(connection, STATEMENT_SEAL_LAST);
    return seal_read(&query, seal);
}

static void object_read(struct query *query, struct receipt_record *record)
{
    query_column_copy(query, record->key, sizeof record->key);
    query_column_copy(query, record->store_id, sizeof record->store_id);
    query_column_copy(query, record->user_id, sizeof record->user_id);
    query_column_copy(query, record->reason, sizeof record->reason);
    query_column_copy(query, record->kind, sizeof record->kind);
    record->attempts = query_column_number(query);
    record->status = query_column_number(query);
    record->requested_at = query_column_number(query);
    record->finished_at = query_column_number(query);
}

static void person_read(struct query *query, struct receipt_record *record)
{
    record->is_person = true;
    query_column_copy(query, record->user_id, sizeof record->user_id);
    record->requested_at = query_column_number(query);
    record->finished_at = query_column_number(query);
}

/* Appends the records of one kind behind `after`, while the page has fewer than `limit`. */
static int records_read(struct connection *connection, enum statement statement, int64_t after,
                        int64_t last, size_t limit, struct receipt_page *page)
{
    struct query query = query_begin(connection, statement);
    query_number(&query, after);
    query_number(&query, last);
    query_number(&query, (int64_t)(limit - page->count));
    int found;
    while ((found = query_step(&query)) > 0) {
        struct receipt_record *record = receipt_page_extend(page);
        if (!record) {
            found = -1;
            break;
        }
        record->id = query_column_number(&query);
        if (statement == STATEMENT_USER_RECEIPTS)
            person_read(&query, record);
        else
            object_read(&query, record);
    }
    query_end(&query);
    return found < 0 ? -1 : 0;
}

/* Objects first, then persons, in two ranges. */
static int page_read(struct connection *connection, const struct receipt_range *objects,
                     const struct receipt_range *persons, size_t limit,
                     struct receipt_page *page)
{
    if (records_read(connection, STATEMENT_RECEIPTS, objects->after, objects->last, limit,
                     page) < 0)
        return -1;
    return records_read(connection, STATEMENT_USER_RECEIPTS, persons->after, persons->last,
                        limit, page);
}

static int seal_insert(struct connection *connection, const struct receipt_seal *seal)
{
    struct query query = query_begin(connection, STATEMENT_SEAL_INSERT);
    query_number(&query, seal->number);
    query_number(&query, seal->sealed_at);
    query_number(&query, seal->objects.last);
    query_number(&query, seal->objects.count);
    query_number(&query, seal->persons.last);
    query_number(&query, seal->persons.count);
    query_text(&query, seal->content);
    query_text(&query, seal->digest);
    return query_change(connection, &query);
}

/* One connection writes, so the numbers come in the order of the commits. */
int sqlite_receipts_seal(struct connection *connection, struct repository_op *op, int64_t now)
{
    struct receipt_seal last;
    struct receipt_page *page = &op->receipts;
    if (seal_select_last(connection, &last) < 0)
        return -1;
    const struct receipt_range objects = {.after = last.objects.last, .last = INT64_MAX};
    const struct receipt_range persons = {.after = last.persons.last, .last = INT64_MAX};
    if (page_read(connection, &objects, &persons, RECEIPTS_SEALED_MAX, page) < 0)
        return -1;
    op->outcome = REPOSITORY_OK;
    op->matched = (int64_t)page->count;
    op->more = page->count == RECEIPTS_SEALED_MAX;
    if (page->count == 0)
        return 0;
    if (receipt_page_seal(page, &last, op->id, now) < 0)
        return -1;
    return seal_insert(connection, &page->seal) < 0 ? -1 : 0;
}

/*
 * The last record of all is left, so that its number is not given again; it goes with the range
 * behind it, if nothing else is to be left of its own.
 */
static int range_prune(struct connection *connection, enum statement statement,
                       const struct receipt_range *range, bool with_one_before,
                       int64_t *matched)
{
    struct query query = query_begin(connection, statement);
    query_number(&query, range->after - with_one_before);
    query_number(&query, range->last);
    int changed = query_change(connection, &query);
    *matched += changed;
    return changed < 0 ? -1 : 0;
}

int sqlite_receipts_prune(struct connection *connection, struct repository_op *op, int64_t now)
{
    struct receipt_seal seal, before, last;
    int found = seal_select(connection, op->seal, &seal);
    int preceded = found < 0 ? -1 : seal_select(connection, op->seal - 1, &before);
    if (preceded < 0 || seal_select_last(connection, &last) < 0)
        return -1;
    bool allowed = seal.number < last.number && strcmp(seal.digest, op->digest) == 0 &&
                   receipt_seal_may_go(&seal, now);
    op->outcome = !found ? REPOSITORY_NOT_FOUND : allowed ? REPOSITORY_OK : REPOSITORY_CONFLICT;
    if (op->outcome != REPOSITORY_OK || seal.pruned_at)
        return 0;
    struct query mark = query_begin(connection, STATEMENT_SEAL_PRUNE);
    query_number(&mark, seal.number);
    query_number(&mark, now);
    bool joined = preceded && before.pruned_at;
    if (query_change(connection, &mark) < 0 ||
        range_prune(connection, STATEMENT_RECEIPTS_PRUNE, &seal.objects, joined, &op->matched) <
            0)
        return -1;
    return range_prune(connection, STATEMENT_USER_RECEIPTS_PRUNE, &seal.persons, joined,
                       &op->matched);
}

static int64_t later(int64_t one, int64_t other)
{
    return one > other ? one : other;
}

/* The seal that a tail begins behind; the last one only for who asks behind all there are. */
static int tail_begin(struct connection *connection, int64_t number, struct receipt_seal *seal)
{
    *seal = (struct receipt_seal){0};
    if (number == 0)
        return 0;
    int found = seal_select(connection, number, seal);
    return found == 0 ? seal_select_last(connection, seal) : found;
}

/*
 * What had no seal when the first page was asked for, and what came since, behind what was read
 * before. What gets a seal while somebody reads must not be left out for it: so the tail begins
 * behind the seal that the reader has.
 */
static int tail_read(struct connection *connection, struct repository_op *op)
{
    struct receipt_seal seal;
    if (tail_begin(connection, op->seal, &seal) < 0)
        return -1;
    const struct receipt_range objects = {.after = later(op->after_receipt, seal.objects.last),
                                          .last = INT64_MAX};
    const struct receipt_range persons = {.after = later(op->after_user, seal.persons.last),
                                          .last = INT64_MAX};
    op->receipts.seal = (struct receipt_seal){0};
    size_t limit = (size_t)op->limit;
    if (page_read(connection, &objects, &persons, limit, &op->receipts) < 0)
        return -1;
    op->more = op->receipts.count == limit;
    return 0;
}

int sqlite_receipts_read(struct connection *connection, struct repository_op *op)
{
    struct receipt_seal *seal = &op->receipts.seal;
    op->outcome = REPOSITORY_OK;
    int found =
        op->after_receipt || op->after_user ? 0 : seal_select(connection, op->seal + 1, seal);
    if (found <= 0)
        return found < 0 ? -1 : tail_read(connection, op);
    if (seal->pruned_at)
        return 0;
    if (page_read(connection, &seal->objects, &seal->persons, RECEIPTS_PAGE_MAX,
                  &op->receipts) < 0 ||
        seal_select(connection, op->seal + 1, seal) < 0)
        return -1;
    /* Pruned meanwhile: what was still found of it is not all there was. */
    if (seal->pruned_at)
        op->receipts.count = 0;
    return 0;
}
