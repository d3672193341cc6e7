/*
 * next: when a schedule fires next.
 *
 * A pure function of schedule, zone and instant; bounded in time; any thread.
 *
 * Where the clock is put forward by up to three hours, a fixed time that it skips fires once,
 * at the first instant after. Where it is put back, a fixed time that comes twice fires the
 * first time. A schedule whose minute or hour starts with `*` follows elapsed time instead: it
 * fires whenever the clock shows a time that matches, and not for times that were skipped.
 */
#ifndef JOB_NEXT_H
#define JOB_NEXT_H

#include "job/schedule.h"
#include "job/zone.h"

#include <stdint.h>

/* The calendar repeats after this many years: what does not fire within them never does. */
#define NEXT_HORIZON_YEARS 400

/*
 * The first instant after `instant` (seconds since 1970 UTC) at which `schedule` fires, its
 * fields read in `zone`. Returns 0, or -1 if it never fires.
 */
int next_instant(const struct schedule *schedule, const struct zone *zone, int64_t instant,
                 int64_t *ret_instant);

#endif
