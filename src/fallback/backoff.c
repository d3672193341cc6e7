#include "fallback/backoff.h"

#define RETRY_BASE_MS   1000
#define BLOCKED_BASE_MS 3600000

/* base · 2^attempts, without overflow, `most` at most. */
static int64_t doubled(int64_t base, int64_t attempts, int64_t most)
{
    int64_t bound = base;
    while (attempts-- > 0 && bound < most)
        bound *= 2;
    return bound < most ? bound : most;
}

int64_t backoff_retry_ms(int64_t attempts, int64_t asked_ms, struct random *random)
{
    int64_t bound = doubled(RETRY_BASE_MS, attempts, BACKOFF_RETRY_MAX_MS);
    int64_t delay = 1 + (int64_t)random_below(random, (uint64_t)bound);
    if (asked_ms > BACKOFF_RETRY_MAX_MS)
        asked_ms = BACKOFF_RETRY_MAX_MS;
    return delay > asked_ms ? delay : asked_ms;
}

int64_t backoff_blocked_ms(int64_t attempts, struct random *random)
{
    int64_t bound = doubled(2 * BLOCKED_BASE_MS, attempts, BACKOFF_BLOCKED_MAX_MS);
    return BLOCKED_BASE_MS + (int64_t)random_below(random, (uint64_t)(bound - BLOCKED_BASE_MS));
}
