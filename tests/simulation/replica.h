/*
 * replica: one users-service: the real runtime with its engine and flows, whose turns are
 * events of the run, and the threads around it, which are no threads here.
 *
 * A replica can end at any instant, with all that it had under way, stand still, and start
 * again. What it sent before stays on its way.
 */
#ifndef SIMULATION_REPLICA_H
#define SIMULATION_REPLICA_H

#include "runtime/runtime.h"

#define REPLICAS_MAX 3

struct replica;

/* What the runtime takes for the store thread: a queue whose batches travel to the database. */
struct repository {
    struct replica *replica;
    struct message *first, **last;
    size_t places;       /* queued and reserved */
    struct batch *batch; /* under way; NULL: none */
};

/* What it takes for the files thread. */
struct files {
    struct replica *replica;
};

struct replica {
    int index;
    unsigned life; /* raised by every start */
    bool alive;
    bool turning; /* a turn is planned */
    int64_t tick_at, paused_until;
    bool saw_other; /* the last answer came from another store */
    struct runtime *runtime;
    struct repository repository;
    struct files files;
};

struct replicas_settings {
    int count;
    bool hands_over, timer;
};

extern struct replica replicas[REPLICAS_MAX];
extern struct replicas_settings replicas_settings;

/* What every replica is configured with. Virtual time keeps them in the proportions of the
 * defaults, the second look aside, which comes sooner. */
#define LEASE_MS       SECONDS(20)
#define CALL_MS        SECONDS(8)
#define GUARD_MS       MINUTES(3)
#define SECOND_LOOK_MS MINUTES(10)

void replicas_begin(const struct replicas_settings *settings);
void replicas_end(void);

void replica_start(struct replica *replica);
void replica_crash(struct replica *replica);
void replica_pause(struct replica *replica, int64_t length_ms);

/* One that answers, by chance; NULL if none does. */
struct replica *replica_any(void);

/* After `delay_ms`, or once it no longer stands still, `go` runs within the replica, and a turn
 * follows; never, if it ends before. */
void replica_later(struct replica *replica, int64_t delay_ms,
                   void (*go)(struct replica *replica, void *what), void *what);

/* Runs something within a replica from outside: its clocks are in force in between. */
void replica_enter(struct replica *replica);
void replica_leave(void);
/* The one that is at work now; NULL: none. */
struct replica *replica_current(void);
/* It has something to do. */
void replica_poke(struct replica *replica);

/* All are idle. */
bool replicas_rest(void);

#endif
