/* The store thread over the driver: many that write and read at once, each answered once. */
#include "contract/repository_support.h"

#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WRITERS 4
#define USERS   50
#define MAILBOX 16

static struct repository *repository;

struct writer {
    pthread_t thread;
    sem_t answered;
    int place, refused;
};

static void on_done(struct repository_op *op)
{
    sem_post(&((struct writer *)op->owner)->answered);
}

static void op_await(struct writer *writer)
{
    while (sem_wait(&writer->answered) != 0)
        continue;
}

static enum repository_outcome carry_out(struct writer *writer, struct repository_op *op)
{
    op->done = on_done;
    op->owner = writer;
    while (!repository_submit(repository, op)) {
        writer->refused++;
        sched_yield();
    }
    op_await(writer);
    return op->outcome;
}

/* By both ways, and the same by both. */
static void look_up(struct writer *writer, struct repository_op *op)
{
    repository_read(repository, op);
    if (repository_reads_at_once(repository))
        return;
    enum repository_outcome read = op->outcome;
    op->done = on_done;
    op->owner = writer;
    op->outcome = REPOSITORY_FAILED;
    memset(&op->user, 0, sizeof op->user);
    while (!repository_look_up(repository, op))
        sched_yield();
    op_await(writer);
    if (read != op->outcome || (read == REPOSITORY_OK && strcmp(op->user.id, op->id) != 0))
        op->outcome = REPOSITORY_FAILED;
}

static enum repository_outcome carry_out_always(struct writer *writer, struct repository_op *op)
{
    op->done = on_done;
    op->owner = writer;
    repository_submit_always(repository, op);
    op_await(writer);
    return op->outcome;
}

static void op_fill(struct repository_op *op, enum repository_verb verb, const char *id)
{
    *op = (struct repository_op){.verb = verb, .if_version = -1};
    snprintf(op->id, sizeof op->id, "%s", id);
    snprintf(op->user.id, sizeof op->user.id, "%s", id);
    snprintf(op->key, sizeof op->key, "avatars/%s", id);
    snprintf(op->store_id, sizeof op->store_id, "%s", STORE);
    op->guard_ms = GUARD_MS;
    if (verb != AVATAR_ATTACH)
        return;
    snprintf(op->user.avatar.key, sizeof op->user.avatar.key, "avatars/%s", id);
    snprintf(op->user.avatar.store_id, sizeof op->user.avatar.store_id, "%s", STORE);
}

/* What was answered can be read at once, on any thread. */
static void *writer_run(void *argument)
{
    struct writer *writer = argument;
    struct repository_op *op = malloc(sizeof *op);
    uintptr_t wrong = op ? 0 : 1;
    for (int i = 0; op && i < USERS; i++) {
        static const struct {
            enum repository_verb verb;
            enum repository_outcome expected;
        } steps[] = {{USER_ADD, REPOSITORY_OK},       {USER_GET, REPOSITORY_OK},
                     {GUARD_ADD, REPOSITORY_OK},      {AVATAR_ATTACH, REPOSITORY_OK},
                     {USER_MARK, REPOSITORY_PENDING}, {USER_GET, REPOSITORY_NOT_FOUND}};
        char id[UUID_TEXT_SIZE];
        snprintf(id, sizeof id, "01900000-0000-7000-8000-%06d%06d", writer->place, i);
        for (size_t step = 0; step < COUNT_OF(steps); step++) {
            op_fill(op, steps[step].verb, id);
            if (steps[step].verb == USER_GET)
                look_up(writer, op);
            else
                carry_out(writer, op);
            if (op->outcome != steps[step].expected) {
                print_error("verb %d: outcome %d %s\n", op->verb, op->outcome, op->error.text);
                wrong++;
            }
            repository_op_deinit(op);
        }
    }
    free(op);
    return (void *)wrong;
}

static void threads__each_change_is_answered_once_and_can_be_read_at_once(void **state)
{
    (void)state;
    struct error error = {0};
    struct writer writers[WRITERS] = {0};
    assert_int_equal(repository_open(driver, &(struct repository_room){MAILBOX, MAILBOX},
                                     &repository, &error),
                     0);
    for (int i = 0; i < WRITERS; i++) {
        writers[i].place = i;
        assert_int_equal(sem_init(&writers[i].answered, 0, 0), 0);
        assert_int_equal(pthread_create(&writers[i].thread, NULL, writer_run, &writers[i]), 0);
    }
    for (int i = 0; i < WRITERS; i++) {
        void *wrong;
        assert_int_equal(pthread_join(writers[i].thread, &wrong), 0);
        assert_null(wrong);
        sem_destroy(&writers[i].answered);
    }
    repository_close(repository);
    driver_open();
    struct backlog backlog = backlog_get();
    assert_int_equal(backlog.marked, WRITERS * USERS);
    assert_int_equal(backlog.pending, WRITERS * USERS);
    assert_int_equal(backlog.scheduled, 0);
}

#define GOING 2000
#define PAGE  100

/* Users with an avatar each: half are marked, and half deleted by hand. */
static void backlog_make(void)
{
    sql("INSERT INTO users (id, first_name, last_name, user_name, email, created_at, "
        "updated_at, avatar_key, avatar_store_id) WITH RECURSIVE numbers (n) AS (SELECT 1 "
        "UNION ALL SELECT n + 1 FROM numbers WHERE n < %d) SELECT "
        "'01900000-0000-7000-8000-' || (100000000000 + n), 'x', 'x', 'x', 'x', 1, 1, "
        "'avatars/' || n, '%s' FROM numbers",
        GOING, STORE);
    sql("UPDATE users SET avatar_should_be_deleted = true WHERE avatar_key < 'avatars/2'");
    sql("DELETE FROM users WHERE avatar_key >= 'avatars/2'");
}

/* Claims and confirms, as many rows at a time as go to whichever thread is free. */
static void *drainer_run(void *argument)
{
    struct writer *writer = argument;
    struct confirmation items[PAGE];
    uintptr_t finished = 0;
    for (;;) {
        struct repository_op claim = {
            .verb = DELETIONS_CLAIM,
            .claim = {.kind = CLAIM_DUE, .limit = PAGE, .lease_ms = LEASE_MS}};
        if (carry_out_always(writer, &claim) != REPOSITORY_OK)
            return NULL;
        size_t count = claim.claim.claimed.count;
        for (size_t i = 0; i < count; i++)
            items[i] = (struct confirmation){
                .row = &claim.claim.claimed.rows[i], .outcome = CONFIRM_DONE, .status = 204};
        struct repository_op confirm = {.verb = DELETIONS_CONFIRM,
                                        .confirm = {.items = items, .count = count}};
        if (count > 0 && carry_out_always(writer, &confirm) != REPOSITORY_OK)
            return NULL;
        for (size_t i = 0; i < count; i++)
            finished += items[i].finished;
        repository_op_deinit(&confirm);
        repository_op_deinit(&claim);
        if (count == 0)
            return (void *)finished;
    }
}

static void threads__drain_together_what_each_finishes_once(void **state)
{
    (void)state;
    struct error error = {0};
    struct writer writers[WRITERS] = {0};
    uintptr_t finished = 0;
    backlog_make();
    assert_int_equal(repository_open(driver, &(struct repository_room){MAILBOX, MAILBOX},
                                     &repository, &error),
                     0);
    for (int i = 0; i < WRITERS; i++) {
        assert_int_equal(sem_init(&writers[i].answered, 0, 0), 0);
        assert_int_equal(pthread_create(&writers[i].thread, NULL, drainer_run, &writers[i]), 0);
    }
    for (int i = 0; i < WRITERS; i++) {
        void *own;
        assert_int_equal(pthread_join(writers[i].thread, &own), 0);
        finished += (uintptr_t)own;
        sem_destroy(&writers[i].answered);
    }
    repository_close(repository);
    driver_open();
    assert_int_equal(finished, GOING);
    assert_int_equal(sql_number("SELECT count(*) FROM deletions"), 0);
    assert_int_equal(sql_number("SELECT count(*) FROM users"), 0);
    assert_int_equal(sql_number("SELECT count(*) FROM receipts"), GOING);
    assert_int_equal(sql_number("SELECT count(*) FROM user_receipts"), GOING);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CONTRACT(threads__drain_together_what_each_finishes_once),
        CONTRACT(threads__each_change_is_answered_once_and_can_be_read_at_once),
    };
    return cmocka_run_group_tests_name("repository: threads", tests, NULL, NULL);
}
