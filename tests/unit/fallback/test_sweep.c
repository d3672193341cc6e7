/* What the Fallback Job's call does. */
#include "world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct world world;
static struct sweep sweep;

/* Only the sweep works: what it leaves undone shows. */
static int world_setup(void **state)
{
    (void)state;
    struct engine_options options = world_engine_options();
    options.timer = false;
    world_init(&world, &options);
    world_run(&world, world.now + WORLD_SECOND);
    sweep = (struct sweep){0};
    return 0;
}

static int world_teardown(void **state)
{
    (void)state;
    world_deinit(&world);
    return 0;
}

static void rows_add(int count)
{
    for (int i = 0; i < count; i++)
        world_add(&world, "avatars/", i);
}

static void sweep_again(int64_t limit)
{
    char cursor[SWEEP_CURSOR_SIZE];
    sweep_cursor_format(&sweep, cursor);
    sweep = (struct sweep){0};
    assert_int_equal(sweep_cursor_parse(cursor, &sweep), 0);
    world_sweep(&world, &sweep, limit, 25 * WORLD_SECOND);
}

static void sweep__of_nothing_is_over_at_once(void **state)
{
    (void)state;
    world_sweep(&world, &sweep, 1000, 25 * WORLD_SECOND);
    assert_ptr_equal(world.swept, &sweep);
    assert_false(sweep.more);
    assert_int_equal(sweep.attempted, 0);
}

static void sweep__tries_every_pending_row_due_or_not(void **state)
{
    (void)state;
    rows_add(600);
    for (int i = 0; i < 600; i += 2)
        world.rows[i].deletion.due_at += WORLD_HOUR;
    world_sweep(&world, &sweep, 1000, 25 * WORLD_SECOND);
    assert_int_equal(world_left(&world), 0);
    assert_int_equal(sweep.attempted, 600);
    assert_int_equal(sweep.deleted, 600);
    assert_false(sweep.more);
    assert_true(world.progress_lines >= 3);
}

static void sweep__respects_not_before(void **state)
{
    (void)state;
    rows_add(2);
    world.rows[0].deletion.not_before += WORLD_MINUTE;
    world_sweep(&world, &sweep, 1000, 25 * WORLD_SECOND);
    assert_int_equal(world.rows[0].sent, 0);
    assert_int_equal(sweep.backlog.scheduled, 1);
    assert_int_equal(sweep.backlog.pending, 0);
}

static void sweep__leaves_leased_rows_to_their_worker(void **state)
{
    (void)state;
    rows_add(2);
    world.rows[0].leased_until = world_database_now(&world) + WORLD_MINUTE;
    world_sweep(&world, &sweep, 1000, 25 * WORLD_SECOND);
    assert_int_equal(sweep.attempted, 1);
    assert_false(sweep.more);
    assert_int_equal(world_left(&world), 1);
}

static void sweep__tries_a_failing_row_once(void **state)
{
    (void)state;
    rows_add(300);
    world.odd_key = "avatars/000005";
    world.odd_answer = (struct files_answer){.status = 500, .code = "InternalError"};
    world_sweep(&world, &sweep, 10000, 25 * WORLD_SECOND);
    assert_int_equal(sweep.attempted, 300);
    assert_int_equal(sweep.failed, 1);
    assert_int_equal(world.rows[5].sent, 1);
    assert_int_equal(sweep.backlog.pending, 1);
    assert_false(sweep.more);
}

static void sweep__goes_on_by_its_cursor_and_ends(void **state)
{
    (void)state;
    rows_add(250);
    world.odd_key = "avatars/000001";
    world.odd_answer = (struct files_answer){.status = 500, .code = "InternalError"};
    world_sweep(&world, &sweep, 100, 25 * WORLD_SECOND);
    assert_int_equal(sweep.attempted, 100);
    assert_true(sweep.more);
    sweep_again(100);
    assert_int_equal(sweep.attempted, 100);
    assert_true(sweep.more);
    /* Made after the walk began: the next run's. */
    world_add(&world, "avatars/new-", 1);
    sweep_again(100);
    assert_int_equal(sweep.attempted, 50);
    assert_false(sweep.more);
    assert_int_equal(world.rows[1].sent, 1);
    assert_int_equal(world_left(&world), 2);
}

static void sweep__leaves_what_somebody_else_tried_since_it_began(void **state)
{
    (void)state;
    rows_add(200);
    world_sweep(&world, &sweep, 100, 25 * WORLD_SECOND);
    world_run(&world, world.now + WORLD_SECOND);
    /* Tried in vain by another worker, which released it. */
    world.rows[150].leased_until = world_database_now(&world);
    world_run(&world, world.now + WORLD_SECOND);
    sweep_again(1000);
    assert_int_equal(world.rows[150].sent, 0);
    assert_int_equal(sweep.attempted, 99);
    assert_false(sweep.more);
}

static void sweep__ends_at_its_deadline_with_more_to_do(void **state)
{
    (void)state;
    rows_add(5000);
    world.provider_takes = 900;
    world_sweep(&world, &sweep, 10000, 2 * WORLD_SECOND);
    assert_true(sweep.more);
    assert_in_range(sweep.attempted, 1, 4999);
    assert_int_equal(sweep.attempted, sweep.deleted + sweep.failed + sweep.blocked);
    /* What was under way ends without it. */
    world_run(&world, world.now + 5 * WORLD_SECOND);
    assert_true(engine_is_idle(world.engine));
}

static void sweep__with_the_breaker_open_sends_one_probe(void **state)
{
    (void)state;
    rows_add(100);
    world.up = false;
    struct waiter waiters[5] = {0};
    for (int i = 0; i < 5; i++) {
        world_hand(&world, &waiters[i], "x", world.rows[i].deletion.key);
        world_run(&world, world.now + 100);
    }
    assert_int_equal(engine_breaker(world.engine, 0), BREAKER_OPEN);
    int64_t asked = world.deletes_sent + world.checks_sent;
    world_sweep(&world, &sweep, 1000, 25 * WORLD_SECOND);
    assert_ptr_equal(world.swept, &sweep);
    assert_false(sweep.more);
    assert_int_equal(world.deletes_sent + world.checks_sent - asked, 1);
    assert_int_equal(sweep.backlog.pending, 100);
    assert_int_not_equal(sweep.breaker, BREAKER_CLOSED);
}

static void sweep__ends_soon_after_a_long_outage_too(void **state)
{
    (void)state;
    rows_add(100);
    world.up = false;
    /* The store's identity was read too long ago to go by: the look is the probe. */
    world_run(&world, world.now + WORLD_HOUR);
    for (int i = 0; i < 10; i++) {
        sweep = (struct sweep){0};
        world_sweep(&world, &sweep, 1000, 25 * WORLD_SECOND);
    }
    assert_int_not_equal(engine_breaker(world.engine, 0), BREAKER_CLOSED);
    int64_t began = world.now;
    sweep = (struct sweep){0};
    world_sweep(&world, &sweep, 1000, 25 * WORLD_SECOND);
    assert_false(sweep.more);
    assert_in_range(world.now - began, 0, 3 * WORLD_SECOND);
}

static void sweep__closes_the_breaker_and_walks_on_when_the_probe_succeeds(void **state)
{
    (void)state;
    sweep__ends_soon_after_a_long_outage_too(state);
    world.up = true;
    sweep = (struct sweep){0};
    world_sweep(&world, &sweep, 1000, 25 * WORLD_SECOND);
    assert_int_equal(engine_breaker(world.engine, 0), BREAKER_CLOSED);
    assert_int_equal(world_left(&world), 0);
    assert_int_equal(sweep.deleted, 100);
}

static void breaker_open_with_blocked_rows(void)
{
    rows_add(15);
    world.up = false;
    static struct waiter waiters[5];
    for (int i = 0; i < 5; i++) {
        waiters[i] = (struct waiter){0};
        world_hand(&world, &waiters[i], "x", world.rows[i].deletion.key);
        world_run(&world, world.now + 100);
        world.rows[i].finished = true;
    }
    for (int i = 5; i < 15; i++) {
        world.rows[i].deletion.state = DELETION_BLOCKED;
        world.rows[i].deletion.due_at += WORLD_DAY;
        strcpy(world.rows[i].deletion.error_class, i < 10 ? "AccessDenied" : "ObjectLocked");
    }
    assert_int_equal(engine_breaker(world.engine, 0), BREAKER_OPEN);
}

static void sweep__tries_blocked_rows_though_it_has_nothing_to_probe_with(void **state)
{
    (void)state;
    breaker_open_with_blocked_rows();
    world.up = true;
    world_sweep(&world, &sweep, 1000, 25 * WORLD_SECOND);
    assert_int_equal(engine_breaker(world.engine, 0), BREAKER_CLOSED);
    assert_false(sweep.more);
    assert_int_equal(sweep.deleted, 10);
    assert_int_equal(world_left(&world), 0);
}

static void sweep__with_nothing_to_probe_with_ends_with_the_look_that_fails(void **state)
{
    (void)state;
    breaker_open_with_blocked_rows();
    int64_t began = world.now, asked = world.deletes_sent;
    world_sweep(&world, &sweep, 1000, 25 * WORLD_SECOND);
    assert_false(sweep.more);
    assert_int_equal(sweep.attempted, 0);
    assert_int_equal(world.deletes_sent, asked);
    assert_in_range(world.now - began, 0, 5 * WORLD_SECOND);
    assert_int_not_equal(sweep.breaker, BREAKER_CLOSED);
}

static void sweep__stops_when_the_breaker_opens_under_way(void **state)
{
    (void)state;
    rows_add(10000);
    world.up = false;
    world_sweep(&world, &sweep, 10000, 25 * WORLD_SECOND);
    assert_false(sweep.more);
    assert_in_range(sweep.failed, 1, 3250);
}

static void sweep__probes_one_row_of_each_blocked_class(void **state)
{
    (void)state;
    rows_add(20);
    for (int i = 0; i < 20; i++) {
        world.rows[i].deletion.state = DELETION_BLOCKED;
        world.rows[i].deletion.due_at += WORLD_DAY;
        strcpy(world.rows[i].deletion.error_class, i < 10 ? "AccessDenied" : "ObjectLocked");
        world.rows[i].tried_at = 100 - i;
    }
    world.answer = (struct files_answer){.status = 403, .code = "AccessDenied"};
    world_sweep(&world, &sweep, 1000, 25 * WORLD_SECOND);
    assert_int_equal(sweep.attempted, 2);
    assert_int_equal(sweep.blocked, 2);
    assert_int_equal(sweep.backlog.blocked, 20);
    /* Of each the one that was tried longest ago. */
    assert_int_equal(world.rows[9].sent, 1);
    assert_int_equal(world.rows[19].sent, 1);
}

static void sweep__unblocks_a_class_whose_probe_succeeds(void **state)
{
    (void)state;
    rows_add(20);
    for (int i = 0; i < 20; i++) {
        world.rows[i].deletion.state = DELETION_BLOCKED;
        world.rows[i].deletion.due_at += WORLD_DAY;
        strcpy(world.rows[i].deletion.error_class, "AccessDenied");
    }
    world_sweep(&world, &sweep, 1000, 25 * WORLD_SECOND);
    assert_int_equal(world_left(&world), 0);
    assert_int_equal(sweep.deleted, 20);
    assert_false(sweep.more);
}

static void sweep__several_at_once_share_the_work(void **state)
{
    (void)state;
    rows_add(4000);
    struct sweep sweeps[8] = {0};
    int64_t attempted = 0;
    for (int i = 0; i < 8; i++) {
        sweeps[i].limit = 10000;
        sweeps[i].deadline_ms = world.now + 25 * WORLD_SECOND;
        engine_swept(world.engine, world.now, &sweeps[i]);
    }
    world_run(&world, world.now + 26 * WORLD_SECOND);
    for (int i = 0; i < 8; i++)
        attempted += sweeps[i].attempted;
    assert_int_equal(attempted, 4000);
    assert_int_equal(world_left(&world), 0);
    for (size_t i = 0; i < world.row_count; i++)
        assert_int_equal(world.rows[i].sent, 1);
}

static void sweep__says_so_when_the_database_fails(void **state)
{
    (void)state;
    rows_add(10);
    world.confirms_fail = true;
    world_sweep(&world, &sweep, 1000, 25 * WORLD_SECOND);
    assert_true(sweep.unavailable);
}

static void sweep__says_so_when_the_backlog_cannot_be_read(void **state)
{
    (void)state;
    rows_add(10);
    world.reads_fail = true;
    world_sweep(&world, &sweep, 1000, 25 * WORLD_SECOND);
    assert_true(sweep.unavailable);
    assert_int_equal(world.deletes_sent, 0);
}

static void sweep__says_so_when_nothing_can_be_claimed(void **state)
{
    (void)state;
    rows_add(10);
    world.claims_fail = true;
    world_sweep(&world, &sweep, 1000, 25 * WORLD_SECOND);
    assert_true(sweep.unavailable);
    assert_true(sweep.more);
    assert_int_equal(world.deletes_sent, 0);
}

/* A walk whose breaker opens while the claim of its next page is under way. */
static void walk_until_the_breaker_opens(int rows)
{
    rows_add(rows);
    world.up = false;
    world.claim_takes = 100;
    sweep.limit = 10000;
    sweep.deadline_ms = world.now + 25 * WORLD_SECOND;
    engine_swept(world.engine, world.now, &sweep);
    while (engine_breaker(world.engine, 0) == BREAKER_CLOSED)
        world_run(&world, world.now + 1);
    assert_null(world.swept);
}

static void sweep__that_is_over_sends_nothing_of_a_claim_that_failed(void **state)
{
    (void)state;
    walk_until_the_breaker_opens(10000);
    world.claims_fail = true;
    int64_t sent = world.deletes_sent;
    world_run(&world, world.now + WORLD_SECOND);
    assert_ptr_equal(world.swept, &sweep);
    assert_true(sweep.unavailable);
    assert_int_equal(world.deletes_sent, sent);
}

static void sweep__that_is_over_takes_the_rest_of_a_short_claim_with_it(void **state)
{
    (void)state;
    walk_until_the_breaker_opens(1300);
    world_run(&world, world.now + WORLD_SECOND);
    assert_ptr_equal(world.swept, &sweep);
    assert_false(sweep.unavailable);
    assert_int_equal(sweep.attempted, 1300);
    assert_int_equal(sweep.failed, 1300);
}

/* R12, with the timer off: nothing else would. */
static void sweep__finishes_users_that_nothing_is_left_of(void **state)
{
    (void)state;
    struct sweep other = {.limit = 1000, .deadline_ms = world.now + 25 * WORLD_SECOND};
    world.marked = 1;
    engine_swept(world.engine, world.now, &other);
    world_sweep(&world, &sweep, 1000, 25 * WORLD_SECOND);
    /* Two at once ask for it once. */
    assert_int_equal(world.marked_finished, 1);
    world.marked = 0;
    sweep = (struct sweep){0};
    world_sweep(&world, &sweep, 1000, 25 * WORLD_SECOND);
    assert_int_equal(world.marked_finished, 1);
}

static void sweep__begins_a_look_at_all_marked_users_that_goes_on_by_itself(void **state)
{
    (void)state;
    world.marked = 4000;
    world.marked_more = 3;
    world_sweep(&world, &sweep, 1000, 25 * WORLD_SECOND);
    world_run(&world, world.now + WORLD_MINUTE);
    assert_int_equal(world.marked_finished, 4);
    assert_int_equal(world.marked_astray, 0);
}

static void sweep__beyond_thirty_two_at_once_only_counts(void **state)
{
    (void)state;
    rows_add(100);
    struct sweep sweeps[33] = {0};
    for (int i = 0; i < 33; i++) {
        sweeps[i].limit = 1000;
        sweeps[i].deadline_ms = world.now + 25 * WORLD_SECOND;
        engine_swept(world.engine, world.now, &sweeps[i]);
    }
    world_run(&world, world.now + 26 * WORLD_SECOND);
    assert_int_equal(world_left(&world), 0);
    for (int i = 0; i < 32; i++)
        assert_false(sweeps[i].more);
    assert_true(sweeps[32].more);
    assert_int_equal(sweeps[32].attempted, 0);
    assert_int_equal(sweeps[32].backlog.pending, 100);
    assert_true(engine_is_idle(world.engine));
}

static void sweep__ends_with_more_to_do_when_the_service_stops(void **state)
{
    (void)state;
    rows_add(5000);
    world.provider_takes = 900;
    sweep.limit = 10000;
    sweep.deadline_ms = world.now + 25 * WORLD_SECOND;
    engine_swept(world.engine, world.now, &sweep);
    world_run(&world, world.now + 100);
    /* One begins as the service stops: it was counted for, and is told the counts. */
    struct sweep late = {.limit = 10000, .deadline_ms = sweep.deadline_ms};
    engine_swept(world.engine, world.now, &late);
    engine_stopped(world.engine, world.now);
    assert_false(engine_is_idle(world.engine));
    world_run(&world, world.now + 2 * WORLD_SECOND);
    assert_true(sweep.more);
    assert_true(late.more);
    assert_int_equal(late.attempted, 0);
    assert_true(engine_is_idle(world.engine));
    assert_in_range(world_left(&world), 2500, 4999);
}

/* Databases compare keys as bytes, and answer a claim in any order. */
static void sweep__goes_on_behind_the_greatest_key_of_a_page(void **state)
{
    (void)state;
    static const int numbers[] = {3, 1, 2, 5, 4};
    for (size_t i = 0; i < 5; i++)
        world_add(&world, "avatars/", numbers[i]);
    world_sweep(&world, &sweep, 3, 25 * WORLD_SECOND);
    assert_int_equal(sweep.attempted, 3);
    assert_string_equal(sweep.after_key, "avatars/000003");
    sweep_again(1000);
    assert_int_equal(world_left(&world), 0);
}

static void sweep__counts_no_row_that_another_worker_took_over(void **state)
{
    (void)state;
    rows_add(10);
    world.answer = (struct files_answer){.status = 500, .code = "InternalError"};
    world.provider_takes = 500;
    sweep.limit = 1000;
    sweep.deadline_ms = world.now + 25 * WORLD_SECOND;
    engine_swept(world.engine, world.now, &sweep);
    world_run(&world, world.now + 100);
    assert_int_equal(world.rows[3].sent, 0);
    assert_int_equal(world.rows[3].deletion.claim, 1);
    world.rows[3].deletion.claim++;
    world_run(&world, world.now + 2 * WORLD_SECOND);
    assert_ptr_equal(world.swept, &sweep);
    assert_int_equal(sweep.attempted, 9);
    assert_int_equal(sweep.failed, 9);
    assert_int_equal(world.rows[3].deletion.attempts, 0);
}

static void sweep__cursor_has_a_key_of_bounded_length(void **state)
{
    (void)state;
    char text[OBJECT_KEY_SIZE + 16] = "12~";
    memset(text + 3, 'k', OBJECT_KEY_SIZE - 1);
    assert_int_equal(sweep_cursor_parse(text, &sweep), 0);
    assert_int_equal(strlen(sweep.after_key), OBJECT_KEY_SIZE - 1);
    text[3 + OBJECT_KEY_SIZE - 1] = 'k';
    assert_int_equal(sweep_cursor_parse(text, &sweep), -1);
    assert_int_equal(sweep_cursor_parse("9223372036854775808~k", &sweep), -1);
    assert_int_equal(sweep_cursor_parse("9223372036854775807~k", &sweep), 0);
}

static void sweep__cursor_is_read_back_or_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {"x",   "~",    "12",         "~avatars/1",
                                      "0~k", "-1~k", "12avatars/", "99999999999999999999~k"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(sweep_cursor_parse(bad[i], &sweep), -1);
    assert_int_equal(sweep_cursor_parse("12~avatars/1~2", &sweep), 0);
    assert_int_equal(sweep.started, 12);
    assert_string_equal(sweep.after_key, "avatars/1~2");
    assert_int_equal(sweep_cursor_parse("", &sweep), 0);
    assert_int_equal(sweep.started, 0);
}

#define WORLD_TEST(test) cmocka_unit_test_setup_teardown(test, world_setup, world_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_TEST(sweep__of_nothing_is_over_at_once),
        WORLD_TEST(sweep__tries_every_pending_row_due_or_not),
        WORLD_TEST(sweep__respects_not_before),
        WORLD_TEST(sweep__leaves_leased_rows_to_their_worker),
        WORLD_TEST(sweep__tries_a_failing_row_once),
        WORLD_TEST(sweep__goes_on_by_its_cursor_and_ends),
        WORLD_TEST(sweep__leaves_what_somebody_else_tried_since_it_began),
        WORLD_TEST(sweep__ends_at_its_deadline_with_more_to_do),
        WORLD_TEST(sweep__with_the_breaker_open_sends_one_probe),
        WORLD_TEST(sweep__ends_soon_after_a_long_outage_too),
        WORLD_TEST(sweep__closes_the_breaker_and_walks_on_when_the_probe_succeeds),
        WORLD_TEST(sweep__tries_blocked_rows_though_it_has_nothing_to_probe_with),
        WORLD_TEST(sweep__with_nothing_to_probe_with_ends_with_the_look_that_fails),
        WORLD_TEST(sweep__stops_when_the_breaker_opens_under_way),
        WORLD_TEST(sweep__probes_one_row_of_each_blocked_class),
        WORLD_TEST(sweep__unblocks_a_class_whose_probe_succeeds),
        WORLD_TEST(sweep__several_at_once_share_the_work),
        WORLD_TEST(sweep__says_so_when_the_database_fails),
        WORLD_TEST(sweep__says_so_when_the_backlog_cannot_be_read),
        WORLD_TEST(sweep__says_so_when_nothing_can_be_claimed),
        WORLD_TEST(sweep__that_is_over_sends_nothing_of_a_claim_that_failed),
        WORLD_TEST(sweep__that_is_over_takes_the_rest_of_a_short_claim_with_it),
        WORLD_TEST(sweep__finishes_users_that_nothing_is_left_of),
        WORLD_TEST(sweep__begins_a_look_at_all_marked_users_that_goes_on_by_itself),
        WORLD_TEST(sweep__beyond_thirty_two_at_once_only_counts),
        WORLD_TEST(sweep__ends_with_more_to_do_when_the_service_stops),
        WORLD_TEST(sweep__goes_on_behind_the_greatest_key_of_a_page),
        WORLD_TEST(sweep__counts_no_row_that_another_worker_took_over),
        WORLD_TEST(sweep__cursor_has_a_key_of_bounded_length),
        WORLD_TEST(sweep__cursor_is_read_back_or_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
