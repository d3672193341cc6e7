/*
 * alert: starts a program when a job keeps failing, and once more when it is well again.
 *
 * The program gets "failing" or "recovered", the job's name, the outcome, the number of
 * failures in a row and the reason as arguments. It has a time-out of its own and can fail
 * nothing. No shell is involved.
 */
#ifndef JOB_ALERT_H
#define JOB_ALERT_H

#include "base/error.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct alert_news {
    const char *job, *outcome;
    int64_t failures; /* in a row; 0: the run went well */
    const char *reason;
};

struct alert {
    const char *command; /* NULL: nobody is told */
    int64_t after, timeout_ms;
    bool told; /* that it fails, and not yet that it recovered */

    pid_t child; /* 0: none */
    int64_t deadline_ms;
    bool killed;

    /* What is told next, when the program that runs now is done. */
    bool waiting, recovered;
    char job[64], outcome[16], failures[24], reason[ERROR_TEXT_SIZE];
};

void alert_init(struct alert *alert, const char *command, int64_t after, int64_t timeout_ms);

/* A run is over. */
void alert_note(struct alert *alert, const struct alert_news *news, int64_t now_ms);

/* Goes on after SIGCHLD, and when `alert_due_ms` has come. */
void alert_step(struct alert *alert, int64_t now_ms);

/* When the program has to be ended; INT64_MAX if there is none. Boot-time clock. */
int64_t alert_due_ms(const struct alert *alert);

bool alert_is_idle(const struct alert *alert);

/* Ends the program, if it runs. */
void alert_deinit(struct alert *alert);

#endif
