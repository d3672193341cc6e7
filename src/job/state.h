/*
 * state: what a job remembers from one program to the next, in a small file.
 *
 * The file holds any number of jobs, as JSON. It is replaced as a whole, so that a crash leaves
 * the old one or the new one; a program has it for itself.
 */
#ifndef JOB_STATE_H
#define JOB_STATE_H

#include "base/error.h"

#include <stdint.h>
#include <stdio.h>

#define STATE_BYTES_MAX (1 << 20)

struct state_record {
    const char *job;
    int64_t slot_s;          /* the last slot that was dealt with */
    int64_t started_wall_ms; /* the last run's */
    int64_t success_wall_ms; /* end of the last good run; 0: keep what is there */
    int64_t failures;        /* in a row */
    const char *outcome, *reason;
    int exit_code;
};

/*
 * Reads the last slot of `job`; SLOTS_NONE (run.h) if there is no file, or nothing in it about
 * the job. Returns 0, or -1 if the file cannot be read or is damaged.
 */
int state_read(const char *path, const char *job, int64_t *ret_slot, struct error *error);

/* A damaged file is replaced; one that cannot be read now is left alone, which is an error. */
int state_write(const char *path, const struct state_record *record, struct error *error);

/*
 * Prints a line for each job of the file; of `job` alone if it is not NULL. Returns how many of
 * the last runs did not go well, or -1.
 */
int state_print(const char *path, const char *job, FILE *out, struct error *error);

#endif
