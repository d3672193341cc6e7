/*
 * schedule: what a cron expression says, as sets of numbers.
 *
 *     [CRON_TZ=Europe/Berlin] [second] minute hour day-of-month month day-of-week
 *     @hourly @daily @midnight @weekly @monthly @yearly @annually @every 1h30m
 *
 * A field is `*` or a list of numbers, ranges and steps; months and weekdays also by name. `?`
 * is
 * `*` in the two day fields. Days of the month may also be `L` (the last one) and `15W` (the
 * weekday nearest to the 15th, in the same month), days of the week `5#3` (the third Friday).
 * Two restricted day fields are joined by OR, unless one of them starts with `*`.
 *
 * Pure; any thread.
 */
#ifndef JOB_SCHEDULE_H
#define JOB_SCHEDULE_H

#include "base/error.h"
#include "job/zone.h"

#include <stdbool.h>
#include <stdint.h>

/* Longest expression, with its end. */
#define SCHEDULE_TEXT_SIZE 1024

/* A month has at most five of each weekday. */
#define SCHEDULE_NTH_MAX 5

/* In every set, bit n stands for the number n. */
struct schedule {
    int64_t every_s; /* @every: seconds between two runs; 0: the sets below say when */

    uint64_t seconds, minutes;
    uint32_t hours, days, months;
    uint32_t near_weekdays;                     /* nW */
    bool last_day;                              /* L */
    uint8_t weekdays;                           /* 0 is Sunday */
    uint8_t nth_weekdays[SCHEDULE_NTH_MAX + 1]; /* [n]: the weekdays d of all d#n */
    bool days_both;                             /* the day fields are joined by AND */

    /* Minute or hour starts with `*`: follows elapsed time through a change of the clock. */
    bool elapsed;

    char zone[ZONE_NAME_SIZE]; /* of CRON_TZ= or TZ=; "" if there was none */
};

/*
 * Reads `text`. Returns 0, or -1 with ERROR_USAGE that names the column (from 1), the field and
 * what is wrong there. Whether the zone exists is not looked at.
 */
int schedule_parse(const char *text, struct schedule *ret_schedule, struct error *error);

/* The days of a month (bits 1 to 31) on which the schedule fires. */
uint32_t schedule_month_days(const struct schedule *schedule, int year, int month);

#endif
