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
    struct engine *engine = calloc(1, sizeof *engine);
    if (!engine)
        return NULL;
    engine->options = *options;
    engine->random.state = options->seed;
    engine->page_count = options->pages + INLINE_PAGES;
    engine->identity = IDENTITY_UNANSWERED;
    pace_init(&engine->pace, options->pages * options->page_keys);
    engine->pages = calloc(engine->page_count, sizeof *engine->pages);
    if (!engine->pages) {
        free(engine);
        return NULL;
    }
    return engine;
}

void engine_free(struct engine *engine)
{
    if (!engine)
        return;
    for (size_t i = 0; i < engine->page_count; i++)
        page_reset(&engine->pages[i]);
    for (size_t i = 0; i < engine->handed_count; i++)
        free(engine->handed[i]);
    free(engine->pages);
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

static void waiters_answer_subject(struct engine *engine, const char *subject)
{
    struct waiter *waiter;
    while ((waiter = waiters_take(&engine->waiters, subject)))
        waiter_answer(engine, waiter, WAITER_DONE);
}

static void waiters_answer_late(struct engine *engine, int64_t now, bool all)
{
    struct waiter *waiter;
    while ((waiter = waiters_expire(&engine->waiters, now, all)))
        waiter_answer(engine, waiter, WAITER_PENDING);
}

static bool identity_is_fresh(const struct engine *engine, int64_t now)
{
    return engine->identity == IDENTITY_GOOD && engine->good_at &&
           now - engine->good_at < IDENTITY_FRESH_MS;
}

size_t engine_room(const struct engine *engine, int64_t now)
{
    if (engine->stopped || !identity_is_fresh(engine, now) ||
        !breaker_allows(&engine->breaker, now))
        return 0;
    size_t room = pace_room(&engine->pace, engine->under_way, now);
    return engine->breaker.state == BREAKER_CLOSED || room == 0 ? room : 1;
}

static struct page *page_find_free(struct engine *engine, size_t from)
{
    for (size_t i = from; i < engine->page_count; i++) {
        if (engine->pages[i].stage == PAGE_FREE)
            return &engine->pages[i];
    }
    return NULL;
}

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

struct page *engine_claim(struct engine *engine, int64_t now, const struct claim *claim,
                          struct sweep *sweep)
{
    /* The first pages are for requests that wait; they may use the others too. */
    struct page *page = page_find_free(engine, claim->kind == CLAIM_KEYS ? 0 : INLINE_PAGES);
    if (!page)
        return NULL;
    page->stage = PAGE_CLAIMING;
    page->sweep = sweep;
    page->probe = engine->breaker.state != BREAKER_CLOSED;
    page->lease_until = now + engine->options.lease_ms;
    page->asked = claim->limit;
    page->repository = (struct repository_op){.verb = DELETIONS_CLAIM, .claim = *claim};
    page->repository.claim.lease_ms = engine->options.lease_ms;
    if (claim->after_key) {
        snprintf(page->after_key, sizeof page->after_key, "%s", claim->after_key);
        page->repository.claim.after_key = page->after_key;
    }
    /* Keys that are claimed but not yet sent take their place already. */
    engine->under_way += page->asked;
    breaker_sent(&engine->breaker);
    engine_write(engine, &page->repository);
    return page;
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
    page->repository.claim.keys = (const char *const *)page->handed;
    engine->handed_count -= count;
    memmove(engine->handed, engine->handed + count,
            engine->handed_count * sizeof *engine->handed);
}

static void timer_claim(struct engine *engine, int64_t now)
{
    if (!engine->options.timer || engine->scanning || (!engine->woken && now < engine->scan_at))
        return;
    size_t room = smaller(engine_room(engine, now), engine->options.page_keys);
    if (room == 0)
        return;
    bool probe = engine->breaker.state != BREAKER_CLOSED;
    struct claim claim = {.kind = CLAIM_DUE,
                          .limit = room,
                          .horizon_ms = probe || engine->forward_since ? BACKOFF_RETRY_MAX_MS : 0,
                          .untouched_since = engine->forward_since};
    if (!engine_claim(engine, now, &claim, NULL))
        return;
    /* Cleared before the scan: what is committed from here on wakes again (M1). */
    engine->woken = false;
    engine->scanning = true;
}

/* A marked user whose last deletion went unnoticed is work by itself (R12). */
static void marked_finish(struct engine *engine, int64_t now)
{
    if (!engine->options.timer || engine->marking || now < engine->marked_at)
        return;
    engine->marking = true;
    engine->marked_at = now + SLEEP_MAX_MS;
    engine->marked = (struct repository_op){.verb = MARKED_FINISH};
    engine_write(engine, &engine->marked);
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

static void identity_check(struct engine *engine, int64_t now)
{
    if (engine->checking || now < engine->check_at || identity_is_fresh(engine, now) ||
        !breaker_allows(&engine->breaker, now))
        return;
    if (engine->identity == IDENTITY_GOOD && !work_waits(engine, now))
        return;
    engine->checking = true;
    breaker_sent(&engine->breaker);
    engine_command(engine, (struct engine_command){.kind = ENGINE_CHECK_IDENTITY});
}

static void page_end(struct engine *engine, struct page *page)
{
    (void)engine;
    if (page->sweep)
        sweeping_page_ended(page->sweep);
    page_reset(page);
}

/* A lease that runs out while an answer is held: the row is anybody's again. */
static void held_drop(struct engine *engine, int64_t now, bool all)
{
    for (size_t i = 0; i < engine->page_count; i++) {
        struct page *page = &engine->pages[i];
        if (page->stage == PAGE_HELD && (all || now >= page->lease_until))
            page_end(engine, page);
    }
}

static void engine_advance(struct engine *engine, int64_t now)
{
    waiters_answer_late(engine, now, engine->stopped);
    held_drop(engine, now, engine->stopped);
    if (engine->stopped) {
        sweeping_stop(engine);
        return;
    }
    identity_check(engine, now);
    handed_claim(engine, now);
    sweeping_advance(engine, now);
    timer_claim(engine, now);
    marked_finish(engine, now);
}

/* The provider answers again: what waits for a later try is tried now. */
static void provider_back(struct engine *engine, int64_t now)
{
    engine->forward_since = now + engine->database_ahead;
    engine->scan_at = now;
    engine_command(engine, (struct engine_command){.kind = ENGINE_ALARM,
                                                   .text = "the file store answers again"});
}

static void provider_failed(struct engine *engine, int64_t now)
{
    engine->probes_failed +=
        engine->breaker.state == BREAKER_HALF_OPEN || engine->identity != IDENTITY_GOOD;
    if (!breaker_failed(&engine->breaker, now, &engine->random))
        return;
    engine_command(engine,
                   (struct engine_command){.kind = ENGINE_ALARM,
                                           .text = "the file store does not answer: requests "
                                                   "stop, one probe a second goes"});
    waiters_answer_late(engine, now, true);
}

static void page_confirm(struct engine *engine, struct page *page)
{
    page->stage = PAGE_CONFIRMING;
    page->repository = (struct repository_op){
        .verb = DELETIONS_CONFIRM,
        .confirm = {.items = page->items,
                    .count = page->rows.count,
                    .second_look_ms = engine->options.second_look_ms}};
    engine_write(engine, &page->repository);
}

static bool page_has_done(const struct page *page)
{
    for (size_t i = 0; i < page->rows.count; i++) {
        if (page->items[i].outcome == CONFIRM_DONE)
            return true;
    }
    return false;
}

/* Confirms what was answered, or holds it until the store is known to be ours (M3). */
static void page_answered(struct engine *engine, int64_t now, struct page *page)
{
    if (!page_has_done(page) || identity_is_fresh(engine, now))
        page_confirm(engine, page);
    else
        page->stage = PAGE_HELD;
}

static void page_judged(struct engine *engine, int64_t now, struct page *page)
{
    struct page_health health = page_judge(page, &engine->random);
    if (health.throttled)
        pace_throttled(&engine->pace, health.retry_after_ms, now);
    else if (health.answered)
        pace_succeeded(&engine->pace);
    if (health.answered && breaker_succeeded(&engine->breaker))
        provider_back(engine, now);
    if (health.failed)
        provider_failed(engine, now);
    page_answered(engine, now, page);
}

static void page_send(struct engine *engine, int64_t now, struct page *page)
{
    page_fill_keys(page, engine->store_id);
    if (page->sent == 0) {
        if (page->probe)
            breaker_unsent(&engine->breaker, now);
        page_judged(engine, now, page);
        return;
    }
    /* The whole call, queueing included, stays under half the lease (R5). */
    int64_t half = page->lease_until - engine->options.lease_ms / 2;
    int64_t deadline = now + engine->options.call_timeout_ms;
    page->stage = PAGE_DELETING;
    engine->under_way += page->rows.count;
    page->files = (struct files_op){.verb = FILES_DELETE,
                                    .deadline_ms = deadline < half ? deadline : half,
                                    .keys = page->keys,
                                    .answers = page->answers,
                                    .count = page->sent};
    memset(page->answers, 0, page->sent * sizeof *page->answers);
    engine_command(engine,
                   (struct engine_command){.kind = ENGINE_DELETE, .files = &page->files});
}

static void due_claimed(struct engine *engine, int64_t now, const struct page *page)
{
    engine->scanning = false;
    const struct claim *claim = &page->repository.claim;
    if (page->repository.outcome != REPOSITORY_OK) {
        engine->scan_at = now + PAUSE_MS;
        return;
    }
    if (claim->claimed.count + claim->live_users == page->asked) {
        engine->scan_at = now;
        return;
    }
    if (engine->forward_since && !page->probe) {
        /* All was pulled forward; what failed on the way is due by its own time again. */
        engine->forward_since = 0;
        engine->scan_at = now;
        return;
    }
    engine->scan_at = now + SLEEP_MAX_MS;
    if (claim->next_due_at && claim->next_due_at - engine->database_ahead < engine->scan_at)
        engine->scan_at = claim->next_due_at - engine->database_ahead;
}

static void page_claimed(struct engine *engine, int64_t now, struct page *page)
{
    struct repository_op *op = &page->repository;
    bool failed = op->outcome != REPOSITORY_OK;
    engine->under_way -= page->asked;
    if (!failed)
        engine->database_ahead = op->claim.now - now;
    if (op->claim.live_users)
        engine_command(engine, (struct engine_command){
                                   .kind = ENGINE_ALARM,
                                   .text = "deletions of live users' objects were refused",
                                   .number = (int64_t)op->claim.live_users});
    if (op->claim.kind == CLAIM_DUE)
        due_claimed(engine, now, page);
    if (page->sweep)
        sweeping_claimed(page->sweep, page, op->claim.kind);

    page->rows = op->claim.claimed;
    op->claim.claimed = (struct deletions){0};
    bool late = now >= page->lease_until - engine->options.lease_ms / 2;
    /* Unknown, or too late for a call within the lease: dropped, the lease runs out (R7). */
    if (failed || page->rows.count == 0 || late || engine->stopped) {
        if (page->probe) {
            breaker_unsent(&engine->breaker, now);
            engine->check_closes = !failed && !late;
            if (engine->check_closes)
                engine->good_at = 0;
        }
        page_end(engine, page);
        return;
    }
    page_send(engine, now, page);
}

/* The next class to unblock after the probe of one succeeded; false if there is none left. */
static bool page_unblock_next(struct engine *engine, struct page *page)
{
    while (page->unblocked < page->rows.count) {
        const struct confirmation *item = &page->items[page->unblocked++];
        if (item->outcome != CONFIRM_DONE || item->row->state != DELETION_BLOCKED)
            continue;
        page->stage = PAGE_UNBLOCKING;
        page->repository = (struct repository_op){.verb = DELETIONS_UNBLOCK};
        memcpy(page->repository.store_id, item->row->store_id, UUID_TEXT_SIZE);
        memcpy(page->repository.error_class, item->row->error_class, ERROR_CLASS_SIZE);
        engine_write(engine, &page->repository);
        return true;
    }
    return false;
}

static void item_confirmed(struct engine *engine, int64_t now, const struct confirmation *item)
{
    if (item->finished)
        waiters_answer_subject(engine, item->row->key);
    if (item->user_gone)
        waiters_answer_subject(engine, item->row->user_id);
    if (item->applied && item->outcome == CONFIRM_RETRY && now + item->delay_ms < engine->scan_at)
        engine->scan_at = now + item->delay_ms;
}

static void page_confirmed(struct engine *engine, int64_t now, struct page *page)
{
    if (page->repository.outcome != REPOSITORY_OK) {
        if (page->sweep)
            page->sweep->unavailable = true;
        page_end(engine, page);
        return;
    }
    for (size_t i = 0; i < page->rows.count; i++)
        item_confirmed(engine, now, &page->items[i]);
    if (page->sweep)
        sweeping_confirmed(engine, page->sweep, page);
    if (!page_unblock_next(engine, page))
        page_end(engine, page);
}

static void page_unblocked(struct engine *engine, struct page *page)
{
    engine->woken = true;
    if (!page_unblock_next(engine, page))
        page_end(engine, page);
}

static struct page *page_of_repository(struct repository_op *op)
{
    return (struct page *)((char *)op - offsetof(struct page, repository));
}

void engine_written(struct engine *engine, int64_t now, struct repository_op *op)
{
    switch (op->verb) {
    case DELETIONS_CLAIM:
        page_claimed(engine, now, page_of_repository(op));
        break;
    case DELETIONS_CONFIRM:
        page_confirmed(engine, now, page_of_repository(op));
        break;
    case DELETIONS_UNBLOCK:
        page_unblocked(engine, page_of_repository(op));
        break;
    case MARKED_FINISH:
        engine->marking = false;
        break;
    case RECEIPTS_REOPEN:
        engine->reopening = false;
        engine->woken = true;
        break;
    default:
        assert(false && "a write that the engine did not ask for");
    }
    engine_advance(engine, now);
}

void engine_deleted(struct engine *engine, int64_t now, struct files_op *op)
{
    struct page *page = (struct page *)((char *)op - offsetof(struct page, files));
    engine->under_way -= page->rows.count;
    if (op->address_changed)
        engine->good_at = 0;
    page_judged(engine, now, page);
    engine_advance(engine, now);
}

static void identity_good(struct engine *engine, int64_t now, const char *store_id)
{
    engine->identity = IDENTITY_GOOD;
    engine->identity_known = true;
    engine->good_at = now;
    engine->good_since = now + engine->database_ahead;
    memcpy(engine->store_id, store_id, UUID_TEXT_SIZE);
    if (engine->check_closes && breaker_succeeded(&engine->breaker))
        provider_back(engine, now);
    engine->check_closes = false;
    /* It answers reads: the next probe, a delete, may go at once. */
    breaker_unsent(&engine->breaker, now);
    engine->breaker.probe_at = now;
    for (size_t i = 0; i < engine->page_count; i++) {
        if (engine->pages[i].stage == PAGE_HELD)
            page_confirm(engine, &engine->pages[i]);
    }
}

/*
 * Somebody else's store stands where ours was. Nothing that was receipted since it was last seen
 * to be ours can be believed (M3).
 */
static void identity_refused(struct engine *engine, int64_t now)
{
    bool was_good = engine->identity == IDENTITY_GOOD && engine->identity_known;
    engine->identity = IDENTITY_REFUSED;
    held_drop(engine, now, true);
    waiters_answer_late(engine, now, true);
    breaker_unsent(&engine->breaker, now);
    if (!was_good || engine->reopening)
        return;
    engine->reopening = true;
    engine->reopen = (struct repository_op){.verb = RECEIPTS_REOPEN,
                                            .since = engine->good_since - PAUSE_MS};
    memcpy(engine->reopen.store_id, engine->store_id, UUID_TEXT_SIZE);
    engine_write(engine, &engine->reopen);
}

void engine_identified(struct engine *engine, int64_t now, enum identity_verdict verdict,
                       const char *store_id)
{
    engine->checking = false;
    engine->check_at = now + IDENTITY_RETRY_MS;
    switch (verdict) {
    case IDENTITY_GOOD:
        identity_good(engine, now, store_id);
        break;
    case IDENTITY_UNANSWERED:
        provider_failed(engine, now);
        break;
    case IDENTITY_REFUSED:
        identity_refused(engine, now);
        break;
    }
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

void engine_stops_waiting(struct engine *engine, int64_t now, struct waiter *waiter)
{
    (void)now;
    /* Finished in the meantime: its answer is on the way. */
    if (!waiter->waiting)
        return;
    waiters_remove(&engine->waiters, waiter);
    waiter_answer(engine, waiter, WAITER_PENDING);
}

void engine_handed(struct engine *engine, int64_t now, const struct repository_keys *keys,
                   struct waiter *waiter, int64_t deadline_ms)
{
    bool works = engine->breaker.state == BREAKER_CLOSED && engine->identity == IDENTITY_GOOD &&
                 !engine->stopped;
    for (size_t i = 0; i < keys->count && works && engine->handed_count < HANDED_MAX; i++) {
        char *key = strdup(keys->items[i]);
        if (key)
            engine->handed[engine->handed_count++] = key;
    }
    if (waiter && waiter->waiting) {
        if (works && keys->count) {
            waiters_start(&engine->waiters, waiter, deadline_ms);
        } else {
            waiters_remove(&engine->waiters, waiter);
            waiter_answer(engine, waiter, WAITER_PENDING);
        }
    }
    engine_advance(engine, now);
}

void engine_swept(struct engine *engine, int64_t now, struct sweep *sweep)
{
    sweeping_begin(engine, sweep);
    engine_advance(engine, now);
}

void engine_read(struct engine *engine, int64_t now, struct repository_op *op)
{
    struct sweep *sweep = (struct sweep *)((char *)op - offsetof(struct sweep, op));
    sweeping_read(engine, sweep);
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

static int64_t earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

int64_t engine_next_tick(const struct engine *engine, int64_t now)
{
    int64_t next = now + SLEEP_MAX_MS;
    if (engine->waiters.oldest)
        next = earlier(next, engine->waiters.oldest->deadline_ms);
    if (engine->options.timer && !engine->scanning)
        next = earlier(next, engine->woken ? now : engine->scan_at);
    if (engine->options.timer)
        next = earlier(next, engine->marked_at);
    for (const struct sweep *sweep = engine->sweeps; sweep; sweep = sweep->next)
        next = earlier(next, sweep->deadline_ms);
    if (next <= now || engine->sweeps || engine->handed_count) {
        /* Something is due that cannot go: it goes when the reason may have passed. */
        int64_t blocked_until = now + IDENTITY_RETRY_MS;
        if (engine->breaker.state == BREAKER_OPEN)
            blocked_until = earlier(blocked_until, engine->breaker.probe_at);
        if (engine->pace.held_until > now)
            blocked_until = earlier(blocked_until, engine->pace.held_until);
        next = earlier(next <= now ? blocked_until : next, blocked_until);
    }
    if (engine->identity != IDENTITY_GOOD && !engine->checking)
        next = earlier(next, engine->check_at > now ? engine->check_at : now + 1);
    return next > now ? next : now + 1;
}

bool engine_is_idle(const struct engine *engine)
{
    for (size_t i = 0; i < engine->page_count; i++) {
        if (engine->pages[i].stage != PAGE_FREE)
            return false;
    }
    return !engine->marking && !engine->checking && !engine->reopening && !engine->sweeps &&
           engine->command_count == 0 && !engine->answered;
}

bool engine_takes_uploads(const struct engine *engine)
{
    return engine->identity == IDENTITY_GOOD && engine->breaker.state == BREAKER_CLOSED;
}

enum breaker_state engine_breaker(const struct engine *engine)
{
    return engine->breaker.state;
}

enum identity_verdict engine_identity(const struct engine *engine)
{
    return engine->identity;
}
