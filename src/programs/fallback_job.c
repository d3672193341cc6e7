/*
 * fallback-job: reads the options, builds the objects, runs.
 */
#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "config/job_options.h"
#include "http/client.h"
#include "job/civil.h"
#include "job/drive.h"
#include "job/next.h"
#include "job/schedule.h"
#include "job/token.h"
#include "job/zone.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
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

static int next_print(const struct job_options *options, const struct schedule *schedule,
                      const struct zone *zone, struct error *error)
{
    int64_t instant = clock_wall_ms() / 1000;
    if (options->from && civil_parse(options->from, &instant) < 0)
        return error_set(error, ERROR_USAGE,
                         "--from: give an instant such as 2026-03-29T01:30:00+01:00");
    for (int64_t i = 0; i < options->count; i++) {
        char text[CIVIL_TEXT_SIZE];
        if (next_instant(schedule, zone, instant, &instant) < 0)
            return error_set(error, ERROR_USAGE, "--schedule: it never fires");
        if (instant + ZONE_OFFSET_MAX > CIVIL_LAST_SECOND)
            return error_set(error, ERROR_USAGE, "--schedule: no run before the year 10000");
        civil_format(instant, zone_offset_at(zone, instant), zone_is_utc(zone), text);
        printf("%s\n", text);
    }
    return fflush(stdout) == 0 ? 0 : error_set(error, ERROR_IO, "cannot write the answer");
}

static int next_main(const struct job_options *options, struct error *error)
{
    struct schedule schedule;
    struct zone *zone = NULL;
    int result = schedule_open(options, &schedule, &zone, error);
    if (result == 0)
        result = next_print(options, &schedule, zone, error);
    zone_close(zone);
    return result;
}

/* What can be found wrong before anything runs is found now. */
static int settings_check(const struct job_options *options, const struct schedule *schedule,
                          const struct zone *zone, struct error *error)
{
    char token[TOKEN_SIZE];
    int64_t first;
    if (http_url_check(options->health, error) < 0)
        return error_wrap(error, "--health");
    if (http_url_check(options->fallback, error) < 0)
        return error_wrap(error, "--fallback");
    if (zone && next_instant(schedule, zone, clock_wall_ms() / 1000, &first) < 0)
        return error_set(error, ERROR_USAGE, "--schedule: it never fires");
    if (options->ca_file && access(options->ca_file, R_OK) < 0)
        return error_set(error, ERROR_CONFIG, "--ca-file: %s cannot be read", options->ca_file);
    if (token_read(options->token_file, token, error) < 0)
        return -1;
    token_forget(token);
    return 0;
}

static int run_main(const struct job_options *options, bool terminal, struct error *error)
{
    struct schedule schedule;
    struct zone *zone = NULL;
    int result = options->schedule ? schedule_open(options, &schedule, &zone, error) : 0;
    if (result == 0)
        result = settings_check(options, &schedule, zone, error);
    if (result == 0) {
        struct drive_settings settings = {
            .run = {.schedule = options->once ? NULL : &schedule,
                    .zone = zone,
                    .startup_timeout_ms = options->startup_timeout_ms,
                    .health_timeout_ms = options->health_timeout_ms,
                    .call_timeout_ms = options->call_timeout_ms,
                    .run_timeout_ms = options->run_timeout_ms,
                    .stop_timeout_ms = options->stop_timeout_ms,
                    .max_age_ms = options->max_age_ms,
                    .fail_on_blocked = options->fail_on_blocked},
            .health_url = options->health,
            .fallback_url = options->fallback,
            .token_file = options->token_file,
            .ca_file = options->ca_file,
            .connect_timeout_ms = options->connect_timeout_ms,
            .sweep_limit = options->sweep_limit,
            .sweep_timeout_ms = options->sweep_timeout_ms,
            .terminal = terminal};
        result = drive_run(&settings, error);
    }
    zone_close(zone);
    return result;
}

/* A bar needs a terminal that takes a line back. */
static bool terminal_draws(void)
{
    const char *kind = getenv("TERM");
    return isatty(STDERR_FILENO) && kind && strcmp(kind, "dumb") != 0;
}

/* A person is told in words; a log, unless the command line is wrong, in a line of its own
 * kind. */
static int failure_tell(const struct error *error)
{
    int exit_code = error_exit_code(error);
    if (error->class == ERROR_USAGE || isatty(STDERR_FILENO))
        fprintf(stderr, "fallback-job: %s\n", error->text);
    else
        log_error("job failed", log_number("exit", exit_code), log_text("reason", error->text));
    return exit_code;
}

int main(int argc, char **argv)
{
    struct job_options options;
    struct error error = {0};
    enum log_level level = LOG_INFO;
    bool help = false;
    int result;

    if (job_options_read(argc - 1, argv + (argc > 0), &options, &help, &error) < 0) {
        result = -1;
    } else if (help) {
        job_options_print_help();
        return fflush(stdout) == 0 ? EX_OK : EX_IOERR;
    } else if (options.word == JOB_NEXT) {
        result = next_main(&options, &error);
    } else {
        log_level_parse(options.log_level, &level);
        log_init(level, isatty(STDERR_FILENO));
        result = run_main(&options, terminal_draws(), &error);
    }
    return result >= 0 ? result : failure_tell(&error);
}
