#include "repository/repository.h"

#include "base/clock.h"
#include "metrics/metrics.h"
#include "repository/lane.h"
#include "repository/lookups.h"
#include "repository/tally.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/* Operations of one transaction: enough to share a sync, few enough to answer soon. */
#define BATCH_OPS_MAX 512

/* Without anything to do for so long, a driver does what it has put off. */
#define REST_MS 100

/* Claims and confirms of as many rows are worth a transaction of their own. */
#define LARGE_ROWS 64

struct repository {
    struct repository_driver *driver;
    struct mailbox mailbox;
    struct lane lane; /* of drivers with two writers */
    struct tally tally;
    pthread_t thread, second;
    struct message stop;    /* the last message: ends the thread */
    struct lookups lookups; /* where the driver has use for them */
    size_t copies;          /* under way: each is among the messages again after each slice */
};

void deletions_deinit(struct deletions *deletions)
{
    for (size_t i = 0; i < deletions->count; i++)
        free(deletions->rows[i].key);
    free(deletions->rows);
    *deletions = (struct deletions){0};
}

struct deletion *deletions_extend(struct deletions *deletions)
{
    size_t count = deletions->count;
    /* Grows at powers of two: no capacity has to be kept. */
    if ((count & (count - 1)) == 0) {
        size_t capacity = count ? 2 * count : 1;
        struct deletion *rows = reallocarray(deletions->rows, capacity, sizeof *rows);
        if (!rows)
            return NULL;
        deletions->rows = rows;
    }
    deletions->rows[count] = (struct deletion){0};
    deletions->count++;
    return &deletions->rows[count];
}

const char *deletion_reason_name(enum deletion_reason reason)
{
    static const char *const names[] = {
        [REASON_USER] = "user",
        [REASON_REPLACED] = "replaced",
        [REASON_UPLOAD] = "upload",
        [REASON_EXTERNAL] = "external",
    };
    return names[reason];
}

enum deletion_reason deletion_reason_parse(const char *name)
{
    for (int reason = REASON_USER; reason < REASON_EXTERNAL; reason++) {
        if (strcmp(name, deletion_reason_name((enum deletion_reason)reason)) == 0)
            return (enum deletion_reason)reason;
    }
    return REASON_EXTERNAL;
}

const char *deletion_state_name(enum deletion_state state)
{
    return state == DELETION_BLOCKED ? "blocked" : "pending";
}

bool repository_keys_add(struct repository_keys *keys, const char *key)
{
    if (keys->count == REPOSITORY_KEYS_MAX)
        return false;
    if ((keys->count & (keys->count - 1)) == 0) {
        size_t capacity = keys->count ? 2 * keys->count : 1;
        void *items = reallocarray(keys->items, capacity, sizeof *keys->items);
        if (!items)
            return false;
        keys->items = items;
    }
    char *item = keys->items[keys->count++];
    memcpy(item, key, strnlen(key, OBJECT_KEY_SIZE - 1) + 1);
    item[OBJECT_KEY_SIZE - 1] = '\0';
    return true;
}

void repository_op_deinit(struct repository_op *op)
{
    free(op->keys.items);
    op->keys = (struct repository_keys){0};
    free(op->users);
    op->users = NULL;
    op->user_count = 0;
    deletions_deinit(&op->deletions);
    deletions_deinit(&op->claim.claimed);
    receipt_page_deinit(&op->receipts);
    pointers_deinit(&op->pointers);
    free(op->findings);
    op->findings = NULL;
    op->finding_count = 0;
}

static int64_t rows_finished(const struct repository_op *op)
{
    int64_t finished = 0;
    if (op->verb != DELETIONS_CONFIRM || op->outcome != REPOSITORY_OK)
        return 0;
    for (size_t i = 0; i < op->confirm.count; i++)
        finished += op->confirm.items[i].finished;
    return finished;
}

/* One slice; those who wait meanwhile have their turn before the next one. */
static void copy_run(struct repository *repository, struct repository_op *op)
{
    bool begun = op->more;
    if (repository->driver->copy)
        repository->driver->copy(repository->driver, op);
    else
        op->outcome = REPOSITORY_NOT_FOUND;
    repository->copies += (size_t)op->more - (size_t)begun;
    if (op->more)
        mailbox_post_always(&repository->mailbox, &op->message);
    else
        op->done(op);
}

/* Returns false when the last message was among those taken. */
static bool batch_run(struct repository *repository, struct message **chain)
{
    struct repository_op *ops[BATCH_OPS_MAX];
    size_t count = 0;
    bool stop = false;
    while (*chain && count < BATCH_OPS_MAX) {
        struct message *message = *chain;
        *chain = message->next;
        if (message == &repository->stop)
            stop = true;
        else if (((struct repository_op *)message)->verb == DATABASE_COPY)
            copy_run(repository, (struct repository_op *)message);
        else
            ops[count++] = (struct repository_op *)message;
    }
    for (size_t i = 0; i < count; i++) {
        if (ops[i]->keeps_place)
            mailbox_release(&repository->mailbox);
        ops[i]->keeps_place = false;
    }
    if (count) {
        int64_t begun_us = clock_boot_us();
        repository->driver->apply(repository->driver, ops, count);
        metrics_add(METRIC_BATCH_SECONDS, clock_boot_us() - begun_us);
        metrics_add(METRIC_BATCH_OPERATIONS, (int64_t)count);
    }
    for (size_t i = 0; i < count; i++) {
        int64_t finished = rows_finished(ops[i]);
        if (finished)
            tally_finish(&repository->tally, finished);
        ops[i]->done(ops[i]);
    }
    return !stop;
}

static bool has_two_writers(const struct repository *repository)
{
    return repository->driver->writers > 1;
}

/* What may be carried out beside whatever the first thread does: as at another replica. */
static bool op_is_large(const struct repository_op *op)
{
    if (op->verb == DELETIONS_CLAIM)
        return op->claim.kind != CLAIM_KEYS && op->claim.limit >= LARGE_ROWS;
    return op->verb == DELETIONS_CONFIRM && op->confirm.count >= LARGE_ROWS;
}

/*
 * Whether it waits for the claims and confirms that came before it. Those of requests meet the
 * same rows under the same locks, wherever they come from; others rely on what was confirmed:
 * receipts are reopened, and classes are unblocked, with all that was sent before.
 */
static bool op_waits(const struct repository_op *op)
{
    switch (op->verb) {
    case USER_ADD:
    case USER_REPLACE:
    case USER_MARK:
    case AVATAR_CLEAR:
    case GUARD_ADD:
    case AVATAR_ATTACH:
    case GUARD_SETTLE:
    case DELETIONS_CLAIM:
    case DELETIONS_CONFIRM:
    case DELETION_ADD:
    case MARKED_FINISH:
    case RECEIPTS_SEAL:
        return false;
    default:
        return true;
    }
}

static bool chain_waits(const struct repository *repository, const struct message *chain)
{
    for (; chain; chain = chain->next) {
        if (chain != &repository->stop && op_waits((const struct repository_op *)chain))
            return true;
    }
    return false;
}

/* Puts the first thread's share of the lane before what it took; or all, carried out first. */
static void lane_join(struct repository *repository, struct message **chain)
{
    if (chain_waits(repository, *chain)) {
        struct message *before = lane_hold(&repository->lane);
        while (before)
            batch_run(repository, &before);
        return;
    }
    struct message *share = lane_share(&repository->lane), **end = &share;
    while (*end)
        end = &(*end)->next;
    *end = *chain;
    *chain = share;
}

/* What is next for the first thread; NULL: nothing for now. */
static struct message *chain_await(struct repository *repository)
{
    struct repository_driver *driver = repository->driver;
    if (!has_two_writers(repository)) {
        struct message *chain =
            mailbox_take(&repository->mailbox, driver->puts_off ? REST_MS : -1);
        if (!chain && driver->puts_off)
            driver->rest(driver);
        return chain;
    }
    bool more = lane_rest(&repository->lane);
    struct message *chain = mailbox_take(&repository->mailbox, more ? 0 : -1);
    lane_join(repository, &chain);
    return chain;
}

static void *store_thread(void *argument)
{
    struct repository *repository = argument;
    bool running = true;
    while (running || repository->copies) {
        struct message *chain = chain_await(repository);
        while (chain)
            running = batch_run(repository, &chain) && running;
    }
    return NULL;
}

static void *second_thread(void *argument)
{
    struct repository *repository = argument;
    struct message *chain;
    while ((chain = lane_wait(&repository->lane))) {
        while (chain)
            batch_run(repository, &chain);
    }
    return NULL;
}

/* One thread, or two; -1 with none started. */
static int threads_start(struct repository *repository)
{
    if (pthread_create(&repository->thread, NULL, store_thread, repository) != 0)
        return -1;
    if (!has_two_writers(repository) ||
        pthread_create(&repository->second, NULL, second_thread, repository) == 0)
        return 0;
    mailbox_post_always(&repository->mailbox, &repository->stop);
    pthread_join(repository->thread, NULL);
    return -1;
}

int repository_open(struct repository_driver *driver, const struct repository_room *room,
                    struct repository **ret_repository, struct error *error)
{
    struct repository *repository = calloc(1, sizeof *repository);
    if (!repository) {
        driver->close(driver);
        return error_set(error, ERROR_NO_MEMORY, "no memory for the store thread");
    }
    repository->driver = driver;
    if (tally_init(&repository->tally) != 0)
        goto no_tally;
    if (mailbox_init(&repository->mailbox, room->operations, NULL, NULL) != 0)
        goto no_mailbox;
    if (driver->look_up && lookups_start(&repository->lookups, driver, room->lookups) != 0)
        goto no_lookups;
    if (lane_init(&repository->lane) != 0)
        goto no_lane;
    if (threads_start(repository) < 0)
        goto no_thread;
    *ret_repository = repository;
    return 0;

no_thread:
    lane_deinit(&repository->lane);
no_lane:
    if (driver->look_up)
        lookups_stop(&repository->lookups);
no_lookups:
    mailbox_deinit(&repository->mailbox);
no_mailbox:
    tally_deinit(&repository->tally);
no_tally:
    driver->close(driver);
    free(repository);
    return error_set(error, ERROR_UNAVAILABLE,
                     "cannot start the store thread: raise the limit of threads");
}

void repository_close(struct repository *repository)
{
    if (!repository)
        return;
    if (repository->driver->look_up)
        lookups_stop(&repository->lookups);
    mailbox_post_always(&repository->mailbox, &repository->stop);
    pthread_join(repository->thread, NULL);
    if (has_two_writers(repository)) {
        lane_end(&repository->lane);
        pthread_join(repository->second, NULL);
    }
    lane_deinit(&repository->lane);
    mailbox_deinit(&repository->mailbox);
    tally_deinit(&repository->tally);
    repository->driver->close(repository->driver);
    free(repository);
}

static void lane_take_up(struct repository *repository, struct repository_op *op,
                         enum lane_weight weight)
{
    if (lane_post(&repository->lane, &op->message, weight))
        mailbox_wake(&repository->mailbox);
}

bool repository_submit(struct repository *repository, struct repository_op *op)
{
    return mailbox_post(&repository->mailbox, &op->message);
}

void repository_submit_always(struct repository *repository, struct repository_op *op)
{
    if (!has_two_writers(repository) || !op_is_large(op))
        mailbox_post_always(&repository->mailbox, &op->message);
    else
        lane_take_up(repository, op, LANE_LARGE);
}

size_t repository_queued(struct repository *repository)
{
    return mailbox_depth(&repository->mailbox) + lane_depth(&repository->lane);
}

size_t repository_lookups_queued(struct repository *repository)
{
    return repository->driver->look_up ? mailbox_depth(&repository->lookups.mailbox) : 0;
}

bool repository_reserve(struct repository *repository)
{
    return mailbox_reserve(&repository->mailbox);
}

void repository_release(struct repository *repository)
{
    mailbox_release(&repository->mailbox);
}

void repository_submit_reserved(struct repository *repository, struct repository_op *op)
{
    op->keeps_place = has_two_writers(repository) && op->verb == USER_MARK;
    if (op->keeps_place)
        lane_take_up(repository, op, LANE_SMALL);
    else
        mailbox_post_reserved(&repository->mailbox, &op->message);
}

static void backlog_read(struct repository *repository, struct repository_op *op)
{
    struct tally_count count;
    if (tally_recall(&repository->tally, clock_boot_ms(), &op->backlog, &count)) {
        op->outcome = REPOSITORY_OK;
        return;
    }
    repository->driver->read(repository->driver, op);
    tally_keep(&repository->tally, &count, clock_boot_ms(),
               op->outcome == REPOSITORY_OK ? &op->backlog : NULL);
}

void repository_read(struct repository *repository, struct repository_op *op)
{
    if (op->verb == BACKLOG_GET)
        backlog_read(repository, op);
    else
        repository->driver->read(repository->driver, op);
}

bool repository_reads_at_once(const struct repository *repository)
{
    return !repository->driver->look_up;
}

bool repository_look_up(struct repository *repository, struct repository_op *op)
{
    return lookups_post(&repository->lookups, op);
}

const char *repository_secret(const struct repository *repository)
{
    return repository->driver->secret;
}

const char *repository_database_id(const struct repository *repository)
{
    return repository->driver->database_id;
}
