/*
 * run: what the job does next: an event handler without clock, socket or file.
 *
 * It is given what happened and the time, and answers with the one command to carry out next.
 * One run is: ask after the service's health, call, and again with the cursor of the answer
 * until there is no more; then judge what the calls did together. The first thing that goes
 * wrong ends the job with an exit code, so that a supervisor restarts it and somebody is told.
 */
#ifndef JOB_RUN_H
#define JOB_RUN_H

#include "base/error.h"
#include "base/random.h"
#include "job/call.h"
#include "job/schedule.h"
#include "job/zone.h"

#include <stdbool.h>
#include <stdint.h>

struct run_settings {
    const struct schedule *schedule; /* NULL: one run, now */
    const struct zone *zone;
    int64_t startup_timeout_ms; /* how long to wait for the service at start */
    int64_t health_timeout_ms, call_timeout_ms, run_timeout_ms;
    int64_t stop_timeout_ms; /* how long a call may go on once the job is told to stop */
    int64_t max_age_ms;      /* the oldest deletion may not be older; 0: not judged */
    bool fail_on_blocked;
};

struct run_now {
    int64_t boot_ms; /* deadlines */
    int64_t wall_ms; /* schedules */
};

enum run_event_kind {
    RUN_STARTED, /* the first event, once */
    RUN_PROBED,
    RUN_CALLED,
    RUN_WOKEN,   /* the time of a command has come, or the wall clock was set */
    RUN_STOPPED, /* the job is told to stop */
};

struct run_event {
    enum run_event_kind kind;
    bool healthy;                       /* PROBED */
    const char *reason;                 /* PROBED and not healthy: why */
    const struct call_verdict *verdict; /* CALLED */
};

enum run_verb {
    RUN_PROBE,  /* ask after the service's health, until `until_ms` on the boot-time clock */
    RUN_CALL,   /* call with `cursor`, until `until_ms` on the boot-time clock */
    RUN_PAUSE,  /* wait until `until_ms` on the boot-time clock */
    RUN_SLEEP,  /* wait until `until_ms` on the wall clock */
    RUN_FINISH, /* let the call under way finish, until `until_ms` on the boot-time clock */
    RUN_EXIT,   /* end with `exit_code` */
};

struct run_command {
    enum run_verb verb;
    int64_t until_ms;
    const char *cursor; /* "" for the first call of a run */
    int exit_code;
};

enum run_state {
    RUN_AWAITING, /* the first answer of the service */
    RUN_SLEEPING, /* until the schedule's next instant */
    RUN_PROBING,  /* before a call */
    RUN_CALLING,
    RUN_STOPPING, /* only the call under way is waited for */
};

struct run {
    struct run_settings settings;
    enum run_state state;
    int64_t startup_deadline_ms, pause_ms;
    int64_t planned_s, last_s; /* the next run and the one before it; wall clock */

    /* Of the run under way, or the last one. */
    int64_t started_ms, deadline_ms;
    char cursor[CALL_CURSOR_SIZE];
    struct call_counts totals;
    int64_t oldest_pending_s;
    bool counted;

    char reason[ERROR_TEXT_SIZE]; /* with an exit code other than 0: why */
};

void run_init(struct run *run, const struct run_settings *settings);

/* Takes in an event and returns what to do now. */
struct run_command run_handle(struct run *run, const struct run_event *event,
                              struct run_now now, struct random *random);

#endif
