/*
 * fallback-job: reads the options, builds the jobs, runs.
 */
#include "base/error.h"
#include "base/log.h"
#include "base/notify.h"
#include "config/job_options.h"
#include "http/json_text.h"
#include "job/check.h"
#include "job/drive.h"
#include "job/roster.h"
#include "job/state.h"
#include "programs/fallback_job_next.h"
#include "programs/job_confinement.h"
#include "sandbox/sandbox.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

/* A bar needs a terminal that takes a line back. */
static bool terminal_draws(void)
{
    const char *kind = getenv("TERM");
    return isatty(STDERR_FILENO) && kind && strcmp(kind, "dumb") != 0;
}

static void log_open(const struct job_options *options)
{
    enum log_level level = LOG_INFO;
    log_level_parse(options->log_level, &level);
    log_init(level, isatty(STDERR_FILENO));
}

/* A supervisor that cannot be told is no reason not to work. */
static void supervisor_open(struct notify *ret_notify)
{
    struct error error = {0};
    if (notify_open(ret_notify, &error) < 0)
        log_warning("the supervisor is not told", log_text("reason", error.text));
}

static int run_main(const struct job_options *options, struct error *error)
{
    struct roster *roster;
    struct notify notify;
    log_open(options);
    supervisor_open(&notify);
    if (roster_open(options, &roster, error) < 0) {
        notify_close(&notify);
        return -1;
    }
    int result = options->dry_run ? check_dry_run(roster, stdout, error)
                                  : job_confinement_enter(roster, error);
    if (result == 0 && !options->dry_run)
        result = drive_run(roster, terminal_draws(), &notify, error);
    roster_release(roster);
    notify_close(&notify);
    return result;
}

static int check_main(const struct job_options *options, struct error *error)
{
    struct roster *roster;
    if (roster_open(options, &roster, error) < 0)
        return -1;
    printf("%zu job%s, nothing wrong\n", roster->count, roster->count == 1 ? "" : "s");
    int result = options->contract ? check_contract(roster, stdout, error) : 0;
    roster_release(roster);
    return result;
}

/* Each job's state file is asked, and a file that jobs share as often as it has jobs. */
static int status_main(const struct job_options *options, struct error *error)
{
    struct job_file *file;
    int bad = 0;
    if (!options->config) {
        bad = state_print(options->state, NULL, stdout, error);
        return bad < 0 ? -1 : bad > 0;
    }
    if (job_file_open(options->config, options, &file, error) < 0)
        return -1;
    for (size_t i = 0; i < file->count && bad >= 0; i++) {
        const struct job_options *job = &file->jobs[i].options;
        int own = job->state ? state_print(job->state, job->name, stdout, error) : 0;
        if (!job->state)
            printf("%s: it has no --state\n", job->name);
        bad = own < 0 ? -1 : bad + own;
    }
    job_file_close(file);
    return bad < 0 ? -1 : bad > 0;
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

static int word_main(const struct job_options *options, struct error *error)
{
    if (options->version)
        return puts("fallback-job " PROJECT_VERSION) < 0 ? EX_IOERR : EX_OK;
    switch (options->word) {
    case JOB_NEXT:
        return fallback_job_next(options, error);
    case JOB_CHECK:
        return check_main(options, error);
    case JOB_STATUS:
        return status_main(options, error);
    case JOB_RUN:
        break;
    }
    return run_main(options, error);
}

int main(int argc, char **argv)
{
    struct job_options options;
    struct error error = {0};
    bool help = false;
    json_text_prepare();
    int result = job_options_read(argc - 1, argv + (argc > 0), &options, &help, &error);
    if (result == 0 && help)
        job_options_print_help();
    else if (result == 0 && !options.core_dumps)
        result = sandbox_refuse_dumps(&error);
    if (result == 0 && !help)
        result = word_main(&options, &error);
    if (result < 0)
        return failure_tell(&error);
    return fflush(stdout) == 0 ? result : EX_IOERR;
}
