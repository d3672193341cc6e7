/*
 * slots: the instants of a schedule as a job lives through them, on a wall clock that may be
 * put forward and back.
 *
 * Pure; any thread. Instants are whole seconds since 1970 UTC; SLOTS_NONE is before all of
 * them.
 */
#ifndef JOB_SLOTS_H
#define JOB_SLOTS_H

#include "job/schedule.h"
#include "job/zone.h"

#include <stdint.h>

#define SLOTS_NONE INT64_MIN

/* Slots that passed are counted up to here. */
#define SLOTS_COUNTED_MAX 10000

struct slots {
    const struct schedule *schedule;
    const struct zone *zone;
    int64_t last_s;       /* the last slot that is dealt with: run, skipped or missed */
    int64_t last_boot_ms; /* when that was, on the boot-time clock */
};

/*
 * The slot to wait for at the wall time `now_s`. Returns 0, or -1 if there is none.
 *
 * A clock that was put back repeats no slot: a fixed time stays dealt with, and what follows
 * elapsed time goes on only when as much time as lies between two slots has passed. Nor does it
 * make anybody wait for the clock to catch up when it was put back by more than three hours.
 */
int slots_next(const struct slots *slots, int64_t now_s, int64_t boot_ms, int64_t *ret_slot);

/* The latest slot up to `limit_s`, of which `first_s` is one; `ret_count`: how many, with both.
 */
int64_t slots_until(const struct slots *slots, int64_t first_s, int64_t limit_s,
                    int64_t *ret_count);

#endif
