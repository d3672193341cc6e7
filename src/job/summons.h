/*
 * summons: what reaches the program of jobs from outside: signals, and that somebody set the
 * wall clock.
 *
 * Both are descriptors that a poll can watch, so that who waits for answers waits for these
 * too.
 */
#ifndef JOB_SUMMONS_H
#define JOB_SUMMONS_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>

#define SUMMONS_FILES_MAX 2

struct summons {
    int files[SUMMONS_FILES_MAX]; /* to be watched; the last may be -1: see summons_open */
};

/*
 * Blocks SIGTERM, SIGINT, SIGHUP, SIGUSR1 and SIGCHLD for the process, and has them come here.
 * Not every system tells of a clock that is set: the second descriptor is -1 there. On failure
 * nothing is left open.
 */
int summons_open(struct summons *ret_summons, struct error *error);

void summons_close(struct summons *summons);

/* The next signal that has come; 0: none has. */
int summons_next(struct summons *summons);

/* True if the wall clock was set since the last time; also after the machine slept. */
bool summons_clock_was_set(struct summons *summons);

/* How many of the descriptors there are. */
size_t summons_count(const struct summons *summons);

#endif
