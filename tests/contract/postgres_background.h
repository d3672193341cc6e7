/*
 * postgres_background: operations of two processes and a shell that get in each other's way.
 *
 * No test sleeps until something has probably happened: it asks the server who waits for a
 * lock.
 */
#ifndef CONTRACT_POSTGRES_BACKGROUND_H
#define CONTRACT_POSTGRES_BACKGROUND_H

#include "contract/repository_support.h"

#include <libpq-fe.h>
#include <pthread.h>

/* A batch that another thread carries out. */
struct background {
    pthread_t thread;
    struct repository_driver *driver;
    struct repository_op *ops[64];
    size_t count;
};

void background_start(struct background *background, struct repository_driver *on);
void background_join(struct background *background);

/* One more driver on the test's database: another process, as far as the database can tell. */
struct repository_driver *driver_open_another(void);

/* A shell with a transaction under way. */
PGconn *shell_begin(const char *statement);
void shell_run(PGconn *shell, const char *statement);
void shell_commit(PGconn *shell);

/* Waits until so many connections of this database wait for a lock. */
void lock_await(int64_t waiters);

#endif
