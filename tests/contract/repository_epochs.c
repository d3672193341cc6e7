/* How far a database has come: epochs are raised by compare-and-set (P1). */
#include "contract/repository_support.h"

#include <stdio.h>
#include <string.h>

#define COPY(to, from) snprintf((to), sizeof(to), "%s", (from))

#define ONE   "01900000-0000-7000-8000-000000000001"
#define OTHER "01900000-0000-7000-8000-000000000002"

static const struct repository_op *epoch(enum repository_verb verb, int64_t since,
                                         const char *nonce)
{
    struct repository_op *op = op_new(verb);
    op->since = since;
    COPY(op->id, nonce);
    assert_int_equal(op_apply(op), REPOSITORY_OK);
    return op;
}

static void epoch__begins_with_none_and_is_remembered(void **state)
{
    (void)state;
    assert_int_equal(epoch(EPOCH_MEET, -1, ONE)->matched, 0);
    const struct repository_op *raised = epoch(EPOCH_MEET, 0, ONE);
    assert_int_equal(raised->matched, 1);
    assert_string_equal(raised->store_id, ONE);
    driver_close();
    driver_open();
    const struct repository_op *read = epoch(EPOCH_MEET, -1, OTHER);
    assert_int_equal(read->matched, 1);
    assert_string_equal(read->store_id, ONE);
}

static void epoch__is_raised_only_by_who_knows_the_last_one(void **state)
{
    (void)state;
    epoch(EPOCH_MEET, 0, ONE);
    const struct repository_op *late = epoch(EPOCH_MEET, 0, OTHER);
    assert_int_equal(late->matched, 1);
    assert_string_equal(late->store_id, ONE);
    assert_int_equal(epoch(EPOCH_MEET, 1, OTHER)->matched, 2);
}

static void epoch__is_taken_over_with_its_nonce(void **state)
{
    (void)state;
    epoch(EPOCH_MEET, 0, ONE);
    epoch(EPOCH_TAKE, 1, OTHER);
    assert_string_equal(epoch(EPOCH_MEET, -1, ONE)->store_id, OTHER);
    epoch(EPOCH_TAKE, 2, ONE);
    assert_int_equal(epoch(EPOCH_MEET, -1, ONE)->matched, 2);
}

static void restore(enum repository_verb verb, const char *who)
{
    struct repository_op *op = op_new(verb);
    snprintf(op->id, sizeof op->id, "%s", who);
    assert_int_equal(op_apply(op), REPOSITORY_OK);
}

static void restore__is_remembered_until_it_is_ended(void **state)
{
    (void)state;
    assert_false(epoch(EPOCH_MEET, -1, ONE)->more);
    for (int again = 0; again < 2; again++) {
        restore(RESTORE_BEGIN, ONE);
        driver_close();
        driver_open();
        assert_true(epoch(EPOCH_MEET, -1, ONE)->more);
    }
    for (int again = 0; again < 2; again++) {
        restore(RESTORE_END, ONE);
        assert_false(epoch(EPOCH_MEET, -1, ONE)->more);
    }
}

static void restore__that_another_began_is_not_ended(void **state)
{
    (void)state;
    restore(RESTORE_BEGIN, ONE);
    restore(RESTORE_BEGIN, OTHER);
    restore(RESTORE_END, ONE);
    assert_true(epoch(EPOCH_MEET, -1, ONE)->more);
    restore(RESTORE_END, OTHER);
    assert_false(epoch(EPOCH_MEET, -1, ONE)->more);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CONTRACT(epoch__begins_with_none_and_is_remembered),
        CONTRACT(epoch__is_raised_only_by_who_knows_the_last_one),
        CONTRACT(epoch__is_taken_over_with_its_nonce),
        CONTRACT(restore__is_remembered_until_it_is_ended),
        CONTRACT(restore__that_another_began_is_not_ended),
    };
    return cmocka_run_group_tests_name("repository: epochs", tests, NULL, NULL);
}
