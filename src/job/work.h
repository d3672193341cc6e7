/*
 * work: one job at work: carries out what run.h commands, with real requests, files and clocks.
 *
 * Nothing here waits: who drives it polls the HTTP client and calls work_step when something
 * may have happened. One thread.
 */
#ifndef JOB_WORK_H
#define JOB_WORK_H

#include "base/trace.h"
#include "job/alert.h"
#include "job/ping.h"
#include "job/progress.h"
#include "job/roster.h"
#include "job/run.h"

#include <stdbool.h>
#include <stdint.h>

/* Longest body of a call. */
#define WORK_BODY_MAX (1 << 20)

struct work {
    struct roster *roster; /* held */
    const struct roster_job *job;
    struct http_client *client;
    struct progress *progress;
    struct random random;
    struct run run;
    struct run_command command; /* in force */

    /* The request under way; what the client borrows. */
    bool requesting;
    enum run_event_kind answer; /* what its end means */
    struct http_request request;
    struct http_response response;
    struct credentials credentials;
    struct buffer body;
    struct call_verdict verdict;

    bool waited; /* the log says that the service is waited for */
    bool named;  /* there are several jobs */
    char run_id[UUID_TEXT_SIZE];
    struct trace trace; /* of the run; its id is run_id's digits */
    struct ping ping;
    struct alert alert;
    int64_t success_wall_ms; /* end of the last good run; 0: none yet */
    int64_t deleted;         /* by all runs */

    bool done;
    int exit_code; /* of a job that is done */
    bool leaving;  /* its roster is old: it ends at the next rest */
};

/* Begins the job at its first question for health; borrows all but the roster, which it holds.
 */
void work_init(struct work *work, struct roster *roster, const struct roster_job *job,
               struct http_client *client, struct progress *progress);

/* Breaks off what is under way. */
void work_deinit(struct work *work);

/* Goes on as far as it can without waiting; `clock_set`: the wall clock was set. */
void work_step(struct work *work, bool clock_set);

/* Passes RUN_NUDGED or RUN_STOPPED on. */
void work_tell(struct work *work, enum run_event_kind kind);

/* When work_step is due without anything having happened; boot-time clock. */
int64_t work_due_ms(const struct work *work);

/* True between two runs. */
bool work_rests(const struct work *work);

/* True once nobody is to be told anything any more. */
bool work_has_told(const struct work *work);

#endif
