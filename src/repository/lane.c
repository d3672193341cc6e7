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

bool lane_post(struct lane *lane, struct message *message, enum lane_weight weight)
{
    pthread_mutex_lock(&lane->lock);
    message->next = NULL;
    message->kind = (int)weight;
    *lane->last = message;
    lane->last = &message->next;
    lane->large += weight == LANE_LARGE;
    lane->weight += weight;
    bool busy = lane->first_busy;
    if (busy)
        pthread_cond_signal(&lane->filled);
    pthread_mutex_unlock(&lane->lock);
    return !busy;
}

size_t lane_depth(struct lane *lane)
{
    pthread_mutex_lock(&lane->lock);
    size_t large = lane->large;
    pthread_mutex_unlock(&lane->lock);
    return large;
}

/* Under the lock: the oldest that weigh `weight` together, or all, as a chain of their own. */
static struct message *chain_take(struct lane *lane, size_t weight)
{
    struct message *chain = lane->first, **end = &lane->first;
    for (size_t taken = 0; taken < weight && *end; end = &(*end)->next) {
        taken += (size_t)(*end)->kind;
        lane->weight -= (size_t)(*end)->kind;
        lane->large -= (*end)->kind == LANE_LARGE;
    }
    if (end == &lane->first)
        return NULL;
    lane->first = *end;
    *end = NULL;
    if (!lane->first)
        lane->last = &lane->first;
    return chain;
}

/* Under the lock: half of what there is, but no less than is worth a transaction. */
static struct message *share_take(struct lane *lane)
{
    size_t half = (lane->weight + 1) / 2;
    return chain_take(lane, half > LANE_LARGE ? half : LANE_LARGE);
}

bool lane_rest(struct lane *lane)
{
    pthread_mutex_lock(&lane->lock);
    lane->first_busy = lane->held = false;
    bool more = lane->first != NULL;
    pthread_mutex_unlock(&lane->lock);
    return more;
}

struct message *lane_share(struct lane *lane)
{
    pthread_mutex_lock(&lane->lock);
    lane->first_busy = true;
    struct message *chain = share_take(lane);
    if (lane->first != NULL)
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
    struct message *chain = chain_take(lane, lane->weight);
    pthread_mutex_unlock(&lane->lock);
    return chain;
}

/* What comes while the first thread is idle is its own. */
static bool second_may_take(const struct lane *lane)
{
    return lane->first != NULL && (lane->ended || (lane->first_busy && !lane->held));
}

struct message *lane_wait(struct lane *lane)
{
    pthread_mutex_lock(&lane->lock);
    lane->second_busy = false;
    pthread_cond_signal(&lane->rested);
    while (!second_may_take(lane) && !lane->ended)
        pthread_cond_wait(&lane->filled, &lane->lock);
    struct message *chain = share_take(lane);
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
