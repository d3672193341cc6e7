/*
 * run: what a job does next: an event handler without clock, socket or file.
 *
 * It is given what happened and the time, and answers with the one command to carry out next.
 * One run is: ask after the service's health, call, and again with the cursor of the answer
 * until there is no more; then judge what the calls did together. By default the first run that
 * goes wrong ends the job with an exit code, so that a supervisor restarts it and somebody is
 * told. There are never two runs of a job at a time.
 */
#ifndef JOB_RUN_H
#define JOB_RUN_H

#include "base/error.h"
#include "base/random.h"
#include "job/call.h"
#include "job/schedule.h"
#include "job/slots.h"
#include "job/zone.h"

#include <stdbool.h>
#include <stdint.h>

struct run_settings {
    const struct schedule *schedule; /* NULL: one run, now */
    const struct zone *zone;
    int64_t startup_timeout_ms; /* how long to wait for the service at start */
    int64_t health_timeout_ms, call_timeout_ms, run_timeout_ms;
    int64_t stop_timeout_ms;         /* how long a run may go on once the job is told to stop */
    int64_t max_age_ms;              /* the oldest deletion may not be older; 0: not judged */
    int64_t health_retries, retries; /* more tries of a question for health, of a call */
    int64_t spread_ms;               /* every slot is late by this */
    int64_t jitter_ms;               /* and by a random time up to this */
    int64_t start_deadline_ms;       /* a run that is later is missed; 0: none is too late */
    int64_t fail_after;              /* failures in a row that end the job; 0: none do */
    bool catch_up;                   /* make up for what was missed while the job was down */
    bool queue_one;                  /* a slot that comes during a run is run after it */
    bool keep_going;                 /* a failed run does not end the job by itself */
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
    RUN_NUDGED,  /* somebody wants a run now */
    RUN_STOPPED, /* the job is told to stop */
};

struct run_event {
    enum run_event_kind kind;
    bool healthy;                       /* PROBED */
    const char *reason;                 /* PROBED and not healthy: why */
    const struct call_verdict *verdict; /* CALLED */
};

enum run_verb {
    RUN_PROBE,    /* ask after the service's health, until `until_ms` on the boot-time clock */
    RUN_CALL,     /* call with `cursor`, until `until_ms` on the boot-time clock */
    RUN_PAUSE,    /* wait until `until_ms` on the boot-time clock */
    RUN_SLEEP,    /* wait until `until_ms` on the wall clock */
    RUN_FINISH,   /* let the call under way finish, until `until_ms` on the boot-time clock */
    RUN_CARRY_ON, /* the command before stays in force */
    RUN_EXIT,     /* end with `exit_code` */
};

struct run_command {
    enum run_verb verb;
    int64_t until_ms;
    const char *cursor; /* "" for the first call of a run */
    int exit_code;

    bool ended;              /* a run is over: run->last tells of it */
    bool began;              /* a run begins with this command: run->report tells of it */
    int64_t skipped, missed; /* slots that pass without a run */
};

enum run_outcome {
    RUN_OK,
    RUN_UNHEALTHY,
    RUN_FAILED,
    RUN_TIMED_OUT,
    RUN_NO_PROGRESS,
    RUN_SKIPPED, /* a slot that came while a run was under way */
    RUN_MISSED,  /* a slot that came while the job or the machine was not there, or too late */
    RUN_OUTCOMES
};

struct run_report {
    enum run_outcome outcome;
    int exit_code;
    int64_t slot_s;
    int64_t started_wall_ms, lateness_ms, duration_ms;
    int64_t attempts; /* calls, with those that were repeated */
    int64_t pages;    /* calls that were answered */
    int status;       /* of the last answer; 0: none */
    bool counted;     /* the answers told counts: what follows is filled */
    struct call_counts totals;
    int64_t oldest_pending_s;
};

enum run_state {
    RUN_AWAITING, /* the first answer of the service */
    RUN_SLEEPING, /* until the schedule's next instant */
    RUN_PROBING,  /* before a call */
    RUN_CALLING,
    RUN_RETRYING, /* between two tries of a call */
};

struct run {
    struct run_settings settings;
    struct slots slots;
    enum run_state state;
    int64_t startup_deadline_ms, pause_ms;
    bool planned;      /* `planned_s` is a slot that nobody has dealt with */
    int64_t planned_s; /* the next slot; wall clock */
    int64_t delay_ms;  /* how late it is run on purpose */
    bool nudged;       /* run once more after this run */
    bool stopping;    /* the run under way may end, until its deadline, and then the job does */
    int64_t newest_s; /* the newest slot that was run */
    int64_t replays;  /* how often the clock brought that slot back */
    int64_t started_ms, deadline_ms;
    int64_t probes, tries; /* of the present question and call */
    char cursor[CALL_CURSOR_SIZE];
    struct run_report report, last; /* of the run under way, and of the one before */

    int64_t failures; /* in a row */
    int64_t outcomes[RUN_OUTCOMES];
    char reason[ERROR_TEXT_SIZE]; /* of the last failure; "" after a good run */
};

/* "ok", "unhealthy", "failed", "timeout", "no-progress", "skipped", "missed". */
const char *run_outcome_name(enum run_outcome outcome);

/* `last_slot_s`: of the job before this one, or SLOTS_NONE. */
void run_init(struct run *run, const struct run_settings *settings, int64_t last_slot_s);

/* Takes in an event and returns what to do now. */
struct run_command run_handle(struct run *run, const struct run_event *event,
                              struct run_now now, struct random *random);

/* Longest key, with its end. */
#define RUN_KEY_SIZE 224

/* What names the call under way: the same for each of its tries, and for no other call. */
void run_key(const struct run *run, const char *name, char ret_key[static RUN_KEY_SIZE]);

/* A delay below `spread_ms` that is always the same for a name. */
int64_t run_spread(const char *name, int64_t spread_ms);

#endif
