#include "fallback/engine.h"

#include "fallback/backoff.h"
#include "fallback/engine_state.h"

#include <assert.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct engine *engine_new(const struct engine_options *options)
{
    assert(options->pages > 0 && options->pages <= PAGES_MAX);
    assert(options->page_keys > 0 && options->page_keys <= PAGE_KEYS);
    assert(options->stores <= ENGINE_STORES_MAX);
    struct engine *engine = calloc(1, sizeof *engine);
    if (!engine)
        return NULL;
    engine->options = *options;
    engine->random.state = options->seed;
    engine->page_count = options->pages + INLINE_PAGES + AHEAD_PAGES;
    engine->store_count = options->stores ? options->stores : 1;
    engine->pages_total = engine->page_count * engine->store_count;
    for (size_t i = 0; i < engine->store_count; i++) {
        engine->stores[i].identity = IDENTITY_UNANSWERED;
        pace_init(&engine->stores[i].pace, options->pages * options->page_keys);
    }
    engine->pages = calloc(engine->pages_total, sizeof *engine->pages);
    bool watches = options->watch_ms > 0;
    if (watches)
        engine->watched = calloc(1, sizeof *engine->watched);
    if (!engine->pages || (watches && !engine->watched)) {
        free(engine->pages);
        free(engine->watched);
        free(engine);
        return NULL;
    }
    return engine;
}

void engine_free(struct engine *engine)
{
    if (!engine)
        return;
    for (size_t i = 0; i < engine->pages_total; i++)
        page_reset(&engine->pages[i]);
    for (size_t i = 0; i < engine->handed_count; i++)
        free(engine->handed[i]);
    free(engine->pages);
    free(engine->watched);
    free(engine);
}

void engine_command(struct engine *engine, struct engine_command command)
{
    assert(engine->command_count < COMMANDS_MAX);
    size_t place = (engine->command_first + engine->command_count++) % COMMANDS_MAX;
    engine->commands[place] = command;
}

bool engine_take(struct engine *engine, struct engine_command *ret_command)
{
    if (engine->answered) {
        struct waiter *waiter = engine->answered;
        engine->answered = waiter->same;
        *ret_command = (struct engine_command){.kind = ENGINE_ANSWER, .waiter = waiter};
        return true;
    }
    if (engine->command_count == 0)
        return false;
    *ret_command = engine->commands[engine->command_first];
    engine->command_first = (engine->command_first + 1) % COMMANDS_MAX;
    engine->command_count--;
    return true;
}

static void waiter_answer(struct engine *engine, struct waiter *waiter,
                          enum waiter_outcome outcome)
{
    waiter->outcome = outcome;
    waiter->same = engine->answered;
    engine->answered = waiter;
}

void engine_answer_subject(struct engine *engine, const char *subject,
                           enum waiter_outcome outcome)
{
    struct waiter *waiter;
    while ((waiter = waiters_take(&engine->waiters, subject))) {
        /* Its transaction is under way: what comes of that answers it. */
        if (waiter->started)
            waiter_answer(engine, waiter, outcome);
        else
            waiter->outcome = outcome;
    }
}

void engine_answer_late(struct engine *engine, int64_t now, bool all)
{
    struct waiter *waiter;
    while ((waiter = waiters_expire(&engine->waiters, now, all)))
        waiter_answer(engine, waiter, WAITER_PENDING);
}

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

size_t engine_store_room(const struct engine *engine, const struct engine_store *store,
                         int64_t now)
{
    size_t ahead = smaller(store->pace.window, engine->options.page_keys);
    size_t under_way = store->under_way + store->ahead;
    return pace_room(&store->pace, under_way > ahead ? under_way - ahead : 0, now);
}

struct engine_store *engine_lead(struct engine *engine, int64_t now)
{
    struct engine_store *probed = NULL;
    for (size_t i = 0; i < engine->store_count; i++) {
        struct engine_store *store = &engine->stores[i];
        if (!engine_identity_is_fresh(store, now) || !breaker_allows(&store->breaker, now) ||
            engine_store_room(engine, store, now) == 0)
            continue;
        if (store->breaker.state == BREAKER_CLOSED)
            return store;
        if (!probed)
            probed = store;
    }
    return probed;
}

bool engine_works(const struct engine *engine)
{
    for (size_t i = 0; i < engine->store_count; i++) {
        const struct engine_store *store = &engine->stores[i];
        if (store->breaker.state == BREAKER_CLOSED && store->identity == IDENTITY_GOOD)
            return true;
    }
    return false;
}

size_t engine_room(struct engine *engine, int64_t now)
{
    const struct engine_store *lead = engine->stopped ? NULL : engine_lead(engine, now);
    if (!lead)
        return 0;
    return lead->breaker.state == BREAKER_CLOSED ? engine_store_room(engine, lead, now) : 1;
}

static int64_t earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t later(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

/* Requests that wait go first: their keys are claimed together. */
static void handed_claim(struct engine *engine, int64_t now)
{
    size_t count = smaller(smaller(engine_room(engine, now), engine->handed_count),
                           engine->options.page_keys);
    if (count == 0)
        return;
    struct page *page = engine_claim(
        engine, now, &(struct claim){.kind = CLAIM_KEYS, .limit = count, .key_count = count},
        NULL);
    if (!page)
        return;
    memcpy(page->handed, engine->handed, count * sizeof *page->handed);
    page->handed_count = count;
    page->trace = engine->handed_for[0];
    page->repository.claim.keys = (const char *const *)page->handed;
    engine->handed_count -= count;
    memmove(engine->handed, engine->handed + count,
            engine->handed_count * sizeof *engine->handed);
    memmove(engine->handed_for, engine->handed_for + count,
            engine->handed_count * sizeof *engine->handed_for);
}

/* Whether one more claim may be under way. */
static bool scan_has_place(const struct engine *engine)
{
    return engine->scans < (engine->scan_more ? SCANS_MAX : 1);
}

/* Returns false if there is nothing to be claimed for now. */
static bool timer_claim(struct engine *engine, int64_t now)
{
    if (!engine->options.timer || !scan_has_place(engine) ||
        (!engine->woken && now < engine->scan_at))
        return false;
    size_t room = smaller(engine_room(engine, now), engine->options.page_keys);
    if (room == 0)
        return false;
    bool probe = engine_lead(engine, now)->breaker.state != BREAKER_CLOSED;
    struct claim claim = {.kind = CLAIM_DUE,
                          .limit = room,
                          .horizon_ms =
                              probe || engine->forward_since ? BACKOFF_RETRY_MAX_MS : 0,
                          .untouched_since = engine->forward_since};
    if (!engine_claim(engine, now, &claim, NULL))
        return false;
    /* Cleared before the scan: what is committed from here on wakes again (M1). */
    engine->woken = false;
    engine->scans_overlap |= engine->scans > 0;
    engine->scans++;
    return true;
}

void engine_marked_finish(struct engine *engine, int64_t now)
{
    if (engine->marking)
        return;
    if (!engine->marked_rests)
        engine->marked = (struct repository_op){.verb = MARKED_FINISH, .limit = MARKED_SLICE};
    engine->marking = true;
    engine->marked_rests = false;
    engine->marked_since = now;
    engine_write(engine, &engine->marked);
}

/* A look at many takes a tenth of the time: it rests after each slice. */
static void marked_finished(struct engine *engine, int64_t now)
{
    struct repository_op *op = &engine->marked;
    engine->marking = false;
    engine->marked_rests = op->outcome == REPOSITORY_OK && op->more;
    engine->marked_at =
        now + (engine->marked_rests ? 9 * (now - engine->marked_since) : SLEEP_MAX_MS);
    op->more = false;
    memcpy(op->cursor, op->key, sizeof op->cursor);
}

/* Without a timer a look begins with a sweep, and goes on by itself. */
static bool marked_is_timed(const struct engine *engine)
{
    return (engine->options.timer || engine->marked_rests) && !engine->marking;
}

/* A marked user whose last deletion went unnoticed is work by itself (R12). */
static void marked_tick(struct engine *engine, int64_t now)
{
    if (marked_is_timed(engine) && now >= engine->marked_at)
        engine_marked_finish(engine, now);
}

/* A clock that was set back leaves rows that wait longer than anything may (P4). */
static void deletions_redate(struct engine *engine, int64_t now)
{
    if (!engine->options.timer || engine->redating || now < engine->redated_at)
        return;
    engine->redating = true;
    engine->redated_at = now + SLEEP_MAX_MS;
    engine->redate = (struct repository_op){
        .verb = DELETIONS_REDATE,
        .longest = {.guard_ms = engine->options.guard_ms,
                    .second_look_ms = engine->options.second_look_ms,
                    .retry_ms = BACKOFF_RETRY_MAX_MS,
                    .blocked_ms = BACKOFF_BLOCKED_MAX_MS},
    };
    engine_write(engine, &engine->redate);
}

static void engine_advance(struct engine *engine, int64_t now)
{
    engine_answer_late(engine, now, engine->stopped);
    engine_held_drop(engine, now);
    engine_ready_send(engine, now);
    if (engine->stopped) {
        engine_held_drop_all(engine, NULL);
        engine_sweeps_stop(engine);
        return;
    }
    engine_reopen(engine, now);
    engine_identity_check(engine, now);
    handed_claim(engine, now);
    engine_sweeps_advance(engine, now);
    while (timer_claim(engine, now))
        continue;
    deletions_redate(engine, now);
    engine_watch(engine, now);
    marked_tick(engine, now);
}

void engine_written(struct engine *engine, int64_t now, struct repository_op *op)
{
    if (op == &engine->marked) {
        marked_finished(engine, now);
    } else if (op == &engine->redate) {
        engine->redating = false;
        engine->woken |= op->matched > 0;
    } else if (!engine_reopened(engine, now, op)) {
        engine_page_written(engine, now, op);
    }
    engine_advance(engine, now);
}

void engine_deleted(struct engine *engine, int64_t now, struct files_op *op)
{
    engine_page_deleted(engine, now, op);
    engine_advance(engine, now);
}

void engine_identified(struct engine *engine, int64_t now, size_t store,
                       enum identity_verdict verdict, const char *store_id)
{
    engine_identity_judged(engine, now, &engine->stores[store], verdict, store_id);
    engine_advance(engine, now);
}

void engine_woken(struct engine *engine, int64_t now)
{
    engine->woken = true;
    engine_advance(engine, now);
}

void engine_waits(struct engine *engine, int64_t now, struct waiter *waiter)
{
    (void)now;
    waiters_add(&engine->waiters, waiter);
}

/* Answers one whose transaction is over: with what came in the meantime, if anything did. */
static void waiter_end(struct engine *engine, struct waiter *waiter)
{
    if (!waiter->waiting) {
        waiter_answer(engine, waiter, waiter->outcome);
        return;
    }
    waiters_remove(&engine->waiters, waiter);
    waiter_answer(engine, waiter, WAITER_PENDING);
}

void engine_stops_waiting(struct engine *engine, int64_t now, struct waiter *waiter)
{
    (void)now;
    waiter_end(engine, waiter);
}

static void waiter_handed(struct engine *engine, struct waiter *waiter, bool stays,
                          int64_t deadline_ms)
{
    if (stays && waiter->waiting)
        waiters_start(&engine->waiters, waiter, deadline_ms);
    else
        waiter_end(engine, waiter);
}

void engine_handed(struct engine *engine, int64_t now, const struct repository_keys *keys,
                   const struct trace *trace, struct waiter *waiter, int64_t deadline_ms)
{
    bool aside = engine->options.aside;
    bool serves = engine_serves(engine);
    for (size_t i = 0; i < keys->count && !aside; i++) {
        char *key = serves && engine->handed_count < HANDED_MAX ? strdup(keys->items[i]) : NULL;
        if (key) {
            engine->handed_for[engine->handed_count] = *trace;
            engine->handed[engine->handed_count++] = key;
        } else {
            engine->woken = true; /* left to the timer */
        }
    }
    if (waiter)
        waiter_handed(engine, waiter, serves && keys->count, deadline_ms);
    engine_advance(engine, now);
}

void engine_swept(struct engine *engine, int64_t now, struct sweep *sweep)
{
    engine_sweep_begin(engine, sweep);
    engine_advance(engine, now);
}

void engine_read(struct engine *engine, int64_t now, struct repository_op *op)
{
    if (engine->watched && op == &engine->watched->op)
        engine_watch_read(engine);
    else
        engine_sweep_read(engine, (struct sweep *)((char *)op - offsetof(struct sweep, op)));
    engine_advance(engine, now);
}

void engine_ticked(struct engine *engine, int64_t now)
{
    engine_advance(engine, now);
}

void engine_stopped(struct engine *engine, int64_t now)
{
    engine->stopped = true;
    engine_advance(engine, now);
}

/* When a store that takes nothing now may take something; INT64_MAX: no telling. */
static int64_t store_may_take(const struct engine_store *store, int64_t now)
{
    int64_t open = store->breaker.state == BREAKER_OPEN ? store->breaker.probe_at : INT64_MAX;
    return store->pace.held_until > now ? earlier(open, store->pace.held_until) : open;
}

/* When receipts are to be reopened that the database did not take; INT64_MAX: there are none.
 */
static int64_t store_next_reopen(const struct engine_store *store, int64_t now)
{
    if (!store->reopen_since || store->reopening)
        return INT64_MAX;
    return later(now + 1, store->reopen_at);
}

/* When a store's identity is to be looked at for a reason of its own; INT64_MAX: for none. */
static int64_t store_next_check(const struct engine_store *store, int64_t now)
{
    if (store->checking)
        return INT64_MAX;
    if (store->identity != IDENTITY_GOOD)
        return later(now + 1, store->check_at);
    if (!store->check_closes || store->breaker.state != BREAKER_OPEN)
        return INT64_MAX;
    /* Neither before its probe is due nor too soon after the last look. */
    return later(now + 1, later(store->breaker.probe_at, store->check_at));
}

int64_t engine_next_tick(const struct engine *engine, int64_t now)
{
    int64_t next = now + SLEEP_MAX_MS;
    if (engine->waiters.oldest)
        next = earlier(next, engine->waiters.oldest->deadline_ms);
    if (engine->watched && engine->waiters.oldest && !engine->watching)
        next = earlier(next, engine->watch_at > now ? engine->watch_at : now + 1);
    if (engine->options.timer && scan_has_place(engine))
        next = earlier(next, engine->woken ? now : engine->scan_at);
    if (engine->options.timer)
        next = earlier(next, engine->redated_at);
    if (marked_is_timed(engine))
        next = earlier(next, engine->marked_at);
    for (const struct sweep *sweep = engine->sweeps; sweep; sweep = sweep->next)
        next = earlier(next, sweep->deadline_ms);
    if (next <= now || engine->sweeps || engine->handed_count || engine->pages_ready) {
        /* Something is due that cannot go: it goes when the reason may have passed. */
        int64_t blocked_until = now + IDENTITY_RETRY_MS;
        for (size_t i = 0; i < engine->store_count; i++)
            blocked_until = earlier(blocked_until, store_may_take(&engine->stores[i], now));
        next = earlier(next <= now ? blocked_until : next, blocked_until);
    }
    next = earlier(next, engine_ready_next(engine));
    for (size_t i = 0; i < engine->store_count; i++)
        next = earlier(next, earlier(store_next_check(&engine->stores[i], now),
                                     store_next_reopen(&engine->stores[i], now)));
    return next > now ? next : now + 1;
}

bool engine_is_idle(const struct engine *engine)
{
    for (size_t i = 0; i < engine->pages_total; i++) {
        if (engine->pages[i].stage != PAGE_FREE)
            return false;
    }
    for (size_t i = 0; i < engine->store_count; i++) {
        if (engine->stores[i].checking || engine->stores[i].reopening)
            return false;
    }
    return !engine->marking && !engine->redating && !engine->sweeps &&
           engine->command_count == 0 && !engine->answered;
}

bool engine_serves(const struct engine *engine)
{
    return !engine->stopped && (engine->options.aside || engine_works(engine));
}

bool engine_is_woken(const struct engine *engine)
{
    return engine->woken;
}

bool engine_takes_uploads(const struct engine *engine)
{
    const struct engine_store *store = &engine->stores[0];
    return store->identity == IDENTITY_GOOD && store->breaker.state == BREAKER_CLOSED;
}

enum breaker_state engine_breaker(const struct engine *engine, size_t store)
{
    return engine->stores[store].breaker.state;
}

enum identity_verdict engine_identity(const struct engine *engine, size_t store)
{
    return engine->stores[store].identity;
}
