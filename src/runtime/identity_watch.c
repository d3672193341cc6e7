/* Looks at whose store the files are in, when the engine asks. */
#include "runtime/runtime_state.h"

#include "base/clock.h"
#include "base/log.h"

#include <string.h>

static void identity_filed(struct files_op *op)
{
    struct runtime *runtime = op->owner;
    runtime_post(runtime, &op->message, MESSAGE_IDENTITY);
}

static void identity_written(struct repository_op *op)
{
    struct runtime *runtime = op->owner;
    runtime_post(runtime, &op->message, MESSAGE_IDENTITY);
}

static void identity_publish(struct runtime *runtime, size_t store)
{
    const struct identity_check *check = &runtime->checks[store];
    struct runtime_status *status = &runtime->status;
    bool good = check->verdict == IDENTITY_GOOD;
    pthread_mutex_lock(&runtime->lock);
    struct runtime_store *seen = &status->stores[store];
    /* A refusal at start is the program's to tell, as the reason why it ends. */
    bool told = !runtime->checked[store] && check->verdict == IDENTITY_REFUSED;
    bool news =
        !told && (strcmp(seen->trouble, check->error.text) != 0 || !runtime->checked[store]);
    memcpy(seen->trouble, check->error.text, sizeof seen->trouble);
    if (good)
        memcpy(seen->id, check->store_id, UUID_TEXT_SIZE);
    memcpy(status->trouble, status->stores[0].trouble, sizeof status->trouble);
    memcpy(status->store_id, status->stores[0].id, UUID_TEXT_SIZE);
    runtime->checked[store] = true;
    runtime->check_errors[store] = check->error;
    pthread_cond_broadcast(&runtime->identified);
    pthread_mutex_unlock(&runtime->lock);
    bool untold = check->untold && !runtime->untold[store];
    runtime->untold[store] = check->untold;
    if (untold)
        log_warning("the file store takes no new objects; its epoch is told later",
                    log_number("epoch", check->epoch));
    if (news && good)
        log_info("the file store is ours", log_text("store", check->store_id));
    else if (news)
        log_error("the file store cannot be used", log_text("error", check->error.text));
}

/* The older stores have been looked at; only this thread writes what is read here. */
static bool others_are_checked(const struct runtime *runtime)
{
    for (size_t i = 1; i < runtime->store_count; i++) {
        if (!runtime->checked[i])
            return false;
    }
    return true;
}

/* Is the store that the database knows among the older ones, or may it be? */
static enum identity_move move_find(const struct runtime *runtime)
{
    enum identity_move move = IDENTITY_MOVE_NEVER;
    for (size_t i = 1; i < runtime->store_count; i++) {
        const struct identity_check *older = &runtime->checks[i];
        if (older->was_good && strcmp(older->store_id, runtime->checks[0].store_id) == 0)
            return IDENTITY_MOVE_GIVEN;
        if (!older->was_good && older->verdict == IDENTITY_UNANSWERED)
            move = IDENTITY_MOVE_WAITS;
    }
    return move;
}

/* A start that an older store forbids must not claim the first one, nor raise an epoch. */
static bool others_refuse(const struct runtime *runtime, struct error *ret_error)
{
    for (size_t i = 1; i < runtime->store_count; i++) {
        if (runtime->checks[i].verdict != IDENTITY_REFUSED)
            continue;
        *ret_error = runtime->checks[i].error;
        return true;
    }
    return false;
}

static void identity_end(struct runtime *runtime, size_t store)
{
    const struct identity_check *check = &runtime->checks[store];
    engine_identified(runtime->engine, clock_boot_ms(), store, check->verdict,
                      check->verdict == IDENTITY_GOOD ? check->store_id : NULL);
    /* Who waits for the first look goes on by what is seen then. */
    runtime_publish(runtime);
    identity_publish(runtime, store);
    if (store == 0 && check->verdict == IDENTITY_GOOD)
        epoch_watch_again(runtime);
    if (runtime->first_waits && others_are_checked(runtime)) {
        runtime->first_waits = false;
        identity_watch_begin(runtime, 0);
    }
}

static void identity_carry(struct runtime *runtime, size_t store, enum identity_step step)
{
    struct identity_check *check = &runtime->checks[store];
    switch (step) {
    case IDENTITY_STEP_FILES:
        check->files.done = identity_filed;
        check->files.owner = runtime;
        files_submit_always(runtime->files[store], &check->files);
        break;
    case IDENTITY_STEP_REPOSITORY:
        check->repository.done = identity_written;
        check->repository.owner = runtime;
        repository_submit_always(runtime->repository, &check->repository);
        break;
    case IDENTITY_STEP_END:
        identity_end(runtime, store);
        break;
    }
}

void identity_watch_begin(struct runtime *runtime, size_t store)
{
    struct identity_check *check = &runtime->checks[store];
    /* Whether the first store may take over is told by the others. */
    if (store == 0 && !others_are_checked(runtime)) {
        runtime->first_waits = true;
        return;
    }
    if (store == 0 && !runtime->checked[0] && others_refuse(runtime, &check->error)) {
        check->verdict = IDENTITY_REFUSED;
        identity_end(runtime, 0);
        return;
    }
    if (store == 0)
        check->move = move_find(runtime);
    uuid_generate(check->fresh_store_id);
    uuid_generate(check->fresh_nonce);
    identity_carry(runtime, store, identity_check_begin(check, clock_boot_ms()));
}

void identity_watch_next(struct runtime *runtime, const struct message *message, int64_t now)
{
    for (size_t i = 0; i < runtime->store_count; i++) {
        struct identity_check *check = &runtime->checks[i];
        if (message == &check->files.message || message == &check->repository.message)
            identity_carry(runtime, i, identity_check_next(check, now));
    }
}
