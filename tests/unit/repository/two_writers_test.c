/* Two store threads over a driver in which each operation waits until it is let go. */
#include "repository/repository.h"
#include "support/check.h"

#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#define OPS   8
#define ROWS  250
#define TURNS 2000

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static bool begun[OPS], let_go[OPS], answered[OPS];
static size_t batch_of[OPS];
static int order[OPS], ended;

static struct repository_op ops[OPS];
static struct repository *repository;

static int place_of(const struct repository_op *op)
{
    return (int)(op - ops);
}

static void await(const bool *what)
{
    pthread_mutex_lock(&lock);
    while (!*what)
        pthread_cond_wait(&changed, &lock);
    pthread_mutex_unlock(&lock);
}

static void tell(bool *what)
{
    pthread_mutex_lock(&lock);
    *what = true;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
}

static void gated_apply(struct repository_driver *driver, struct repository_op **batch,
                        size_t count)
{
    (void)driver;
    for (size_t i = 0; i < count; i++) {
        batch_of[place_of(batch[i])] = count;
        tell(&begun[place_of(batch[i])]);
    }
    for (size_t i = 0; i < count; i++) {
        await(&let_go[place_of(batch[i])]);
        batch[i]->outcome = REPOSITORY_OK;
    }
    pthread_mutex_lock(&lock);
    for (size_t i = 0; i < count; i++)
        order[ended++] = place_of(batch[i]);
    pthread_mutex_unlock(&lock);
}

static void gated_close(struct repository_driver *driver)
{
    (void)driver;
}

static struct repository_driver driver = {
    .name = "gates", .writers = 2, .apply = gated_apply, .close = gated_close};

static void on_done(struct repository_op *op)
{
    tell(&answered[place_of(op)]);
}

static int threads_start(void **state)
{
    (void)state;
    struct error error = {0};
    memset(begun, 0, sizeof begun);
    memset(let_go, 0, sizeof let_go);
    memset(answered, 0, sizeof answered);
    memset(ops, 0, sizeof ops);
    ended = 0;
    static const struct repository_room room = {.operations = OPS, .lookups = OPS};
    return repository_open(&driver, &room, &repository, &error);
}

static void submit(int place, enum repository_verb verb, size_t rows)
{
    ops[place].verb = verb;
    ops[place].done = on_done;
    if (verb == DELETIONS_CLAIM)
        ops[place].claim = (struct claim){.kind = CLAIM_DUE, .limit = rows};
    else if (verb == DELETIONS_CONFIRM)
        ops[place].confirm.items = calloc(rows, sizeof *ops[place].confirm.items);
    if (ops[place].confirm.items)
        ops[place].confirm.count = rows;
    repository_submit_always(repository, &ops[place]);
}

static void let_all_go(void)
{
    for (int i = 0; i < OPS; i++)
        tell(&let_go[i]);
}

static int threads_end(void **state)
{
    (void)state;
    for (int i = 0; i < OPS; i++)
        free(ops[i].confirm.items);
    return 0;
}

static void two_writers__carry_out_a_large_confirm_beside_what_is_under_way(void **state)
{
    (void)state;
    submit(0, USER_MARK, 0);
    await(&begun[0]);
    submit(1, DELETIONS_CONFIRM, ROWS);
    tell(&let_go[1]);
    await(&answered[1]);
    let_all_go();
    repository_close(repository);
    assert_int_equal(order[0], 1);
    assert_true(answered[0]);
}

static void mark(int place)
{
    ops[place].verb = USER_MARK;
    ops[place].done = on_done;
    assert_true(repository_reserve(repository));
    repository_submit_reserved(repository, &ops[place]);
}

static void two_writers__mark_users_beside_what_is_under_way(void **state)
{
    (void)state;
    submit(0, USER_ADD, 0);
    await(&begun[0]);
    mark(1);
    tell(&let_go[1]);
    await(&answered[1]);
    let_all_go();
    repository_close(repository);
    assert_int_equal(order[0], 1);
    assert_true(answered[0]);
}

static void two_writers__mark_those_who_wait_in_one_transaction(void **state)
{
    (void)state;
    submit(0, USER_ADD, 0);
    await(&begun[0]);
    mark(1);
    await(&begun[1]);
    for (int i = 2; i < OPS; i++)
        mark(i);
    tell(&let_go[1]);
    await(&begun[OPS - 1]);
    let_all_go();
    repository_close(repository);
    for (int i = 2; i < OPS; i++)
        assert_int_equal(batch_of[i], OPS - 2);
}

/* It finds only who has nothing left, and locks them: as at another replica. */
static void two_writers__look_at_the_marked_beside_a_large_confirm(void **state)
{
    (void)state;
    submit(0, USER_ADD, 0);
    await(&begun[0]);
    submit(1, DELETIONS_CONFIRM, ROWS);
    await(&begun[1]);
    submit(2, MARKED_FINISH, 0);
    tell(&let_go[0]);
    await(&begun[2]);
    let_all_go();
    repository_close(repository);
    assert_true(answered[1] && answered[2]);
}

/* Of the mailbox, which is full with so many: the next is answered 503. */
static void two_writers__count_a_mark_that_waits(void **state)
{
    (void)state;
    submit(0, USER_ADD, 0);
    await(&begun[0]);
    mark(1);
    await(&begun[1]);
    mark(2);
    for (int i = 0; i < OPS - 1; i++)
        assert_true(repository_reserve(repository));
    assert_false(repository_reserve(repository));
    for (int i = 0; i < OPS - 1; i++)
        repository_release(repository);
    let_all_go();
    await(&answered[2]);
    for (int i = 0; i < OPS; i++)
        assert_true(repository_reserve(repository));
    for (int i = 0; i < OPS; i++)
        repository_release(repository);
    repository_close(repository);
}

static void two_writers__leave_what_is_small_to_one_transaction(void **state)
{
    (void)state;
    submit(0, DELETIONS_CLAIM, ROWS);
    await(&begun[0]);
    submit(1, USER_ADD, 0);
    submit(2, DELETIONS_CONFIRM, 1);
    submit(3, DELETIONS_CLAIM, 1);
    let_all_go();
    repository_close(repository);
    static const int expected[] = {0, 1, 2, 3};
    assert_int_equal(ended, COUNT_OF(expected));
    assert_memory_equal(order, expected, sizeof expected);
    assert_int_equal(batch_of[1], 3);
}

/* Whoever wants to has the time for it. */
static bool begins_soon(int place)
{
    bool does = false;
    for (int turn = 0; turn < TURNS && !does; turn++) {
        sched_yield();
        pthread_mutex_lock(&lock);
        does = begun[place];
        pthread_mutex_unlock(&lock);
    }
    return does;
}

/* M3: a receipt is written before it is looked for, or not at all. */
static void two_writers__let_a_reopening_overtake_no_confirm(void **state)
{
    (void)state;
    submit(0, USER_MARK, 0);
    await(&begun[0]);
    submit(1, DELETIONS_CONFIRM, ROWS);
    await(&begun[1]);
    submit(2, DELETIONS_CONFIRM, ROWS);
    submit(3, RECEIPTS_REOPEN, 0);
    tell(&let_go[3]);
    tell(&let_go[2]);
    tell(&let_go[0]);
    await(&answered[0]);
    assert_false(begins_soon(3));
    tell(&let_go[1]);
    repository_close(repository);
    static const int expected[] = {0, 1, 2, 3};
    assert_int_equal(ended, COUNT_OF(expected));
    assert_memory_equal(order, expected, sizeof expected);
}

static void two_writers__answer_all_before_they_end(void **state)
{
    (void)state;
    let_all_go();
    for (int i = 0; i < OPS; i++)
        submit(i, i % 2 ? DELETIONS_CLAIM : DELETIONS_CONFIRM, ROWS);
    repository_close(repository);
    for (int i = 0; i < OPS; i++)
        assert_true(answered[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            two_writers__carry_out_a_large_confirm_beside_what_is_under_way, threads_start,
            threads_end),
        cmocka_unit_test_setup_teardown(two_writers__mark_users_beside_what_is_under_way,
                                        threads_start, threads_end),
        cmocka_unit_test_setup_teardown(two_writers__mark_those_who_wait_in_one_transaction,
                                        threads_start, threads_end),
        cmocka_unit_test_setup_teardown(two_writers__look_at_the_marked_beside_a_large_confirm,
                                        threads_start, threads_end),
        cmocka_unit_test_setup_teardown(two_writers__count_a_mark_that_waits, threads_start,
                                        threads_end),
        cmocka_unit_test_setup_teardown(two_writers__leave_what_is_small_to_one_transaction,
                                        threads_start, threads_end),
        cmocka_unit_test_setup_teardown(two_writers__let_a_reopening_overtake_no_confirm,
                                        threads_start, threads_end),
        cmocka_unit_test_setup_teardown(two_writers__answer_all_before_they_end, threads_start,
                                        threads_end),
    };
    return cmocka_run_group_tests_name("repository: two writers", tests, NULL, NULL);
}
