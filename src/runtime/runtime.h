/*
 * runtime: carries out what the core commands.
 *
 * It owns the engine's thread, runs flows and sweeps over the repository and the files, and
 * keeps watch on whose store the files are in. Everything here may be called from any thread.
 */
#ifndef RUNTIME_RUNTIME_H
#define RUNTIME_RUNTIME_H

#include "fallback/engine.h"
#include "users/flow.h"
#include "wake/wake.h"

struct runtime;

struct runtime_options {
    struct engine_options engine;
    struct flow_settings flows;
    int64_t delete_wait_ms;      /* how long a DELETE waits for the engine */
    int64_t identity_timeout_ms; /* of one look at the store's identity */
    const char *store_id;        /* the store that the database knows; "": none */
};

/*
 * Starts the engine over all of them, which the caller closes after runtime_close. `files` has
 * options->engine.stores of them: the first takes new objects, the others hold older ones.
 */
int runtime_open(const struct runtime_options *options, struct repository *repository,
                 struct files *const *files, struct runtime **ret_runtime, struct error *error);

/*
 * Waits for the first look at each store's identity. 0: good, or a store does not answer now
 * (the service can start); -1: one refuses, or is not ours.
 */
int runtime_await_identity(struct runtime *runtime, struct error *error);

/* Nothing new is claimed from here on, and everybody who waits is answered soon. */
void runtime_quiesce(struct runtime *runtime);

/* Ends what is under way and the engine's thread. No flow may be under way. NULL is allowed. */
void runtime_close(struct runtime *runtime);

/* A flow on its way. Embedded in the caller's state; must live until `done`. */
struct flow_run {
    struct flow flow;
    void (*done)(struct flow_run *run); /* any thread; flow.result stands */
    void *owner;                        /* the caller's */
    struct trace trace;                 /* whose it is; passed on to the file store */
    char cause[FILES_CODE_SIZE];        /* what the file store answered that made it fail */

    struct runtime *runtime;
    struct message waiting, handing;
    size_t places; /* reserved in the engine's mailbox */
    bool submitted, registered, ending;
    bool unserved; /* it would wait in vain: the engine is only told that something is due */
};

/* What digests are keyed with: the database's own secret, in hexadecimal. */
const char *runtime_secret(const struct runtime *runtime);

/* Whose receipts these are. */
const char *runtime_database_id(const struct runtime *runtime);

const struct flow_settings *runtime_flow_settings(const struct runtime *runtime);

/* Runs a flow that was set up. False, with nothing done, if there is no room: answer 503. */
bool runtime_run_flow(struct runtime *runtime, struct flow_run *run);

/* Carries out one writing operation; op->done is called. False if there is no room. */
bool runtime_write(struct runtime *runtime, struct repository_op *op);
/* Answers a reading operation before it returns. */
void runtime_read(struct runtime *runtime, struct repository_op *op);
/* See repository_reads_at_once and repository_look_up. */
bool runtime_reads_at_once(const struct runtime *runtime);
bool runtime_look_up(struct runtime *runtime, struct repository_op *op);
/*
 * Hands a reading operation (GET, LINK) to the thread of that store; op->done is called. False:
 * no room, or no such store is known now.
 */
bool runtime_fetch(struct runtime *runtime, const char *store_id, struct files_op *op);

/* A sweep on its way. Embedded in the caller's state; must live until `ended`. */
struct sweep_run {
    struct sweep sweep;
    void (*progressed)(struct sweep_run *run); /* the engine's thread; may be NULL */
    void (*ended)(struct sweep_run *run);      /* the engine's thread */
    void *owner;                               /* the caller's */
    struct message message;
};

bool runtime_run_sweep(struct runtime *runtime, struct sweep_run *run);

/*
 * Raises the epoch, in the database and then in the store, as a start does: a copy of the
 * database that was made before is known as old from then on. Embedded in the caller's state;
 * must live until `ended`.
 */
struct epoch_raise {
    int64_t number;     /* the one that holds now; 0: the store does not know of it … */
    struct error error; /* … because of this. It is told once it answers, or by the next start,
                           but for ERROR_CONFIG: another database has gone on from here */
    void (*ended)(struct epoch_raise *raise); /* the engine's thread */
    void *owner;                              /* the caller's */
    struct epoch_raise *next;
    struct message message;
};

/* False: no room. */
bool runtime_raise_epoch(struct runtime *runtime, struct epoch_raise *raise);

/* Something may be due: the engine looks, if its timer is on, and others are told. */
void runtime_wake(struct runtime *runtime);

/* Others say so: the engine looks. */
void runtime_hear(struct runtime *runtime);

/*
 * Announces to others, and listens to them, from here on; the runtime owns it. Before any flow
 * is run.
 */
void runtime_join(struct runtime *runtime, struct wake *wake);

/* The engine's thread goes round once, now, whatever it waits for. */
void runtime_rouse(struct runtime *runtime);

/* When it last went round, by the boot-time clock; 0: not yet. */
int64_t runtime_alive_at(const struct runtime *runtime);

/* False: others do the provider's work. */
bool runtime_works(const struct runtime *runtime);

/* One store as it is seen from outside. */
struct runtime_store {
    char id[UUID_TEXT_SIZE]; /* "": it never answered */
    enum breaker_state breaker;
    enum identity_verdict identity;
    char trouble[ERROR_TEXT_SIZE]; /* why the identity is not good; "": it is */
};

/* What can be seen from outside, at one instant. What has no store is of the first one. */
struct runtime_status {
    struct runtime_store stores[ENGINE_STORES_MAX];
    size_t store_count;
    enum breaker_state breaker;
    enum identity_verdict identity;
    bool takes_uploads;
    char store_id[UUID_TEXT_SIZE];
    char trouble[ERROR_TEXT_SIZE];     /* why the identity is not good; "": it is */
    int64_t started_at, last_sweep_at; /* wall clock; 0: no sweep yet */
    int64_t sweeps;
};

void runtime_status_get(struct runtime *runtime, struct runtime_status *ret_status);

/* Messages in the mailbox of each thread, and places kept for some. */
struct runtime_queues {
    size_t store, lookups, files, engine;
};

void runtime_queues_get(struct runtime *runtime, struct runtime_queues *ret_queues);

#endif
