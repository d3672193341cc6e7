#include "repository/postgres/operations.h"

#include <string.h>

/* How far it is known that nothing comes in between any more, and what there is. */
struct horizon {
    int64_t receipts, users;           /* may be sealed, if `is_past` */
    int64_t receipts_seen, users_seen; /* what is asked about next */
    int64_t receipts_last, users_last;
    bool is_past;
    bool is_foreign; /* noted at another server, whose transactions tell nothing here */
};

/* Reads the seal of a bound statement; 1, or 0 if there is none: then it is all zero. */
static int seal_read(struct query *query, struct receipt_seal *seal)
{
    *seal = (struct receipt_seal){0};
    if (pq_run(query) < 0)
        return -1;
    bool found = pq_step(query);
    if (found) {
        seal->number = pq_column_number(query);
        seal->sealed_at = pq_column_number(query);
        seal->objects.after = pq_column_number(query);
        seal->objects.last = pq_column_number(query);
        seal->objects.count = pq_column_number(query);
        seal->persons.after = pq_column_number(query);
        seal->persons.last = pq_column_number(query);
        seal->persons.count = pq_column_number(query);
        pq_column_copy(query, seal->content, sizeof seal->content);
        pq_column_copy(query, seal->previous, sizeof seal->previous);
        pq_column_copy(query, seal->digest, sizeof seal->digest);
        seal->pruned_at = pq_column_number(query);
        if (!*seal->previous)
            memcpy(seal->previous, receipt_digest_none, sizeof seal->previous);
    }
    pq_end(query);
    return found;
}

static int seal_select(struct session *session, int64_t number, struct receipt_seal *seal)
{
    struct query query;
    pq_begin(&query, session, STATEMENT_SEAL_SELECT);
    pq_number(&query, number);
    return seal_read(&query, seal);
}

static int seal_select_last(struct session *session, struct receipt_seal *seal)
{
    struct query query;
    pq_begin(&query, session, STATEMENT_SEAL_LAST);
    return seal_read(&query, seal);
}

static void object_read(struct query *query, struct receipt_record *record)
{
    pq_column_copy(query, record->key, sizeof record->key);
    pq_column_copy(query, record->store_id, sizeof record->store_id);
    pq_column_copy(query, record->user_id, sizeof record->user_id);
    pq_column_copy(query, record->reason, sizeof record->reason);
    pq_column_copy(query, record->kind, sizeof record->kind);
    record->attempts = pq_column_number(query);
    record->status = pq_column_number(query);
    record->requested_at = pq_column_number(query);
    record->finished_at = pq_column_number(query);
}

static void person_read(struct query *query, struct receipt_record *record)
{
    record->is_person = true;
    pq_column_copy(query, record->user_id, sizeof record->user_id);
    record->requested_at = pq_column_number(query);
    record->finished_at = pq_column_number(query);
}

/* Appends the records of one kind behind `after`, while the page has fewer than `limit`. */
static int records_read(struct session *session, enum statement statement, int64_t after,
                        int64_t last, size_t limit, struct receipt_page *page)
{
    struct query query;
    pq_begin(&query, session, statement);
    pq_number(&query, after);
    pq_number(&query, last);
    pq_number(&query, (int64_t)(limit - page->count));
    if (pq_run(&query) < 0)
        return -1;
    struct receipt_record *record = NULL;
    bool failed = false;
    while (!failed && pq_step(&query)) {
        record = receipt_page_extend(page);
        failed = !record;
        if (failed)
            break;
        record->id = pq_column_number(&query);
        if (statement == STATEMENT_USER_RECEIPTS)
            person_read(&query, record);
        else
            object_read(&query, record);
    }
    pq_end(&query);
    return failed ? -1 : 0;
}

/* Objects first, then persons, in two ranges. */
static int page_read(struct session *session, const struct receipt_range *objects,
                     const struct receipt_range *persons, size_t limit,
                     struct receipt_page *page)
{
    if (records_read(session, STATEMENT_RECEIPTS, objects->after, objects->last, limit, page) <
        0)
        return -1;
    return records_read(session, STATEMENT_USER_RECEIPTS, persons->after, persons->last, limit,
                        page);
}

/* Nobody else seals while this transaction lasts. 1, or 0: somebody does. */
static int sealer_become(struct session *session)
{
    struct query query;
    pq_begin(&query, session, STATEMENT_SEAL_TRY_LOCK);
    if (pq_run(&query) < 0)
        return -1;
    bool is_mine = pq_step(&query) && *pq_column_text(&query) == 't';
    pq_end(&query);
    return is_mine;
}

static int horizon_read(struct session *session, struct horizon *horizon)
{
    struct query query;
    pq_begin(&query, session, STATEMENT_HORIZON);
    if (pq_run(&query) < 0)
        return -1;
    if (pq_step(&query)) {
        horizon->receipts = pq_column_number(&query);
        horizon->users = pq_column_number(&query);
        horizon->receipts_seen = pq_column_number(&query);
        horizon->users_seen = pq_column_number(&query);
        horizon->is_past = *pq_column_text(&query) == 't';
        horizon->is_foreign = *pq_column_text(&query) == 't';
        horizon->receipts_last = pq_column_number(&query);
        horizon->users_last = pq_column_number(&query);
    }
    pq_end(&query);
    return 0;
}

static int horizon_move(struct session *session)
{
    struct query query;
    pq_begin(&query, session, STATEMENT_HORIZON_MOVE);
    return pq_change(&query) < 0 ? -1 : 0;
}

static int seal_insert(struct session *session, const struct receipt_seal *seal)
{
    struct query query;
    pq_begin(&query, session, STATEMENT_SEAL_INSERT);
    pq_number(&query, seal->number);
    pq_number(&query, seal->sealed_at);
    pq_number(&query, seal->objects.last);
    pq_number(&query, seal->objects.count);
    pq_number(&query, seal->persons.last);
    pq_number(&query, seal->persons.count);
    pq_text(&query, seal->content);
    pq_text(&query, seal->digest);
    return pq_change(&query) < 0 ? -1 : 0;
}

/* Seals what the horizon lets it, up to a seal's most; returns how many records, or -1. */
static int range_seal(struct session *session, struct repository_op *op,
                      const struct horizon *horizon, struct receipt_seal *ret_last, int64_t now)
{
    struct receipt_page *page = &op->receipts;
    if (seal_select_last(session, ret_last) < 0)
        return -1;
    if (!horizon->is_past)
        return 0;
    const struct receipt_range objects = {.after = ret_last->objects.last,
                                          .last = horizon->receipts};
    const struct receipt_range persons = {.after = ret_last->persons.last,
                                          .last = horizon->users};
    if (page_read(session, &objects, &persons, RECEIPTS_SEALED_MAX, page) < 0)
        return -1;
    if (page->count == 0)
        return 0;
    if (receipt_page_seal(page, ret_last, op->id, now) < 0 ||
        seal_insert(session, &page->seal) < 0)
        return -1;
    *ret_last = page->seal;
    return (int)page->count;
}

/*
 * A number is given before its transaction ends: one that is lower than what is seen may still
 * come. So what is seen now is asked about by the next transaction, and may be sealed once all
 * that were older than that one have ended. Nobody waits for anybody.
 */
int postgres_receipts_seal(struct session *session, struct repository_op *op, int64_t now)
{
    struct horizon horizon = {0};
    struct receipt_seal last;
    op->outcome = REPOSITORY_OK;
    int mine = sealer_become(session);
    if (mine <= 0)
        return mine;
    if (horizon_read(session, &horizon) < 0)
        return -1;
    int sealed = range_seal(session, op, &horizon, &last, now);
    if (sealed < 0)
        return -1;
    op->matched = sealed;
    op->more =
        last.objects.last < horizon.receipts_last || last.persons.last < horizon.users_last;
    bool is_used_up = horizon.is_foreign || (horizon.is_past && sealed < RECEIPTS_SEALED_MAX);
    return op->more && is_used_up ? horizon_move(session) : 0;
}

static int range_prune(struct session *session, enum statement statement,
                       const struct receipt_range *range, int64_t *matched)
{
    struct query query;
    pq_begin(&query, session, statement);
    pq_number(&query, range->after);
    pq_number(&query, range->last);
    int changed = pq_change(&query);
    *matched += changed;
    return changed < 0 ? -1 : 0;
}

int postgres_receipts_prune(struct session *session, struct repository_op *op, int64_t now)
{
    struct receipt_seal seal, last;
    int found = seal_select(session, op->seal, &seal);
    if (found < 0 || seal_select_last(session, &last) < 0)
        return -1;
    bool allowed = seal.number < last.number && strcmp(seal.digest, op->digest) == 0 &&
                   receipt_seal_may_go(&seal, now);
    op->outcome = !found ? REPOSITORY_NOT_FOUND : allowed ? REPOSITORY_OK : REPOSITORY_CONFLICT;
    if (op->outcome != REPOSITORY_OK || seal.pruned_at)
        return 0;
    struct query mark;
    pq_begin(&mark, session, STATEMENT_SEAL_PRUNE);
    pq_number(&mark, seal.number);
    pq_number(&mark, now);
    if (pq_change(&mark) < 0 ||
        range_prune(session, STATEMENT_RECEIPTS_PRUNE, &seal.objects, &op->matched) < 0)
        return -1;
    return range_prune(session, STATEMENT_USER_RECEIPTS_PRUNE, &seal.persons, &op->matched);
}

static int64_t later(int64_t one, int64_t other)
{
    return one > other ? one : other;
}

/* The seal that a tail begins behind; the last one only for who asks behind all there are. */
static int tail_begin(struct session *session, int64_t number, struct receipt_seal *seal)
{
    *seal = (struct receipt_seal){0};
    if (number == 0)
        return 0;
    int found = seal_select(session, number, seal);
    return found == 0 ? seal_select_last(session, seal) : found;
}

/*
 * What had no seal when the first page was asked for, and what came since, behind what was read
 * before. What gets a seal while somebody reads must not be left out for it: so the tail begins
 * behind the seal that the reader has.
 */
static int tail_read(struct session *session, struct repository_op *op)
{
    struct receipt_seal seal;
    if (tail_begin(session, op->seal, &seal) < 0)
        return -1;
    const struct receipt_range objects = {.after = later(op->after_receipt, seal.objects.last),
                                          .last = INT64_MAX};
    const struct receipt_range persons = {.after = later(op->after_user, seal.persons.last),
                                          .last = INT64_MAX};
    op->receipts.seal = (struct receipt_seal){0};
    size_t limit = (size_t)op->limit;
    if (page_read(session, &objects, &persons, limit, &op->receipts) < 0)
        return -1;
    op->more = op->receipts.count == limit;
    return 0;
}

int postgres_receipts_read(struct session *session, struct repository_op *op)
{
    struct receipt_seal *seal = &op->receipts.seal;
    op->outcome = REPOSITORY_OK;
    int found =
        op->after_receipt || op->after_user ? 0 : seal_select(session, op->seal + 1, seal);
    if (found <= 0)
        return found < 0 ? -1 : tail_read(session, op);
    if (seal->pruned_at)
        return 0;
    if (page_read(session, &seal->objects, &seal->persons, RECEIPTS_PAGE_MAX, &op->receipts) <
            0 ||
        seal_select(session, op->seal + 1, seal) < 0)
        return -1;
    /* Pruned meanwhile: what was still found of it is not all there was. */
    if (seal->pruned_at)
        op->receipts.count = 0;
    return 0;
}
