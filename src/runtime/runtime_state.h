/*
 * runtime_state: the runtime from the inside, for the files that it is made of.
 */
#ifndef RUNTIME_RUNTIME_STATE_H
#define RUNTIME_RUNTIME_STATE_H

#include "runtime/runtime.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>

/* What the engine's thread is told. */
enum message_kind {
    MESSAGE_WRITTEN,
    MESSAGE_DELETED,
    MESSAGE_IDENTITY,
    MESSAGE_WAITS,
    MESSAGE_HANDED,
    MESSAGE_STOPS_WAITING,
    MESSAGE_SWEPT,
    MESSAGE_EPOCH,
    MESSAGE_EPOCH_STEP,
    MESSAGE_QUIESCE,
    MESSAGE_END,
};

struct runtime {
    struct runtime_options options;
    struct repository *repository;
    struct files *files[ENGINE_STORES_MAX];
    size_t store_count;
    struct wake *wake;     /* NULL: nobody else is there */
    struct engine *engine; /* its thread's alone */
    struct mailbox mailbox;
    pthread_t thread;
    atomic_bool woken;
    atomic_bool knows;     /* it was woken and has not begun to look: no need to do so again */
    atomic_bool serves;    /* see engine_serves */
    atomic_llong alive_at; /* boot time of the thread's last round */
    bool stopping;         /* the engine's thread's: it was told to end */
    struct message quiesce, end;
    struct identity_check checks[ENGINE_STORES_MAX];
    bool first_waits; /* the first store's look, for those of the others at start */

    struct identity_check raise;       /* raises the epoch */
    struct epoch_raise *raise_answers; /* for whom */
    struct epoch_raise *raise_asked;   /* who has asked since it began */
    bool raising;                      /* it is under way */
    bool raise_is_due;                 /* the last one did not get to its end */
    int64_t raise_again_at;            /* boot-time clock */

    pthread_mutex_t lock; /* of what follows */
    pthread_cond_t identified;
    bool checked[ENGINE_STORES_MAX]; /* the first look at the identity is done */
    bool untold[ENGINE_STORES_MAX];  /* it was said that the store takes no epoch */
    struct error check_errors[ENGINE_STORES_MAX];
    struct runtime_status status;
};

#define CONTAINER_OF(pointer, type, member) ((type *)((char *)(pointer)-offsetof(type, member)))

/* Tells the engine's thread; the owner of `message` bounds how many there are. */
static inline void runtime_post(struct runtime *runtime, struct message *message,
                                enum message_kind kind)
{
    message->kind = (int)kind;
    mailbox_post_always(&runtime->mailbox, message);
}

/*
 * One turn of the engine's thread: waits for a message or the engine's next tick (`waits`: or
 * takes what is there), handles what came, and carries out what the engine commands. False once
 * the thread is to end. A simulation takes the turns itself, on a clock of its own.
 */
bool runtime_turn(struct runtime *runtime, bool waits);

/* Shows others how the engine stands. */
void runtime_publish(struct runtime *runtime);

/* flow_run.c: a flow's keys were handed over; a waiter was answered. On the engine's thread. */
void flow_run_handed(struct runtime *runtime, struct flow_run *run, int64_t now);
void flow_run_answered(struct waiter *waiter);

/* account.c: counts what the engine does. */
void runtime_account_confirm(const struct repository_op *op);
void runtime_account_breaker(enum breaker_state before, enum breaker_state after);
void runtime_account_alarm(const struct engine_command *command);

/* identity_watch.c: begins a look at a store's identity, and goes on with the one that
 * `message` belongs to. */
void identity_watch_begin(struct runtime *runtime, size_t store);
void identity_watch_next(struct runtime *runtime, const struct message *message, int64_t now);

/* epoch_watch.c: raises the epoch for somebody; goes on with that; and, now that the store has
 * answered, does what it could not do before. */
void epoch_watch_ask(struct runtime *runtime, struct epoch_raise *raise);
void epoch_watch_next(struct runtime *runtime, int64_t now);
void epoch_watch_again(struct runtime *runtime);

/* Tries again what is due; returns when it is next (boot-time clock; INT64_MAX: never). */
int64_t epoch_watch_turn(struct runtime *runtime, int64_t now);

#endif
