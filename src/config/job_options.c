#include "config/job_options.h"

#include "config/options.h"

#include <stddef.h>
#include <string.h>

#define MEMBER(member) offsetof(struct job_options, member)
#define SECOND         INT64_C(1000)
#define HOUR           (3600 * SECOND)
#define DAY            (24 * HOUR)

#define OPTION_SCHEDULE_ROW                                                                    \
    {                                                                                          \
        "schedule", OPTION_TEXT, MEMBER(schedule), "EXPR", NULL,                               \
            .prose =                                                                           \
                "When to run: five cron fields (minute, hour, day of month, month, day of "    \
                "week), six with seconds in front, one of @hourly, @daily, @midnight, "        \
                "@weekly, "                                                                    \
                "@monthly, @yearly, @annually, or \"@every 90s\". Fields take names, lists, "  \
                "ranges and steps; days also L, 15W, and 5#3 for the third Friday. A "         \
                "CRON_TZ=ZONE in front wins over --timezone."                                  \
    }

#define OPTION_TIMEZONE_ROW                                                                    \
    {                                                                                          \
        "timezone", OPTION_TEXT, MEMBER(timezone), "ZONE", "UTC",                              \
            .prose = "The time zone in which the schedule is read, such as Europe/Berlin. "    \
                     "Where the "                                                              \
                     "clock is put forward, a fixed time that it skips runs once right "       \
                     "after; where "                                                           \
                     "it is put back, a time that comes twice runs the first time."            \
    }

static const struct option run_options[] = {
    {"health", OPTION_TEXT, MEMBER(health), "URL", NULL,
     .prose = "Where the service says that it is well: any 2xx answer to a GET. Asked before "
              "every call."},
    {"fallback", OPTION_TEXT, MEMBER(fallback), "URL", NULL,
     .prose =
         "The private address that finishes what was left undone. It is called with DELETE "
         "and the token, again and again until the answer says that there is no more. Any "
         "2xx answer without a word about more is the end of a run."},
    OPTION_SCHEDULE_ROW,
    OPTION_TIMEZONE_ROW,
    {"token-file", OPTION_TEXT, MEMBER(token_file), "FILE", NULL,
     .prose =
         "The file with the bearer token, read anew for every call. It may be accessible to "
         "its user only (chmod 600)."},
    {"once", OPTION_FLAG, MEMBER(once), NULL, NULL,
     .prose = "Runs once, now, and ends: for a scheduler of your own. Needs no --schedule."},
    {"ca-file", OPTION_TEXT, MEMBER(ca_file), "FILE", NULL,
     .prose = "Certificates (PEM) that an https address is checked against, in place of the "
              "system's."},
    {"startup-timeout", OPTION_DURATION, MEMBER(startup_timeout_ms), "DURATION", "30s", SECOND,
     HOUR, .prose = "How long to wait at start for the service to be healthy."},
    {"health-timeout", OPTION_DURATION, MEMBER(health_timeout_ms), "DURATION", "5s", SECOND,
     HOUR, .prose = "How long one answer about health may take."},
    {"connect-timeout", OPTION_DURATION, MEMBER(connect_timeout_ms), "DURATION", "5s", SECOND,
     HOUR, .prose = "How long a connection may take, its TLS handshake included."},
    {"call-timeout", OPTION_DURATION, MEMBER(call_timeout_ms), "DURATION", "1m", SECOND, DAY,
     .prose = "How long one call may take."},
    {"run-timeout", OPTION_DURATION, MEMBER(run_timeout_ms), "DURATION", "1h", SECOND, 30 * DAY,
     .prose = "How long a run, with all its calls, may take."},
    {"stop-timeout", OPTION_DURATION, MEMBER(stop_timeout_ms), "DURATION", "10s", 0, HOUR,
     .prose =
         "How long a call under way may go on after SIGTERM or SIGINT. A call that is broken "
         "off does no harm: the next one finishes its work."},
    {"sweep-limit", OPTION_INTEGER, MEMBER(sweep_limit), "N", NULL, 1, 10000,
     .prose = "Asks the service to try at most so many in one call (limit=)."},
    {"sweep-timeout", OPTION_DURATION, MEMBER(sweep_timeout_ms), "DURATION", NULL, SECOND,
     300 * SECOND,
     .prose =
         "Asks the service to answer a call within this time (timeout=, in whole seconds). "
         "Must be shorter than --call-timeout."},
    {"max-age", OPTION_DURATION, MEMBER(max_age_ms), "DURATION", NULL, SECOND, 3650 * DAY,
     .prose = "Fails when the oldest pending deletion is older than this after a run."},
    {"fail-on-blocked", OPTION_FLAG, MEMBER(fail_on_blocked), NULL, NULL,
     .prose = "Fails also when deletions are blocked, which is otherwise only reported."},
    {"log-level", OPTION_TEXT, MEMBER(log_level), "LEVEL", "info",
     .choices = "debug|info|warning|error",
     .prose = "The lowest level of what is logged: debug, info, warning or error."},
};

static const struct option next_options[] = {
    OPTION_SCHEDULE_ROW,
    OPTION_TIMEZONE_ROW,
    {"from", OPTION_TEXT, MEMBER(from), "RFC3339", NULL,
     .prose =
         "The instant after which to look, such as 2026-03-29T01:30:00+01:00. Now, if it is "
         "not given."},
    {"count", OPTION_INTEGER, MEMBER(count), "N", "1", 1, 100000,
     .prose = "How many runs to print, one a line."},
};

static const struct option_table run_table = {
    .program = "fallback-job",
    .synopsis =
        "[run] --health URL --fallback URL --schedule EXPR --token-file FILE [OPTION]...\n"
        "       fallback-job [run] --once --health URL --fallback URL --token-file FILE\n"
        "       fallback-job next --schedule EXPR [OPTION]...",
    .summary =
        "Calls a service's private endpoint on a schedule, which finishes everything that "
        "was left\nundone, and ends with an exit code as soon as something is wrong: for a "
        "supervisor to\nrestart it, and to tell somebody.",
    .environment = "FALLBACK_JOB_",
    .epilogue = "Events are logged on standard error, as JSON lines where it is no terminal; a "
                "terminal\nis shown a progress bar.\n\n"
                "Exit codes:\n"
                "  0   done (--once), or told to stop by SIGTERM or SIGINT\n"
                "  64  the command line is wrong, or the schedule bad or never firing\n"
                "  69  the service is not healthy\n"
                "  70  the call failed, or the run made no progress\n"
                "  75  out of time\n"
                "  78  the configuration cannot work: the token file, options that contradict",
    .options = run_options,
    .count = sizeof run_options / sizeof *run_options,
};

static const struct option_table next_table = {
    .program = "fallback-job",
    .synopsis = "next --schedule EXPR [--timezone ZONE] [--from RFC3339] [--count N]",
    .summary = "Prints when a schedule runs next, one RFC 3339 instant a line.",
    .environment = "FALLBACK_JOB_",
    .options = next_options,
    .count = sizeof next_options / sizeof *next_options,
};

static int required_check(const struct job_options *options, struct error *error)
{
    bool run = options->word == JOB_RUN;
    const struct {
        const char *name, *value;
        bool needed;
    } rows[] = {{"health", options->health, run},
                {"fallback", options->fallback, run},
                {"token-file", options->token_file, run},
                {"schedule", options->schedule, !run || !options->once}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (rows[i].needed && !rows[i].value)
            return error_set(error, ERROR_USAGE, "--%s is missing: see fallback-job --help",
                             rows[i].name);
    }
    return 0;
}

static int contradictions_check(const struct job_options *options, struct error *error)
{
    if (options->sweep_timeout_ms && options->sweep_timeout_ms >= options->call_timeout_ms)
        return error_set(error, ERROR_CONFIG,
                         "--sweep-timeout must be shorter than --call-timeout, or every full "
                         "call is broken off");
    return 0;
}

int job_options_read(int argc, char **argv, struct job_options *ret_options, bool *ret_help,
                     struct error *error)
{
    struct job_options options = {.word = JOB_RUN};
    if (argc && strncmp(argv[0], "-", 1) != 0) {
        if (strcmp(argv[0], "next") == 0)
            options.word = JOB_NEXT;
        else if (strcmp(argv[0], "run") != 0)
            return error_set(
                error, ERROR_USAGE,
                "unknown word \"%s\": give run or next, or see fallback-job --help", argv[0]);
        argc--;
        argv++;
    }
    const struct option_table *table = options.word == JOB_NEXT ? &next_table : &run_table;
    if (options_read(table, argc, argv, &options, ret_help, error) < 0)
        return -1;
    if (!*ret_help &&
        (required_check(&options, error) < 0 || contradictions_check(&options, error) < 0))
        return -1;
    *ret_options = options;
    return 0;
}

void job_options_print_help(void)
{
    options_print_help(&run_table, stdout);
    fputc('\n', stdout);
    options_print_help(&next_table, stdout);
}
