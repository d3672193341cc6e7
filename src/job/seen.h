/*
 * seen: what a program of jobs shows of itself over HTTP: /health, /ready and /metrics.
 *
 * The thread that runs the jobs publishes; the server's threads read a copy under a lock.
 */
#ifndef JOB_SEEN_H
#define JOB_SEEN_H

#include "base/error.h"
#include "job/run.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* So many failures in a row make the program unhealthy. */
#define SEEN_FAILURES_RED 3

/* The scheduler looks up more often than this, or it has stalled. */
#define SEEN_STALL_MS 180000

struct seen_job {
    const char *name;
    bool awaiting; /* the service was not seen yet */
    int64_t failures;
    int64_t success_wall_ms; /* 0: never */
    int64_t planned_wall_ms; /* the next run; 0: none is planned */
    int64_t outcomes[RUN_OUTCOMES];
    int64_t duration_ms, lateness_ms; /* of the last run */
    int64_t remaining, oldest_pending_s;
    int64_t deleted; /* since the start */
};

/*
 * Why a program with these jobs is not well, or, with `ready`, not ready yet; NULL if it is.
 * `beat_ms`: when its scheduler last looked up. Pure.
 */
const char *seen_complaint(const struct seen_job *jobs, size_t count, int64_t beat_ms,
                           int64_t now_ms, bool ready);

struct seen;

/* Serves on `address` ("127.0.0.1:9090"). */
int seen_open(const char *address, struct seen **ret_seen, struct error *error);

/* NULL is allowed. */
void seen_close(struct seen *seen);

/* The scheduler is alive; `jobs` may be NULL when nothing changed. Copies what it is given. */
void seen_publish(struct seen *seen, const struct seen_job *jobs, size_t count,
                  int64_t boot_ms);

#endif
