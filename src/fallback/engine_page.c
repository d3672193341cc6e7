/* The engine's part that takes a page from its claim to its confirm. */
#include "fallback/engine_state.h"

#include "fallback/backoff.h"

#include <assert.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

static struct page *page_find_free(struct engine *engine, size_t from)
{
    for (size_t i = from; i < engine->page_count; i++) {
        if (engine->pages[i].stage == PAGE_FREE)
            return &engine->pages[i];
    }
    return NULL;
}

struct page *engine_claim(struct engine *engine, int64_t now, const struct claim *claim,
                          struct sweep *sweep)
{
    /* The first pages are for requests that wait; they may use the others too. */
    struct page *page = page_find_free(engine, claim->kind == CLAIM_KEYS ? 0 : INLINE_PAGES);
    if (!page)
        return NULL;
    struct engine_store *lead = engine_lead(engine, now);
    page->stage = PAGE_CLAIMING;
    page->sweep = sweep;
    page->trace = sweep ? sweep->trace : (struct trace){0};
    page->store = (size_t)(lead - engine->stores);
    page->probe = lead->breaker.state != BREAKER_CLOSED;
    page->lease_until = now + engine->options.lease_ms;
    page->asked = claim->limit;
    page->repository = (struct repository_op){.verb = DELETIONS_CLAIM, .claim = *claim};
    page->repository.claim.lease_ms = engine->options.lease_ms;
    if (claim->after_key) {
        snprintf(page->after_key, sizeof page->after_key, "%s", claim->after_key);
        page->repository.claim.after_key = page->after_key;
    }
    lead->ahead += page->asked;
    breaker_sent(&lead->breaker);
    engine_write(engine, &page->repository);
    return page;
}

void engine_page_end(struct page *page)
{
    if (page->sweep)
        engine_sweep_page_ended(page->sweep);
    page_reset(page);
}

static void page_wait(struct engine *engine, struct page *page)
{
    page->stage = PAGE_READY;
    engine->stores[page->store].ahead += page->rows.count;
    engine->pages_ready++;
}

static void page_wait_ends(struct engine *engine, struct page *page)
{
    engine->stores[page->store].ahead -= page->rows.count;
    engine->pages_ready--;
}

/* A lease that runs out while an answer is held: the row is anybody's again. */
void engine_held_drop(struct engine *engine, int64_t now)
{
    for (size_t i = 0; i < engine->pages_total; i++) {
        struct page *page = &engine->pages[i];
        if (page->stage == PAGE_HELD && now >= page->lease_until)
            engine_page_end(page);
    }
}

void engine_held_drop_all(struct engine *engine, const struct engine_store *store)
{
    for (size_t i = 0; i < engine->pages_total; i++) {
        struct page *page = &engine->pages[i];
        if (page->stage == PAGE_HELD && (!store || store == &engine->stores[page->store]))
            engine_page_end(page);
    }
}

void engine_pages_distrust(struct engine *engine, const struct engine_store *store)
{
    engine_held_drop_all(engine, store);
    for (size_t i = 0; i < engine->pages_total; i++) {
        struct page *page = &engine->pages[i];
        if (page->stage == PAGE_READY && store == &engine->stores[page->store]) {
            page_wait_ends(engine, page);
            engine_page_end(page);
        }
        page->distrusted |= (page->stage == PAGE_CLAIMING || page->stage == PAGE_DELETING) &&
                            store == &engine->stores[page->store];
    }
}

static void page_confirm(struct engine *engine, struct page *page)
{
    page->stage = PAGE_CONFIRMING;
    page->repository =
        (struct repository_op){.verb = DELETIONS_CONFIRM,
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
    if (page->distrusted)
        engine_page_end(page);
    else if (!page_has_done(page) ||
             engine_identity_is_fresh(&engine->stores[page->store], now))
        page_confirm(engine, page);
    else
        page->stage = PAGE_HELD;
}

static void page_judged(struct engine *engine, int64_t now, struct page *page)
{
    struct engine_store *store = &engine->stores[page->store];
    struct page_health health = page_judge(page, &engine->random);
    if (health.throttled)
        pace_throttled(&store->pace, health.retry_after_ms, now);
    else if (health.answered)
        pace_succeeded(&store->pace);
    if (health.answered && breaker_succeeded(&store->breaker))
        engine_provider_back(engine, now);
    if (health.failed)
        engine_provider_failed(engine, now, store);
    page_answered(engine, now, page);
}

void engine_probe_unsent(struct engine_store *store, int64_t now)
{
    breaker_unsent(&store->breaker, now);
    store->check_closes = true;
    store->good_at = 0;
}

/* A page that is larger than what the pace allows by now goes alone. */
static bool page_has_place(const struct engine_store *store, const struct page *page,
                           int64_t now)
{
    size_t room = pace_room(&store->pace, store->under_way, now);
    return room >= page->rows.count || (room > 0 && store->under_way == 0);
}

static void page_call(struct engine *engine, int64_t now, struct page *page)
{
    struct engine_store *store = &engine->stores[page->store];
    /* The whole call, queueing included, stays under half the lease (R5). */
    int64_t half = page->lease_until - engine->options.lease_ms / 2;
    int64_t deadline = now + engine->options.call_timeout_ms;
    page->stage = PAGE_DELETING;
    store->under_way += page->rows.count;
    page->files = (struct files_op){.verb = FILES_DELETE,
                                    .deadline_ms = deadline < half ? deadline : half,
                                    .trace = page->trace,
                                    .keys = page->keys,
                                    .answers = page->answers,
                                    .count = page->sent};
    memset(page->answers, 0, page->sent * sizeof *page->answers);
    engine_command(engine, (struct engine_command){.kind = ENGINE_DELETE,
                                                   .files = &page->files,
                                                   .store = page->store});
}

void engine_page_send(struct engine *engine, int64_t now, struct page *page)
{
    struct engine_store *store = &engine->stores[page->store];
    page_fill_keys(page, store->id);
    if (page->sent == 0) {
        if (page->probe)
            engine_probe_unsent(store, now);
        page_judged(engine, now, page);
    } else if (page->probe || page_has_place(store, page, now)) {
        page_call(engine, now, page);
    } else {
        page_wait(engine, page);
    }
}

/*
 * What was to be sent rests for a moment: no try, no attempt. Also where the store is down, of
 * which nobody need know who claims it next: a probe decides whether it is.
 */
static void page_put_off(struct engine *engine, int64_t now, struct page *page)
{
    for (size_t i = 0; i < page->sent; i++)
        page->waits[page->row_of[i]] = PAGE_WAITS_FOR_ROOM;
    page->sent = 0;
    page_judged(engine, now, page);
}

/* A call ends before half of the lease is over: a page waits for a quarter, the call has one.
 */
static int64_t page_late_at(const struct engine *engine, const struct page *page)
{
    return page->lease_until - 3 * (engine->options.lease_ms / 4);
}

/* The page that waits longest of those that need wait no more. */
static struct page *page_find_ready(struct engine *engine, int64_t now)
{
    struct page *found = NULL;
    for (size_t i = 0; i < engine->pages_total; i++) {
        struct page *page = &engine->pages[i];
        const struct engine_store *store = &engine->stores[page->store];
        if (page->stage != PAGE_READY || (found && found->lease_until <= page->lease_until))
            continue;
        if (engine->stopped || store->breaker.state != BREAKER_CLOSED ||
            now >= page_late_at(engine, page) || page_has_place(store, page, now))
            found = page;
    }
    return found;
}

void engine_ready_send(struct engine *engine, int64_t now)
{
    struct page *page;
    while (engine->pages_ready && (page = page_find_ready(engine, now))) {
        page_wait_ends(engine, page);
        if (engine->stopped)
            engine_page_end(page);
        else if (engine->stores[page->store].breaker.state != BREAKER_CLOSED ||
                 now >= page_late_at(engine, page))
            page_put_off(engine, now, page);
        else
            page_call(engine, now, page);
    }
}

int64_t engine_ready_next(const struct engine *engine)
{
    int64_t next = INT64_MAX;
    for (size_t i = 0; engine->pages_ready && i < engine->pages_total; i++) {
        const struct page *page = &engine->pages[i];
        if (page->stage == PAGE_READY && page_late_at(engine, page) < next)
            next = page_late_at(engine, page);
    }
    return next;
}

static void due_claimed(struct engine *engine, int64_t now, const struct page *page)
{
    const struct claim *claim = &page->repository.claim;
    bool failed = page->repository.outcome != REPOSITORY_OK;
    bool overlaps = engine->scans_overlap;
    engine->scans--;
    engine->scans_overlap = overlaps && engine->scans > 0;
    engine->scan_more = !failed && claim->claimed.count + claim->live_users == page->asked;
    if (failed) {
        engine->scan_at = now + PAUSE_MS;
        return;
    }
    /* One beside another passes over its rows: that nothing is left says one alone. */
    if (engine->scan_more || overlaps) {
        engine->scan_at = now;
        return;
    }
    if (engine->forward_since && claim->untouched_since != engine->forward_since) {
        /* Claimed before all was pulled forward, which is still to be done. */
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

/* Claims go by one store at a time: what else would probe the others is a look. */
static void others_look(struct engine *engine, const struct engine_store *lead)
{
    for (size_t i = 0; i < engine->store_count; i++) {
        struct engine_store *store = &engine->stores[i];
        if (store != lead && store->breaker.state == BREAKER_OPEN && !store->checking) {
            store->check_closes = true;
            store->good_at = 0;
        }
    }
}

static void page_claimed(struct engine *engine, int64_t now, struct page *page)
{
    struct repository_op *op = &page->repository;
    bool failed = op->outcome != REPOSITORY_OK;
    struct engine_store *lead = &engine->stores[page->store];
    lead->ahead -= page->asked;
    if (!failed)
        engine_database_told(engine, op->claim.now - now);
    others_look(engine, lead);
    if (op->claim.live_users)
        engine_command(engine, (struct engine_command){
                                   .kind = ENGINE_ALARM,
                                   .text = "deletions of live users' objects were refused",
                                   .number = (int64_t)op->claim.live_users});
    if (op->claim.kind == CLAIM_DUE)
        due_claimed(engine, now, page);
    if (page->sweep)
        engine_sweep_claimed(page->sweep, page, op->claim.kind);

    page->rows = op->claim.claimed;
    op->claim.claimed = (struct deletions){0};
    bool late = now >= page->lease_until - engine->options.lease_ms / 2;
    /* Unknown, or too late for a call within the lease: dropped, the lease runs out (R7). */
    if (failed || page->rows.count == 0 || late || page->distrusted || engine->stopped) {
        if (page->probe) {
            breaker_unsent(&lead->breaker, now);
            lead->check_closes = !failed && !late;
            if (lead->check_closes)
                lead->good_at = 0;
        }
        engine_page_end(page);
        return;
    }
    engine_page_route(engine, now, page);
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

static void item_confirmed(struct engine *engine, int64_t now, const struct confirmation *item,
                           enum page_wait wait)
{
    if (item->finished)
        engine_answer_subject(engine, item->row->key, WAITER_DONE);
    if (item->user_gone)
        engine_answer_subject(engine, item->row->user_id, WAITER_DONE);
    /* Its store is out of reach: nobody need wait to hear so. */
    if (wait == PAGE_WAITS_FOR_STORE) {
        engine_answer_subject(engine, item->row->key, WAITER_PENDING);
        engine_answer_subject(engine, item->row->user_id, WAITER_PENDING);
        engine_row_waits(engine, now, item->row);
    }
    if (item->applied && item->outcome == CONFIRM_RETRY &&
        now + item->delay_ms < engine->scan_at)
        engine->scan_at = now + item->delay_ms;
}

static void page_confirmed(struct engine *engine, int64_t now, struct page *page)
{
    if (page->repository.outcome != REPOSITORY_OK) {
        if (page->sweep)
            page->sweep->unavailable = true;
        engine_page_end(page);
        return;
    }
    for (size_t i = 0; i < page->rows.count; i++)
        item_confirmed(engine, now, &page->items[i], page->waits[i]);
    if (page->sweep)
        engine_sweep_confirmed(engine, page->sweep, page);
    if (!page_unblock_next(engine, page))
        engine_page_end(page);
}

static void page_unblocked(struct engine *engine, struct page *page)
{
    engine->woken = true;
    if (!page_unblock_next(engine, page))
        engine_page_end(page);
}

static struct page *page_of_repository(struct repository_op *op)
{
    return (struct page *)((char *)op - offsetof(struct page, repository));
}

void engine_page_written(struct engine *engine, int64_t now, struct repository_op *op)
{
    struct page *page = page_of_repository(op);
    switch (page->stage) {
    case PAGE_CLAIMING:
        page_claimed(engine, now, page);
        break;
    case PAGE_CONFIRMING:
        page_confirmed(engine, now, page);
        break;
    case PAGE_UNBLOCKING:
        page_unblocked(engine, page);
        break;
    case PAGE_FREE:
    case PAGE_READY:
    case PAGE_DELETING:
    case PAGE_HELD:
        assert(false && "a page that wrote nothing");
    }
}

void engine_page_deleted(struct engine *engine, int64_t now, struct files_op *op)
{
    struct page *page = (struct page *)((char *)op - offsetof(struct page, files));
    struct engine_store *store = &engine->stores[page->store];
    store->under_way -= page->rows.count;
    if (op->address_changed)
        store->good_at = 0;
    page_judged(engine, now, page);
}

void engine_held_confirm(struct engine *engine, const struct engine_store *store)
{
    for (size_t i = 0; i < engine->pages_total; i++) {
        if (engine->pages[i].stage == PAGE_HELD &&
            store == &engine->stores[engine->pages[i].store])
            page_confirm(engine, &engine->pages[i]);
    }
}
