/* The store thread over a driver that only writes down what reaches it. */
#include "repository/repository.h"
#include "repository/tally.h"
#include "support/check.h"

#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define OPS 1200

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* held: the driver does not go on */
static sem_t begun;
static int applied[OPS], applied_count;
static size_t largest_batch;
static int answered_count, closed;
static int64_t rows_left, counted;
static bool putting_off;
static int rests, applied_at_rest;
static sem_t rested;

static void note_apply(struct repository_driver *driver, struct repository_op **ops,
                       size_t count)
{
    driver->puts_off = putting_off;
    sem_post(&begun);
    pthread_mutex_lock(&lock);
    if (count > largest_batch)
        largest_batch = count;
    for (size_t i = 0; i < count; i++) {
        applied[applied_count++] = (int)ops[i]->limit;
        ops[i]->outcome = ops[i]->verb == DELETIONS_CONFIRM ? REPOSITORY_OK : REPOSITORY_GONE;
    }
    pthread_mutex_unlock(&lock);
}

/* A count of so many rows is slow: the next ones need not be made for several seconds. */
static void note_read(struct repository_driver *driver, struct repository_op *op)
{
    static const struct timespec slow = {.tv_nsec = 5 * TALLY_CHEAP_MS * 1000000L};
    (void)driver;
    op->outcome = op->verb == BACKLOG_GET ? REPOSITORY_OK : REPOSITORY_NOT_FOUND;
    if (op->verb == BACKLOG_GET) {
        counted++;
        op->backlog.pending = rows_left;
        nanosleep(&slow, NULL);
    }
}

static void note_close(struct repository_driver *driver)
{
    (void)driver;
    closed++;
}

static void note_rest(struct repository_driver *driver)
{
    driver->puts_off = false;
    rests++;
    applied_at_rest = applied_count;
    sem_post(&rested);
}

static struct repository_driver driver = {.name = "notes",
                                          .apply = note_apply,
                                          .read = note_read,
                                          .rest = note_rest,
                                          .close = note_close};

/* All run on the store thread, or after it was joined. */
static void on_done(struct repository_op *op)
{
    if (op->outcome == REPOSITORY_GONE)
        answered_count++;
}

static struct repository_op ops[OPS];
static struct repository *repository;

static int thread_start(void **state)
{
    (void)state;
    const struct repository_room room = {.operations = 4, .lookups = 4};
    struct error error = {0};
    applied_count = answered_count = closed = rests = 0;
    putting_off = driver.puts_off = false;
    largest_batch = 0;
    memset(ops, 0, sizeof ops);
    for (int i = 0; i < OPS; i++) {
        ops[i].limit = i;
        ops[i].done = on_done;
    }
    return sem_init(&begun, 0, 0) || sem_init(&rested, 0, 0) ||
           repository_open(&driver, &room, &repository, &error);
}

static int thread_forget(void **state)
{
    (void)state;
    return sem_destroy(&begun) || sem_destroy(&rested);
}

static void wait_begun(void)
{
    while (sem_wait(&begun) != 0)
        continue;
}

static void store_thread__carries_out_in_order_and_answers_each_once(void **state)
{
    (void)state;
    for (int i = 0; i < OPS; i++)
        repository_submit_always(repository, &ops[i]);
    repository_close(repository);
    assert_int_equal(applied_count, OPS);
    assert_int_equal(answered_count, OPS);
    assert_int_equal(closed, 1);
    for (int i = 0; i < OPS; i++)
        assert_int_equal(applied[i], i);
}

static void store_thread__shares_a_transaction_among_what_has_queued_up(void **state)
{
    (void)state;
    pthread_mutex_lock(&lock);
    repository_submit_always(repository, &ops[0]);
    wait_begun();
    for (int i = 1; i < OPS; i++)
        repository_submit_always(repository, &ops[i]);
    pthread_mutex_unlock(&lock);
    repository_close(repository);
    assert_int_equal(answered_count, OPS);
    assert_in_range(largest_batch, 2, OPS - 1);
}

static void store_thread__refuses_more_than_its_mailbox_holds(void **state)
{
    (void)state;
    pthread_mutex_lock(&lock);
    repository_submit_always(repository, &ops[0]);
    wait_begun();
    for (int i = 1; i <= 3; i++)
        assert_true(repository_submit(repository, &ops[i]));
    assert_true(repository_reserve(repository));
    assert_false(repository_submit(repository, &ops[4]));
    assert_false(repository_reserve(repository));
    repository_submit_always(repository, &ops[5]);
    repository_submit_reserved(repository, &ops[6]);
    pthread_mutex_unlock(&lock);
    repository_close(repository);
    static const int expected[] = {0, 1, 2, 3, 5, 6};
    assert_int_equal(applied_count, COUNT_OF(expected));
    assert_memory_equal(applied, expected, sizeof expected);
}

static void store_thread__gives_a_reserved_place_back(void **state)
{
    (void)state;
    pthread_mutex_lock(&lock);
    for (int i = 0; i < 4; i++)
        assert_true(repository_reserve(repository));
    assert_false(repository_submit(repository, &ops[0]));
    repository_release(repository);
    assert_true(repository_submit(repository, &ops[0]));
    pthread_mutex_unlock(&lock);
    repository_close(repository);
    assert_int_equal(answered_count, 1);
}

static void store_thread__does_not_take_reads(void **state)
{
    (void)state;
    pthread_mutex_lock(&lock);
    repository_submit_always(repository, &ops[0]);
    wait_begun();
    repository_read(repository, &ops[1]);
    assert_int_equal(ops[1].outcome, REPOSITORY_NOT_FOUND);
    pthread_mutex_unlock(&lock);
    repository_close(repository);
    assert_int_equal(answered_count, 1);
}

static void store_thread__does_what_was_put_off_once_nobody_asks_for_anything(void **state)
{
    (void)state;
    putting_off = true;
    pthread_mutex_lock(&lock);
    repository_submit_always(repository, &ops[0]);
    wait_begun();
    for (int i = 1; i < OPS; i++)
        repository_submit_always(repository, &ops[i]);
    pthread_mutex_unlock(&lock);
    while (sem_wait(&rested) != 0)
        continue;
    repository_close(repository);
    assert_int_equal(rests, 1);
    assert_int_equal(applied_at_rest, OPS);
    assert_int_equal(answered_count, OPS);
}

static void keys__are_kept_in_order_up_to_their_maximum(void **state)
{
    (void)state;
    struct repository_op op = {0};
    char key[OBJECT_KEY_SIZE + 10];
    for (int i = 0; i < REPOSITORY_KEYS_MAX; i++) {
        snprintf(key, sizeof key, "avatars/%d", i);
        assert_true(repository_keys_add(&op.keys, key));
    }
    assert_false(repository_keys_add(&op.keys, "avatars/more"));
    assert_int_equal(op.keys.count, REPOSITORY_KEYS_MAX);
    assert_string_equal(op.keys.items[0], "avatars/0");
    assert_string_equal(op.keys.items[63], "avatars/63");
    repository_op_deinit(&op);
    assert_int_equal(op.keys.count, 0);
    memset(key, 'k', sizeof key - 1);
    key[sizeof key - 1] = '\0';
    assert_true(repository_keys_add(&op.keys, key));
    assert_int_equal(strlen(op.keys.items[0]), OBJECT_KEY_SIZE - 1);
    repository_op_deinit(&op);
}

static void deletions__grow_one_by_one_and_are_freed_with_their_keys(void **state)
{
    (void)state;
    struct deletions deletions = {0};
    for (int i = 0; i < 100; i++) {
        struct deletion *row = deletions_extend(&deletions);
        assert_non_null(row);
        assert_null(row->key);
        row->key = strdup("avatars/1");
        row->claim = i;
    }
    assert_int_equal(deletions.count, 100);
    for (int i = 0; i < 100; i++)
        assert_int_equal(deletions.rows[i].claim, i);
    deletions_deinit(&deletions);
    assert_int_equal(deletions.count, 0);
    assert_null(deletions.rows);
}

static void deletion__is_final_unless_an_upload_was_looked_at_only_once(void **state)
{
    (void)state;
    for (int reason = REASON_USER; reason <= REASON_EXTERNAL; reason++) {
        struct deletion row = {.reason = (enum deletion_reason)reason};
        assert_int_equal(deletion_is_final(&row), reason != REASON_UPLOAD);
        row.look = LOOK_SECOND;
        assert_true(deletion_is_final(&row));
    }
}

static void deletion__has_the_contracts_names(void **state)
{
    (void)state;
    assert_string_equal(deletion_reason_name(REASON_USER), "user");
    assert_string_equal(deletion_reason_name(REASON_REPLACED), "replaced");
    assert_string_equal(deletion_reason_name(REASON_UPLOAD), "upload");
    assert_string_equal(deletion_reason_name(REASON_EXTERNAL), "external");
    assert_string_equal(deletion_state_name(DELETION_PENDING), "pending");
    assert_string_equal(deletion_state_name(DELETION_BLOCKED), "blocked");
}

#define WITH_THREAD(function)                                                                  \
    cmocka_unit_test_setup_teardown(function, thread_start, thread_forget)

static int64_t pending_read(void)
{
    struct repository_op op = {.verb = BACKLOG_GET};
    repository_read(repository, &op);
    assert_int_equal(op.outcome, REPOSITORY_OK);
    return op.backlog.pending;
}

static void on_confirmed(struct repository_op *op)
{
    (void)op;
    sem_post(&begun);
}

static void store_thread__takes_what_it_confirmed_off_a_count_that_was_dear(void **state)
{
    (void)state;
    struct confirmation items[] = {{.finished = true}, {.finished = false}, {.finished = true}};
    rows_left = 3 * TALLY_MANY;
    counted = 0;
    assert_int_equal(pending_read(), rows_left);
    ops[0].verb = DELETIONS_CONFIRM;
    ops[0].confirm.items = items;
    ops[0].confirm.count = COUNT_OF(items);
    ops[0].done = on_confirmed;
    repository_submit_always(repository, &ops[0]);
    wait_begun();
    wait_begun();
    assert_int_equal(pending_read(), rows_left - 2);
    assert_int_equal(counted, 1);
    repository_close(repository);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_THREAD(store_thread__carries_out_in_order_and_answers_each_once),
        WITH_THREAD(store_thread__shares_a_transaction_among_what_has_queued_up),
        WITH_THREAD(store_thread__refuses_more_than_its_mailbox_holds),
        WITH_THREAD(store_thread__gives_a_reserved_place_back),
        WITH_THREAD(store_thread__does_not_take_reads),
        WITH_THREAD(store_thread__does_what_was_put_off_once_nobody_asks_for_anything),
        WITH_THREAD(store_thread__takes_what_it_confirmed_off_a_count_that_was_dear),
        CHECK(keys__are_kept_in_order_up_to_their_maximum),
        CHECK(deletions__grow_one_by_one_and_are_freed_with_their_keys),
        CHECK(deletion__is_final_unless_an_upload_was_looked_at_only_once),
        CHECK(deletion__has_the_contracts_names),
    };
    return cmocka_run_group_tests_name("repository: store thread", tests, NULL, NULL);
}
