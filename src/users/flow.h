/*
 * flow: a change that takes several steps, with a wait between them.
 *
 * A flow does no I/O: `next` says what is to be done and leaves the operation ready; whoever
 * runs the flow carries it out and calls `next` again, until FLOW_END. One step at a time, each
 * on whatever thread finished the one before.
 */
#ifndef USERS_FLOW_H
#define USERS_FLOW_H

#include "fallback/waiters.h"
#include "files/files.h"
#include "repository/repository.h"

enum flow_step {
    FLOW_WRITE, /* carry out `op` */
    FLOW_FILES, /* carry out `files` */
    FLOW_HAND,  /* hand op.keys to the engine; go on when it has them */
    FLOW_WAIT,  /* the same, and go on when `waiter` was answered */
    FLOW_END,   /* `result` stands */
};

enum flow_result {
    FLOW_DONE,
    FLOW_PENDING, /* committed; the rest follows */
    FLOW_NOT_FOUND,
    FLOW_CONFLICT,
    FLOW_REPEATED,    /* the same request was answered before: op.users[0] is what it made */
    FLOW_MISMATCHED,  /* its idempotency key was used with another body */
    FLOW_BUSY,        /* the same request is under way */
    FLOW_UNAVAILABLE, /* nothing was changed, or nothing that will not be undone: try again */
};

/* What all flows of a service share. */
struct flow_settings {
    bool hands_over;        /* ring 1: keys go to the engine at once, and requests wait */
    int64_t guard_ms;       /* an upload has this long, then its key is deleted */
    int64_t put_timeout_ms; /* of the provider's PUT */
};

struct flow {
    enum flow_step (*next)(struct flow *flow, int64_t now);
    const struct flow_settings *settings;
    int stage;
    int64_t begun_at; /* boot-time clock */

    struct repository_op op;
    struct files_op files;
    struct waiter waiter; /* with `waits`: its subject is set before the first step */
    bool waits;

    enum flow_result result;
    bool wakes;      /* something may be due: the engine is to look */
    const char *why; /* FLOW_UNAVAILABLE: one sentence for the caller */
};

/* Ends a flow on a write that failed. */
enum flow_step flow_end_failed(struct flow *flow);
enum flow_step flow_end(struct flow *flow, enum flow_result result);

#endif
