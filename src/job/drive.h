/*
 * drive: runs jobs until they end: the loop around requests, clocks and signals.
 *
 * Everything is done on the calling thread. SIGTERM and SIGINT end the program cleanly, SIGUSR1
 * starts a run of every job now, SIGHUP reads the file of jobs again.
 */
#ifndef JOB_DRIVE_H
#define JOB_DRIVE_H

#include "base/error.h"
#include "base/notify.h"
#include "job/roster.h"

#include <stdbool.h>

/*
 * Runs the jobs of `roster`, which stays the caller's; `terminal`: standard error draws. The
 * supervisor of `notify` hears when it has begun, that it lives, and when it ends. Blocks the
 * signals that it takes for the process. Returns the exit code, or -1 with the error filled
 * in if it could not begin.
 */
int drive_run(struct roster *roster, bool terminal, const struct notify *notify,
              struct error *error);

#endif
