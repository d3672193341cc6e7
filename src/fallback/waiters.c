#include "fallback/waiters.h"

#include <string.h>

/* FNV-1a (Fowler, Noll, Vo). */
static struct waiter **bucket_of(struct waiters *waiters, const char *subject)
{
    uint32_t hash = 2166136261u;
    for (const char *at = subject; *at; at++)
        hash = (hash ^ (unsigned char)*at) * 16777619u;
    return &waiters->buckets[hash % WAITERS_BUCKETS];
}

void waiters_add(struct waiters *waiters, struct waiter *waiter)
{
    struct waiter **bucket = bucket_of(waiters, waiter->subject);
    waiter->same = *bucket;
    *bucket = waiter;
    waiter->waiting = true;
    waiter->started = false;
    waiters->count++;
}

void waiters_start(struct waiters *waiters, struct waiter *waiter, int64_t deadline_ms)
{
    waiter->deadline_ms = deadline_ms;
    waiter->older = waiters->newest;
    waiter->newer = NULL;
    if (waiters->newest)
        waiters->newest->newer = waiter;
    else
        waiters->oldest = waiter;
    waiters->newest = waiter;
    waiter->started = true;
}

static void waiter_unqueue(struct waiters *waiters, struct waiter *waiter)
{
    if (waiter->older)
        waiter->older->newer = waiter->newer;
    else
        waiters->oldest = waiter->newer;
    if (waiter->newer)
        waiter->newer->older = waiter->older;
    else
        waiters->newest = waiter->older;
}

void waiters_remove(struct waiters *waiters, struct waiter *waiter)
{
    struct waiter **link = bucket_of(waiters, waiter->subject);
    while (*link != waiter)
        link = &(*link)->same;
    *link = waiter->same;
    if (waiter->started)
        waiter_unqueue(waiters, waiter);
    waiter->waiting = false;
    waiters->count--;
}

struct waiter *waiters_take(struct waiters *waiters, const char *subject)
{
    struct waiter *waiter = *bucket_of(waiters, subject);
    while (waiter && strcmp(waiter->subject, subject) != 0)
        waiter = waiter->same;
    if (waiter)
        waiters_remove(waiters, waiter);
    return waiter;
}

struct waiter *waiters_expire(struct waiters *waiters, int64_t now, bool all)
{
    struct waiter *waiter = waiters->oldest;
    if (!waiter || (!all && waiter->deadline_ms > now))
        return NULL;
    waiters_remove(waiters, waiter);
    return waiter;
}
