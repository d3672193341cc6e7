/*
 * sweep: one call of the Fallback Job, a walk over everything that is left undone.
 *
 * First one blocked deletion of each error class is tried (success unblocks its class), then
 * every pending one in the order of keys, due or not. A walk goes on over several calls by its
 * cursor: rows made, claimed or tried since it began are left out, so that it ends (M2).
 */
#ifndef FALLBACK_SWEEP_H
#define FALLBACK_SWEEP_H

#include "base/error.h"
#include "base/trace.h"
#include "fallback/breaker.h"
#include "repository/repository.h"

#include <stdbool.h>
#include <stdint.h>

/* "1763885977123~avatars/0190…": when the walk began, by the database, and the last key tried.
 */
#define SWEEP_CURSOR_SIZE (OBJECT_KEY_SIZE + 24)

enum sweep_stage {
    SWEEP_COUNTING, /* how much is there? */
    SWEEP_FINISHING_MARKED,
    SWEEP_PROBING, /* blocked classes */
    SWEEP_WALKING,
    SWEEP_DRAINING, /* nothing more is claimed; answers are awaited */
    SWEEP_SUMMING,  /* how much is left? */
};

struct sweep {
    /* What was asked. */
    int64_t limit;
    int64_t deadline_ms; /* boot-time clock */
    int64_t started;     /* database time; 0: a new walk */
    char after_key[OBJECT_KEY_SIZE];
    struct trace trace; /* of who asked; passed on to the provider */

    /* What came of it. */
    int64_t attempted, deleted, failed, blocked;
    bool more;
    bool left_out;    /* some rows were claimed and let go, for there was no place for them */
    bool unavailable; /* the database failed: the counts are not to be believed */
    struct backlog backlog;
    enum breaker_state breaker;

    /* The engine's. */
    enum sweep_stage stage;
    bool claiming;      /* a claim of it is under way */
    bool claimed;       /* the blocked classes were claimed */
    bool probe_only;    /* the breaker is not closed: one probe decides */
    size_t probes_seen; /* failed probes before this sweep's */
    int64_t taken;      /* rows claimed */
    size_t pages;       /* under way */
    struct repository_op op;
    struct sweep *next;
};

/* Reads a cursor into a sweep; "" starts a new walk. Returns 0, or -1 if it is none of ours. */
int sweep_cursor_parse(const char *text, struct sweep *sweep);

/* Writes the cursor from which the walk goes on. */
void sweep_cursor_format(const struct sweep *sweep, char ret_text[static SWEEP_CURSOR_SIZE]);

#endif
