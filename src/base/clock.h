/*
 * clock: the three times of this project.
 *
 * Deadlines inside the process come from the boot-time clock, which goes on while the machine
 * sleeps and never steps. The wall clock is for people and for log lines. Times in database
 * rows come from the database. All in milliseconds; wall times since 1970-01-01 UTC.
 */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdint.h>

/* Milliseconds; never goes back. */
int64_t clock_boot_ms(void);
/* Microseconds of the same clock, to measure how long something took. */
int64_t clock_boot_us(void);
int64_t clock_wall_ms(void);

/* Size of "2026-11-23T08:19:37.123Z" with its end, with room for any year. */
#define CLOCK_TEXT_SIZE 48

/* Writes `wall_ms` as RFC 3339 in UTC with milliseconds. */
void clock_format_utc(int64_t wall_ms, char ret_text[static CLOCK_TEXT_SIZE]);

#endif
