#include "runtime/runtime_state.h"

#include "base/clock.h"
#include "base/log.h"
#include "config/limits.h"

#include <stdlib.h>
#include <string.h>

static void engine_write_done(struct repository_op *op)
{
    runtime_post(op->owner, &op->message, MESSAGE_WRITTEN);
}

static void engine_delete_done(struct files_op *op)
{
    runtime_post(op->owner, &op->message, MESSAGE_DELETED);
}

static void sweep_end(struct runtime *runtime, struct sweep *sweep)
{
    pthread_mutex_lock(&runtime->lock);
    runtime->status.sweeps++;
    runtime->status.last_sweep_at = clock_wall_ms();
    pthread_mutex_unlock(&runtime->lock);
    struct sweep_run *run = CONTAINER_OF(sweep, struct sweep_run, sweep);
    run->ended(run);
}

static void sweep_progress(struct sweep *sweep)
{
    struct sweep_run *run = CONTAINER_OF(sweep, struct sweep_run, sweep);
    if (run->progressed)
        run->progressed(run);
}

static void command_carry(struct runtime *runtime, const struct engine_command *command)
{
    switch (command->kind) {
    case ENGINE_WRITE:
        command->repository->done = engine_write_done;
        command->repository->owner = runtime;
        repository_submit_always(runtime->repository, command->repository);
        break;
    case ENGINE_DELETE:
        command->files->done = engine_delete_done;
        command->files->owner = runtime;
        files_submit_always(runtime->files[command->store], command->files);
        break;
    case ENGINE_READ:
        repository_read(runtime->repository, command->repository);
        engine_read(runtime->engine, clock_boot_ms(), command->repository);
        break;
    case ENGINE_CHECK_IDENTITY:
        identity_watch_begin(runtime, command->store);
        break;
    case ENGINE_ANSWER:
        flow_run_answered(command->waiter);
        break;
    case ENGINE_SWEEP_PROGRESS:
        sweep_progress(command->sweep);
        break;
    case ENGINE_SWEEP_END:
        sweep_end(runtime, command->sweep);
        break;
    case ENGINE_ALARM:
        runtime_account_alarm(command);
        log_warning(command->text, log_number("count", command->number));
        break;
    }
}

void runtime_publish(struct runtime *runtime)
{
    pthread_mutex_lock(&runtime->lock);
    for (size_t i = 0; i < runtime->store_count; i++) {
        struct runtime_store *store = &runtime->status.stores[i];
        runtime_account_breaker(store->breaker, engine_breaker(runtime->engine, i));
        store->breaker = engine_breaker(runtime->engine, i);
        store->identity = engine_identity(runtime->engine, i);
    }
    runtime->status.breaker = runtime->status.stores[0].breaker;
    runtime->status.identity = runtime->status.stores[0].identity;
    runtime->status.takes_uploads = engine_takes_uploads(runtime->engine);
    pthread_mutex_unlock(&runtime->lock);
    atomic_store(&runtime->serves, engine_serves(runtime->engine));
    /* Before the claim that ends it is sent: whoever still sees it has committed by then (M1).
     */
    atomic_store(&runtime->knows, engine_is_woken(runtime->engine));
}

/* The state that others see is set before anybody is answered by it. */
static void commands_carry(struct runtime *runtime)
{
    struct engine_command command;
    runtime_publish(runtime);
    while (engine_take(runtime->engine, &command)) {
        command_carry(runtime, &command);
        runtime_publish(runtime);
    }
}

/* Tells the engine of one message; returns true for the last one. */
static bool message_handle(struct runtime *runtime, struct message *message)
{
    struct engine *engine = runtime->engine;
    int64_t now = clock_boot_ms();
    switch ((enum message_kind)message->kind) {
    case MESSAGE_WRITTEN:
        runtime_account_confirm(CONTAINER_OF(message, struct repository_op, message));
        engine_written(engine, now, CONTAINER_OF(message, struct repository_op, message));
        break;
    case MESSAGE_DELETED:
        engine_deleted(engine, now, CONTAINER_OF(message, struct files_op, message));
        break;
    case MESSAGE_IDENTITY:
        identity_watch_next(runtime, message, now);
        break;
    case MESSAGE_WAITS:
        engine_waits(engine, now,
                     &CONTAINER_OF(message, struct flow_run, waiting)->flow.waiter);
        break;
    case MESSAGE_HANDED:
        flow_run_handed(runtime, CONTAINER_OF(message, struct flow_run, handing), now);
        break;
    case MESSAGE_STOPS_WAITING:
        engine_stops_waiting(engine, now,
                             &CONTAINER_OF(message, struct flow_run, handing)->flow.waiter);
        break;
    case MESSAGE_SWEPT:
        engine_swept(engine, now, &CONTAINER_OF(message, struct sweep_run, message)->sweep);
        break;
    case MESSAGE_EPOCH:
        epoch_watch_ask(runtime, CONTAINER_OF(message, struct epoch_raise, message));
        break;
    case MESSAGE_EPOCH_STEP:
        epoch_watch_next(runtime, now);
        break;
    case MESSAGE_QUIESCE:
        engine_stopped(engine, now);
        break;
    case MESSAGE_END:
        engine_stopped(engine, now);
        return true;
    }
    return false;
}

bool runtime_turn(struct runtime *runtime, bool waits)
{
    int64_t now = clock_boot_ms();
    int64_t raise_at = epoch_watch_turn(runtime, now);
    int64_t tick_at = engine_next_tick(runtime->engine, now);
    int64_t most_ms = waits ? (raise_at < tick_at ? raise_at : tick_at) - now : 0;
    struct message *message = mailbox_take(&runtime->mailbox, most_ms);
    /* Cleared before the scan that it asks for: a later wake is not lost (M1). */
    if (atomic_exchange(&runtime->woken, false))
        engine_woken(runtime->engine, clock_boot_ms());
    while (message) {
        /* Its memory is its owner's again once it is handled. */
        struct message *next = message->next;
        runtime->stopping = message_handle(runtime, message) || runtime->stopping;
        commands_carry(runtime);
        message = next;
    }
    engine_ticked(runtime->engine, clock_boot_ms());
    commands_carry(runtime);
    atomic_store(&runtime->alive_at, clock_boot_ms());
    return !runtime->stopping || runtime->raising || !engine_is_idle(runtime->engine);
}

static void *engine_thread(void *argument)
{
    pthread_setname_np(pthread_self(), "engine");
    while (runtime_turn(argument, true)) {
    }
    return NULL;
}

static int runtime_assemble(struct runtime *runtime)
{
    if (pthread_mutex_init(&runtime->lock, NULL) != 0)
        return -1;
    if (pthread_cond_init(&runtime->identified, NULL) != 0)
        goto no_condition;
    if (mailbox_init(&runtime->mailbox, LIMIT_ENGINE_MAILBOX, NULL, NULL) < 0)
        goto no_mailbox;
    if (pthread_create(&runtime->thread, NULL, engine_thread, runtime) != 0)
        goto no_thread;
    return 0;

no_thread:
    mailbox_deinit(&runtime->mailbox);
no_mailbox:
    pthread_cond_destroy(&runtime->identified);
no_condition:
    pthread_mutex_destroy(&runtime->lock);
    return -1;
}

int runtime_open(const struct runtime_options *options, struct repository *repository,
                 struct files *const *files, struct runtime **ret_runtime, struct error *error)
{
    struct runtime *runtime = calloc(1, sizeof *runtime);
    struct engine *engine = runtime ? engine_new(&options->engine) : NULL;
    if (!engine) {
        free(runtime);
        return error_set(error, ERROR_NO_MEMORY, "no memory for the engine");
    }
    runtime->options = *options;
    runtime->repository = repository;
    runtime->store_count = options->engine.stores;
    memcpy(runtime->files, files, runtime->store_count * sizeof(struct files *));
    runtime->engine = engine;
    runtime->status.started_at = clock_wall_ms();
    runtime->status.store_count = runtime->store_count;
    for (size_t i = 0; i < runtime->store_count; i++) {
        struct identity_check *check = &runtime->checks[i];
        check->older = i > 0;
        check->epochs = i > 0 || options->engine.aside ? EPOCHS_COMPARE : EPOCHS_RAISE;
        check->timeout_ms = options->identity_timeout_ms;
        memcpy(check->database_id, repository_database_id(repository), UUID_TEXT_SIZE);
        runtime->status.stores[i].identity = IDENTITY_UNANSWERED;
    }
    memcpy(runtime->checks[0].store_id, options->store_id, strlen(options->store_id) + 1);
    if (runtime_assemble(runtime) < 0) {
        engine_free(engine);
        free(runtime);
        return error_set(error, ERROR_UNAVAILABLE,
                         "cannot start the engine's thread: raise the limit of threads");
    }
    *ret_runtime = runtime;
    return 0;
}

int runtime_await_identity(struct runtime *runtime, struct error *error)
{
    pthread_mutex_lock(&runtime->lock);
    struct error found = {0};
    for (size_t i = runtime->store_count; i-- && found.class != ERROR_CONFIG;) {
        while (!runtime->checked[i])
            pthread_cond_wait(&runtime->identified, &runtime->lock);
        found = runtime->check_errors[i];
    }
    pthread_mutex_unlock(&runtime->lock);
    if (found.class != ERROR_CONFIG)
        return 0;
    *error = found;
    return -1;
}

void runtime_quiesce(struct runtime *runtime)
{
    runtime_post(runtime, &runtime->quiesce, MESSAGE_QUIESCE);
}

void runtime_close(struct runtime *runtime)
{
    if (!runtime)
        return;
    wake_close(runtime->wake);
    runtime_post(runtime, &runtime->end, MESSAGE_END);
    pthread_join(runtime->thread, NULL);
    engine_free(runtime->engine);
    mailbox_deinit(&runtime->mailbox);
    pthread_cond_destroy(&runtime->identified);
    pthread_mutex_destroy(&runtime->lock);
    free(runtime);
}

const char *runtime_secret(const struct runtime *runtime)
{
    return repository_secret(runtime->repository);
}

const char *runtime_database_id(const struct runtime *runtime)
{
    return repository_database_id(runtime->repository);
}

const struct flow_settings *runtime_flow_settings(const struct runtime *runtime)
{
    return &runtime->options.flows;
}

bool runtime_write(struct runtime *runtime, struct repository_op *op)
{
    return repository_submit(runtime->repository, op);
}

void runtime_read(struct runtime *runtime, struct repository_op *op)
{
    repository_read(runtime->repository, op);
}

bool runtime_reads_at_once(const struct runtime *runtime)
{
    return repository_reads_at_once(runtime->repository);
}

bool runtime_look_up(struct runtime *runtime, struct repository_op *op)
{
    return repository_look_up(runtime->repository, op);
}

bool runtime_fetch(struct runtime *runtime, const char *store_id, struct files_op *op)
{
    struct files *files = NULL;
    pthread_mutex_lock(&runtime->lock);
    for (size_t i = 0; i < runtime->store_count && !files; i++) {
        if (strcmp(runtime->status.stores[i].id, store_id) == 0)
            files = runtime->files[i];
    }
    pthread_mutex_unlock(&runtime->lock);
    return files && files_submit(files, op);
}

bool runtime_run_sweep(struct runtime *runtime, struct sweep_run *run)
{
    run->message.kind = MESSAGE_SWEPT;
    return mailbox_post(&runtime->mailbox, &run->message);
}

bool runtime_raise_epoch(struct runtime *runtime, struct epoch_raise *raise)
{
    raise->message.kind = MESSAGE_EPOCH;
    return mailbox_post(&runtime->mailbox, &raise->message);
}

void runtime_wake(struct runtime *runtime)
{
    runtime_hear(runtime);
    wake_announce(runtime->wake);
}

void runtime_join(struct runtime *runtime, struct wake *wake)
{
    runtime->wake = wake;
}

bool runtime_works(const struct runtime *runtime)
{
    return !runtime->options.engine.aside;
}

void runtime_hear(struct runtime *runtime)
{
    if (!atomic_load(&runtime->knows) && !atomic_exchange(&runtime->woken, true))
        mailbox_wake(&runtime->mailbox);
}

void runtime_rouse(struct runtime *runtime)
{
    mailbox_wake(&runtime->mailbox);
}

int64_t runtime_alive_at(const struct runtime *runtime)
{
    return atomic_load(&runtime->alive_at);
}

void runtime_queues_get(struct runtime *runtime, struct runtime_queues *ret_queues)
{
    ret_queues->store = repository_queued(runtime->repository);
    ret_queues->lookups = repository_lookups_queued(runtime->repository);
    ret_queues->files = 0;
    for (size_t i = 0; i < runtime->store_count; i++)
        ret_queues->files += files_queued(runtime->files[i]);
    ret_queues->engine = mailbox_depth(&runtime->mailbox);
}

void runtime_status_get(struct runtime *runtime, struct runtime_status *ret_status)
{
    pthread_mutex_lock(&runtime->lock);
    *ret_status = runtime->status;
    pthread_mutex_unlock(&runtime->lock);
}
