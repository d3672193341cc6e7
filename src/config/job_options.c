#include "config/job_options.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
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
                "@weekly, @monthly, @yearly, @annually, or \"@every 90s\". Fields take "       \
                "names, lists, ranges and steps; days also L, 15W, and 5#3 for the third "     \
                "Friday. A CRON_TZ=ZONE in front wins over --timezone."                        \
    }

#define OPTION_TIMEZONE_ROW                                                                    \
    {                                                                                          \
        "timezone", OPTION_TEXT, MEMBER(timezone), "ZONE", "UTC",                              \
            .prose = "The time zone in which the schedule is read, such as Europe/Berlin. "    \
                     "Where the clock is put forward, a fixed time that it skips runs once "   \
                     "right after; where it is put back, a time that comes twice runs the "    \
                     "first time."                                                             \
    }

#define OPTION_STATE_ROW                                                                       \
    {                                                                                          \
        "state", OPTION_TEXT, MEMBER(state), "FILE", NULL,                                     \
            .prose = "Where to remember each job's last run, for --catch-up and for the word " \
                     "status. Jobs may share one file; two programs may not."                  \
    }

#define OPTION_CONFIG_ROW                                                                      \
    {                                                                                          \
        "config", OPTION_TEXT, MEMBER(config), "FILE", NULL,                                   \
            .prose = "A file with any number of jobs, in place of the flags for one: a "       \
                     "section [NAME] for each, with the flags' names and values as lines "     \
                     "(name = value), and [defaults] for all. SIGHUP reads it again, whole, "  \
                     "and keeps the old one if anything in it is wrong."                       \
    }

/* A job's options come first, and then the program's. */
static const struct option run_options[] = {
    {"name", OPTION_TEXT, MEMBER(name), "NAME", "fallback",
     .prose = "What the job is called in logs, metrics and keys."},
    {"health", OPTION_TEXT, MEMBER(health), "URL", NULL,
     .prose = "Where the service says that it is well: any 2xx answer to a GET. Asked before "
              "every call."},
    {"fallback", OPTION_TEXT, MEMBER(fallback), "URL", NULL,
     .prose =
         "The private address that finishes what was left undone. It is called with the "
         "credentials, again and again until the answer says that there is no more. Any good "
         "answer without a word about more is the end of a run."},
    OPTION_SCHEDULE_ROW,
    OPTION_TIMEZONE_ROW,
    {"method", OPTION_TEXT, MEMBER(method), "METHOD", "DELETE",
     .choices = "DELETE|POST|PUT|PATCH|GET", .prose = "The method of the call."},
    {"success", OPTION_TEXT, MEMBER(success), "STATUSES", "200-299",
     .prose = "The statuses that mean success, such as 200,204 or 200-299."},
    {"token-file", OPTION_TEXT, MEMBER(token_file), "FILE", NULL,
     .prose =
         "The file with the bearer token, read anew for every call. It may be accessible to "
         "its user only (chmod 600)."},
    {"token-variable", OPTION_TEXT, MEMBER(token_variable), "VARIABLE", NULL,
     .prose = "The environment variable that holds the bearer token."},
    {"header", OPTION_TEXTS, MEMBER(headers), "NAME:VALUE", NULL,
     .prose = "A header of the call, which is no secret; may be given several times."},
    {"header-file", OPTION_TEXT, MEMBER(header_file), "FILE", NULL,
     .prose = "A file of secret headers, a line each (Name: value), read anew for every call. "
              "It may be accessible to its user only."},
    {"header-variable", OPTION_TEXTS, MEMBER(header_variables), "NAME:VARIABLE", NULL,
     .prose = "A secret header whose value is in an environment variable; may be given several "
              "times."},
    {"body-file", OPTION_TEXT, MEMBER(body_file), "FILE", NULL,
     .prose = "The body of the call, at most 1 MiB, read anew for every call."},
    {"ca", OPTION_TEXT, MEMBER(ca_file), "FILE", NULL,
     .prose = "Certificates (PEM) that an https address is checked against, in place of the "
              "system's."},
    {"ca-file", OPTION_TEXT, MEMBER(ca_file), "FILE", NULL, .prose = "Another name for --ca."},
    {"client-cert", OPTION_TEXT, MEMBER(client_cert), "FILE", NULL,
     .prose = "The certificate (PEM) that the job shows to the service."},
    {"client-key", OPTION_TEXT, MEMBER(client_key), "FILE", NULL,
     .prose = "Its key. It may be accessible to its user only."},
    {"unix-socket", OPTION_TEXT, MEMBER(unix_socket), "PATH", NULL,
     .prose = "Reaches the service through this socket, whatever host the addresses name."},
    {"startup-timeout", OPTION_DURATION, MEMBER(startup_timeout_ms), "DURATION", "30s", SECOND,
     HOUR, .prose = "How long to wait at start for the service to be healthy."},
    {"health-timeout", OPTION_DURATION, MEMBER(health_timeout_ms), "DURATION", "5s", SECOND,
     HOUR, .prose = "How long one answer about health may take."},
    {"health-retries", OPTION_INTEGER, MEMBER(health_retries), "N", "0", 0, 100,
     .prose = "How often to ask again, after a short pause, before a run counts as unhealthy."},
    {"connect-timeout", OPTION_DURATION, MEMBER(connect_timeout_ms), "DURATION", "5s", SECOND,
     HOUR, .prose = "How long a connection may take, its TLS handshake included."},
    {"call-timeout", OPTION_DURATION, MEMBER(call_timeout_ms), "DURATION", "1m", SECOND, DAY,
     .prose = "How long one call may take."},
    {"run-timeout", OPTION_DURATION, MEMBER(run_timeout_ms), "DURATION", "1h", SECOND, 30 * DAY,
     .prose = "How long a run, with all its calls, may take."},
    {"stop-timeout", OPTION_DURATION, MEMBER(stop_timeout_ms), "DURATION", "10s", 0, HOUR,
     .prose =
         "How long a run under way may go on after SIGTERM or SIGINT. A call that is broken "
         "off does no harm: the next one finishes its work."},
    {"retries", OPTION_INTEGER, MEMBER(retries), "N", "0", 0, 100,
     .prose =
         "How often to try a call again that was cut, not answered in time, or answered "
         "with 408, 425, 429, 500, 502, 503 or 504; after random pauses that grow, and not "
         "before Retry-After. All tries of a call carry the same Idempotency-Key."},
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
    {"jitter", OPTION_DURATION, MEMBER(jitter_ms), "DURATION", "0", 0, DAY,
     .prose = "Starts each run late by a random time below this."},
    {"spread", OPTION_DURATION, MEMBER(spread_ms), "DURATION", "0", 0, DAY,
     .prose = "Starts every run late by a time below this that is always the same for the "
              "job's name, so that many jobs with one schedule do not start at once."},
    {"start-deadline", OPTION_DURATION, MEMBER(start_deadline_ms), "DURATION", NULL, SECOND,
     3650 * DAY,
     .prose = "A run that could only start later than this counts as missed instead."},
    OPTION_STATE_ROW,
    {"catch-up", OPTION_TEXT, MEMBER(catch_up), "none|once", "once", .choices = "none|once",
     .prose = "Whether to run once, right after the start, for all that was missed since the "
              "run that --state remembers."},
    {"overlap", OPTION_TEXT, MEMBER(overlap), "skip|queue-one", "skip",
     .choices = "skip|queue-one",
     .prose = "What becomes of a time that comes during a run: it is skipped, or one run "
              "follows right after. There are never two at a time."},
    {"on-failure", OPTION_TEXT, MEMBER(on_failure), "exit|continue", NULL,
     .choices = "exit|continue",
     .prose = "Whether a failed run ends the program with its exit code: so it is for one job, "
              "while a file of several goes on, unless this says otherwise."},
    {"fail-after", OPTION_INTEGER, MEMBER(fail_after), "N", NULL, 1, 1000000,
     .prose = "Ends the program all the same after so many failures in a row."},
    {"ping", OPTION_TEXT, MEMBER(ping), "URL", NULL,
     .prose = "Is asked for URL/start when a run begins, and for URL or URL/fail when it is "
              "over, with the run's id (rid=): what healthchecks and the like expect."},
    {"ping-timeout", OPTION_DURATION, MEMBER(ping_timeout_ms), "DURATION", "5s", SECOND, HOUR,
     .prose = "How long a ping may take. A ping that fails is logged, and no more."},
    {"alert-command", OPTION_TEXT, MEMBER(alert_command), "PROGRAM", NULL,
     .prose =
         "Is started after --alert-after failures in a row with \"failing\", and with "
         "\"recovered\" at the next good run; then the job's name, the outcome, the number "
         "of failures and the reason. No shell is involved."},
    {"alert-after", OPTION_INTEGER, MEMBER(alert_after), "N", "1", 1, 1000000,
     .prose = "How many failures in a row start the alert command."},
    {"alert-timeout", OPTION_DURATION, MEMBER(alert_timeout_ms), "DURATION", "30s", SECOND,
     HOUR, .prose = "How long the alert command may take before it is killed."},
#define PROGRAM_OPTIONS 8 /* the rows from here on */
    OPTION_CONFIG_ROW,
    {"listen", OPTION_TEXT, MEMBER(listen), "ADDRESS:PORT", NULL,
     .prose = "Serves /health, /ready and /metrics there, such as on 127.0.0.1:9090."},
    {"log-level", OPTION_TEXT, MEMBER(log_level), "LEVEL", "info",
     .choices = "debug|info|warning|error",
     .prose = "The lowest level of what is logged: debug, info, warning or error."},
    {"sandbox", OPTION_TEXT, MEMBER(sandbox), "on|required|off", "on",
     .choices = "on|required|off",
     .prose =
         "Whether to give up what the job never needs: system calls (seccomp), and writing "
         "anywhere but beside the state files (Landlock). On takes what the kernel has, "
         "required does not start without all of it. A job with an alert command runs "
         "without."},
    {"core-dumps", OPTION_FLAG, MEMBER(core_dumps), NULL, NULL,
     .prose = "For developers: a crash may leave a core dump, with the secrets that were in "
              "memory."},
    {"once", OPTION_FLAG, MEMBER(once), NULL, NULL,
     .prose = "Runs once, now, and ends: for a scheduler of your own. Needs no --schedule."},
    {"dry-run", OPTION_FLAG, MEMBER(dry_run), NULL, NULL,
     .prose = "Asks for health, prints what would be called and when, and calls nothing."},
    {"version", OPTION_FLAG, MEMBER(version), NULL, NULL, .prose = "Prints the version."},
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

static const struct option contract_options[] = {
    {"contract", OPTION_FLAG, MEMBER(contract), NULL, NULL,
     .prose = "Also tries the service: is it healthy, does it refuse a call without "
              "credentials, does it answer twice alike, does it report counts? It does the "
              "service's work, as a run would."},
};

static const struct option status_options[] = {OPTION_STATE_ROW, OPTION_CONFIG_ROW};

#define COUNT(rows) (sizeof(rows) / sizeof *(rows))

static const struct option_table run_table = {
    .program = "fallback-job",
    .synopsis =
        "[run] --health URL --fallback URL --schedule EXPR --token-file FILE [OPTION]...\n"
        "       fallback-job [run] --once --health URL --fallback URL --token-file FILE\n"
        "       fallback-job [run] --config FILE [--listen ADDRESS:PORT]\n"
        "       fallback-job check [--contract] (--config FILE | the options of run)\n"
        "       fallback-job status (--config FILE | --state FILE)\n"
        "       fallback-job next --schedule EXPR [OPTION]...",
    .summary =
        "Calls a service's private endpoint on a schedule, which finishes everything that "
        "was left\nundone, and ends with an exit code as soon as something is wrong: for a "
        "supervisor to\nrestart it, and to tell somebody.",
    .environment = "FALLBACK_JOB_",
    .epilogue = "Events are logged on standard error, as JSON lines where it is no terminal; a "
                "terminal\nis shown a progress bar. SIGUSR1 runs now, SIGHUP reads --config "
                "again.\n\n"
                "Exit codes:\n"
                "  0   done (--once), or told to stop by SIGTERM or SIGINT\n"
                "  64  the command line is wrong, or the schedule bad or never firing\n"
                "  69  the service is not healthy\n"
                "  70  the call failed, or the run made no progress\n"
                "  75  out of time\n"
                "  78  the configuration cannot work: the token file, options that contradict",
    .options = run_options,
    .count = COUNT(run_options),
};

/* The environment belongs to the program, so that a job of a file has no options but its own.
 */
static const struct option_table section_table = {
    .program = "fallback-job",
    .options = run_options,
    .count = COUNT(run_options) - PROGRAM_OPTIONS,
};

static const struct option_table program_table = {
    .program = "fallback-job",
    .environment = "FALLBACK_JOB_",
    .options = run_options + COUNT(run_options) - PROGRAM_OPTIONS,
    .count = PROGRAM_OPTIONS,
};

static const struct option_table next_table = {
    .program = "fallback-job",
    .synopsis = "next --schedule EXPR [--timezone ZONE] [--from RFC3339] [--count N]",
    .summary = "Prints when a schedule runs next, one RFC 3339 instant a line; on a terminal "
               "also in UTC,\nwith a word where the clock changes.",
    .environment = "FALLBACK_JOB_",
    .options = next_options,
    .count = COUNT(next_options),
};

static const struct option_table check_table = {
    .program = "fallback-job",
    .synopsis = "check [--contract] (--config FILE | the options of run)",
    .summary = "Reads everything that run would read, says what is wrong, and ends.",
    .options = contract_options,
    .count = COUNT(contract_options),
};

static const struct option_table status_table = {
    .program = "fallback-job",
    .synopsis = "status (--config FILE | --state FILE)",
    .summary = "Prints how the last run of each job went, from the state file; ends with 0 if "
               "all went\nwell, else with 1.",
    .environment = "FALLBACK_JOB_",
    .options = status_options,
    .count = COUNT(status_options),
};

static int required_check(const struct job_options *options, struct error *error)
{
    bool run = options->word == JOB_RUN || options->word == JOB_CHECK;
    bool known = options->token_variable || options->header_file || options->client_cert ||
                 options->unix_socket || options->header_variables.count;
    const struct {
        const char *name, *value;
        bool needed;
    } rows[] = {{"health", options->health, run},
                {"fallback", options->fallback, run},
                {"token-file", options->token_file, run && !known},
                {"schedule", options->schedule, !run || !(options->once || options->dry_run)}};
    for (size_t i = 0; i < COUNT(rows); i++) {
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
    if (options->token_file && options->token_variable)
        return error_set(error, ERROR_CONFIG,
                         "--token-file and --token-variable: one of them, or it is not clear "
                         "which token counts");
    if (options->client_key && !options->client_cert)
        return error_set(error, ERROR_CONFIG, "--client-key is nothing without --client-cert");
    return 0;
}

static const struct {
    const char *text;
    const struct option_table *table;
} words[JOB_WORDS] = {
    [JOB_RUN] = {"run", &run_table},
    [JOB_NEXT] = {"next", &next_table},
    [JOB_CHECK] = {"check", &check_table},
    [JOB_STATUS] = {"status", &status_table},
};

const char *job_options_word(enum job_word word)
{
    return words[word].text;
}

const struct option_table *job_options_table(enum job_word word)
{
    return words[word].table;
}

static bool word_read(const char *text, enum job_word *ret_word)
{
    for (size_t i = 0; i < COUNT(words); i++) {
        if (strcmp(words[i].text, text) == 0) {
            *ret_word = (enum job_word)i;
            return true;
        }
    }
    return false;
}

/* True if there is a file of jobs, by an argument or by the environment. */
static bool config_is_given(int argc, char **argv)
{
    if (getenv("FALLBACK_JOB_CONFIG"))
        return true;
    for (int i = 0; i < argc; i++) {
        if (strcmp(argv[i], "--config") == 0 || strncmp(argv[i], "--config=", 9) == 0)
            return true;
    }
    return false;
}

/* Takes --contract, which no other word has, out of the arguments. */
static int contract_take(int argc, char **argv, bool *ret_contract)
{
    int kept = 0;
    for (int i = 0; i < argc; i++) {
        if (strcmp(argv[i], "--contract") == 0)
            *ret_contract = true;
        else
            argv[kept++] = argv[i];
    }
    return kept;
}

static int status_check(const struct job_options *options, struct error *error)
{
    if (!options->state && !options->config)
        return error_set(error, ERROR_USAGE,
                         "--state is missing (or --config): see fallback-job --help");
    return 0;
}

int job_options_read(int argc, char **argv, struct job_options *ret_options, bool *ret_help,
                     struct error *error)
{
    struct job_options options = {.word = JOB_RUN};
    if (argc && strncmp(argv[0], "-", 1) != 0) {
        if (!word_read(argv[0], &options.word))
            return error_set(error, ERROR_USAGE,
                             "unknown word \"%s\": give run, next, check or status, or see "
                             "fallback-job --help",
                             argv[0]);
        argc--;
        argv++;
    }
    if (options.word == JOB_CHECK)
        argc = contract_take(argc, argv, &options.contract);
    const struct option_table *table = options.word == JOB_NEXT      ? &next_table
                                       : options.word == JOB_STATUS  ? &status_table
                                       : config_is_given(argc, argv) ? &program_table
                                                                     : &run_table;
    if (options_read(table, argc, argv, &options, ret_help, error) < 0)
        return -1;
    int result = 0;
    bool runs = !*ret_help && !options.version;
    if (runs && options.word == JOB_STATUS)
        result = status_check(&options, error);
    else if (runs && !options.config)
        result =
            required_check(&options, error) < 0 ? -1 : contradictions_check(&options, error);
    *ret_options = options;
    return result;
}

int job_options_read_section(int argc, char **argv, struct job_options *options,
                             struct error *error)
{
    bool help;
    if (options_read(&section_table, argc, argv, options, &help, error) < 0)
        return -1;
    return required_check(options, error) < 0 ? -1 : contradictions_check(options, error);
}

void job_options_print_help(void)
{
    const struct option_table *const tables[] = {&run_table, &check_table, &status_table,
                                                 &next_table};
    for (size_t i = 0; i < COUNT(tables); i++) {
        if (i)
            fputc('\n', stdout);
        options_print_help(tables[i], stdout);
    }
}
