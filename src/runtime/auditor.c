#include "runtime/auditor.h"

#include "base/clock.h"
#include "base/log.h"
#include "runtime/runtime_state.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Between two looks for an audit that somebody asked for elsewhere, or that lost its holder. */
#define LOOK_MOST_MS 30000
/* The same while a store has not said whose it is, as for a moment at each start. */
#define LOOK_SOON_MS 1000

struct auditor {
    struct auditor_options options;
    struct runtime *runtime;
    struct audit_settings settings;
    struct audit audit; /* its thread's alone, like the next two */
    struct audit_place place;
    struct repository_op op;
    pthread_t thread;
    pthread_mutex_t lock; /* of what follows */
    pthread_cond_t changed;
    bool poked, answered, stopping;
};

static void wait_for(struct auditor *auditor, int64_t wait_ms)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    int64_t nanoseconds = until.tv_nsec + wait_ms % 1000 * 1000000;
    until.tv_sec += wait_ms / 1000 + nanoseconds / 1000000000;
    until.tv_nsec = nanoseconds % 1000000000;
    pthread_cond_timedwait(&auditor->changed, &auditor->lock, &until);
}

/* False once it is to stop. */
static bool rest(struct auditor *auditor, int64_t rest_ms, bool until_poked)
{
    int64_t deadline = clock_boot_ms() + rest_ms, left;
    pthread_mutex_lock(&auditor->lock);
    while (!auditor->stopping && !(until_poked && auditor->poked) &&
           (left = deadline - clock_boot_ms()) > 0)
        wait_for(auditor, left);
    if (until_poked)
        auditor->poked = false;
    bool stopping = auditor->stopping;
    pthread_mutex_unlock(&auditor->lock);
    return !stopping;
}

static void answer(struct auditor *auditor)
{
    pthread_mutex_lock(&auditor->lock);
    auditor->answered = true;
    pthread_cond_broadcast(&auditor->changed);
    pthread_mutex_unlock(&auditor->lock);
}

static void answer_await(struct auditor *auditor)
{
    pthread_mutex_lock(&auditor->lock);
    while (!auditor->answered)
        pthread_cond_wait(&auditor->changed, &auditor->lock);
    auditor->answered = false;
    pthread_mutex_unlock(&auditor->lock);
}

static void op_done(struct repository_op *op)
{
    answer(op->owner);
}

static void files_done(struct files_op *op)
{
    answer(op->owner);
}

static void write_and_wait(struct auditor *auditor, struct repository_op *op)
{
    op->done = op_done;
    op->owner = auditor;
    repository_submit_always(auditor->runtime->repository, op);
    answer_await(auditor);
}

/* Whether somebody wants us to stop: then the audit rests where its last page ended. */
static bool is_stopping(struct auditor *auditor)
{
    pthread_mutex_lock(&auditor->lock);
    bool stopping = auditor->stopping;
    pthread_mutex_unlock(&auditor->lock);
    return stopping;
}

static bool step_carry(struct auditor *auditor, enum audit_step step)
{
    struct audit *audit = &auditor->audit;
    switch (step) {
    case AUDIT_STEP_FILES:
        audit->files.done = files_done;
        audit->files.owner = auditor;
        files_submit_always(auditor->runtime->files[audit->store], &audit->files);
        answer_await(auditor);
        break;
    case AUDIT_STEP_READ:
        repository_read(auditor->runtime->repository, &audit->repository);
        break;
    case AUDIT_STEP_WRITE:
        write_and_wait(auditor, &audit->repository);
        if (audit->repository.matched > 0)
            runtime_wake(auditor->runtime);
        break;
    case AUDIT_STEP_REST:
        return rest(auditor, audit->rest_ms, false);
    case AUDIT_STEP_END:
        return false;
    }
    return !is_stopping(auditor);
}

static void end_note(const struct audit_place *place)
{
    if (place->state == AUDIT_RUNNING)
        return;
    log_info("audit ended", log_text("state", audit_state_name(place->state)),
             log_number("objects", place->counts[AUDIT_OBJECTS]),
             log_number("strays", place->counts[AUDIT_STRAYS]),
             log_number("scheduled", place->counts[AUDIT_SCHEDULED]),
             log_number("missing", place->counts[AUDIT_MISSING]),
             log_text("trouble", place->trouble));
}

static void audit_run(struct auditor *auditor)
{
    struct audit *audit = &auditor->audit;
    log_info("audit goes on", log_text("audit", auditor->place.id),
             log_text("behind", auditor->place.cursor));
    enum audit_step step =
        audit_begin(audit, &auditor->settings, &auditor->place, clock_boot_ms());
    while (step_carry(auditor, step))
        step = audit_next(audit, clock_boot_ms());
    end_note(&audit->place);
    audit_deinit(audit);
}

/* All stores have said whose they are; else nothing could be told of them. */
static bool stores_are_known(struct auditor *auditor)
{
    struct runtime_status status;
    runtime_status_get(auditor->runtime, &status);
    auditor->settings.store_count = status.store_count;
    for (size_t i = 0; i < status.store_count; i++) {
        if (status.stores[i].identity != IDENTITY_GOOD || !*status.stores[i].id)
            return false;
        memcpy(auditor->settings.store_ids[i], status.stores[i].id, UUID_TEXT_SIZE);
    }
    return true;
}

static bool place_get(struct auditor *auditor)
{
    struct repository_op op = {.verb = AUDIT_GET, .place = &auditor->place};
    repository_read(auditor->runtime->repository, &op);
    return op.outcome == REPOSITORY_OK;
}

static bool schedule_is_due(const struct auditor *auditor)
{
    const struct audit_place *place = &auditor->place;
    return place->state != AUDIT_RUNNING && auditor->options.every_ms &&
           place->now - place->ended_at >= auditor->options.every_ms;
}

/* Only if nobody else has begun one since. */
static void scheduled_start(struct auditor *auditor)
{
    struct audit_place place = {.deletes = auditor->options.deletes,
                                .share = auditor->options.share};
    uuid_generate(place.id);
    auditor->op = (struct repository_op){
        .verb = AUDIT_START, .place = &place, .since = auditor->place.started_at};
    write_and_wait(auditor, &auditor->op);
}

static bool claim(struct auditor *auditor)
{
    auditor->op = (struct repository_op){
        .verb = AUDIT_CLAIM, .place = &auditor->place, .limit = auditor->options.lease_ms};
    memcpy(auditor->op.id, auditor->settings.owner, UUID_TEXT_SIZE);
    write_and_wait(auditor, &auditor->op);
    return auditor->op.outcome == REPOSITORY_OK;
}

/* False: there is no telling yet what there is to do. */
static bool look(struct auditor *auditor)
{
    if (!stores_are_known(auditor) || !place_get(auditor))
        return false;
    if (schedule_is_due(auditor)) {
        scheduled_start(auditor);
        if (!place_get(auditor))
            return false;
    }
    if (auditor->place.state == AUDIT_RUNNING && !auditor->place.held && claim(auditor))
        audit_run(auditor);
    return true;
}

static void *auditor_thread(void *argument)
{
    struct auditor *auditor = argument;
    int64_t pause =
        auditor->options.lease_ms < LOOK_MOST_MS ? auditor->options.lease_ms : LOOK_MOST_MS;
    if (auditor->options.every_ms && auditor->options.every_ms < pause)
        pause = auditor->options.every_ms;
    bool looked;
    do
        looked = look(auditor);
    while (rest(auditor, looked || pause < LOOK_SOON_MS ? pause : LOOK_SOON_MS, true));
    return NULL;
}

static int auditor_assemble(struct auditor *auditor)
{
    pthread_condattr_t attributes;
    if (pthread_condattr_init(&attributes) != 0)
        return -1;
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    int failed = pthread_cond_init(&auditor->changed, &attributes);
    pthread_condattr_destroy(&attributes);
    if (failed)
        return -1;
    if (pthread_mutex_init(&auditor->lock, NULL) != 0)
        goto no_lock;
    if (pthread_create(&auditor->thread, NULL, auditor_thread, auditor) != 0)
        goto no_thread;
    return 0;

no_thread:
    pthread_mutex_destroy(&auditor->lock);
no_lock:
    pthread_cond_destroy(&auditor->changed);
    return -1;
}

int auditor_open(const struct auditor_options *options, struct runtime *runtime,
                 struct auditor **ret_auditor, struct error *error)
{
    struct auditor *auditor = calloc(1, sizeof *auditor);
    if (!auditor)
        return error_set(error, ERROR_NO_MEMORY, "no memory for the audit");
    auditor->options = *options;
    auditor->runtime = runtime;
    auditor->settings = (struct audit_settings){.age_ms = options->age_ms,
                                                .rate = options->rate,
                                                .timeout_ms = options->timeout_ms,
                                                .lease_ms = options->lease_ms};
    uuid_generate(auditor->settings.owner);
    memcpy(auditor->settings.database_id, repository_database_id(runtime->repository),
           UUID_TEXT_SIZE);
    if (auditor_assemble(auditor) < 0) {
        free(auditor);
        return error_set(error, ERROR_UNAVAILABLE,
                         "cannot start the audit's thread: raise the limit of threads");
    }
    *ret_auditor = auditor;
    return 0;
}

void auditor_poke(struct auditor *auditor)
{
    if (!auditor)
        return;
    pthread_mutex_lock(&auditor->lock);
    auditor->poked = true;
    pthread_cond_broadcast(&auditor->changed);
    pthread_mutex_unlock(&auditor->lock);
}

void auditor_close(struct auditor *auditor)
{
    if (!auditor)
        return;
    pthread_mutex_lock(&auditor->lock);
    auditor->stopping = true;
    pthread_cond_broadcast(&auditor->changed);
    pthread_mutex_unlock(&auditor->lock);
    pthread_join(auditor->thread, NULL);
    pthread_cond_destroy(&auditor->changed);
    pthread_mutex_destroy(&auditor->lock);
    free(auditor);
}
