#include "base/trace.h"

#include "base/clock.h"
#include "base/random.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define FLAG_SAMPLED 1

static bool digits_are_hex(const char *digits, size_t count)
{
    return strspn(digits, "0123456789abcdef") >= count;
}

static bool digits_are_zero(const char *digits, size_t count)
{
    return strspn(digits, "0") >= count;
}

/* Fields are at fixed places; a later version may have more after the flags. */
static bool parent_is_sound(const char *parent)
{
    size_t length = strnlen(parent, 512);
    if (length < TRACE_PARENT_SIZE - 1 || parent[2] != '-' || parent[35] != '-' ||
        parent[52] != '-' || !digits_are_hex(parent, 2) || strncmp(parent, "ff", 2) == 0)
        return false;
    bool ends = length == TRACE_PARENT_SIZE - 1;
    if (!ends && (strncmp(parent, "00", 2) == 0 || parent[55] != '-'))
        return false;
    return digits_are_hex(parent + 3, 32) && !digits_are_zero(parent + 3, 32) &&
           digits_are_hex(parent + 36, 16) && !digits_are_zero(parent + 36, 16) &&
           digits_are_hex(parent + 53, 2);
}

/* A request's ids have to differ, not to be unguessable: a thread asks for a seed, once. */
static uint64_t id_draw(void)
{
    static _Thread_local struct random ids;
    static _Thread_local bool seeded;
    if (!seeded)
        random_fill(&ids.state, sizeof ids.state);
    seeded = true;
    return random_next(&ids);
}

static void digits_write(uint64_t value, char *digits, size_t count)
{
    for (size_t i = count; i-- > 0; value >>= 4)
        digits[i] = "0123456789abcdef"[value & 15];
    digits[count] = '\0';
}

/* The time goes first: what was drawn alike at another time is another id all the same. */
static void id_begin(struct trace *ret_trace)
{
    *ret_trace = (struct trace){.sampled = true};
    digits_write((uint64_t)clock_wall_ms(), ret_trace->id, 12);
    digits_write(id_draw(), ret_trace->id + 12, 4);
    digits_write(id_draw(), ret_trace->id + 16, 16);
}

void trace_begin(const char *uuid, struct trace *ret_trace)
{
    size_t length = 0;
    *ret_trace = (struct trace){.sampled = true};
    for (; *uuid && length < TRACE_ID_SIZE - 1; uuid++) {
        if (*uuid != '-')
            ret_trace->id[length++] = *uuid;
    }
    trace_go_on(ret_trace);
}

void trace_take(const char *parent, struct trace *ret_trace)
{
    if (!parent || !parent_is_sound(parent)) {
        id_begin(ret_trace);
    } else {
        *ret_trace = (struct trace){.given = true};
        memcpy(ret_trace->id, parent + 3, TRACE_ID_SIZE - 1);
        char last = parent[54];
        int flags = last <= '9' ? last - '0' : last - 'a' + 10;
        ret_trace->sampled = flags & FLAG_SAMPLED;
    }
    uint64_t span = 0;
    while (span == 0)
        span = id_draw();
    digits_write(span, ret_trace->span, TRACE_SPAN_SIZE - 1);
}

void trace_go_on(struct trace *trace)
{
    uint64_t span = 0;
    while (span == 0)
        random_fill(&span, sizeof span);
    digits_write(span, trace->span, TRACE_SPAN_SIZE - 1);
}

void trace_format(const struct trace *trace, char ret_text[static TRACE_PARENT_SIZE])
{
    snprintf(ret_text, TRACE_PARENT_SIZE, "00-%s-%s-%02x", trace->id, trace->span,
             trace->sampled ? FLAG_SAMPLED : 0);
}
