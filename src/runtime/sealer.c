#include "runtime/sealer.h"

#include "base/log.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Between two looks; and after one that failed, so that an outage does not fill the log. */
#define PAUSE_MS         2000
#define PAUSE_FAILURE_MS 10000

struct sealer {
    struct repository *repository;
    pthread_t thread;
    pthread_mutex_t lock; /* of what follows */
    pthread_cond_t changed;
    bool stopping, nudged, written;
    struct repository_op op; /* the store thread's until it is written */
};

static void seal_written(struct repository_op *op)
{
    struct sealer *sealer = op->owner;
    pthread_mutex_lock(&sealer->lock);
    sealer->written = true;
    pthread_cond_signal(&sealer->changed);
    pthread_mutex_unlock(&sealer->lock);
}

/* Is there a receipt behind the last seal? -1: it is not known. */
static int work_find(struct sealer *sealer)
{
    struct repository_op op = {.verb = RECEIPTS_READ, .seal = INT64_MAX - 1, .limit = 1};
    repository_read(sealer->repository, &op);
    int found = op.outcome == REPOSITORY_OK ? op.receipts.count > 0 : -1;
    repository_op_deinit(&op);
    return found;
}

/* Writes one seal, or a step towards it; -1 if that came to nothing. */
static int seal_write(struct sealer *sealer, bool *ret_full)
{
    sealer->op =
        (struct repository_op){.verb = RECEIPTS_SEAL, .done = seal_written, .owner = sealer};
    memcpy(sealer->op.id, repository_database_id(sealer->repository), UUID_TEXT_SIZE);
    sealer->written = false;
    if (!repository_submit(sealer->repository, &sealer->op))
        return -1;
    pthread_mutex_lock(&sealer->lock);
    while (!sealer->written)
        pthread_cond_wait(&sealer->changed, &sealer->lock);
    pthread_mutex_unlock(&sealer->lock);
    bool done = sealer->op.outcome == REPOSITORY_OK;
    *ret_full = sealer->op.matched == RECEIPTS_SEALED_MAX;
    if (done && sealer->op.matched)
        log_debug("receipts sealed", log_number("seal", sealer->op.receipts.seal.number),
                  log_number("count", sealer->op.matched));
    repository_op_deinit(&sealer->op);
    return done ? 0 : -1;
}

static bool sealer_stops(struct sealer *sealer)
{
    pthread_mutex_lock(&sealer->lock);
    bool stops = sealer->stopping;
    pthread_mutex_unlock(&sealer->lock);
    return stops;
}

/* Seals until what is left has no full seal's worth; how long to rest then. */
static int64_t sealer_run(struct sealer *sealer)
{
    int found = work_find(sealer);
    bool full = found > 0;
    while (full && !sealer_stops(sealer)) {
        if (seal_write(sealer, &full) < 0)
            return PAUSE_FAILURE_MS;
    }
    return found < 0 ? PAUSE_FAILURE_MS : PAUSE_MS;
}

static void rest(struct sealer *sealer, int64_t pause_ms)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += pause_ms / 1000;
    pthread_mutex_lock(&sealer->lock);
    while (!sealer->stopping && !sealer->nudged &&
           pthread_cond_timedwait(&sealer->changed, &sealer->lock, &until) == 0)
        continue;
    sealer->nudged = false;
    pthread_mutex_unlock(&sealer->lock);
}

static void *sealer_thread(void *argument)
{
    struct sealer *sealer = argument;
    while (!sealer_stops(sealer))
        rest(sealer, sealer_run(sealer));
    return NULL;
}

static int sealer_assemble(struct sealer *sealer)
{
    pthread_condattr_t monotonic;
    if (pthread_mutex_init(&sealer->lock, NULL) != 0)
        return -1;
    if (pthread_condattr_init(&monotonic) != 0)
        goto no_attribute;
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    int failed = pthread_cond_init(&sealer->changed, &monotonic);
    pthread_condattr_destroy(&monotonic);
    if (failed)
        goto no_attribute;
    if (pthread_create(&sealer->thread, NULL, sealer_thread, sealer) == 0)
        return 0;
    pthread_cond_destroy(&sealer->changed);
no_attribute:
    pthread_mutex_destroy(&sealer->lock);
    return -1;
}

int sealer_open(struct repository *repository, struct sealer **ret_sealer, struct error *error)
{
    struct sealer *sealer = calloc(1, sizeof *sealer);
    if (!sealer)
        return error_set(error, ERROR_NO_MEMORY, "no memory for the sealer");
    sealer->repository = repository;
    if (sealer_assemble(sealer) < 0) {
        free(sealer);
        return error_set(error, ERROR_UNAVAILABLE,
                         "cannot start the sealer's thread: raise the limit of threads");
    }
    *ret_sealer = sealer;
    return 0;
}

void sealer_nudge(struct sealer *sealer)
{
    if (!sealer)
        return;
    pthread_mutex_lock(&sealer->lock);
    sealer->nudged = true;
    pthread_cond_signal(&sealer->changed);
    pthread_mutex_unlock(&sealer->lock);
}

void sealer_close(struct sealer *sealer)
{
    if (!sealer)
        return;
    pthread_mutex_lock(&sealer->lock);
    sealer->stopping = true;
    pthread_cond_signal(&sealer->changed);
    pthread_mutex_unlock(&sealer->lock);
    pthread_join(sealer->thread, NULL);
    pthread_cond_destroy(&sealer->changed);
    pthread_mutex_destroy(&sealer->lock);
    free(sealer);
}
