/*
 * job_options: the options of fallback-job, declared once.
 */
#ifndef CONFIG_JOB_OPTIONS_H
#define CONFIG_JOB_OPTIONS_H

#include "base/error.h"

#include <stdbool.h>
#include <stdint.h>

enum job_word { JOB_RUN, JOB_NEXT };

struct job_options {
    enum job_word word;
    const char *schedule, *timezone;

    /* run */
    const char *health, *fallback, *token_file, *ca_file, *log_level;
    bool once, fail_on_blocked;
    int64_t startup_timeout_ms, health_timeout_ms, connect_timeout_ms;
    int64_t call_timeout_ms, run_timeout_ms, stop_timeout_ms;
    int64_t sweep_limit, sweep_timeout_ms, max_age_ms; /* 0: not given */

    /* next */
    const char *from;
    int64_t count;
};

/*
 * Reads the arguments after the program's name, the first of which may be "run" or "next".
 * Returns 0, or -1: ERROR_USAGE for what is malformed or missing, ERROR_CONFIG for options that
 * contradict each other. With `--help`, sets `*ret_help` and looks at nothing else.
 */
int job_options_read(int argc, char **argv, struct job_options *ret_options, bool *ret_help,
                     struct error *error);

/* Prints the whole help of both words on standard output. */
void job_options_print_help(void);

#endif
