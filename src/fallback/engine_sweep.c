/* The engine's part that takes a sweep from its first count to its last. */
#include "fallback/engine_state.h"

#include <string.h>

static void backlog_ask(struct engine *engine, struct sweep *sweep)
{
    sweep->op = (struct repository_op){.verb = BACKLOG_GET};
    engine_command(engine, (struct engine_command){
                               .kind = ENGINE_READ, .repository = &sweep->op, .sweep = sweep});
}

void engine_sweep_begin(struct engine *engine, struct sweep *sweep)
{
    sweep->stage = engine->sweep_count < SWEEPS_MAX ? SWEEP_COUNTING : SWEEP_SUMMING;
    /* Too many at once: this one only counts, and says that there is more. */
    sweep->more = sweep->stage == SWEEP_SUMMING;
    sweep->next = engine->sweeps;
    engine->sweeps = sweep;
    engine->sweep_count++;
    backlog_ask(engine, sweep);
}

static void sweep_end(struct engine *engine, struct sweep *sweep)
{
    struct sweep **link = &engine->sweeps;
    while (*link != sweep)
        link = &(*link)->next;
    *link = sweep->next;
    engine->sweep_count--;
    sweep->breaker = BREAKER_CLOSED;
    for (size_t i = 0; i < engine->store_count; i++)
        sweep->breaker = breaker_worse(sweep->breaker, engine->stores[i].breaker.state);
    for (size_t i = 0; i < engine->pages_total; i++) {
        if (engine->pages[i].sweep == sweep)
            engine->pages[i].sweep = NULL;
    }
    engine_command(engine, (struct engine_command){.kind = ENGINE_SWEEP_END, .sweep = sweep});
}

void engine_sweep_read(struct engine *engine, struct sweep *sweep)
{
    if (sweep->op.outcome != REPOSITORY_OK) {
        sweep->unavailable = true;
        sweep_end(engine, sweep);
        return;
    }
    sweep->backlog = sweep->op.backlog;
    if (sweep->stage == SWEEP_SUMMING) {
        sweep_end(engine, sweep);
        return;
    }
    bool goes_on = sweep->started != 0;
    if (!goes_on)
        sweep->started = sweep->backlog.now;
    sweep->stage = goes_on ? SWEEP_WALKING : SWEEP_FINISHING_MARKED;
}

static void sweep_drain(struct sweep *sweep, bool more)
{
    sweep->more = more;
    sweep->stage = SWEEP_DRAINING;
}

/* Claims for a sweep, as much as may go now and as it was asked for. */
static void sweep_claim(struct engine *engine, int64_t now, struct sweep *sweep,
                        enum claim_kind kind)
{
    size_t room = engine_room(engine, now);
    if (room > engine->options.page_keys)
        room = engine->options.page_keys;
    if ((int64_t)room > sweep->limit - sweep->taken)
        room = (size_t)(sweep->limit - sweep->taken);
    if (room == 0 || sweep->claiming)
        return;
    struct claim claim = {.kind = kind,
                          .limit = room,
                          .untouched_since = sweep->started,
                          .created_until = sweep->started,
                          .after_key = sweep->after_key};
    if (!engine_claim(engine, now, &claim, sweep))
        return;
    sweep->claiming = true;
    sweep->pages++;
}

/* Users that nothing is left of go before anything is tried (R12). */
static void sweep_finish_marked(struct engine *engine, int64_t now, struct sweep *sweep)
{
    if (sweep->backlog.marked)
        engine_marked_finish(engine, now);
    sweep->stage = SWEEP_PROBING;
}

/*
 * With the breaker open one probe goes, and decides: if it fails the sweep is over, for nothing
 * that it could try would fare better. Returns true while the sweep may claim nothing else.
 */
static bool sweep_probe(struct engine *engine, int64_t now, struct sweep *sweep)
{
    if (engine_works(engine)) {
        sweep->probe_only = false;
        return false;
    }
    if (engine->stores[0].identity == IDENTITY_REFUSED) {
        sweep->unavailable = true;
        sweep_drain(sweep, false);
        return true;
    }
    bool opened_under_way = !sweep->probe_only && sweep->taken > 0;
    if (!sweep->probe_only)
        sweep->probes_seen = engine->probes_failed;
    sweep->probe_only = true;
    if (opened_under_way || engine->probes_failed != sweep->probes_seen)
        sweep_drain(sweep, false);
    else if (sweep->pages == 0)
        sweep_claim(engine, now, sweep, CLAIM_SWEEP);
    return true;
}

static void sweep_advance(struct engine *engine, int64_t now, struct sweep *sweep)
{
    if (sweep->stage == SWEEP_FINISHING_MARKED)
        sweep_finish_marked(engine, now, sweep);
    if (sweep->stage == SWEEP_PROBING || sweep->stage == SWEEP_WALKING) {
        if (now >= sweep->deadline_ms || sweep->taken >= sweep->limit)
            sweep_drain(sweep, true);
        else if (sweep_probe(engine, now, sweep))
            return;
    }
    if (sweep->stage == SWEEP_PROBING) {
        if (!sweep->claimed)
            sweep_claim(engine, now, sweep, CLAIM_PROBES);
        else if (sweep->pages == 0)
            sweep->stage = SWEEP_WALKING;
    }
    if (sweep->stage == SWEEP_WALKING)
        sweep_claim(engine, now, sweep, CLAIM_SWEEP);
    if (sweep->stage == SWEEP_DRAINING && (sweep->pages == 0 || now >= sweep->deadline_ms)) {
        /* Some were sent and are not answered: the next call tells what became of them. */
        sweep->more =
            sweep->more || sweep->pages > 0 || (sweep->left_out && engine_works(engine));
        sweep->stage = SWEEP_SUMMING;
        backlog_ask(engine, sweep);
    }
}

void engine_sweeps_advance(struct engine *engine, int64_t now)
{
    for (struct sweep *sweep = engine->sweeps; sweep; sweep = sweep->next)
        sweep_advance(engine, now, sweep);
}

void engine_sweeps_stop(struct engine *engine)
{
    for (struct sweep *sweep = engine->sweeps; sweep; sweep = sweep->next) {
        if (sweep->stage != SWEEP_COUNTING && sweep->stage != SWEEP_SUMMING) {
            sweep->more = true;
            sweep->stage = SWEEP_SUMMING;
            backlog_ask(engine, sweep);
        }
    }
}

/*
 * A probe takes a pending row. Where none can be had, a look at the store decides in its place,
 * and blocked rows wait for that: else each sweep would end before it, with nothing tried.
 */
static bool look_is_awaited(const struct sweep *sweep, const struct claim *claim)
{
    return sweep->probe_only && sweep->backlog.blocked > 0 && claim->claimed.count == 0;
}

void engine_sweep_claimed(struct sweep *sweep, const struct page *page, enum claim_kind kind)
{
    sweep->claiming = false;
    const struct claim *claim = &page->repository.claim;
    if (page->repository.outcome != REPOSITORY_OK) {
        sweep->unavailable = true;
        if (sweep->stage < SWEEP_DRAINING)
            sweep_drain(sweep, true);
        return;
    }
    sweep->taken += (int64_t)claim->claimed.count;
    if (kind == CLAIM_PROBES) {
        sweep->claimed = true;
        return;
    }
    for (size_t i = 0; i < claim->claimed.count; i++) {
        const char *key = claim->claimed.rows[i].key;
        if (strcmp(key, sweep->after_key) > 0)
            memcpy(sweep->after_key, key, strlen(key) + 1);
    }
    if (claim->claimed.count + claim->live_users < page->asked &&
        sweep->stage < SWEEP_DRAINING && !look_is_awaited(sweep, claim))
        sweep_drain(sweep, false);
}

void engine_sweep_confirmed(struct engine *engine, struct sweep *sweep, const struct page *page)
{
    for (size_t i = 0; i < page->rows.count; i++) {
        const struct confirmation *item = &page->items[i];
        /* Claimed, but not tried: it is left for another sweep. */
        sweep->left_out |= page->waits[i] == PAGE_WAITS_FOR_ROOM;
        if (!item->applied || page->waits[i] == PAGE_WAITS_FOR_ROOM)
            continue;
        sweep->attempted++;
        sweep->deleted += item->outcome == CONFIRM_DONE;
        sweep->failed += item->outcome == CONFIRM_RETRY;
        sweep->blocked += item->outcome == CONFIRM_BLOCKED;
    }
    engine_command(engine,
                   (struct engine_command){.kind = ENGINE_SWEEP_PROGRESS, .sweep = sweep});
}

void engine_sweep_page_ended(struct sweep *sweep)
{
    sweep->pages--;
}
