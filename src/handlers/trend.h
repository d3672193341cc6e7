/*
 * trend: the last hour in numbers, a point every ten seconds, in memory.
 *
 * One thread adds points; any thread reads. It is empty after a start: it shows how things
 * went, and nothing is decided by it.
 */
#ifndef HANDLERS_TREND_H
#define HANDLERS_TREND_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TREND_STEP_MS 10000
#define TREND_POINTS  361 /* an hour, both ends included */
/* A rate is taken over so long. */
#define TREND_RATE_MS 60000

struct trend_point {
    int64_t boot_ms, wall_ms;
    int64_t pending, blocked;
    int64_t done, failed; /* tries since the start */
};

struct trend {
    pthread_mutex_t lock;
    struct trend_point points[TREND_POINTS]; /* a ring */
    size_t first, count;
};

/* Returns 0, or -1 if the system has no more locks. */
int trend_init(struct trend *trend);
void trend_deinit(struct trend *trend);

void trend_add(struct trend *trend, const struct trend_point *point);

/* Copies the points, oldest first, into TREND_POINTS places; returns their number. */
size_t trend_copy(struct trend *trend, struct trend_point *ret_points);

/*
 * Done a second, in millionths, between `now` and the youngest point that is TREND_RATE_MS old
 * (or the oldest there is). 0 without one.
 */
int64_t trend_rate(struct trend *trend, const struct trend_point *now);

/* Milliseconds until `pending` are done at `rate`; -1 if there is no telling. */
int64_t trend_time_to_clean(int64_t pending, int64_t rate);

#endif
