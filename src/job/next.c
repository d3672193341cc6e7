#include "job/next.h"

#include "job/civil.h"

/* A longer step of the clock is a change of date line or rule, not summer time. */
#define GAP_MAX (3 * 3600)

#define HORIZON_SECONDS ((int64_t)NEXT_HORIZON_YEARS * 366 * CIVIL_DAY_SECONDS)

static int first_bit_from(uint64_t set, int first)
{
    uint64_t rest = first < 64 ? set >> first << first : 0;
    return rest ? __builtin_ctzll(rest) : -1;
}

/* The first matching second of a day from `second` on; -1 if the day has no more. */
static int next_second_of_day(const struct schedule *schedule, int second)
{
    int hour = second / 3600, minute = second / 60 % 60;
    second %= 60;
    for (;;) {
        int found = first_bit_from(schedule->hours, hour);
        if (found < 0)
            return -1;
        if (found > hour)
            minute = second = 0;
        hour = found;
        found = first_bit_from(schedule->minutes, minute);
        if (found > minute)
            second = 0;
        if (found >= 0) {
            minute = found;
            found = first_bit_from(schedule->seconds, second);
            if (found >= 0)
                return hour * 3600 + minute * 60 + found;
            second = 0;
            minute++;
            continue;
        }
        minute = second = 0;
        hour++;
    }
}

/* The first matching civil second from `from` on, on a clock that is never put forward or back.
 */
static int next_civil(const struct schedule *schedule, int64_t from, int64_t *ret_civil)
{
    struct civil at = civil_from_seconds(from);
    int last_year = at.year + NEXT_HORIZON_YEARS;
    for (; at.year <= last_year; at.year++, at.month = 1) {
        for (; at.month <= 12; at.month++, at.day = 1, at.second_of_day = 0) {
            if (!(schedule->months >> at.month & 1))
                continue;
            uint32_t days = schedule_month_days(schedule, at.year, at.month);
            int day;
            while ((day = first_bit_from(days, at.day)) >= 0) {
                int second = next_second_of_day(schedule, day > at.day ? 0 : at.second_of_day);
                at.day = day;
                at.second_of_day = second;
                if (second >= 0) {
                    *ret_civil = civil_to_seconds(&at);
                    return 0;
                }
                at.day++;
                at.second_of_day = 0;
            }
        }
    }
    return -1;
}

/* The latest time that the clock has shown up to `instant`. */
static int64_t latest_shown(const struct zone *zone, int64_t instant)
{
    int64_t latest = INT64_MIN;
    int64_t start = instant - 2 * ZONE_OFFSET_MAX;
    while (start <= instant) {
        int64_t end = zone_change_after(zone, start);
        int64_t last = end <= instant ? end - 1 : instant;
        int64_t shown = last + zone_offset_at(zone, start);
        if (shown > latest)
            latest = shown;
        if (end == INT64_MAX)
            break;
        start = end;
    }
    return latest;
}

/* The first instant at which the clock shows `civil` or later. */
static int64_t first_reached(const struct zone *zone, int64_t civil)
{
    int64_t start = civil - ZONE_OFFSET_MAX;
    for (;;) {
        int64_t end = zone_change_after(zone, start);
        int64_t reached = civil - zone_offset_at(zone, start);
        if (reached < start)
            reached = start;
        if (reached < end)
            return reached;
        start = end;
    }
}

/* How far the clock jumped ahead over `civil` at `instant`; 0 if it shows just that time. */
static int64_t gap_over(const struct zone *zone, int64_t civil, int64_t instant)
{
    if (instant + zone_offset_at(zone, instant) == civil)
        return 0;
    return zone_offset_at(zone, instant) - zone_offset_at(zone, instant - 1);
}

static int next_fixed(const struct schedule *schedule, const struct zone *zone, int64_t instant,
                      int64_t *ret_instant)
{
    int64_t civil = latest_shown(zone, instant);
    int64_t horizon = civil + HORIZON_SECONDS;
    while (civil < horizon && next_civil(schedule, civil + 1, &civil) == 0) {
        int64_t reached = first_reached(zone, civil);
        if (gap_over(zone, civil, reached) <= GAP_MAX) {
            *ret_instant = reached;
            return 0;
        }
        /* Nothing that this gap holds fires. */
        civil = reached + zone_offset_at(zone, reached) - 1;
    }
    return -1;
}

/*
 * Takes the stretches between two changes of the offset one by one. What matches in the civil
 * time of one stretch may lie years ahead; then the stretches that only show times before the
 * match are stepped over: past the reach of an offset on both sides, they hold none.
 */
static int next_elapsed(const struct schedule *schedule, const struct zone *zone,
                        int64_t instant, int64_t *ret_instant)
{
    int64_t horizon = instant + HORIZON_SECONDS;
    int64_t start = instant + 1;
    while (start <= horizon) {
        int64_t end = zone_change_after(zone, start);
        int64_t offset = zone_offset_at(zone, start);
        int64_t civil;
        if (next_civil(schedule, start + offset, &civil) < 0)
            return -1;
        if (civil - offset < end) {
            *ret_instant = civil - offset;
            return 0;
        }
        bool near = end < start + 2 * ZONE_OFFSET_MAX;
        start = near || civil - ZONE_OFFSET_MAX < end ? end : civil - ZONE_OFFSET_MAX;
    }
    return -1;
}

int next_instant(const struct schedule *schedule, const struct zone *zone, int64_t instant,
                 int64_t *ret_instant)
{
    if (schedule->every_s) {
        *ret_instant = instant + schedule->every_s;
        return 0;
    }
    return schedule->elapsed ? next_elapsed(schedule, zone, instant, ret_instant)
                             : next_fixed(schedule, zone, instant, ret_instant);
}
