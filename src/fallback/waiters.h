/*
 * waiters: requests that wait for a user or a key to be gone, whoever finishes it (C2).
 *
 * A request begins to wait before its transaction, so that no finish can be missed, and its
 * patience starts after it. Each is answered once: when its subject is finished, or at its
 * deadline; but never before its patience starts, for until then its transaction is under way,
 * and the request is another thread's. The waiter is embedded in the request; this module
 * allocates nothing.
 */
#ifndef FALLBACK_WAITERS_H
#define FALLBACK_WAITERS_H

#include "repository/repository.h"

#include <stdbool.h>
#include <stdint.h>

enum waiter_outcome { WAITER_PENDING, WAITER_DONE };

struct waiter {
    char subject[OBJECT_KEY_SIZE]; /* a user's id, or an object's key */
    int64_t deadline_ms;           /* boot-time clock */
    enum waiter_outcome outcome;   /* out */
    struct waiter *same;           /* next with the same hash */
    struct waiter *older, *newer;  /* of those whose patience has started, by deadline */
    bool waiting;                  /* it has not been taken out */
    bool started;                  /* stays when it is taken out */
};

#define WAITERS_BUCKETS 1024

struct waiters {
    struct waiter *buckets[WAITERS_BUCKETS];
    struct waiter *oldest, *newest;
    size_t count;
};

void waiters_add(struct waiters *waiters, struct waiter *waiter);

/*
 * Starts the patience of one that was added. All have the same: deadlines never fall from one
 * start to the next.
 */
void waiters_start(struct waiters *waiters, struct waiter *waiter, int64_t deadline_ms);

void waiters_remove(struct waiters *waiters, struct waiter *waiter);

/* Takes out one that waits for `subject`, started or not; NULL if there is none. */
struct waiter *waiters_take(struct waiters *waiters, const char *subject);

/* Takes out the oldest started if its deadline has passed or `all`; NULL if there is none. */
struct waiter *waiters_expire(struct waiters *waiters, int64_t now, bool all);

#endif
