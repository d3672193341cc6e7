#include "programs/fallback_job_next.h"

#include "base/clock.h"
#include "job/civil.h"
#include "job/next.h"
#include "job/schedule.h"
#include "job/zone.h"

#include <stdio.h>
#include <unistd.h>

static int schedule_open(const struct job_options *options, struct schedule *ret_schedule,
                         struct zone **ret_zone, struct error *error)
{
    if (schedule_parse(options->schedule, ret_schedule, error) < 0)
        return error_wrap(error, "--schedule");
    bool prefixed = ret_schedule->zone[0];
    if (zone_open(prefixed ? ret_schedule->zone : options->timezone, ret_zone, error) < 0)
        return error_wrap(error, prefixed ? "--schedule" : "--timezone");
    return 0;
}

/* What a reader may stumble over: the clock changes between the run before and this one. */
static void change_print(const struct zone *zone, int64_t before, int64_t instant)
{
    int64_t change = zone_change_after(zone, before);
    if (change > instant)
        return;
    int32_t step = zone_offset_at(zone, change) - zone_offset_at(zone, change - 1);
    if (step)
        printf("   the clock was put %s by %d min", step > 0 ? "forward" : "back",
               (step > 0 ? step : -step) / 60);
}

static void line_print(const struct zone *zone, int64_t before, int64_t instant, bool terminal)
{
    char local[CIVIL_TEXT_SIZE], utc[CIVIL_TEXT_SIZE];
    civil_format(instant, zone_offset_at(zone, instant), zone_is_utc(zone), local);
    civil_format(instant, 0, true, utc);
    fputs(local, stdout);
    if (terminal && !zone_is_utc(zone)) {
        printf("   %s", utc);
        change_print(zone, before, instant);
    }
    fputc('\n', stdout);
}

static int runs_print(const struct job_options *options, const struct schedule *schedule,
                      const struct zone *zone, struct error *error)
{
    int64_t instant = clock_wall_ms() / 1000;
    bool terminal = isatty(STDOUT_FILENO);
    if (options->from && civil_parse(options->from, &instant) < 0)
        return error_set(error, ERROR_USAGE,
                         "--from: give an instant such as 2026-03-29T01:30:00+01:00");
    for (int64_t i = 0; i < options->count; i++) {
        int64_t before = instant;
        if (next_instant(schedule, zone, instant, &instant) < 0)
            return error_set(error, ERROR_USAGE, "--schedule: it never fires");
        if (instant + ZONE_OFFSET_MAX > CIVIL_LAST_SECOND)
            return error_set(error, ERROR_USAGE, "--schedule: no run before the year 10000");
        line_print(zone, before, instant, terminal);
    }
    return fflush(stdout) == 0 ? 0 : error_set(error, ERROR_IO, "cannot write the answer");
}

int fallback_job_next(const struct job_options *options, struct error *error)
{
    struct schedule schedule;
    struct zone *zone = NULL;
    int result = schedule_open(options, &schedule, &zone, error);
    if (result == 0)
        result = runs_print(options, &schedule, zone, error);
    zone_close(zone);
    return result;
}
