#include "base/clock.h"
#include "repository/postgres/array.h"
#include "repository/postgres/operations.h"

#include <stdlib.h>
#include <string.h>

/* Between two claims that begin with the row that has been due longest. */
#define CLAIM_ANEW_MS 5000

int postgres_deletion_read(struct query *query, struct deletion *row)
{
    row->key = strdup(pq_column_text(query));
    pq_column_copy(query, row->store_id, sizeof row->store_id);
    pq_column_copy(query, row->user_id, sizeof row->user_id);
    row->reason = deletion_reason_parse(pq_column_text(query));
    row->state = *pq_column_text(query) == 'b' ? DELETION_BLOCKED : DELETION_PENDING;
    row->look = *pq_column_text(query) == 's' ? LOOK_SECOND : LOOK_FIRST;
    row->claim = pq_column_number(query);
    row->attempts = pq_column_number(query);
    row->created_at = pq_column_number(query);
    row->not_before = pq_column_number(query);
    row->due_at = pq_column_number(query);
    pq_column_copy(query, row->error_class, sizeof row->error_class);
    pq_column_copy(query, row->error, sizeof row->error);
    return row->key ? 0 : -1;
}

/* Claims that are one statement: its rows are theirs in turn, as many as each wants. */
struct dealt {
    struct repository_op **ops;
    size_t count;
    size_t limit, taken; /* of all of them */
};

static bool claim_is_full(const struct claim *claim)
{
    return claim->claimed.count + claim->live_users >= claim->limit;
}

static struct claim *dealt_next(const struct dealt *dealt)
{
    size_t i = 0;
    while (i + 1 < dealt->count && claim_is_full(&dealt->ops[i]->claim))
        i++;
    return &dealt->ops[i]->claim;
}

/* Takes the claimed rows out of `query`; the keys that a live user points at go to `live`. */
static int rows_take(struct query *query, struct dealt *dealt, struct array *live)
{
    while (pq_step(query)) {
        struct claim *claim = dealt_next(dealt);
        struct deletion *row = deletions_extend(&claim->claimed);
        if (!row || postgres_deletion_read(query, row) < 0)
            return -1;
        dealt->taken++;
        query->session->claim_last = row->due_at;
        if (*pq_column_text(query) == 't') {
            array_add_text(live, row->key);
            free(row->key);
            claim->claimed.count--;
            claim->live_users++;
        }
    }
    return 0;
}

static int live_block(struct session *session, struct array *live, int64_t now)
{
    struct query query;
    pq_begin(&query, session, STATEMENT_LIVE_BLOCK);
    const char *keys = array_text(live);
    if (!keys)
        return -1;
    pq_text(&query, keys);
    pq_number(&query, now);
    return pq_change(&query);
}

static int next_due(struct session *session, const struct dealt *dealt, int64_t now)
{
    struct query query;
    pq_begin(&query, session, STATEMENT_NEXT_DUE);
    pq_number(&query, now);
    pq_number(&query, dealt->ops[0]->claim.lease_ms);
    pq_number(&query, dealt->taken < dealt->limit);
    if (pq_run(&query) < 0)
        return -1;
    int64_t next = pq_step(&query) ? pq_column_number(&query) : 0;
    pq_end(&query);
    for (size_t i = 0; i < dealt->count; i++)
        dealt->ops[i]->claim.next_due_at = next;
    return 0;
}

static const char *keys_text(const struct claim *claim, struct array *keys)
{
    for (size_t i = 0; i < claim->key_count; i++)
        array_add_text(keys, claim->keys[i]);
    return array_text(keys);
}

/* `keys` keeps the text that is bound. */
static int claim_bind(struct query *query, const struct dealt *dealt, int64_t now,
                      struct array *keys)
{
    const struct claim *claim = &dealt->ops[0]->claim;
    pq_number(query, now);
    pq_number(query, claim->lease_ms);
    /* Nothing is touched in a time to come: there the clock was set back (P4). */
    bool passed = claim->untouched_since && claim->untouched_since < now;
    pq_number(query, passed ? claim->untouched_since : now);
    const char *text;
    switch (claim->kind) {
    case CLAIM_DUE:
        pq_number(query, claim->horizon_ms);
        pq_number(query, (int64_t)(dealt->limit - dealt->taken));
        pq_number(query, query->session->claim_from);
        break;
    case CLAIM_KEYS:
        text = keys_text(claim, keys);
        if (!text)
            return -1;
        pq_text(query, text);
        break;
    case CLAIM_SWEEP:
        pq_text(query, claim->after_key);
        pq_number(query, (int64_t)claim->limit);
        pq_number(query, claim->created_until ? claim->created_until : now);
        break;
    case CLAIM_PROBES:
        pq_number(query, (int64_t)claim->limit);
        break;
    }
    return 0;
}

static int claim_run(struct session *session, struct dealt *dealt, int64_t now,
                     struct array *live)
{
    static const enum statement statements[] = {
        [CLAIM_DUE] = STATEMENT_CLAIM_DUE,
        [CLAIM_KEYS] = STATEMENT_CLAIM_KEYS,
        [CLAIM_SWEEP] = STATEMENT_CLAIM_SWEEP,
        [CLAIM_PROBES] = STATEMENT_CLAIM_PROBES,
    };
    struct query query;
    struct array keys;
    array_init(&keys);
    pq_begin(&query, session, statements[dealt->ops[0]->claim.kind]);
    int failed = claim_bind(&query, dealt, now, &keys);
    if (!failed)
        failed = pq_run(&query);
    if (!failed) {
        failed = rows_take(&query, dealt, live);
        pq_end(&query);
    }
    array_deinit(&keys);
    return failed;
}

/*
 * Claims what is due from where the claim before ended: the index still has an entry for every
 * row that went since the last vacuum, and what is under way lies there too. What has come due
 * behind that place is found by beginning anew, every few seconds and wherever too little is
 * left ahead.
 */
static int claim_due(struct session *session, struct dealt *dealt, int64_t now,
                     struct array *live)
{
    int64_t boot = clock_boot_ms();
    if (boot >= session->claim_anew_at) {
        session->claim_from = 0;
        session->claim_anew_at = boot + CLAIM_ANEW_MS;
    }
    int failed = claim_run(session, dealt, now, live);
    if (!failed && session->claim_from && dealt->taken < dealt->limit) {
        session->claim_from = 0;
        session->claim_anew_at = boot + CLAIM_ANEW_MS;
        failed = claim_run(session, dealt, now, live);
    }
    if (!failed && dealt->taken > 0)
        session->claim_from = session->claim_last;
    return failed ? failed : next_due(session, dealt, now);
}

static int claim_carry_out(struct session *session, struct dealt *dealt, int64_t now)
{
    struct array live;
    array_init(&live);
    bool is_due = dealt->ops[0]->claim.kind == CLAIM_DUE;
    int failed =
        is_due ? claim_due(session, dealt, now, &live) : claim_run(session, dealt, now, &live);
    if (!failed && live.count > 0)
        failed = live_block(session, &live, now) < 0 ? -1 : 0;
    array_deinit(&live);
    for (size_t i = 0; i < dealt->count; i++) {
        dealt->ops[i]->claim.now = now;
        dealt->ops[i]->outcome = REPOSITORY_OK;
    }
    return failed;
}

int postgres_deletions_claim(struct session *session, struct repository_op *op, int64_t now)
{
    struct dealt dealt = {.ops = &op, .count = 1, .limit = op->claim.limit};
    return claim_carry_out(session, &dealt, now);
}

bool postgres_claim_is_due(const struct repository_op *op)
{
    return op->verb == DELETIONS_CLAIM && op->claim.kind == CLAIM_DUE;
}

/* Whether one statement can be both. */
static bool claims_are_alike(const struct claim *one, const struct claim *other)
{
    return one->lease_ms == other->lease_ms && one->horizon_ms == other->horizon_ms &&
           one->untouched_since == other->untouched_since;
}

/* Those that are like the first, which go; the others stay, in their order. */
static int alike_carry_out(struct session *session, struct repository_op **waiting,
                           size_t *count, struct repository_op **alike, int64_t now)
{
    struct dealt dealt = {.ops = alike};
    size_t left = 0;
    for (size_t i = 0; i < *count; i++) {
        if (claims_are_alike(&waiting[0]->claim, &waiting[i]->claim)) {
            dealt.limit += waiting[i]->claim.limit;
            alike[dealt.count++] = waiting[i];
        }
    }
    for (size_t i = 0; i < *count; i++) {
        if (!claims_are_alike(&alike[0]->claim, &waiting[i]->claim))
            waiting[left++] = waiting[i];
    }
    *count = left;
    return claim_carry_out(session, &dealt, now);
}

int postgres_claims_due(struct session *session, struct repository_op **ops, size_t count,
                        int64_t now)
{
    struct repository_op **waiting = calloc(2 * count, sizeof(struct repository_op *));
    size_t waiting_count = 0;
    int failed = waiting ? 0 : -1;
    for (size_t i = 0; !failed && i < count; i++) {
        if (postgres_claim_is_due(ops[i]))
            waiting[waiting_count++] = ops[i];
    }
    while (!failed && waiting_count > 0)
        failed = alike_carry_out(session, waiting, &waiting_count, waiting + count, now);
    free(waiting);
    return failed;
}
