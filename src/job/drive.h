/*
 * drive: carries out what run.h commands, with real sockets, clocks and signals.
 *
 * Everything is done on the calling thread. SIGTERM and SIGINT end the job cleanly.
 */
#ifndef JOB_DRIVE_H
#define JOB_DRIVE_H

#include "base/error.h"
#include "job/run.h"

#include <stdbool.h>
#include <stdint.h>

struct drive_settings {
    struct run_settings run;
    const char *health_url, *fallback_url;
    const char *token_file; /* read anew for every call */
    const char *ca_file;    /* NULL: the system's */
    int64_t connect_timeout_ms;
    int64_t sweep_limit, sweep_timeout_ms; /* asked of the service; 0: not mentioned */
    bool terminal;                         /* standard error is one that draws */
};

/*
 * Runs the job until it ends. Blocks SIGTERM and SIGINT for the process.
 * Returns the exit code, or -1 with the error filled in if it could not begin.
 */
int drive_run(const struct drive_settings *settings, struct error *error);

#endif
