/* The engine's part that sends each row of a claim to the store that its object is in. */
#include "fallback/engine_state.h"

#include <string.h>

/* The store that a row's object is in; NULL if it is none of those that are known. */
static struct engine_store *store_of(struct engine *engine, const struct deletion *row)
{
    for (size_t i = 0; i < engine->store_count; i++) {
        if (strcmp(engine->stores[i].id, row->store_id) == 0)
            return &engine->stores[i];
    }
    return NULL;
}

/* A store that never answered may be anybody's: also that of a row that fits no other. */
static bool some_store_is_unknown(const struct engine *engine)
{
    for (size_t i = 0; i < engine->store_count; i++) {
        if (!engine->stores[i].id[0])
            return true;
    }
    return false;
}

/* Answers of a store that is due for a look are held until it was had (M3). */
static bool store_takes(const struct engine *engine, const struct engine_store *store,
                        int64_t now)
{
    return store->identity == IDENTITY_GOOD && store->breaker.state == BREAKER_CLOSED &&
           engine_store_room(engine, store, now) > 0;
}

/* The page on which rows of `store` leave `page`: one that has some already, or a free one. */
static struct page *page_for(struct engine *engine, const struct page *page, size_t store,
                             struct page *taken[])
{
    if (taken[store])
        return taken[store];
    for (size_t i = engine->page_count; i < engine->pages_total; i++) {
        struct page *other = &engine->pages[i];
        if (other->stage != PAGE_FREE)
            continue;
        other->stage = PAGE_DELETING;
        other->sweep = page->sweep;
        other->trace = page->trace;
        other->store = store;
        other->lease_until = page->lease_until;
        if (other->sweep)
            other->sweep->pages++;
        taken[store] = other;
        return other;
    }
    return NULL;
}

/* Moves a row to a page of its store; false if it has to stay. */
static bool row_move(struct engine *engine, int64_t now, struct page *page,
                     struct deletion *row, struct page *taken[])
{
    struct engine_store *store = store_of(engine, row);
    if (!store || !store_takes(engine, store, now))
        return false;
    struct page *other = page_for(engine, page, (size_t)(store - engine->stores), taken);
    struct deletion *moved = other ? deletions_extend(&other->rows) : NULL;
    if (!moved)
        return false;
    *moved = *row;
    return true;
}

/* The row waits for its store, of which a look finds out whether it is back. */
static enum page_wait row_waits(struct engine *engine, const struct deletion *row)
{
    struct engine_store *store = store_of(engine, row);
    if (!store && !some_store_is_unknown(engine))
        return PAGE_WAITS_NOT;
    if (store && store->identity == IDENTITY_GOOD && store->breaker.state == BREAKER_CLOSED)
        return PAGE_WAITS_FOR_ROOM;
    engine->rows_wait = true;
    if (store && store->breaker.state != BREAKER_CLOSED && !store->checking) {
        store->check_closes = true;
        store->good_at = 0;
    }
    return PAGE_WAITS_FOR_STORE;
}

/* The store may be back since: what it was pulled forward for went past this row. */
void engine_row_waits(struct engine *engine, int64_t now, const struct deletion *row)
{
    const struct engine_store *store = store_of(engine, row);
    if (store && store->identity == IDENTITY_GOOD && store->breaker.state == BREAKER_CLOSED)
        engine_backlog_forward(engine, now);
}

/* Takes the rows of other stores off the page, or marks them as waiting. */
static void page_split(struct engine *engine, int64_t now, struct page *page,
                       struct page *taken[])
{
    const char *own = engine->stores[page->store].id;
    size_t kept = 0;
    for (size_t i = 0; i < page->rows.count; i++) {
        struct deletion *row = &page->rows.rows[i];
        bool is_own = strcmp(row->store_id, own) == 0;
        if (!is_own && row_move(engine, now, page, row, taken))
            continue;
        page->waits[kept] = is_own ? PAGE_WAITS_NOT : row_waits(engine, row);
        page->rows.rows[kept++] = *row;
    }
    page->rows.count = kept;
}

void engine_page_route(struct engine *engine, int64_t now, struct page *page)
{
    struct page *taken[ENGINE_STORES_MAX] = {NULL};
    if (engine->store_count > 1)
        page_split(engine, now, page, taken);
    for (size_t i = 0; i < engine->store_count; i++) {
        if (taken[i] && taken[i]->rows.count)
            engine_page_send(engine, now, taken[i]);
        else if (taken[i])
            engine_page_end(taken[i]);
    }
    if (page->rows.count) {
        engine_page_send(engine, now, page);
        return;
    }
    if (page->probe)
        engine_probe_unsent(&engine->stores[page->store], now);
    engine_page_end(page);
}
