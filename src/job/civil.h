/*
 * civil: the proleptic Gregorian calendar, and RFC 3339 text, as plain arithmetic.
 *
 * A civil second counts what a clock on the wall shows, as if it were UTC: seconds since
 * 1970-01-01 00:00:00 on that clock. Pure; any thread. Years from 0 to 9999 and some centuries
 * around them.
 */
#ifndef JOB_CIVIL_H
#define JOB_CIVIL_H

#include <stdbool.h>
#include <stdint.h>

#define CIVIL_DAY_SECONDS 86400

/* The last second that RFC 3339 can write: 9999-12-31 23:59:59. */
#define CIVIL_LAST_SECOND INT64_C(253402300799)

struct civil {
    int year;
    int month; /* 1 to 12 */
    int day;   /* 1 to 31 */
    int second_of_day;
};

/* Days from 1970-01-01 to the given date; negative before it. */
int64_t civil_day_number(int year, int month, int day);

int civil_days_in_month(int year, int month);

/* 0 for Sunday to 6. */
int civil_weekday(int64_t day_number);

struct civil civil_from_seconds(int64_t seconds);
int64_t civil_to_seconds(const struct civil *civil);

/* Size of "2026-11-23T08:19:37+01:00" with its end, with room for any year. */
#define CIVIL_TEXT_SIZE 64

/* Writes `instant` (seconds since 1970 UTC) as read at `offset` seconds east of UTC; `zulu`:
 * "Z". */
void civil_format(int64_t instant, int32_t offset, bool zulu,
                  char ret_text[static CIVIL_TEXT_SIZE]);

/* Reads an RFC 3339 date-time, down to the second below; returns 0, or -1 for anything else. */
int civil_parse(const char *text, int64_t *ret_instant);

#endif
