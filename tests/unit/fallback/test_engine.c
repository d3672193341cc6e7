/* The engine's three rings, its breaker, and what it does through an outage. */
#include "world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct world world;

static int world_setup(void **state)
{
    (void)state;
    struct engine_options options = world_engine_options();
    world_init(&world, &options);
    return 0;
}

static int world_setup_without_timer(void **state)
{
    (void)state;
    struct engine_options options = world_engine_options();
    options.timer = false;
    world_init(&world, &options);
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

static void engine__finishes_what_is_due_and_sends_each_key_once(void **state)
{
    (void)state;
    rows_add(1000);
    world_run(&world, world.now + 5 * WORLD_SECOND);
    assert_int_equal(world_left(&world), 0);
    for (size_t i = 0; i < world.row_count; i++)
        assert_int_equal(world.rows[i].sent, 1);
    assert_int_equal(world.largest_page, 250);
}

static void engine__lives_through_an_outage_of_a_day(void **state)
{
    (void)state;
    world_run(&world, world.now + WORLD_SECOND);
    world.up = false;
    rows_add(10000);
    int64_t began = world.now;
    engine_woken(world.engine, world.now);
    world_run(&world, began + WORLD_DAY);
    assert_int_equal(world_left(&world), 10000);
    assert_int_not_equal(engine_breaker(world.engine, 0), BREAKER_CLOSED);
    int64_t asked = world.deletes_sent + world.checks_sent;
    /* One probe a second at most, but for the requests that opened the breaker. */
    assert_in_range(asked, 86400 / 2, 86400 + 20);
    /* Attempts are not spent on an open breaker. */
    for (size_t i = 0; i < world.row_count; i++)
        assert_in_range(world.rows[i].deletion.attempts, 0, 3);

    world.up = true;
    world_run(&world, world.now + 10 * WORLD_SECOND);
    assert_int_equal(world_left(&world), 0);
    assert_int_equal(engine_breaker(world.engine, 0), BREAKER_CLOSED);
}

static void engine__pulls_the_backlog_forward_when_the_store_is_back(void **state)
{
    (void)state;
    rows_add(500);
    world_run(&world, world.now + WORLD_SECOND);
    world.up = false;
    for (int i = 0; i < 500; i++) {
        struct world_row *row = world_add(&world, "avatars/later-", i);
        row->deletion.attempts = 12;
        row->deletion.due_at += 50 * WORLD_MINUTE;
    }
    for (int i = 0; i < 6; i++)
        world_add(&world, "avatars/due-", i);
    engine_woken(world.engine, world.now);
    world_run(&world, world.now + 2 * WORLD_MINUTE);
    assert_int_not_equal(engine_breaker(world.engine, 0), BREAKER_CLOSED);
    world.up = true;
    world_run(&world, world.now + 5 * WORLD_SECOND);
    assert_int_equal(world_left(&world), 0);
}

static void engine__pulling_forward_tries_no_row_twice(void **state)
{
    (void)state;
    world_run(&world, world.now + WORLD_SECOND);
    world.up = false;
    rows_add(300);
    struct world_row *odd = world_add(&world, "avatars/odd-", 1);
    odd->deletion.attempts = 12;
    engine_woken(world.engine, world.now);
    world_run(&world, world.now + WORLD_MINUTE);
    int sent = odd->sent;
    world.odd_key = odd->deletion.key;
    world.odd_answer = (struct files_answer){.status = 500, .code = "InternalError"};
    world.up = true;
    world_run(&world, world.now + 5 * WORLD_SECOND);
    assert_int_equal(world_left(&world), 1);
    assert_in_range(odd->sent - sent, 1, 3);
}

static void engine__answers_a_request_when_its_key_is_gone(void **state)
{
    (void)state;
    struct waiter waiter = {0};
    struct world_row *row = world_add(&world, "avatars/", 1);
    world_run(&world, world.now + 5);
    world_hand(&world, &waiter, row->deletion.key, row->deletion.key);
    world_run(&world, world.now + 100);
    assert_int_equal(world.answered_count, 1);
    assert_int_equal(waiter.outcome, WAITER_DONE);
}

static void engine__answers_a_request_whoever_finishes_its_user(void **state)
{
    (void)state;
    struct waiter waiter = {0};
    world_run(&world, world.now + WORLD_SECOND);
    struct world_row *row = world_add(&world, "avatars/", 1);
    memcpy(row->deletion.user_id, WORLD_USER, sizeof WORLD_USER);
    /* The timer ring claims the row before the request hands it over. */
    engine_woken(world.engine, world.now);
    world_hand(&world, &waiter, WORLD_USER, row->deletion.key);
    world_run(&world, world.now + 100);
    assert_int_equal(world.answered_count, 1);
    assert_int_equal(waiter.outcome, WAITER_DONE);
    assert_int_equal(row->sent, 1);
}

static void engine__answers_pending_at_the_deadline_of_a_request(void **state)
{
    (void)state;
    struct waiter waiter = {0};
    world_run(&world, world.now + WORLD_SECOND);
    world.provider_takes = 9 * WORLD_SECOND;
    struct world_row *row = world_add(&world, "avatars/", 1);
    world_hand(&world, &waiter, row->deletion.key, row->deletion.key);
    world_run(&world, world.now + 1900);
    assert_int_equal(world.answered_count, 0);
    world_run(&world, world.now + 200);
    assert_int_equal(world.answered_count, 1);
    assert_int_equal(waiter.outcome, WAITER_PENDING);
    world_run(&world, world.now + 10 * WORLD_SECOND);
    assert_int_equal(world_left(&world), 0);
    assert_int_equal(world.answered_count, 1);
}

static void engine__answers_at_once_while_the_breaker_is_open(void **state)
{
    (void)state;
    struct waiter waiter = {0};
    world.up = false;
    rows_add(10);
    world_run(&world, world.now + WORLD_MINUTE);
    int64_t sent = world.deletes_sent;
    struct world_row *row = world_add(&world, "avatars/last-", 1);
    world_hand(&world, &waiter, row->deletion.key, row->deletion.key);
    assert_int_equal(world.answered_count, 1);
    assert_int_equal(waiter.outcome, WAITER_PENDING);
    assert_int_equal(world.deletes_sent, sent);
}

static void engine__answers_everybody_when_the_breaker_opens(void **state)
{
    (void)state;
    struct waiter waiters[10] = {0};
    world_run(&world, world.now + WORLD_SECOND);
    world.up = false;
    world.provider_takes = 50;
    for (int i = 0; i < 10; i++) {
        struct world_row *row = world_add(&world, "avatars/", i);
        world_hand(&world, &waiters[i], row->deletion.key, row->deletion.key);
        world_run(&world, world.now + 60);
    }
    assert_int_not_equal(engine_breaker(world.engine, 0), BREAKER_CLOSED);
    assert_int_equal(world.answered_count, 10);
}

static void engine__inline_work_goes_beside_a_full_backlog(void **state)
{
    (void)state;
    struct waiter waiter = {0};
    rows_add(20000);
    world.provider_takes = 500;
    world_run(&world, world.now + 100);
    struct world_row *row = world_add(&world, "avatars/zz-", 1);
    world_hand(&world, &waiter, row->deletion.key, row->deletion.key);
    world_run(&world, world.now + 2 * WORLD_SECOND);
    assert_int_equal(waiter.outcome, WAITER_DONE);
    assert_true(world_left(&world) > 5000);
}

static void engine__a_request_that_stops_waiting_is_answered(void **state)
{
    (void)state;
    struct waiter waiter = {.subject = WORLD_USER};
    engine_waits(world.engine, world.now, &waiter);
    engine_stops_waiting(world.engine, world.now, &waiter);
    world_run(&world, world.now);
    assert_int_equal(world.answered_count, 1);
}

/* Two requests for one user: the first one's work may be over before the second commits. */
static void engine__answers_no_request_before_its_transaction_is_over(void **state)
{
    (void)state;
    struct waiter waiters[3] = {{.subject = WORLD_USER}, {.subject = WORLD_USER}};
    world_run(&world, world.now + WORLD_SECOND);
    struct world_row *row = world_add(&world, "avatars/", 1);
    memcpy(row->deletion.user_id, WORLD_USER, sizeof WORLD_USER);
    engine_waits(world.engine, world.now, &waiters[0]);
    engine_waits(world.engine, world.now, &waiters[1]);
    world_hand(&world, &waiters[2], WORLD_USER, row->deletion.key);
    world_run(&world, world.now + 100);
    assert_true(row->finished);
    assert_int_equal(world.answered_count, 1);
    assert_ptr_equal(world.answered[0], &waiters[2]);

    engine_stops_waiting(world.engine, world.now, &waiters[0]);
    world_run(&world, world.now + 1);
    assert_int_equal(world.answered_count, 2);
    assert_ptr_equal(world.answered[1], &waiters[0]);
    engine_handed(world.engine, world.now, &(struct repository_keys){0}, &(struct trace){0},
                  &waiters[1], world.now + 2 * WORLD_SECOND);
    world_run(&world, world.now + WORLD_MINUTE);
    assert_int_equal(world.answered_count, 3);
    assert_ptr_equal(world.answered[2], &waiters[1]);
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(waiters[i].outcome, WAITER_DONE);
}

static void engine__timer_off_starts_nothing_by_itself(void **state)
{
    (void)state;
    rows_add(10);
    engine_woken(world.engine, world.now);
    world_run(&world, world.now + WORLD_HOUR);
    assert_int_equal(world.deletes_sent, 0);
    assert_int_equal(world_left(&world), 10);
}

static void engine__timer_off_still_serves_requests_and_sweeps(void **state)
{
    (void)state;
    struct waiter waiter = {0};
    struct sweep sweep = {0};
    world_run(&world, world.now + WORLD_SECOND);
    rows_add(10);
    world_hand(&world, &waiter, "avatars/000003", "avatars/000003");
    world_run(&world, world.now + WORLD_SECOND);
    assert_int_equal(waiter.outcome, WAITER_DONE);
    assert_int_equal(world_left(&world), 9);
    world_sweep(&world, &sweep, 1000, 25 * WORLD_SECOND);
    assert_int_equal(world_left(&world), 0);
    assert_int_equal(sweep.deleted, 9);
}

static void engine__sends_nothing_after_a_claim_of_unknown_result(void **state)
{
    (void)state;
    rows_add(10);
    world.claims_fail = true;
    world_run(&world, world.now + WORLD_MINUTE);
    assert_int_equal(world.deletes_sent, 0);
    /* The lease that may have been taken runs out. */
    world.claims_fail = false;
    world_run(&world, world.now + 2 * WORLD_MINUTE);
    assert_int_equal(world_left(&world), 0);
}

static void engine__sends_nothing_once_half_the_lease_is_over(void **state)
{
    (void)state;
    rows_add(10);
    world.claim_takes = 31 * WORLD_SECOND;
    world_run(&world, world.now + 10 * WORLD_MINUTE);
    assert_int_equal(world.deletes_sent, 0);
    assert_int_equal(world_left(&world), 10);
}

static void engine__keeps_every_call_within_half_the_lease(void **state)
{
    (void)state;
    rows_add(10);
    world.claim_takes = 25 * WORLD_SECOND;
    world_run(&world, world.now + 2 * WORLD_MINUTE);
    assert_int_equal(world_left(&world), 0);
    assert_int_equal(world.deadline_margin_least, 5 * WORLD_SECOND);
}

static void engine__repeats_after_a_confirm_that_failed(void **state)
{
    (void)state;
    rows_add(10);
    world.confirms_fail = true;
    world_run(&world, world.now + 5 * WORLD_SECOND);
    assert_int_equal(world_left(&world), 10);
    world.confirms_fail = false;
    world_run(&world, world.now + 3 * WORLD_MINUTE);
    assert_int_equal(world_left(&world), 0);
}

static void engine__one_bad_key_does_not_stop_the_others(void **state)
{
    (void)state;
    rows_add(500);
    world.odd_key = "avatars/000007";
    world.odd_answer = (struct files_answer){.status = 403, .code = "AccessDenied"};
    world_run(&world, world.now + 5 * WORLD_SECOND);
    assert_int_equal(world_left(&world), 1);
    assert_int_equal(world.rows[7].deletion.state, DELETION_BLOCKED);
    assert_string_equal(world.rows[7].deletion.error_class, "AccessDenied");
}

static void engine__blocked_rows_are_tried_again_by_themselves(void **state)
{
    (void)state;
    rows_add(1);
    world.answer = (struct files_answer){.status = 403, .code = "AccessDenied"};
    world_run(&world, world.now + WORLD_MINUTE);
    assert_int_equal(world.rows[0].deletion.state, DELETION_BLOCKED);
    assert_int_equal(world.rows[0].sent, 1);
    world.answer = (struct files_answer){.status = 204};
    world_run(&world, world.now + 2 * WORLD_HOUR + WORLD_MINUTE);
    assert_int_equal(world_left(&world), 0);
}

static void engine__a_success_makes_its_class_due(void **state)
{
    (void)state;
    rows_add(100);
    world.answer = (struct files_answer){.status = 403, .code = "AccessDenied"};
    world_run(&world, world.now + WORLD_MINUTE);
    world.answer = (struct files_answer){.status = 204};
    world.rows[42].deletion.due_at = world_database_now(&world);
    engine_woken(world.engine, world.now);
    world_run(&world, world.now + 5 * WORLD_SECOND);
    assert_int_equal(world_left(&world), 0);
}

static void engine__rows_of_another_store_are_blocked_and_never_sent(void **state)
{
    (void)state;
    rows_add(3);
    memcpy(world.rows[1].deletion.store_id, WORLD_USER, UUID_TEXT_SIZE);
    world_run(&world, world.now + 5 * WORLD_SECOND);
    assert_int_equal(world_left(&world), 1);
    assert_int_equal(world.rows[1].sent, 0);
    assert_string_equal(world.rows[1].deletion.error_class, "wrong-store");
}

static void engine__a_failed_upload_is_looked_at_twice(void **state)
{
    (void)state;
    rows_add(1);
    struct deletion *guard = &world.rows[0].deletion;
    guard->reason = REASON_UPLOAD;
    guard->not_before = guard->due_at = world_database_now(&world) + 15 * WORLD_MINUTE;
    world_run(&world, world.now + 14 * WORLD_MINUTE);
    assert_int_equal(world.rows[0].sent, 0);
    world_run(&world, world.now + 2 * WORLD_MINUTE);
    assert_int_equal(world.rows[0].sent, 1);
    assert_int_equal(world_left(&world), 1);
    world_run(&world, world.now + 23 * WORLD_HOUR);
    assert_int_equal(world.rows[0].sent, 1);
    world_run(&world, world.now + 2 * WORLD_HOUR);
    assert_int_equal(world.rows[0].sent, 2);
    assert_int_equal(world_left(&world), 0);
}

static void engine__slows_down_when_asked_and_loses_nothing(void **state)
{
    (void)state;
    rows_add(4000);
    world.answer =
        (struct files_answer){.status = 503, .code = "SlowDown", .retry_after_ms = 3000};
    world_run(&world, world.now + 100);
    int64_t sent = world.deletes_sent;
    world_run(&world, world.now + 2 * WORLD_SECOND);
    assert_int_equal(world.deletes_sent, sent);
    world.answer = (struct files_answer){.status = 204};
    world_run(&world, world.now + 3 * WORLD_MINUTE);
    assert_int_equal(world_left(&world), 0);
}

static void engine__stopping_ends_what_is_under_way_and_claims_no_more(void **state)
{
    (void)state;
    struct waiter waiter = {0};
    rows_add(5000);
    world.provider_takes = 500;
    world_run(&world, world.now + 100);
    world_hand(&world, &waiter, "avatars/000001", "avatars/000001");
    engine_stopped(world.engine, world.now);
    world_run(&world, world.now + WORLD_MINUTE);
    assert_int_equal(world.answered_count, 1);
    assert_true(engine_is_idle(world.engine));
    assert_in_range(world_left(&world), 5000 - 2250, 4999);
}

static void engine__looks_for_marked_users_without_deletions(void **state)
{
    (void)state;
    world_run(&world, world.now + 5 * WORLD_MINUTE);
    assert_in_range(world.marked_finished, 4, 7);
}

static void engine__looks_at_many_marked_users_in_slices(void **state)
{
    (void)state;
    world_run(&world, world.now + 2 * WORLD_MINUTE);
    int64_t before = world.marked_finished;
    world.marked_more = 5;
    world.claim_takes = 100;
    while (world.marked_more)
        world_run(&world, world.now + WORLD_SECOND);
    world_run(&world, world.now + 5 * WORLD_SECOND);
    assert_int_equal(world.marked_finished - before, 6);
    assert_int_equal(world.marked_astray, 0);
}

/* A slice of ten seconds rests for ninety. */
static void engine__looks_at_marked_users_for_a_tenth_of_the_time(void **state)
{
    (void)state;
    world_run(&world, world.now + 2 * WORLD_MINUTE);
    world.marked_more = 2;
    world.claim_takes = 10 * WORLD_SECOND;
    int64_t before = world.marked_finished;
    while (world.marked_finished == before)
        world_run(&world, world.now + WORLD_SECOND);
    world_run(&world, world.now + 85 * WORLD_SECOND);
    assert_int_equal(world.marked_finished - before, 1);
    world_run(&world, world.now + 20 * WORLD_SECOND);
    assert_int_equal(world.marked_finished - before, 2);
    assert_int_equal(world.marked_astray, 0);
}

static void engine__looks_every_minute_for_times_that_a_clock_put_too_far_ahead(void **state)
{
    (void)state;
    world_run(&world, world.now + 5 * WORLD_MINUTE);
    assert_in_range(world.redated, 4, 7);
}

#define WORLD_TEST(test) cmocka_unit_test_setup_teardown(test, world_setup, world_teardown)
#define TIMERLESS_TEST(test)                                                                   \
    cmocka_unit_test_setup_teardown(test, world_setup_without_timer, world_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_TEST(engine__finishes_what_is_due_and_sends_each_key_once),
        WORLD_TEST(engine__lives_through_an_outage_of_a_day),
        WORLD_TEST(engine__pulls_the_backlog_forward_when_the_store_is_back),
        WORLD_TEST(engine__pulling_forward_tries_no_row_twice),
        WORLD_TEST(engine__answers_a_request_when_its_key_is_gone),
        WORLD_TEST(engine__answers_a_request_whoever_finishes_its_user),
        WORLD_TEST(engine__answers_pending_at_the_deadline_of_a_request),
        WORLD_TEST(engine__answers_at_once_while_the_breaker_is_open),
        WORLD_TEST(engine__answers_everybody_when_the_breaker_opens),
        WORLD_TEST(engine__inline_work_goes_beside_a_full_backlog),
        WORLD_TEST(engine__a_request_that_stops_waiting_is_answered),
        WORLD_TEST(engine__answers_no_request_before_its_transaction_is_over),
        TIMERLESS_TEST(engine__timer_off_starts_nothing_by_itself),
        TIMERLESS_TEST(engine__timer_off_still_serves_requests_and_sweeps),
        WORLD_TEST(engine__sends_nothing_after_a_claim_of_unknown_result),
        WORLD_TEST(engine__sends_nothing_once_half_the_lease_is_over),
        WORLD_TEST(engine__keeps_every_call_within_half_the_lease),
        WORLD_TEST(engine__repeats_after_a_confirm_that_failed),
        WORLD_TEST(engine__one_bad_key_does_not_stop_the_others),
        WORLD_TEST(engine__blocked_rows_are_tried_again_by_themselves),
        WORLD_TEST(engine__a_success_makes_its_class_due),
        WORLD_TEST(engine__rows_of_another_store_are_blocked_and_never_sent),
        WORLD_TEST(engine__a_failed_upload_is_looked_at_twice),
        WORLD_TEST(engine__slows_down_when_asked_and_loses_nothing),
        WORLD_TEST(engine__stopping_ends_what_is_under_way_and_claims_no_more),
        WORLD_TEST(engine__looks_for_marked_users_without_deletions),
        WORLD_TEST(engine__looks_at_many_marked_users_in_slices),
        WORLD_TEST(engine__looks_at_marked_users_for_a_tenth_of_the_time),
        WORLD_TEST(engine__looks_every_minute_for_times_that_a_clock_put_too_far_ahead),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
