/*
 * readers: a few connections that read, for any number of threads.
 */
#ifndef REPOSITORY_POSTGRES_READERS_H
#define REPOSITORY_POSTGRES_READERS_H

#include "repository/postgres/session.h"
#include "repository/repository.h"

#include <pthread.h>

#define READERS_MAX 8

struct readers {
    const struct address *address;
    pthread_mutex_t lock;
    pthread_cond_t returned;
    struct session connections[READERS_MAX];
    struct session *idle[READERS_MAX]; /* the one used last is taken first */
    size_t idle_count;
    int64_t retry_at; /* boot-time clock: no connection is tried before */
};

/* Connects nothing yet. `address` is borrowed. */
int readers_init(struct readers *readers, const struct address *address, struct error *error);
void readers_deinit(struct readers *readers);

/*
 * Answers a reading operation, or many look-ups at once; waits for a connection that is free.
 * Any thread.
 */
void readers_answer(struct readers *readers, struct repository_op **ops, size_t count);

#endif
