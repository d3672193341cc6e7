/* The engine's part that keeps watch on whose store it is (M3), and whether it answers. */
#include "fallback/engine_state.h"

#include <string.h>

bool engine_identity_is_fresh(const struct engine_store *store, int64_t now)
{
    return store->identity == IDENTITY_GOOD && store->good_at &&
           now - store->good_at < IDENTITY_FRESH_MS;
}

/* Looks from before the first claim were dated by the boot-time clock alone. */
void engine_database_told(struct engine *engine, int64_t ahead)
{
    for (size_t i = 0; i < engine->store_count && !engine->database_ahead; i++)
        engine->stores[i].good_since += ahead;
    engine->database_ahead = ahead;
}

/* What waits for a later try is tried now. */
void engine_backlog_forward(struct engine *engine, int64_t now)
{
    engine->rows_wait = false;
    engine->forward_since = now + engine->database_ahead;
    engine->scan_at = now;
}

void engine_provider_back(struct engine *engine, int64_t now)
{
    engine_backlog_forward(engine, now);
    engine_command(engine, (struct engine_command){.kind = ENGINE_ALARM,
                                                   .text = "the file store answers again"});
}

void engine_provider_failed(struct engine *engine, int64_t now, struct engine_store *store)
{
    engine->probes_failed +=
        store->breaker.state == BREAKER_HALF_OPEN || store->identity != IDENTITY_GOOD;
    if (!breaker_failed(&store->breaker, now, &engine->random))
        return;
    engine_command(engine,
                   (struct engine_command){.kind = ENGINE_ALARM,
                                           .text = "the file store does not answer: requests "
                                                   "stop, one probe a second goes",
                                           .store = (size_t)(store - engine->stores)});
    if (!engine_works(engine))
        engine_answer_late(engine, now, true);
}

static bool work_waits(const struct engine *engine, const struct engine_store *store,
                       int64_t now)
{
    if (engine->handed_count || engine->sweeps || store->check_closes)
        return true;
    for (size_t i = 0; i < engine->pages_total; i++) {
        if (engine->pages[i].stage == PAGE_HELD)
            return true;
    }
    return engine->options.timer && (engine->woken || now >= engine->scan_at);
}

static void store_check(struct engine *engine, int64_t now, struct engine_store *store)
{
    if (store->checking || now < store->check_at || engine_identity_is_fresh(store, now) ||
        !breaker_allows(&store->breaker, now))
        return;
    if (store->identity == IDENTITY_GOOD && !work_waits(engine, store, now))
        return;
    store->checking = true;
    breaker_sent(&store->breaker);
    engine_command(engine, (struct engine_command){.kind = ENGINE_CHECK_IDENTITY,
                                                   .store = (size_t)(store - engine->stores)});
}

void engine_identity_check(struct engine *engine, int64_t now)
{
    for (size_t i = 0; i < engine->store_count; i++)
        store_check(engine, now, &engine->stores[i]);
}

static void reopen_note(struct engine_store *store, int64_t since, int64_t boot)
{
    bool first = !store->reopen_since;
    if (first || since < store->reopen_since)
        store->reopen_since = since;
    if (first || boot < store->reopen_boot)
        store->reopen_boot = boot;
}

void engine_reopen(struct engine *engine, int64_t now)
{
    for (size_t i = 0; i < engine->store_count; i++) {
        struct engine_store *store = &engine->stores[i];
        if (!store->reopen_since || store->reopening || now < store->reopen_at)
            continue;
        store->reopening = true;
        store->reopen = (struct repository_op){.verb = RECEIPTS_REOPEN,
                                               .since = store->reopen_since,
                                               .elapsed_ms = now - store->reopen_boot};
        store->reopening_boot = store->reopen_boot;
        memcpy(store->reopen.store_id, store->reopen_id, UUID_TEXT_SIZE);
        store->reopen_since = 0;
        engine_write(engine, &store->reopen);
    }
}

bool engine_reopened(struct engine *engine, int64_t now, const struct repository_op *op)
{
    struct engine_store *store = engine->stores;
    while (store < engine->stores + engine->store_count && op != &store->reopen)
        store++;
    if (store == engine->stores + engine->store_count)
        return false;
    store->reopening = false;
    if (op->outcome == REPOSITORY_OK) {
        engine->woken = true;
    } else {
        reopen_note(store, op->since, store->reopening_boot);
        store->reopen_at = now + PAUSE_MS;
    }
    return true;
}

/*
 * Somebody else's store stands where ours was. Nothing that was receipted since it was last
 * seen to be ours can be believed (M3).
 */
static void store_lost(struct engine *engine, int64_t now, struct engine_store *store)
{
    engine_pages_distrust(engine, store);
    /* Without a claim that was answered nothing was receipted from here. */
    if (store->identity != IDENTITY_GOOD || !store->identity_known || !engine->database_ahead)
        return;
    memcpy(store->reopen_id, store->id, UUID_TEXT_SIZE);
    reopen_note(store, store->good_since - PAUSE_MS, store->good_boot - PAUSE_MS);
    engine_reopen(engine, now);
}

static void identity_good(struct engine *engine, int64_t now, struct engine_store *store,
                          const char *store_id)
{
    /* Ours too, but not the one that answered before. */
    if (store->id[0] && strcmp(store->id, store_id) != 0)
        store_lost(engine, now, store);
    bool was_not = store->identity != IDENTITY_GOOD;
    store->identity = IDENTITY_GOOD;
    store->identity_known = true;
    store->good_at = now;
    store->good_since = now + engine->database_ahead;
    store->good_boot = now;
    memcpy(store->id, store_id, UUID_TEXT_SIZE);
    /* Who leaves the deletes to others sends nothing else that would show it. */
    bool closes = store->check_closes || engine->options.aside;
    if (closes && breaker_succeeded(&store->breaker))
        engine_provider_back(engine, now);
    store->check_closes = false;
    /* Known for the first time, or ours again: rows may have been put off for it. */
    if (was_not && engine->rows_wait)
        engine_backlog_forward(engine, now);
    /* It answers reads: the next probe, a delete, may go at once. */
    breaker_unsent(&store->breaker, now);
    store->breaker.probe_at = now;
    engine_held_confirm(engine, store);
}

static void identity_refused(struct engine *engine, int64_t now, struct engine_store *store)
{
    store_lost(engine, now, store);
    store->identity = IDENTITY_REFUSED;
    engine_answer_late(engine, now, true);
    breaker_unsent(&store->breaker, now);
}

void engine_identity_judged(struct engine *engine, int64_t now, struct engine_store *store,
                            enum identity_verdict verdict, const char *store_id)
{
    store->checking = false;
    store->check_at = now + IDENTITY_RETRY_MS;
    switch (verdict) {
    case IDENTITY_GOOD:
        identity_good(engine, now, store, store_id);
        break;
    case IDENTITY_UNANSWERED:
        engine_provider_failed(engine, now, store);
        break;
    case IDENTITY_REFUSED:
        identity_refused(engine, now, store);
        break;
    }
}
