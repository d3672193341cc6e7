/*
 * roster: the jobs that a program runs, read and checked as a whole.
 *
 * Everything that can be found wrong before anything runs is found here. A roster is never
 * changed; whoever uses one of its jobs holds it.
 */
#ifndef JOB_ROSTER_H
#define JOB_ROSTER_H

#include "config/job_file.h"
#include "config/job_options.h"
#include "job/call.h"
#include "job/credentials.h"
#include "job/run.h"

#include <stddef.h>

/* Longest name of a job. */
#define ROSTER_NAME_MAX 48

struct roster_job {
    const struct job_options *options;
    const struct job_file_job *source; /* NULL: it came from flags */
    struct schedule schedule;
    struct zone *zone;
    struct call_success success;
    struct run_settings run;
};

struct roster {
    unsigned holders;
    struct job_options program;
    struct job_file *file; /* NULL: one job, from flags */
    struct roster_job *jobs;
    size_t count;
};

/* Reads the jobs that `options` ask for and holds the roster once. */
int roster_open(const struct job_options *options, struct roster **ret_roster,
                struct error *error);

struct roster *roster_hold(struct roster *roster);

/* The last holder's release frees it. NULL is allowed. */
void roster_release(struct roster *roster);

/* The job of that name, or NULL. */
const struct roster_job *roster_find(const struct roster *roster, const char *name);

/* True if a job has an alert command. */
bool roster_starts_programs(const struct roster *roster);

/* True if both say the same. */
bool roster_job_is_same(const struct roster_job *one, const struct roster_job *other);

/* Where the credentials of a job come from. */
struct credentials_sources roster_credentials(const struct roster_job *job);

#endif
