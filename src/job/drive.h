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

struct drive;

/*
 * Runs the jobs of `roster`, which stays the caller's; `terminal`: standard error draws. The
 * supervisor of `notify` hears when it has begun, that it lives, and when it ends. Blocks the
 * signals that it takes for the process. Returns the exit code, or -1 with the error filled
 * in if it could not begin.
 */
int drive_run(struct roster *roster, bool terminal, const struct notify *notify,
              struct error *error);

/* What drive_run is made of, for who brings a clock and a network of their own. */

/* NULL, with the error filled in, if it could not begin. */
struct drive *drive_open(struct roster *roster, bool terminal, const struct notify *notify,
                         struct error *error);

/* Goes on as far as it can without waiting; false once all jobs have ended. */
bool drive_turn(struct drive *drive);

/* The next turn is due after so long, or when a request or a signal has come. */
int64_t drive_wait_ms(const struct drive *drive);

/* Says how it ended, closes it and returns the exit code. */
int drive_end(struct drive *drive);

/* Breaks off what is under way. */
void drive_close(struct drive *drive);

#endif
