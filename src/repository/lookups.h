/*
 * lookups: a thread that reads for those who must not wait.
 *
 * What has queued up while the database answered is asked for together: one round trip for all.
 * Where reading waits for nobody (SQLite) there is no such thread.
 */
#ifndef REPOSITORY_LOOKUPS_H
#define REPOSITORY_LOOKUPS_H

#include "base/mailbox.h"
#include "repository/repository.h"

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

struct lookups {
    struct repository_driver *driver;
    struct mailbox mailbox;
    pthread_t thread;
    struct message stop; /* the last message: ends the thread */
};

/* Starts the thread; -1 if the system has no more threads or locks. `driver` is borrowed. */
int lookups_start(struct lookups *lookups, struct repository_driver *driver, size_t capacity);

/* Answers what is queued, then ends the thread. */
void lookups_stop(struct lookups *lookups);

/* Any thread; false, with nothing done, if too many wait. */
bool lookups_post(struct lookups *lookups, struct repository_op *op);

#endif
