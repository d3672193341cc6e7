/*
 * One run after another: each test plays events and looks at the commands.
 */
#include "run_play.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void run__once_probes_calls_and_ends(void **state)
{
    (void)state;
    struct play play;
    play_to_call(&play);
    assert_int_equal(play.command.until_ms, play.now.boot_ms + 60000);
    play_called(&play, &play_plain);
    play_expect_exit(&play, 0);
    play_end(&play);
}

static void run__waits_for_the_service_at_start(void **state)
{
    (void)state;
    struct play play;
    play_begin(&play, NULL);
    int64_t start = play.now.boot_ms;
    play_kind(&play, RUN_STARTED);
    int probes = 0;
    for (; play.command.verb == RUN_PROBE; probes++) {
        assert_true(play.command.until_ms <= start + 30500);
        play_pass(&play, 10);
        play_probed(&play, false);
        if (play.command.verb == RUN_PAUSE) {
            assert_true(play.command.until_ms > play.now.boot_ms);
            assert_true(play.command.until_ms <= start + 30000);
            play_wait(&play);
        }
    }
    play_expect_exit(&play, 69);
    assert_true(play.now.boot_ms - start >= 30000 && play.now.boot_ms - start <= 30500);
    assert_true(probes > 10 && probes < 60);
    assert_non_null(strstr(play.run.reason, "down"));
    play_end(&play);
}

static void run__a_service_that_comes_up_in_time_is_called(void **state)
{
    (void)state;
    struct play play;
    play_begin(&play, NULL);
    play_kind(&play, RUN_STARTED);
    play_probed(&play, false);
    play_wait(&play);
    assert_int_equal(play.command.verb, RUN_PROBE);
    play_probed(&play, true);
    assert_int_equal(play.command.verb, RUN_CALL);
    play_end(&play);
}

static void run__follows_the_schedule(void **state)
{
    (void)state;
    struct play play;
    play_begin(&play, "*/5 * * * *");
    play_kind(&play, RUN_STARTED);
    play_probed(&play, true);
    for (int i = 1; i <= 3; i++) {
        assert_int_equal(play.command.verb, RUN_SLEEP);
        assert_int_equal(play.command.until_ms, MIDNIGHT + i * 300000);
        play_wait(&play);
        assert_int_equal(play.command.verb, RUN_PROBE);
        play_probed(&play, true);
        assert_int_equal(play.command.verb, RUN_CALL);
        play_pass(&play, 2000);
        play_called(&play, &play_plain);
    }
    play_end(&play);
}

static void run__what_was_missed_meanwhile_is_not_made_up_for(void **state)
{
    (void)state;
    struct play play;
    play_begin(&play, "* * * * *");
    play_kind(&play, RUN_STARTED);
    play_probed(&play, true);
    play_wait(&play);
    play_probed(&play, true);
    play_pass(&play, 150000);
    play_called(&play, &play_plain);
    assert_int_equal(play.command.verb, RUN_SLEEP);
    assert_int_equal(play.command.until_ms, MIDNIGHT + 4 * 60000);
    play_end(&play);
}

static void run__follows_the_cursor_and_probes_before_each_call(void **state)
{
    (void)state;
    struct play play;
    struct call_verdict first = play_counted(0, 3, "a"), second = play_counted(5, 0, "b"),
                        third = play_counted(1, 1, NULL);
    play_to_call(&play);
    play_called(&play, &first);
    assert_int_equal(play.command.verb, RUN_PROBE);
    play_probed(&play, true);
    assert_int_equal(play.command.verb, RUN_CALL);
    assert_string_equal(play.command.cursor, "a");
    play_called(&play, &second);
    play_probed(&play, true);
    assert_string_equal(play.command.cursor, "b");
    /* Judged over the whole run: the call that deleted nothing is no failure. */
    play_called(&play, &third);
    play_expect_exit(&play, 0);
    assert_int_equal(play.run.last.totals.deleted, 6);
    assert_int_equal(play.run.last.totals.failed, 4);
    play_end(&play);
}

static void run__a_new_run_begins_without_a_cursor(void **state)
{
    (void)state;
    struct play play;
    struct call_verdict more = play_counted(1, 0, "a"), last = play_counted(2, 0, NULL);
    play_begin(&play, "* * * * *");
    play_kind(&play, RUN_STARTED);
    play_probed(&play, true);
    for (int i = 0; i < 2; i++) {
        play_wait(&play);
        play_probed(&play, true);
        assert_string_equal(play.command.cursor, "");
        play_called(&play, &more);
        play_probed(&play, true);
        play_called(&play, &last);
        assert_int_equal(play.run.last.totals.deleted, 3);
    }
    play_end(&play);
}

static void run__a_cursor_that_stands_still_fails(void **state)
{
    (void)state;
    struct play play;
    struct call_verdict again = play_counted(1, 0, "a");
    play_to_call(&play);
    play_called(&play, &again);
    play_probed(&play, true);
    play_called(&play, &again);
    play_expect_exit(&play, 70);
    play_end(&play);
}

static void run__cursors_without_end_run_out_of_time(void **state)
{
    (void)state;
    struct play play;
    int calls = 0;
    play_to_call(&play);
    while (play.command.verb == RUN_CALL && calls < 1000) {
        struct call_verdict next = play_counted(1, 0, calls++ % 2 ? "a" : "b");
        assert_true(play.command.until_ms <= play.run.deadline_ms);
        play_pass(&play, 7000);
        play_called(&play, &next);
        if (play.command.verb == RUN_PROBE)
            play_probed(&play, true);
    }
    play_expect_exit(&play, 75);
    assert_int_equal(calls, 86); /* 600 s of 7 s each */
    play_end(&play);
}

static void run__an_unhealthy_service_before_a_call_fails_at_once(void **state)
{
    (void)state;
    struct play play;
    play_begin(&play, "* * * * *");
    play_kind(&play, RUN_STARTED);
    play_probed(&play, true);
    play_wait(&play);
    play_probed(&play, false);
    play_expect_exit(&play, 69);
    play_end(&play);
}

static void run__a_failed_call_ends_with_its_own_code(void **state)
{
    (void)state;
    static const int codes[] = {70, 75, 78};
    for (size_t i = 0; i < 3; i++) {
        struct play play;
        struct call_verdict failed = {.exit_code = codes[i], .text = "why"};
        play_to_call(&play);
        play_called(&play, &failed);
        play_expect_exit(&play, codes[i]);
        assert_string_equal(play.run.reason, "why");
        play_end(&play);
    }
}

static void run__judges_progress(void **state)
{
    (void)state;
    static const struct {
        int64_t deleted, failed, blocked, oldest_s, max_age_ms;
        bool fail_on_blocked;
        int exit_code;
    } rows[] = {
        {0, 0, 0, 0, 0, false, 0},       {5, 0, 0, 0, 0, false, 0},
        {5, 9, 0, 0, 0, false, 0},       {0, 1, 0, 0, 0, false, 70},
        {0, 0, 3, 0, 0, false, 0},       {0, 0, 3, 0, 0, true, 70},
        {5, 0, 1, 0, 0, true, 70},       {5, 0, 0, 0, 0, true, 0},
        {5, 0, 0, 61, 60000, false, 70}, {5, 0, 0, 60, 60000, false, 0},
        {0, 0, 0, 99999, 0, false, 0},   {0, 1, 3, 0, 0, false, 70},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct play play;
        struct call_verdict verdict = play_counted(rows[i].deleted, rows[i].failed, NULL);
        verdict.counts.blocked = rows[i].blocked;
        verdict.oldest_pending_s = rows[i].oldest_s;
        play_to_call(&play);
        play.run.settings.max_age_ms = rows[i].max_age_ms;
        play.run.settings.fail_on_blocked = rows[i].fail_on_blocked;
        play_called(&play, &verdict);
        if (play.command.exit_code != rows[i].exit_code)
            fail_msg("row %zu", i);
        play_expect_exit(&play, rows[i].exit_code);
        play_end(&play);
    }
}

static void run__stops_at_once_when_nothing_is_called(void **state)
{
    (void)state;
    struct play play;
    play_begin(&play, "* * * * *");
    play_kind(&play, RUN_STARTED);
    play_kind(&play, RUN_STOPPED);
    play_expect_exit(&play, 0);
    play_end(&play);

    play_begin(&play, "* * * * *");
    play_kind(&play, RUN_STARTED);
    play_probed(&play, true);
    assert_int_equal(play.command.verb, RUN_SLEEP);
    play_kind(&play, RUN_STOPPED);
    play_expect_exit(&play, 0);
    play_end(&play);
}

static void run__a_run_may_end_when_stopped(void **state)
{
    (void)state;
    struct call_verdict more = play_counted(1, 0, "a"), last = play_counted(2, 0, NULL);
    struct play play;
    play_to_call(&play);
    int64_t until_ms = play.now.boot_ms + 10000;
    play_kind(&play, RUN_STOPPED);
    assert_int_equal(play.command.verb, RUN_FINISH);
    assert_int_equal(play.command.until_ms, until_ms);
    play_pass(&play, 6000);
    play_called(&play, &more);
    assert_int_equal(play.command.verb, RUN_PROBE);
    assert_int_equal(play.command.until_ms, until_ms);
    play_probed(&play, true);
    assert_int_equal(play.command.verb, RUN_CALL);
    assert_int_equal(play.command.until_ms, until_ms);
    play_called(&play, &last);
    play_expect_exit(&play, 0);
    assert_true(play.command.ended);
    assert_int_equal(play.run.last.totals.deleted, 3);
    play_end(&play);
}

static void run__a_stopped_job_ends_well_in_any_case(void **state)
{
    (void)state;
    struct call_verdict more = play_counted(1, 0, "a"), none = play_counted(0, 1, NULL);
    struct call_verdict failed = {.exit_code = 70, .text = "why", .retry = true};
    for (int i = 0; i < 7; i++) {
        struct play play;
        play_to_call(&play);
        play.run.settings.retries = 3;
        play_kind(&play, RUN_STOPPED);
        if (i == 0)
            play_kind(&play, RUN_WOKEN);
        else if (i == 1)
            play_kind(&play, RUN_STOPPED);
        else if (i == 2)
            play_called(&play, &failed);
        else if (i == 3)
            play_pass(&play, 10000), play_called(&play, &more);
        else if (i == 4)
            play_called(&play, &none);
        else
            play_called(&play, &more);
        if (i == 5)
            play_probed(&play, false);
        else if (i == 6)
            play_kind(&play, RUN_STOPPED);
        assert_int_equal(play.command.verb, RUN_EXIT);
        assert_int_equal(play.command.exit_code, 0);
        assert_int_equal(play.command.ended, i == 4);
        play_end(&play);
    }
}

/* Sleeps until noon, and the clock is set to `set_ms` after midnight meanwhile. */
static void play_clock_set(struct play *play, const char *expression, int64_t set_ms)
{
    play_begin(play, expression);
    play_kind(play, RUN_STARTED);
    play_probed(play, true);
    assert_int_equal(play->command.verb, RUN_SLEEP);
    play->now.wall_ms = MIDNIGHT + set_ms;
    play_kind(play, RUN_WOKEN);
}

static void run__a_clock_that_is_set_moves_the_plan(void **state)
{
    (void)state;
    const int64_t hour = 3600000;
    struct play play;
    play_clock_set(&play, "0 12 * * *", 11 * hour);
    assert_int_equal(play.command.verb, RUN_SLEEP);
    assert_int_equal(play.command.until_ms, MIDNIGHT + 12 * hour);
    play_end(&play);

    play_clock_set(&play, "0 12 * * *", 13 * hour);
    assert_int_equal(play.command.verb, RUN_PROBE);
    play_end(&play);

    /* Back by two days: tomorrow's noon is not waited for. */
    play_clock_set(&play, "0 12 * * *", -48 * hour);
    assert_int_equal(play.command.verb, RUN_SLEEP);
    assert_int_equal(play.command.until_ms, MIDNIGHT - 36 * hour);
    play_end(&play);

    play_clock_set(&play, "@every 1h", -48 * hour);
    assert_int_equal(play.command.until_ms, MIDNIGHT - 47 * hour);
    play_end(&play);

    /* Put right again and again, it must not put the run off each time. */
    play_clock_set(&play, "@every 1h", hour / 2);
    assert_int_equal(play.command.until_ms, WALL_START + hour);
    play_end(&play);
}

static void run__a_fixed_time_is_not_repeated_by_a_clock_put_back(void **state)
{
    (void)state;
    static const struct {
        const char *expression;
        int64_t next_ms;
    } rows[] = {{"0 12 * * *", 36 * 3600000}, {"*/30 * * * *", 11 * 3600000 + 1800000}};
    for (size_t i = 0; i < 2; i++) {
        struct play play;
        play_begin(&play, rows[i].expression);
        play.now.wall_ms = MIDNIGHT + 11 * 3600000 + 3590000;
        play_kind(&play, RUN_STARTED);
        play_probed(&play, true);
        play_wait(&play);
        play_probed(&play, true);
        play.now.wall_ms -= 3600000; /* 11:00 */
        play_called(&play, &play_plain);
        assert_int_equal(play.command.verb, RUN_SLEEP);
        assert_int_equal(play.command.until_ms, MIDNIGHT + rows[i].next_ms);
        play_end(&play);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(run__once_probes_calls_and_ends),
        cmocka_unit_test(run__waits_for_the_service_at_start),
        cmocka_unit_test(run__a_service_that_comes_up_in_time_is_called),
        cmocka_unit_test(run__follows_the_schedule),
        cmocka_unit_test(run__what_was_missed_meanwhile_is_not_made_up_for),
        cmocka_unit_test(run__follows_the_cursor_and_probes_before_each_call),
        cmocka_unit_test(run__a_new_run_begins_without_a_cursor),
        cmocka_unit_test(run__a_cursor_that_stands_still_fails),
        cmocka_unit_test(run__cursors_without_end_run_out_of_time),
        cmocka_unit_test(run__an_unhealthy_service_before_a_call_fails_at_once),
        cmocka_unit_test(run__a_failed_call_ends_with_its_own_code),
        cmocka_unit_test(run__judges_progress),
        cmocka_unit_test(run__stops_at_once_when_nothing_is_called),
        cmocka_unit_test(run__a_run_may_end_when_stopped),
        cmocka_unit_test(run__a_stopped_job_ends_well_in_any_case),
        cmocka_unit_test(run__a_clock_that_is_set_moves_the_plan),
        cmocka_unit_test(run__a_fixed_time_is_not_repeated_by_a_clock_put_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
