/* The engine's part that keeps watch on whose store it is (M3), and whether it answers. */
#include "fallback/engine_state.h"

#include <string.h>

bool engine_identity_is_fresh(const struct engine *engine, int64_t now)
{
    return engine->identity == IDENTITY_GOOD && engine->good_at &&
           now - engine->good_at < IDENTITY_FRESH_MS;
}

/* The provider answers again: what waits for a later try is tried now. */
void engine_provider_back(struct engine *engine, int64_t now)
{
    engine->forward_since = now + engine->database_ahead;
    engine->scan_at = now;
    engine_command(engine, (struct engine_command){.kind = ENGINE_ALARM,
                                                   .text = "the file store answers again"});
}

void engine_provider_failed(struct engine *engine, int64_t now)
{
    engine->probes_failed +=
        engine->breaker.state == BREAKER_HALF_OPEN || engine->identity != IDENTITY_GOOD;
    if (!breaker_failed(&engine->breaker, now, &engine->random))
        return;
    engine_command(engine,
                   (struct engine_command){.kind = ENGINE_ALARM,
                                           .text = "the file store does not answer: requests "
                                                   "stop, one probe a second goes"});
    engine_answer_late(engine, now, true);
}

static bool work_waits(const struct engine *engine, int64_t now)
{
    if (engine->handed_count || engine->sweeps || engine->check_closes)
        return true;
    for (size_t i = 0; i < engine->page_count; i++) {
        if (engine->pages[i].stage == PAGE_HELD)
            return true;
    }
    return engine->options.timer && (engine->woken || now >= engine->scan_at);
}

void engine_identity_check(struct engine *engine, int64_t now)
{
    if (engine->checking || now < engine->check_at || engine_identity_is_fresh(engine, now) ||
        !breaker_allows(&engine->breaker, now))
        return;
    if (engine->identity == IDENTITY_GOOD && !work_waits(engine, now))
        return;
    engine->checking = true;
    breaker_sent(&engine->breaker);
    engine_command(engine, (struct engine_command){.kind = ENGINE_CHECK_IDENTITY});
}

static void identity_good(struct engine *engine, int64_t now, const char *store_id)
{
    engine->identity = IDENTITY_GOOD;
    engine->identity_known = true;
    engine->good_at = now;
    engine->good_since = now + engine->database_ahead;
    memcpy(engine->store_id, store_id, UUID_TEXT_SIZE);
    if (engine->check_closes && breaker_succeeded(&engine->breaker))
        engine_provider_back(engine, now);
    engine->check_closes = false;
    /* It answers reads: the next probe, a delete, may go at once. */
    breaker_unsent(&engine->breaker, now);
    engine->breaker.probe_at = now;
    engine_held_confirm(engine);
}

/*
 * Somebody else's store stands where ours was. Nothing that was receipted since it was last
 * seen to be ours can be believed (M3).
 */
static void identity_refused(struct engine *engine, int64_t now)
{
    bool was_good = engine->identity == IDENTITY_GOOD && engine->identity_known;
    engine->identity = IDENTITY_REFUSED;
    engine_held_drop(engine, now, true);
    engine_answer_late(engine, now, true);
    breaker_unsent(&engine->breaker, now);
    if (!was_good || engine->reopening)
        return;
    engine->reopening = true;
    engine->reopen =
        (struct repository_op){.verb = RECEIPTS_REOPEN, .since = engine->good_since - PAUSE_MS};
    memcpy(engine->reopen.store_id, engine->store_id, UUID_TEXT_SIZE);
    engine_write(engine, &engine->reopen);
}

void engine_identity_judged(struct engine *engine, int64_t now, enum identity_verdict verdict,
                            const char *store_id)
{
    engine->checking = false;
    engine->check_at = now + IDENTITY_RETRY_MS;
    switch (verdict) {
    case IDENTITY_GOOD:
        identity_good(engine, now, store_id);
        break;
    case IDENTITY_UNANSWERED:
        engine_provider_failed(engine, now);
        break;
    case IDENTITY_REFUSED:
        identity_refused(engine, now);
        break;
    }
}
