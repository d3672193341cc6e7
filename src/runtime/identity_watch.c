/* Looks at whose store the files are in, when the engine asks. */
#include "runtime/runtime_state.h"

#include "base/clock.h"
#include "base/log.h"

#include <string.h>

static void identity_carry(struct runtime *runtime, enum identity_step step);

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

static void identity_publish(struct runtime *runtime)
{
    const struct identity_check *check = &runtime->check;
    bool good = check->verdict == IDENTITY_GOOD;
    pthread_mutex_lock(&runtime->lock);
    /* A refusal at start is the program's to tell, as the reason why it ends. */
    bool told = !runtime->checked && check->verdict == IDENTITY_REFUSED;
    bool news =
        !told && (strcmp(runtime->status.trouble, check->error.text) != 0 || !runtime->checked);
    memcpy(runtime->status.trouble, check->error.text, sizeof runtime->status.trouble);
    if (good)
        memcpy(runtime->status.store_id, check->store_id, UUID_TEXT_SIZE);
    runtime->checked = true;
    runtime->check_error = check->error;
    pthread_cond_broadcast(&runtime->identified);
    pthread_mutex_unlock(&runtime->lock);
    if (news && good)
        log_info("the file store is ours", log_text("store", check->store_id));
    else if (news)
        log_error("the file store cannot be used", log_text("error", check->error.text));
}

static void identity_carry(struct runtime *runtime, enum identity_step step)
{
    struct identity_check *check = &runtime->check;
    switch (step) {
    case IDENTITY_STEP_FILES:
        check->files.done = identity_filed;
        check->files.owner = runtime;
        files_submit_always(runtime->files, &check->files);
        break;
    case IDENTITY_STEP_REPOSITORY:
        check->repository.done = identity_written;
        check->repository.owner = runtime;
        repository_submit_always(runtime->repository, &check->repository);
        break;
    case IDENTITY_STEP_END:
        engine_identified(runtime->engine, clock_boot_ms(), check->verdict,
                          check->verdict == IDENTITY_GOOD ? check->store_id : NULL);
        identity_publish(runtime);
        break;
    }
}

void identity_watch_begin(struct runtime *runtime)
{
    uuid_generate(runtime->check.fresh_store_id);
    identity_carry(runtime, identity_check_begin(&runtime->check, clock_boot_ms()));
}

void identity_watch_next(struct runtime *runtime, int64_t now)
{
    identity_carry(runtime, identity_check_next(&runtime->check, now));
}
