/*
 * mailbox: a bounded queue of messages from any number of threads to one.
 *
 * A message is embedded in what it is about, so posting allocates nothing. A place can be
 * reserved first; posting into a reserved place cannot fail. That is how an answer that was
 * promised before a transaction is kept after it.
 */
#ifndef BASE_MAILBOX_H
#define BASE_MAILBOX_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct message {
    struct message *next;
    int kind; /* the reader's: what the message is, where it takes several */
};

struct mailbox {
    pthread_mutex_t lock;
    pthread_cond_t filled;
    struct message *first, **last;
    size_t taken; /* places in use: queued and reserved */
    size_t capacity;
    bool woken;                  /* mailbox_wake was called since the last take */
    void (*notify)(void *owner); /* tells a reader that sleeps elsewhere; may be NULL */
    void *owner;
};

/* Returns 0, or -1 if the system has no more locks. `notify` may be NULL. */
int mailbox_init(struct mailbox *mailbox, size_t capacity, void (*notify)(void *owner),
                 void *owner);
void mailbox_deinit(struct mailbox *mailbox);

/* Takes a place for a later mailbox_post_reserved; false if the mailbox is full. */
bool mailbox_reserve(struct mailbox *mailbox);

/* Gives a reserved place back. */
void mailbox_release(struct mailbox *mailbox);

void mailbox_post_reserved(struct mailbox *mailbox, struct message *message);

/* Reserve and post in one; false, with nothing posted, if the mailbox is full. */
bool mailbox_post(struct mailbox *mailbox, struct message *message);

/* Posts past the capacity: for messages whose number their owner bounds otherwise. Never fails.
 */
void mailbox_post_always(struct mailbox *mailbox, struct message *message);

/* Wakes the reader without a message. Never fails, never waits. */
void mailbox_wake(struct mailbox *mailbox);

/*
 * Takes all messages in the order they were posted, as a chain; NULL if there were none.
 * Waits up to `timeout_ms` (0: not at all, negative: for ever) for a message or a wake.
 * Only the one reader calls this.
 */
struct message *mailbox_take(struct mailbox *mailbox, int64_t timeout_ms);

/* Places in use now: for metrics. */
size_t mailbox_depth(struct mailbox *mailbox);

#endif
