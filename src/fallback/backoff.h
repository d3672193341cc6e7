/*
 * backoff: how long a deletion waits before its next try.
 */
#ifndef FALLBACK_BACKOFF_H
#define FALLBACK_BACKOFF_H

#include "base/random.h"

#include <stdint.h>

/* No pending deletion ever waits longer: what pulling forward relies on; no blocked one.
 * Milliseconds. */
#define BACKOFF_RETRY_MAX_MS   3600000
#define BACKOFF_BLOCKED_MAX_MS 86400000

/*
 * Milliseconds before the next try of a pending deletion after `attempts` tries: drawn evenly
 * from 1 to 1 s · 2^attempts, an hour at most ("full jitter"); no less than `asked_ms`, what
 * the provider asked for, within the same hour.
 */
int64_t backoff_retry_ms(int64_t attempts, int64_t asked_ms, struct random *random);

/* The same for a blocked one: an hour at least, a day at most. */
int64_t backoff_blocked_ms(int64_t attempts, struct random *random);

#endif
