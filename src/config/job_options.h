/*
 * job_options: the options of fallback-job, declared once.
 *
 * Those of a job come from flags and the environment, or, for any number of jobs, from a file:
 *
 *     [defaults]
 *     token-file = /etc/fallback-job/token
 *
 *     [users]
 *     schedule = 0-59/5 * * * *
 *     health = http://127.0.0.1:8081/api/health
 *     fallback = http://127.0.0.1:8081/api/users/fallback
 */
#ifndef CONFIG_JOB_OPTIONS_H
#define CONFIG_JOB_OPTIONS_H

#include "base/error.h"
#include "config/options.h"

#include <stdbool.h>
#include <stdint.h>

enum job_word { JOB_RUN, JOB_NEXT, JOB_CHECK, JOB_STATUS };

#define JOB_WORDS 4

struct job_options {
    enum job_word word;

    /* A job's. */
    const char *name;
    const char *schedule, *timezone;
    const char *health, *fallback, *method, *success;
    const char *token_file, *token_variable, *header_file, *body_file;
    struct option_texts headers, header_variables;
    const char *ca_file, *client_cert, *client_key, *unix_socket;
    bool fail_on_blocked;
    int64_t startup_timeout_ms, health_timeout_ms, connect_timeout_ms;
    int64_t call_timeout_ms, run_timeout_ms, stop_timeout_ms;
    int64_t health_retries, retries;
    int64_t sweep_limit, sweep_timeout_ms, max_age_ms; /* 0: not given */
    int64_t jitter_ms, spread_ms, start_deadline_ms;
    const char *catch_up, *overlap, *state;
    const char *on_failure; /* NULL: exit for one job, continue for several */
    int64_t fail_after;
    const char *ping;
    int64_t ping_timeout_ms;
    const char *alert_command;
    int64_t alert_after, alert_timeout_ms;

    /* The program's. */
    const char *config, *listen, *log_level, *sandbox;
    bool core_dumps, once, dry_run, version, contract;

    /* next */
    const char *from;
    int64_t count;
};

/*
 * Reads the arguments after the program's name, the first of which may be a word: run, next,
 * check or status. With --config only the program's options are taken: see job_file.h.
 *
 * Returns 0, or -1: ERROR_USAGE for what is malformed or missing, ERROR_CONFIG for options that
 * contradict each other. With `--help`, sets `*ret_help` and looks at nothing else; with
 * `--version`, looks at nothing else either.
 */
int job_options_read(int argc, char **argv, struct job_options *ret_options, bool *ret_help,
                     struct error *error);

/* Reads the options of one job of a file, as flags; its name is set by the caller. */
int job_options_read_section(int argc, char **argv, struct job_options *options,
                             struct error *error);

/* What is typed for it, and the options that it takes. JOB_CHECK takes those of JOB_RUN too. */
const char *job_options_word(enum job_word word);
const struct option_table *job_options_table(enum job_word word);

/* Prints the whole help of all words on standard output. */
void job_options_print_help(void);

#endif
