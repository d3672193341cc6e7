#include "repository/tally.h"

int tally_init(struct tally *tally)
{
    *tally = (struct tally){0};
    return pthread_mutex_init(&tally->lock, NULL);
}

void tally_deinit(struct tally *tally)
{
    pthread_mutex_destroy(&tally->lock);
}

/* Whoever comes while others count takes the old number, rather than count beside them. */
static bool tally_is_good(const struct tally *tally, int64_t age_ms, int64_t finished)
{
    int64_t rows = tally->last.pending + tally->last.blocked;
    if (rows <= TALLY_MANY || tally->took_ms <= TALLY_CHEAP_MS || finished >= rows)
        return false;
    return tally->counting || (age_ms < tally->took_ms * TALLY_REST && finished < rows / 2);
}

/* Blocked rows are tried seldom: what was finished was pending, as long as some were. */
static void backlog_shrink(struct backlog *backlog, int64_t finished)
{
    backlog->pending -= finished;
    if (backlog->pending < 0) {
        backlog->blocked += backlog->pending;
        backlog->pending = 0;
    }
}

bool tally_recall(struct tally *tally, int64_t now_ms, struct backlog *ret_backlog,
                  struct tally_count *ret_count)
{
    pthread_mutex_lock(&tally->lock);
    int64_t age_ms = now_ms - tally->last_count.begun_ms;
    int64_t finished = tally->finished - tally->last_count.finished;
    bool good = tally_is_good(tally, age_ms, finished);
    if (good) {
        *ret_backlog = tally->last;
        ret_backlog->now += age_ms;
        backlog_shrink(ret_backlog, finished);
    } else {
        tally->counting++;
        *ret_count = (struct tally_count){.begun_ms = now_ms, .finished = tally->finished};
    }
    pthread_mutex_unlock(&tally->lock);
    return good;
}

void tally_keep(struct tally *tally, const struct tally_count *count, int64_t ended_ms,
                const struct backlog *backlog)
{
    pthread_mutex_lock(&tally->lock);
    tally->counting--;
    if (backlog) {
        tally->last = *backlog;
        tally->last_count = *count;
        tally->took_ms = ended_ms - count->begun_ms;
    }
    pthread_mutex_unlock(&tally->lock);
}

void tally_finish(struct tally *tally, int64_t rows)
{
    pthread_mutex_lock(&tally->lock);
    tally->finished += rows;
    pthread_mutex_unlock(&tally->lock);
}
