#include "repository/lane.h"

int lane_init(struct lane *lane)
{
    *lane = (struct lane){0};
    lane->last = &lane->first;
    if (pthread_mutex_init(&lane->lock, NULL) != 0)
        return -1;
    if (pthread_cond_init(&lane->filled, NULL) != 0)
        goto no_filled;
    if (pthread_cond_init(&lane->rested, NULL) != 0)
        goto no_rested;
    return 0;

no_rested:
    pthread_cond_destroy(&lane->filled);
no_filled:
    pthread_mutex_destroy(&lane->lock);
    return -1;
}

void lane_deinit(struct lane *lane)
{
    pthread_cond_destroy(&lane->rested);
    pthread_cond_destroy(&lane->filled);
    pthread_mutex_destroy(&lane->lock);
}

bool lane_post(struct lane *lane, struct message *message)
{
    pthread_mutex_lock(&lane->lock);
    message->next = NULL;
    *lane->last = message;
    lane->last = &message->next;
    lane->count++;
    bool busy = lane->first_busy;
    if (busy)
        pthread_cond_signal(&lane->filled);
    pthread_mutex_unlock(&lane->lock);
    return !busy;
}

size_t lane_depth(struct lane *lane)
{
    pthread_mutex_lock(&lane->lock);
    size_t count = lane->count;
    pthread_mutex_unlock(&lane->lock);
    return count;
}

/* Under the lock: the oldest `most`, as a chain of their own. */
static struct message *chain_take(struct lane *lane, size_t most)
{
    struct message *chain = lane->first, **end = &lane->first;
    for (size_t i = 0; i < most; i++)
        end = &(*end)->next;
    lane->first = *end;
    *end = NULL;
    lane->count -= most;
    if (!lane->first)
        lane->last = &lane->first;
    return most ? chain : NULL;
}

bool lane_rest(struct lane *lane)
{
    pthread_mutex_lock(&lane->lock);
    lane->first_busy = lane->held = false;
    bool more = lane->count > 0;
    pthread_mutex_unlock(&lane->lock);
    return more;
}

struct message *lane_share(struct lane *lane)
{
    pthread_mutex_lock(&lane->lock);
    lane->first_busy = true;
    struct message *chain = chain_take(lane, (lane->count + 1) / 2);
    if (lane->count > 0)
        pthread_cond_signal(&lane->filled);
    pthread_mutex_unlock(&lane->lock);
    return chain;
}

struct message *lane_hold(struct lane *lane)
{
    pthread_mutex_lock(&lane->lock);
    lane->first_busy = lane->held = true;
    while (lane->second_busy)
        pthread_cond_wait(&lane->rested, &lane->lock);
    struct message *chain = chain_take(lane, lane->count);
    pthread_mutex_unlock(&lane->lock);
    return chain;
}

/* What comes while the first thread is idle is its own. */
static bool second_may_take(const struct lane *lane)
{
    return lane->count > 0 && (lane->ended || (lane->first_busy && !lane->held));
}

struct message *lane_wait(struct lane *lane)
{
    pthread_mutex_lock(&lane->lock);
    lane->second_busy = false;
    pthread_cond_signal(&lane->rested);
    while (!second_may_take(lane) && !lane->ended)
        pthread_cond_wait(&lane->filled, &lane->lock);
    struct message *chain = chain_take(lane, (lane->count + 1) / 2);
    lane->second_busy = chain != NULL;
    pthread_mutex_unlock(&lane->lock);
    return chain;
}

void lane_end(struct lane *lane)
{
    pthread_mutex_lock(&lane->lock);
    lane->ended = true;
    pthread_cond_signal(&lane->filled);
    pthread_mutex_unlock(&lane->lock);
}
