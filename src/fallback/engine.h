/*
 * engine: the only code that finishes a deletion.
 *
 * Claim a batch under a lease, delete it at the provider, confirm it in one transaction;
 * started by a request that waits (inline), by time and wakes (timer), or by the Fallback Job
 * (sweep).
 *
 * It is an event handler without thread, clock, file or socket: every function below but the
 * getters is an event at `now` (boot-time clock, milliseconds), and leaves commands that the
 * caller takes and carries out. One thread at a time. docs/protocol.md has the rules.
 */
#ifndef FALLBACK_ENGINE_H
#define FALLBACK_ENGINE_H

#include "fallback/breaker.h"
#include "fallback/identity.h"
#include "fallback/sweep.h"
#include "fallback/waiters.h"

/* Stores that one service can have: the one that takes new objects, and older ones. */
#define ENGINE_STORES_MAX 9

struct engine_options {
    size_t stores; /* 0 counts as 1; the first takes new objects */
    int64_t lease_ms;
    int64_t call_timeout_ms; /* of one provider call; under half the lease (R5) */
    int64_t guard_ms;        /* of uploads */
    int64_t second_look_ms;
    size_t pages;     /* provider calls under way at once, beside those of requests that wait */
    size_t page_keys; /* keys in one call, 1 to PAGE_KEYS */
    bool timer;       /* due times and wakes start work */
    bool aside;       /* others do the provider's work: nothing is claimed here */
    int64_t watch_ms; /* between two looks for what others have finished; 0: there are none */
    uint64_t seed;
};

enum engine_command_kind {
    ENGINE_WRITE,          /* submit `repository` to the store thread; then engine_written */
    ENGINE_DELETE,         /* submit `files` to the thread of `store`; then engine_deleted */
    ENGINE_READ,           /* read `repository`; then engine_read */
    ENGINE_CHECK_IDENTITY, /* read whose `store` it is; then engine_identified */
    ENGINE_ANSWER,         /* `waiter` has its outcome */
    ENGINE_SWEEP_PROGRESS, /* the counts of `sweep` moved */
    ENGINE_SWEEP_END,      /* `sweep` is over */
    ENGINE_ALARM,          /* something a person should know: `text`, `number` (0: no number) */
};

struct engine_command {
    enum engine_command_kind kind;
    struct repository_op *repository;
    struct files_op *files;
    size_t store; /* its number, from 0 */
    struct waiter *waiter;
    struct sweep *sweep;
    const char *text;
    int64_t number;
};

struct engine;

/* NULL without memory. */
struct engine *engine_new(const struct engine_options *options);
void engine_free(struct engine *engine);

/* A deletion was committed, or may have been: look for what is due. */
void engine_woken(struct engine *engine, int64_t now);

/*
 * A request begins to wait, before its transaction. It ends with ENGINE_ANSWER, after one of
 * the two events below.
 */
void engine_waits(struct engine *engine, int64_t now, struct waiter *waiter);

/* Its transaction left nothing to wait for; answered at once. */
void engine_stops_waiting(struct engine *engine, int64_t now, struct waiter *waiter);

/*
 * Its transaction is committed: `keys` are scheduled, and it waits until `deadline_ms` at most.
 * The engine copies the keys and the trace. `waiter` may be NULL: nobody waits.
 */
void engine_handed(struct engine *engine, int64_t now, const struct repository_keys *keys,
                   const struct trace *trace, struct waiter *waiter, int64_t deadline_ms);

/* A sweep begins; it is the engine's until ENGINE_SWEEP_END. */
void engine_swept(struct engine *engine, int64_t now, struct sweep *sweep);

/* What a command asked for is done. */
void engine_written(struct engine *engine, int64_t now, struct repository_op *op);
void engine_read(struct engine *engine, int64_t now, struct repository_op *op);
void engine_deleted(struct engine *engine, int64_t now, struct files_op *op);
/* `store_id` is that of the store with this number; NULL unless the verdict is good. */
void engine_identified(struct engine *engine, int64_t now, size_t store,
                       enum identity_verdict verdict, const char *store_id);

/* Time passed. */
void engine_ticked(struct engine *engine, int64_t now);

/* Nothing new is claimed from here on; all waiters are answered. */
void engine_stopped(struct engine *engine, int64_t now);

/* Takes the next command; false if there is none. */
bool engine_take(struct engine *engine, struct engine_command *ret_command);

/* When engine_ticked is to be called next, if nothing happens before: never over a minute away.
 */
int64_t engine_next_tick(const struct engine *engine, int64_t now);

/* Nothing is under way. */
bool engine_is_idle(const struct engine *engine);

/*
 * False while nobody who waits would be served: what is handed over is left to the timer, and
 * whoever waits for it is answered at once.
 */
bool engine_serves(const struct engine *engine);

/* True from when it was woken until it begins the look that it was woken for. */
bool engine_is_woken(const struct engine *engine);

/* True while new objects may be stored: the store is known to be ours, and it answers. */
bool engine_takes_uploads(const struct engine *engine);
enum breaker_state engine_breaker(const struct engine *engine, size_t store);
enum identity_verdict engine_identity(const struct engine *engine, size_t store);

#endif
