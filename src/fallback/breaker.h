/*
 * breaker: stops asking a provider that is down, and finds out soon that it is back.
 *
 * Closed: all requests go. After a few failures in a row it opens: no request goes, but one
 * probe at a time, at most one a second. A probe that succeeds closes it.
 */
#ifndef FALLBACK_BREAKER_H
#define FALLBACK_BREAKER_H

#include "base/random.h"

#include <stdbool.h>
#include <stdint.h>

enum breaker_state { BREAKER_CLOSED, BREAKER_OPEN, BREAKER_HALF_OPEN };

struct breaker {
    enum breaker_state state;
    int failures;     /* in a row, while closed */
    int64_t probe_at; /* while open: when the next probe may go (boot-time clock) */
};

/* True if a request may go now: always while closed; while open one probe, when it is time. */
bool breaker_allows(const struct breaker *breaker, int64_t now);

/* A request goes: while open it is the probe. */
void breaker_sent(struct breaker *breaker);

/* A request was answered in the provider's own words; true if that closed the breaker. */
bool breaker_succeeded(struct breaker *breaker);

/* A request failed for a reason that concerns them all; true if that opened the breaker. */
bool breaker_failed(struct breaker *breaker, int64_t now, struct random *random);

/* The probe was not sent after all, for there was nothing to send. */
void breaker_unsent(struct breaker *breaker, int64_t now);

/* The one of the two that lets less through. */
enum breaker_state breaker_worse(enum breaker_state a, enum breaker_state b);

const char *breaker_state_name(enum breaker_state state);

#endif
