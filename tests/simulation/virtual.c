#include "virtual.h"

#include "base/random.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct event {
    int64_t at;
    uint64_t order;
    void (*happen)(void *owner);
    void *owner;
};

struct block {
    struct block *next;
    max_align_t bytes[];
};

static struct random chance;
static int64_t now;
static struct event *agenda; /* a heap, the earliest first */
static size_t agenda_count, agenda_capacity;
static uint64_t agenda_order;
static struct block *blocks;
static bool traced;
static uint64_t hash;
static int64_t lines;
static char promise[512];

int64_t virtual_boot_offset, virtual_wall_offset, virtual_database_offset;

void virtual_begin(uint64_t seed, bool is_traced)
{
    chance.state = seed;
    now = 0;
    agenda_count = 0;
    agenda_order = 0;
    traced = is_traced;
    hash = UINT64_C(14695981039346656037); /* FNV-1a */
    lines = 0;
    promise[0] = '\0';
    virtual_boot_offset = virtual_wall_offset = virtual_database_offset = 0;
}

void virtual_end(void)
{
    while (blocks) {
        struct block *next = blocks->next;
        free(blocks);
        blocks = next;
    }
    free(agenda);
    agenda = NULL;
    agenda_count = agenda_capacity = 0;
}

int64_t virtual_now(void)
{
    return now;
}

void *virtual_take(size_t size)
{
    struct block *block = calloc(1, sizeof *block + size);
    if (!block)
        abort();
    block->next = blocks;
    blocks = block;
    return block->bytes;
}

int64_t chance_between(int64_t least, int64_t most)
{
    return least + (int64_t)random_below(&chance, (uint64_t)(most - least) + 1);
}

bool chance_of(int64_t permille)
{
    return chance_between(0, 999) < permille;
}

static bool is_before(const struct event *one, const struct event *other)
{
    return one->at != other->at ? one->at < other->at : one->order < other->order;
}

static void agenda_grow(void)
{
    if (agenda_count < agenda_capacity)
        return;
    agenda_capacity = agenda_capacity ? 2 * agenda_capacity : 256;
    agenda = reallocarray(agenda, agenda_capacity, sizeof *agenda);
    if (!agenda)
        abort();
}

void agenda_add(int64_t delay_ms, void (*happen)(void *owner), void *owner)
{
    agenda_grow();
    struct event event = {.at = now + (delay_ms > 0 ? delay_ms : 0),
                          .order = agenda_order++,
                          .happen = happen,
                          .owner = owner};
    size_t at = agenda_count++;
    for (; at && is_before(&event, &agenda[(at - 1) / 2]); at = (at - 1) / 2)
        agenda[at] = agenda[(at - 1) / 2];
    agenda[at] = event;
}

static struct event agenda_take(void)
{
    struct event first = agenda[0], last = agenda[--agenda_count];
    size_t at = 0;
    for (;;) {
        size_t child = 2 * at + 1;
        if (child + 1 < agenda_count && is_before(&agenda[child + 1], &agenda[child]))
            child++;
        if (child >= agenda_count || !is_before(&agenda[child], &last))
            break;
        agenda[at] = agenda[child];
        at = child;
    }
    agenda[at] = last;
    return first;
}

bool agenda_step(int64_t until_ms)
{
    if (!agenda_count || agenda[0].at > until_ms) {
        now = until_ms;
        return false;
    }
    struct event event = agenda_take();
    now = event.at;
    event.happen(event.owner);
    return true;
}

void trace_say(const char *format, ...)
{
    char line[1024];
    int head = snprintf(line, sizeof line, "%10.3f  ", (double)now / 1000);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line + head, sizeof line - (size_t)head, format, arguments);
    va_end(arguments);
    for (const char *at = line; *at; at++)
        hash = (hash ^ (unsigned char)*at) * UINT64_C(1099511628211);
    lines++;
    if (traced)
        printf("%s\n", line);
}

uint64_t trace_hash(void)
{
    return hash;
}

int64_t trace_lines(void)
{
    return lines;
}

void broken(const char *format, ...)
{
    char text[sizeof promise];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    trace_say("BROKEN: %s", text);
    if (!promise[0])
        memcpy(promise, text, sizeof promise);
}

const char *broken_promise(void)
{
    return promise[0] ? promise : NULL;
}
