#include "fallback/page.h"

#include "fallback/backoff.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* How long a row rests whose store is down, or has its fill, at least; twice that at most. */
#define STORE_DOWN_MS (BACKOFF_RETRY_MAX_MS / 4)
#define STORE_FULL_MS 1000

void page_reset(struct page *page)
{
    deletions_deinit(&page->rows);
    repository_op_deinit(&page->repository);
    for (size_t i = 0; i < page->handed_count; i++)
        free(page->handed[i]);
    page->handed_count = 0;
    memset(page->waits, 0, sizeof page->waits);
    page->sent = 0;
    page->unblocked = 0;
    page->sweep = NULL;
    page->trace = (struct trace){0};
    page->probe = page->distrusted = false;
    page->stage = PAGE_FREE;
}

void page_fill_keys(struct page *page, const char *store_id)
{
    page->sent = 0;
    for (size_t i = 0; i < page->rows.count; i++) {
        struct confirmation *item = &page->items[i];
        *item = (struct confirmation){.row = &page->rows.rows[i]};
        if (strcmp(item->row->store_id, store_id) != 0)
            continue;
        page->keys[page->sent] = item->row->key;
        page->row_of[page->sent] = i;
        page->sent++;
    }
}

static void item_explain(struct confirmation *item, const char *class, const char *words)
{
    snprintf(item->error_class, sizeof item->error_class, "%s", class);
    snprintf(item->error, sizeof item->error, "%s", words);
}

/* The row's store takes nothing now. That is no try: it costs no attempt, and it is pulled
 * forward when the store is back. */
static void item_put_off(struct confirmation *item, bool down, struct random *random)
{
    int64_t least = down ? STORE_DOWN_MS : STORE_FULL_MS;
    item->outcome = CONFIRM_RETRY;
    item->delay_ms = least + (int64_t)random_below(random, (uint64_t)least);
    item_explain(item, down ? "store-down" : "store-full",
                 down ? "the store that the object is in takes no requests now"
                      : "the store that the object is in takes no more requests at a time");
}

/* The row's object is in a store that this service does not have: never finished here. */
static void item_refuse(struct confirmation *item, struct random *random)
{
    item->outcome = CONFIRM_BLOCKED;
    item->spend = true;
    item->delay_ms = backoff_blocked_ms(item->row->attempts, random);
    char words[ERROR_WORDS_SIZE];
    snprintf(words, sizeof words, "the object is in store %s, which is not configured here",
             item->row->store_id);
    item_explain(item, "wrong-store", words);
}

static void item_judge(struct confirmation *item, const struct files_answer *answer, bool spend,
                       struct random *random)
{
    item->status = answer->status;
    item->spend = spend;
    char class[ERROR_CLASS_SIZE];
    switch (verdict_of_delete(answer)) {
    case VERDICT_DONE:
        item->outcome = CONFIRM_DONE;
        return;
    case VERDICT_RETRY:
        item->outcome = CONFIRM_RETRY;
        item->delay_ms = backoff_retry_ms(item->row->attempts, answer->retry_after_ms, random);
        break;
    case VERDICT_BLOCKED:
        item->outcome = CONFIRM_BLOCKED;
        item->delay_ms = backoff_blocked_ms(item->row->attempts, random);
        break;
    }
    verdict_class_name(answer, class, sizeof class);
    item_explain(item, class, answer->text);
}

struct page_health page_judge(struct page *page, struct random *random)
{
    struct page_health health = {0};
    size_t sent = 0;
    for (size_t i = 0; i < page->rows.count; i++) {
        if (sent == page->sent || page->row_of[sent] != i) {
            if (page->waits[i])
                item_put_off(&page->items[i], page->waits[i] == PAGE_WAITS_FOR_STORE, random);
            else
                item_refuse(&page->items[i], random);
            continue;
        }
        const struct files_answer *answer = &page->answers[sent++];
        item_judge(&page->items[i], answer, !page->probe, random);
        health.answered |= page->items[i].outcome != CONFIRM_RETRY;
        health.throttled |= verdict_is_throttle(answer);
        if (answer->retry_after_ms > health.retry_after_ms)
            health.retry_after_ms = answer->retry_after_ms;
    }
    health.failed = page->sent > 0 && !health.answered;
    return health;
}
