/*
 * tally: what is left to do, counted no more often than counting is cheap.
 *
 * A count reads every row, and a sweep wants two of them: with millions of rows a drain by
 * sweeps of a thousand would do little else. Of more than TALLY_MANY rows, a count that took
 * longer than TALLY_CHEAP_MS is therefore good for TALLY_REST times as long, less what was
 * finished since, but never once half of it is finished. Any thread may call.
 */
#ifndef REPOSITORY_TALLY_H
#define REPOSITORY_TALLY_H

#include "repository/repository.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#define TALLY_MANY     100000
#define TALLY_CHEAP_MS 50
#define TALLY_REST     20

/* When a count began; boot-time clock. */
struct tally_count {
    int64_t begun_ms;
    int64_t finished; /* rows until then */
};

struct tally {
    pthread_mutex_t lock;
    struct backlog last;
    struct tally_count last_count;
    int64_t took_ms;
    int64_t finished; /* rows, since the start */
    size_t counting;  /* counts that are under way */
};

int tally_init(struct tally *tally);
void tally_deinit(struct tally *tally);

/*
 * Gives what is known, brought forward to `now_ms`. False if it must be counted: the count has
 * begun then, and tally_keep must end it.
 */
bool tally_recall(struct tally *tally, int64_t now_ms, struct backlog *ret_backlog,
                  struct tally_count *ret_count);

/* Ends a count; `backlog` is NULL if it failed. */
void tally_keep(struct tally *tally, const struct tally_count *count, int64_t ended_ms,
                const struct backlog *backlog);

/* So many rows, pending or blocked, became receipts. */
void tally_finish(struct tally *tally, int64_t rows);

#endif
