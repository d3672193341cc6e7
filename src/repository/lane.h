/*
 * lane: large claims and confirms, and small operations that may go beside all others, which
 * two store threads share.
 *
 * The first thread carries out everything. While it is busy, the second takes from what has
 * queued up here, half of it at a time, but no less than is worth a transaction. What must not
 * overtake an operation of before holds the lane.
 */
#ifndef REPOSITORY_LANE_H
#define REPOSITORY_LANE_H

#include "base/mailbox.h"

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

/* What an operation weighs: a large one is worth a transaction of its own. */
enum lane_weight { LANE_SMALL = 1, LANE_LARGE = 32 };

struct lane {
    pthread_mutex_t lock;
    pthread_cond_t filled; /* for the second thread */
    pthread_cond_t rested; /* the second thread has nothing under way */
    struct message *first, **last;
    size_t large, weight;
    bool first_busy, second_busy;
    bool held; /* the second thread takes nothing */
    bool ended;
};

/* Returns 0, or -1 if the system has no more locks. */
int lane_init(struct lane *lane);
void lane_deinit(struct lane *lane);

/* Any thread. True if the first thread has to be woken for it. */
bool lane_post(struct lane *lane, struct message *message, enum lane_weight weight);

/* How many large ones wait; the others are counted by whoever keeps a place for them. Any
 * thread. */
size_t lane_depth(struct lane *lane);

/* The first thread is about to wait; true if it should not. */
bool lane_rest(struct lane *lane);

/* The first thread is busy from here on, and takes its share, a chain or NULL. */
struct message *lane_share(struct lane *lane);

/* The same, but it takes all; the second thread has ended its own, and rests until lane_rest.
 */
struct message *lane_hold(struct lane *lane);

/* The second thread's next; waits. NULL: the lane has ended, and nothing is left. */
struct message *lane_wait(struct lane *lane);

/* Nothing is posted any more, and the first thread takes no more: the second takes the rest. */
void lane_end(struct lane *lane);

#endif
