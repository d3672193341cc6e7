/*
 * fallback_job_next: the word "next" of fallback-job.
 */
#ifndef PROGRAMS_FALLBACK_JOB_NEXT_H
#define PROGRAMS_FALLBACK_JOB_NEXT_H

#include "base/error.h"
#include "config/job_options.h"

/* Prints the next runs on standard output; on a terminal also in UTC. */
int fallback_job_next(const struct job_options *options, struct error *error);

#endif
