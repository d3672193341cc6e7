#include "files/files.h"

#include "base/clock.h"
#include "files/driver.h"
#include "metrics/metrics.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

/* A poll ends by itself now and then, so that a wake that a driver lost costs no more than
 * this. */
#define POLL_MS 60000

struct files {
    struct mailbox mailbox;
    struct files_driver *driver;
    pthread_t thread;
    atomic_bool stopping;
    pthread_mutex_t lock; /* keeps the driver from being freed while somebody wakes it */
    bool closed;
};

static struct files_op *op_of(struct message *message)
{
    return (struct files_op *)((char *)message - offsetof(struct files_op, message));
}

/* What the store answered, in a word: its code, or its status. */
static void call_count(const struct files_op *op)
{
    static const char *const verbs[] = {[FILES_PUT] = "put",
                                        [FILES_GET] = "get",
                                        [FILES_DELETE] = "delete",
                                        [FILES_LIST] = "list",
                                        [FILES_VERSIONING] = "versioning",
                                        [FILES_LINK] = "link",
                                        [FILES_IDENTITY_READ] = "identity",
                                        [FILES_IDENTITY_CREATE] = "identity"};
    char status[16];
    snprintf(status, sizeof status, "%d", op->answer.status);
    metrics_add(METRIC_PROVIDER_CALLS, 1, verbs[op->verb],
                *op->answer.code ? op->answer.code : status);
    metrics_add(METRIC_PROVIDER_SECONDS, clock_boot_us() - op->begun_us, verbs[op->verb]);
}

static void call_answered(struct files_op *op)
{
    op->done = op->answered;
    call_count(op);
    op->done(op);
}

static void call_begin(struct files *files, struct files_op *op)
{
    op->begun_us = clock_boot_us();
    op->answered = op->done;
    op->done = call_answered;
    files->driver->start(files->driver, op);
}

static void files_begin_queued(struct files *files)
{
    struct message *message = mailbox_take(&files->mailbox, 0);
    while (message) {
        /* The operation is its owner's again once it is answered. */
        struct message *next = message->next;
        struct files_op *op = op_of(message);
        if (!atomic_load(&files->stopping))
            call_begin(files, op);
        else if (files_op_begin(op))
            files_op_fail(op, 0, FILES_CODE_NOT_SENT, "the service is stopping");
        message = next;
    }
}

static void *files_run(void *data)
{
    struct files *files = data;
    while (!atomic_load(&files->stopping)) {
        files_begin_queued(files);
        files->driver->poll(files->driver, POLL_MS);
    }
    files_begin_queued(files);
    pthread_mutex_lock(&files->lock);
    files->closed = true;
    pthread_mutex_unlock(&files->lock);
    files->driver->close(files->driver);
    return NULL;
}

static void files_notify(void *owner)
{
    struct files *files = owner;
    pthread_mutex_lock(&files->lock);
    if (!files->closed)
        files->driver->wake(files->driver);
    pthread_mutex_unlock(&files->lock);
}

/* Signals are for the program's own threads; a broken connection must not end the process. */
static int files_thread_start(struct files *files)
{
    sigset_t all, before;
    sigfillset(&all);
    if (pthread_sigmask(SIG_BLOCK, &all, &before) != 0)
        return -1;
    int failed = pthread_create(&files->thread, NULL, files_run, files);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return failed ? -1 : 0;
}

static int files_init(struct files *files, struct files_driver *driver, size_t mailbox_capacity)
{
    files->driver = driver;
    atomic_init(&files->stopping, false);
    if (pthread_mutex_init(&files->lock, NULL) != 0)
        return -1;
    if (mailbox_init(&files->mailbox, mailbox_capacity, files_notify, files) == 0) {
        if (files_thread_start(files) == 0)
            return 0;
        mailbox_deinit(&files->mailbox);
    }
    pthread_mutex_destroy(&files->lock);
    return -1;
}

int files_open(struct files_driver *driver, size_t mailbox_capacity, struct files **ret_files,
               struct error *error)
{
    struct files *files = calloc(1, sizeof *files);
    if (!files || files_init(files, driver, mailbox_capacity) < 0) {
        driver->close(driver);
        free(files);
        return error_set(error, ERROR_UNAVAILABLE,
                         "cannot start the files thread: no memory or no threads left");
    }
    *ret_files = files;
    return 0;
}

void files_close(struct files *files)
{
    if (!files)
        return;
    atomic_store(&files->stopping, true);
    files_notify(files);
    pthread_join(files->thread, NULL);
    mailbox_deinit(&files->mailbox);
    pthread_mutex_destroy(&files->lock);
    free(files);
}

size_t files_queued(struct files *files)
{
    return mailbox_depth(&files->mailbox);
}

bool files_submit(struct files *files, struct files_op *op)
{
    /* A `done` that runs while the driver closes could still try. */
    return !atomic_load(&files->stopping) && mailbox_post(&files->mailbox, &op->message);
}

void files_submit_always(struct files *files, struct files_op *op)
{
    mailbox_post_always(&files->mailbox, &op->message);
}
