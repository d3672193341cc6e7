/*
 * pace: how many keys may be under way at the provider at once.
 *
 * Additive increase, multiplicative decrease (Chiu and Jain 1989): halved when the provider
 * asks for less, grown by a little for each page that went well. It starts at the most, because
 * a slow start would cost more than a whole drain takes.
 */
#ifndef FALLBACK_PACE_H
#define FALLBACK_PACE_H

#include <stddef.h>
#include <stdint.h>

struct pace {
    size_t window; /* keys */
    size_t most;
    int64_t held_until; /* the provider asked us to wait (boot-time clock) */
    int64_t halved_at;
};

void pace_init(struct pace *pace, size_t most);

/* Keys that may be sent now beside `under_way` others. */
size_t pace_room(const struct pace *pace, size_t under_way, int64_t now);

void pace_succeeded(struct pace *pace);

/* `asked_ms`: what the provider asked us to wait; 0: nothing. */
void pace_throttled(struct pace *pace, int64_t asked_ms, int64_t now);

#endif
