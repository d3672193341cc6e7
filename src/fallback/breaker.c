#include "fallback/breaker.h"

/* Failures in a row that open it. */
#define FAILURES_MAX 5
/* Between two probes: 1 s and up to a quarter more, so that replicas do not probe in step. */
#define PROBE_EVERY_MS  1000
#define PROBE_JITTER_MS 250

bool breaker_allows(const struct breaker *breaker, int64_t now)
{
    return breaker->state == BREAKER_CLOSED ||
           (breaker->state == BREAKER_OPEN && now >= breaker->probe_at);
}

void breaker_sent(struct breaker *breaker)
{
    if (breaker->state == BREAKER_OPEN)
        breaker->state = BREAKER_HALF_OPEN;
}

bool breaker_succeeded(struct breaker *breaker)
{
    /* Stragglers sent before it opened prove nothing about now. */
    if (breaker->state == BREAKER_OPEN)
        return false;
    bool closes = breaker->state == BREAKER_HALF_OPEN;
    breaker->state = BREAKER_CLOSED;
    breaker->failures = 0;
    return closes;
}

static void breaker_open(struct breaker *breaker, int64_t now, struct random *random)
{
    breaker->state = BREAKER_OPEN;
    breaker->failures = 0;
    breaker->probe_at = now + PROBE_EVERY_MS + (int64_t)random_below(random, PROBE_JITTER_MS);
}

bool breaker_failed(struct breaker *breaker, int64_t now, struct random *random)
{
    if (breaker->state == BREAKER_OPEN)
        return false;
    if (breaker->state == BREAKER_CLOSED && ++breaker->failures < FAILURES_MAX)
        return false;
    bool opens = breaker->state == BREAKER_CLOSED;
    breaker_open(breaker, now, random);
    return opens;
}

void breaker_unsent(struct breaker *breaker, int64_t now)
{
    if (breaker->state != BREAKER_HALF_OPEN)
        return;
    breaker->state = BREAKER_OPEN;
    breaker->probe_at = now + PROBE_EVERY_MS;
}

enum breaker_state breaker_worse(enum breaker_state a, enum breaker_state b)
{
    if (a == BREAKER_OPEN || b == BREAKER_OPEN)
        return BREAKER_OPEN;
    return a == BREAKER_CLOSED ? b : a;
}

const char *breaker_state_name(enum breaker_state state)
{
    static const char *const names[] = {[BREAKER_CLOSED] = "closed",
                                        [BREAKER_OPEN] = "open",
                                        [BREAKER_HALF_OPEN] = "half-open"};
    return names[state];
}
