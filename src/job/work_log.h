/*
 * work_log: what a job says in the log, with the bars on the terminal out of the way.
 */
#ifndef JOB_WORK_LOG_H
#define JOB_WORK_LOG_H

#include "job/work.h"

/* The service is waited for, because of `reason`; NULL: it is there. */
void work_log_waiting(const struct work *work, const char *reason);

/* The call that was just judged. */
void work_log_call(const struct work *work);

/* The run that is over: one line that tells all of it. */
void work_log_run(const struct work *work);

/* Slots that pass without a run. */
void work_log_passed(const struct work *work, const struct run_command *command);

void work_log_sleep(const struct work *work);

#endif
