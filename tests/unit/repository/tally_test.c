/* When a count of what is left is made, and when the last one will do. */
#include "repository/tally.h"
#include "support/check.h"

#define DEAR (TALLY_CHEAP_MS + 1)
#define MANY (2 * TALLY_MANY)

static struct tally tally;
static struct backlog known;
static struct tally_count count;

static int begin(void **state)
{
    (void)state;
    known = (struct backlog){0};
    return tally_init(&tally);
}

static int end(void **state)
{
    (void)state;
    tally_deinit(&tally);
    return 0;
}

static bool recall(int64_t now)
{
    return tally_recall(&tally, now, &known, &count);
}

/* A count of so many rows that begins at 1000 and takes so long. */
static void counted(int64_t pending, int64_t blocked, int64_t took)
{
    struct backlog backlog = {.pending = pending, .blocked = blocked, .now = 70000};
    assert_false(recall(1000));
    tally_keep(&tally, &count, 1000 + took, &backlog);
}

static void recall__nothing_is_known_at_first(void **state)
{
    (void)state;
    assert_false(recall(0));
}

static void recall__a_cheap_count_is_made_every_time(void **state)
{
    (void)state;
    counted(MANY, 0, TALLY_CHEAP_MS);
    assert_false(recall(1000 + TALLY_CHEAP_MS));
}

static void recall__few_rows_are_counted_every_time(void **state)
{
    (void)state;
    counted(TALLY_MANY - 1, 1, DEAR);
    assert_false(recall(1000 + DEAR));
}

static void recall__a_dear_count_rests_for_twenty_times_as_long(void **state)
{
    (void)state;
    counted(MANY, 7, DEAR);
    assert_true(recall(1000 + DEAR * TALLY_REST - 1));
    assert_int_equal(known.pending, MANY);
    assert_int_equal(known.blocked, 7);
    assert_int_equal(known.now, 70000 + DEAR * TALLY_REST - 1);
    assert_false(recall(1000 + DEAR * TALLY_REST));
}

static void recall__what_was_finished_since_is_not_left(void **state)
{
    (void)state;
    tally_finish(&tally, 500);
    counted(MANY, 7, DEAR);
    tally_finish(&tally, 10);
    assert_true(recall(1100));
    assert_int_equal(known.pending, MANY - 10);
}

static void recall__what_was_finished_during_the_count_is_not_left(void **state)
{
    (void)state;
    struct backlog backlog = {.pending = MANY};
    assert_false(recall(1000));
    tally_finish(&tally, 10);
    tally_keep(&tally, &count, 1000 + DEAR, &backlog);
    assert_true(recall(1100));
    assert_int_equal(known.pending, MANY - 10);
}

static void recall__what_no_pending_row_is_left_for_was_blocked(void **state)
{
    (void)state;
    counted(3, MANY, DEAR);
    tally_finish(&tally, 10);
    assert_true(recall(1100));
    assert_int_equal(known.pending, 0);
    assert_int_equal(known.blocked, MANY - 7);
}

static void recall__a_half_that_was_finished_is_counted_anew(void **state)
{
    (void)state;
    counted(MANY, 0, DEAR);
    tally_finish(&tally, TALLY_MANY - 1);
    assert_true(recall(1100));
    tally_finish(&tally, 1);
    assert_false(recall(1100));
}

static void recall__others_take_the_old_number_while_one_counts(void **state)
{
    (void)state;
    int64_t late = 1000 + DEAR * TALLY_REST;
    counted(MANY, 0, DEAR);
    assert_false(recall(late));
    assert_true(recall(late));
    tally_keep(&tally, &count, late, NULL);
    assert_false(recall(late));
}

static void recall__nobody_is_told_that_nothing_is_left_by_guess(void **state)
{
    (void)state;
    counted(MANY, 0, DEAR);
    tally_finish(&tally, MANY);
    assert_false(recall(1100));
    assert_false(recall(1100));
}

#define TALLY(test) cmocka_unit_test_setup_teardown(test, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TALLY(recall__nothing_is_known_at_first),
        TALLY(recall__a_cheap_count_is_made_every_time),
        TALLY(recall__few_rows_are_counted_every_time),
        TALLY(recall__a_dear_count_rests_for_twenty_times_as_long),
        TALLY(recall__what_was_finished_since_is_not_left),
        TALLY(recall__what_was_finished_during_the_count_is_not_left),
        TALLY(recall__what_no_pending_row_is_left_for_was_blocked),
        TALLY(recall__a_half_that_was_finished_is_counted_anew),
        TALLY(recall__others_take_the_old_number_while_one_counts),
        TALLY(recall__nobody_is_told_that_nothing_is_left_by_guess),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
