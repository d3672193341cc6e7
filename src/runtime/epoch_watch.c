/* Raises the epoch while the service runs, whenever somebody asks for it. */
#include "runtime/runtime_state.h"

#include "base/clock.h"
#include "base/log.h"

#include <string.h>

/* Between two tries of a raise that is due. */
#define AGAIN_MS 10000

static void raise_begin(struct runtime *runtime);

static void raise_filed(struct files_op *op)
{
    runtime_post(op->owner, &op->message, MESSAGE_EPOCH_STEP);
}

static void raise_written(struct repository_op *op)
{
    runtime_post(op->owner, &op->message, MESSAGE_EPOCH_STEP);
}

/* Answers everybody for whom it was begun. */
static void raise_answer(struct runtime *runtime, bool told)
{
    const struct identity_check *check = &runtime->raise;
    struct epoch_raise *raise = runtime->raise_answers;
    runtime->raise_answers = NULL;
    while (raise) {
        struct epoch_raise *next = raise->next;
        raise->number = told ? check->epoch : 0;
        raise->error = check->error;
        raise->ended(raise);
        raise = next;
    }
}

static void raise_end(struct runtime *runtime)
{
    struct identity_check *check = &runtime->raise;
    bool told = check->verdict == IDENTITY_GOOD && check->epochs == EPOCHS_SETTLED;
    if (check->verdict == IDENTITY_GOOD && !told)
        error_set(&check->error, ERROR_UNAVAILABLE, "the file store takes no new objects");
    /* Due until it is told: only who has lost the store to another database gives up. */
    bool due = !told && (check->verdict != IDENTITY_REFUSED || check->by_answer);
    if (due)
        check->error.class = ERROR_UNAVAILABLE;
    if (told)
        log_info("the epoch was raised", log_number("epoch", check->epoch));
    else if (!due || !runtime->raise_is_due)
        log_warning("the epoch cannot be raised now", log_text("reason", check->error.text));
    runtime->raise_is_due = due;
    runtime->raise_again_at = clock_boot_ms() + AGAIN_MS;
    runtime->raising = false;
    raise_answer(runtime, told);
    if (runtime->raise_asked)
        raise_begin(runtime);
}

static void raise_carry(struct runtime *runtime, enum identity_step step)
{
    struct identity_check *check = &runtime->raise;
    switch (step) {
    case IDENTITY_STEP_FILES:
        check->files.done = raise_filed;
        check->files.owner = runtime;
        files_submit_always(runtime->files[0], &check->files);
        break;
    case IDENTITY_STEP_REPOSITORY:
        check->repository.done = raise_written;
        check->repository.owner = runtime;
        repository_submit_always(runtime->repository, &check->repository);
        break;
    case IDENTITY_STEP_END:
        raise_end(runtime);
        break;
    }
}

/* A check of its own: what comes of it is nothing that the engine asked for. */
static void raise_begin(struct runtime *runtime)
{
    struct identity_check *check = &runtime->raise;
    const struct identity_check *first = &runtime->checks[0];
    *check = (struct identity_check){.epochs = EPOCHS_RAISE,
                                     .was_good = true,
                                     .timeout_ms = runtime->options.identity_timeout_ms};
    memcpy(check->database_id, first->database_id, UUID_TEXT_SIZE);
    memcpy(check->store_id, first->store_id, UUID_TEXT_SIZE);
    uuid_generate(check->fresh_nonce);
    runtime->raise_answers = runtime->raise_asked;
    runtime->raise_asked = NULL;
    runtime->raising = true;
    if (first->was_good) {
        raise_carry(runtime, identity_check_begin(check, clock_boot_ms()));
        return;
    }
    check->verdict = IDENTITY_UNANSWERED;
    error_set(&check->error, ERROR_UNAVAILABLE, "the file store has not answered yet");
    raise_end(runtime);
}

/* Whoever asks while one is under way is told of the next: that one began too early. */
void epoch_watch_ask(struct runtime *runtime, struct epoch_raise *raise)
{
    raise->next = runtime->raise_asked;
    runtime->raise_asked = raise;
    if (!runtime->raising)
        raise_begin(runtime);
}

void epoch_watch_next(struct runtime *runtime, int64_t now)
{
    raise_carry(runtime, identity_check_next(&runtime->raise, now));
}

void epoch_watch_again(struct runtime *runtime)
{
    if (runtime->raise_is_due && !runtime->raising && !runtime->stopping)
        raise_begin(runtime);
}

/* A process that only takes requests looks at its store for no other reason. */
int64_t epoch_watch_turn(struct runtime *runtime, int64_t now)
{
    if (now >= runtime->raise_again_at)
        epoch_watch_again(runtime);
    bool waits = runtime->raise_is_due && !runtime->raising && !runtime->stopping;
    return waits ? runtime->raise_again_at : INT64_MAX;
}
