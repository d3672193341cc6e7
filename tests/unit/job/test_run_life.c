/*
 * What a job lives through: clocks that jump, runs that overlap, services that fail.
 */
#include "run_play.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void run__a_suspended_machine_makes_up_for_one_run(void **state)
{
    (void)state;
    struct play play;
    play_to_sleep(&play, "*/10 * * * *", &(struct run_settings){0}, SLOTS_NONE);
    play_expect_sleep(&play, MIDNIGHT + 600000);
    play_pass(&play, 7200000);
    play_kind(&play, RUN_WOKEN);
    assert_int_equal(play.command.verb, RUN_PROBE);
    assert_true(play.command.began);
    assert_int_equal(play.command.missed, 11);
    assert_int_equal(play.run.report.slot_s, MIDNIGHT / 1000 + 7200);
    assert_int_equal(play.run.report.lateness_ms, 10000);
    play_probed(&play, true);
    play_called(&play, &play_plain);
    play_expect_sleep(&play, MIDNIGHT + 7800000);
    assert_int_equal(play.run.outcomes[RUN_MISSED], 11);
    assert_int_equal(play.run.outcomes[RUN_OK], 1);
    play_end(&play);
}

static void run__a_run_that_is_too_late_is_missed(void **state)
{
    (void)state;
    struct play play;
    struct run_settings settings = {.start_deadline_ms = 60000};
    play_to_sleep(&play, "0 * * * *", &settings, SLOTS_NONE);
    play_pass(&play, 3600000 + 120000);
    play_kind(&play, RUN_WOKEN);
    play_expect_sleep(&play, MIDNIGHT + 7200000);
    assert_int_equal(play.command.missed, 1);
    assert_false(play.command.began);
    play_wait(&play);
    assert_int_equal(play.command.verb, RUN_PROBE);
    play_end(&play);
}

static void run__catches_up_once_with_what_the_last_job_missed(void **state)
{
    (void)state;
    static const struct {
        const char *expression;
        int64_t last_s, start_deadline_ms;
        bool catch_up;
        int64_t slot_s, missed; /* slot_s 0: no run */
    } rows[] = {
        {"0 * * * *", -3 * 3600, 0, true, 0, 2},
        {"0 * * * *", -3 * 3600, 0, false, 1, 3},
        {"0 * * * *", -3 * 3600, 5000, true, 1, 3},
        {"0 * * * *", -3 * 3600, 20000, true, 0, 2},
        {"0 * * * *", 0, 0, true, 1, 0},
        {"0 0 1 * *", 0, 0, true, 1, 0},
        {"0 * * * *", 86400, 0, true, 1, 0},
        {"@every 7m", -3600, 0, true, -240, 7},
        {"* * * * * *", -10 * 86400, 0, true, 10, 9999},
        {"0-59 * 3 * * *", -400 * 86400, 0, true, -72001, 9999},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct play play;
        struct run_settings settings = {.catch_up = rows[i].catch_up,
                                        .start_deadline_ms = rows[i].start_deadline_ms};
        play_to_sleep(&play, rows[i].expression, &settings, MIDNIGHT / 1000 + rows[i].last_s);
        bool runs = rows[i].slot_s != 1;
        if (play.command.began != runs || play.command.missed != rows[i].missed)
            fail_msg("row %zu: began %d, missed %lld", i, play.command.began,
                     (long long)play.command.missed);
        if (runs)
            assert_int_equal(play.run.report.slot_s - MIDNIGHT / 1000, rows[i].slot_s);
        play_end(&play);
    }
}

static void run__slots_that_come_during_a_run_are_skipped_or_queued(void **state)
{
    (void)state;
    for (int queue = 0; queue < 2; queue++) {
        struct play play;
        struct run_settings settings = {.queue_one = queue};
        play_to_sleep(&play, "* * * * *", &settings, SLOTS_NONE);
        play_wait(&play);
        play_probed(&play, true);
        play_pass(&play, 190000); /* three slots */
        play_called(&play, &play_plain);
        assert_true(play.command.ended);
        assert_int_equal(play.command.skipped, 3 - queue);
        assert_int_equal(play.run.last.slot_s, MIDNIGHT / 1000 + 60);
        if (queue) {
            assert_true(play.command.began);
            assert_int_equal(play.run.report.slot_s, MIDNIGHT / 1000 + 240);
            play_probed(&play, true);
            play_called(&play, &play_plain);
        }
        play_expect_sleep(&play, MIDNIGHT + 300000);
        play_end(&play);
    }
}

static void run__jitter_and_spread_put_a_run_off(void **state)
{
    (void)state;
    struct play play;
    struct run_settings settings = {.spread_ms = 7000, .jitter_ms = 5000};
    int64_t different = 0, before = 0;
    play_to_sleep(&play, "* * * * *", &settings, SLOTS_NONE);
    for (int i = 1; i <= 50; i++) {
        assert_int_equal(play.command.verb, RUN_SLEEP);
        int64_t late = play.command.until_ms - MIDNIGHT - i * 60000;
        assert_in_range(late, 7000, 11999);
        different += late != before;
        before = late;
        play_wait(&play);
        assert_int_equal(play.run.report.slot_s, MIDNIGHT / 1000 + i * 60);
        assert_int_equal(play.run.report.lateness_ms, 0);
        play_probed(&play, true);
        play_called(&play, &play_plain);
        assert_int_equal(play.command.skipped, 0);
    }
    assert_true(different > 40);
    assert_int_equal(run_spread("a", 60000), run_spread("a", 60000));
    assert_int_not_equal(run_spread("a", 60000), run_spread("b", 60000));
    assert_int_equal(run_spread("a", 0), 0);
    play_end(&play);
}

static void run__tries_a_call_again_with_pauses_that_grow(void **state)
{
    (void)state;
    struct call_verdict failed = {.exit_code = 70, .text = "why", .retry = true, .status = 503};
    int64_t longest[3] = {0};
    char first[RUN_KEY_SIZE], again[RUN_KEY_SIZE];
    for (uint64_t seed = 0; seed < 200; seed++) {
        struct play play;
        play_to_sleep(&play, "* * * * *", &(struct run_settings){.retries = 3}, SLOTS_NONE);
        play.random.state = seed;
        play_wait(&play);
        play_probed(&play, true);
        run_key(&play.run, "job", first);
        for (int i = 0; i < 3; i++) {
            play_called(&play, &failed);
            assert_int_equal(play.command.verb, RUN_PAUSE);
            int64_t pause = play.command.until_ms - play.now.boot_ms;
            assert_in_range(pause, 0, 1000 << i);
            longest[i] = pause > longest[i] ? pause : longest[i];
            play_wait(&play);
            assert_int_equal(play.command.verb, RUN_PROBE);
            play_probed(&play, true);
            assert_int_equal(play.command.verb, RUN_CALL);
            run_key(&play.run, "job", again);
            assert_string_equal(first, again);
        }
        play_called(&play, &failed);
        play_expect_exit(&play, 70);
        assert_int_equal(play.run.last.attempts, 4);
        assert_int_equal(play.run.last.status, 503);
        play_end(&play);
    }
    assert_string_equal(first, "job/2026-01-01T00:01:00Z/1");
    assert_true(longest[0] > 900 && longest[1] > 1800 && longest[2] > 3600);
}

static void run__waits_as_long_as_the_service_asks(void **state)
{
    (void)state;
    struct call_verdict later = {
        .exit_code = 70, .text = "why", .retry = true, .retry_after_ms = 120000};
    struct play play;
    play_to_sleep(&play, "* * * * *", &(struct run_settings){.retries = 9}, SLOTS_NONE);
    play_wait(&play);
    play_probed(&play, true);
    for (int i = 0; i < 4; i++) {
        play_called(&play, &later);
        assert_int_equal(play.command.verb, RUN_PAUSE);
        assert_int_equal(play.command.until_ms - play.now.boot_ms, 120000);
        play_wait(&play);
        play_probed(&play, true);
    }
    /* The next pause would end behind the run's deadline. */
    play_pass(&play, 1000);
    play_called(&play, &later);
    play_expect_exit(&play, 70);
    play_end(&play);
}

static void run__does_not_repeat_what_cannot_pass(void **state)
{
    (void)state;
    struct call_verdict refused = {.exit_code = 70, .text = "why", .status = 401};
    struct play play;
    play_to_sleep(&play, "* * * * *", &(struct run_settings){.retries = 9}, SLOTS_NONE);
    play_wait(&play);
    play_probed(&play, true);
    play_called(&play, &refused);
    play_expect_exit(&play, 70);
    assert_int_equal(play.run.last.attempts, 1);
    play_end(&play);
}

static void run__asks_for_health_again(void **state)
{
    (void)state;
    struct play play;
    play_to_sleep(&play, "* * * * *", &(struct run_settings){.health_retries = 2}, SLOTS_NONE);
    play_wait(&play);
    for (int i = 0; i < 2; i++) {
        play_probed(&play, false);
        assert_int_equal(play.command.verb, RUN_PAUSE);
        play_wait(&play);
        assert_int_equal(play.command.verb, RUN_PROBE);
    }
    play_probed(&play, false);
    play_expect_exit(&play, 69);
    assert_int_equal(play.run.last.outcome, RUN_UNHEALTHY);
    play_end(&play);
}

static void run__goes_on_after_failures_until_there_are_enough(void **state)
{
    (void)state;
    struct call_verdict failed = {.exit_code = 70, .text = "why"};
    struct play play;
    struct run_settings settings = {.keep_going = true, .fail_after = 3};
    play_to_sleep(&play, "* * * * *", &settings, SLOTS_NONE);
    static const bool goes_well[] = {false, false, true, false, false};
    for (size_t i = 0; i < sizeof goes_well; i++) {
        play_wait(&play);
        play_probed(&play, true);
        play_called(&play, goes_well[i] ? &play_plain : &failed);
        assert_int_equal(play.command.verb, RUN_SLEEP);
        assert_true(play.command.ended);
    }
    assert_int_equal(play.run.failures, 2);
    play_wait(&play);
    play_probed(&play, false);
    play_expect_exit(&play, 69);
    assert_int_equal(play.run.outcomes[RUN_FAILED], 4);
    assert_int_equal(play.run.outcomes[RUN_UNHEALTHY], 1);
    play_end(&play);
}

static void run__goes_on_when_the_service_is_down_at_start(void **state)
{
    (void)state;
    struct play play;
    play_begin(&play, "* * * * *");
    play.run.settings.keep_going = true;
    play_kind(&play, RUN_STARTED);
    while (play.command.verb != RUN_SLEEP) {
        if (play.command.verb == RUN_PAUSE)
            play_wait(&play);
        else
            play_probed(&play, false);
    }
    assert_true(play.command.ended);
    assert_int_equal(play.run.outcomes[RUN_UNHEALTHY], 1);
    play_end(&play);
}

static void run__a_nudge_runs_now(void **state)
{
    (void)state;
    for (int queue = 0; queue < 2; queue++) {
        struct play play;
        play_to_sleep(&play, "0 0 * * *", &(struct run_settings){.queue_one = queue},
                      SLOTS_NONE);
        play_pass(&play, 5000);
        play_kind(&play, RUN_NUDGED);
        assert_int_equal(play.command.verb, RUN_PROBE);
        assert_true(play.command.began);
        play_probed(&play, true);
        for (int i = 0; i < 3; i++) {
            play_kind(&play, RUN_NUDGED);
            assert_int_equal(play.command.verb, RUN_CARRY_ON);
            assert_int_equal(play.command.skipped, queue ? i > 0 : 1);
        }
        play_called(&play, &play_plain);
        assert_true(play.command.ended);
        assert_int_equal(play.command.began, queue);
        if (queue) {
            char key[RUN_KEY_SIZE];
            run_key(&play.run, "job", key);
            assert_string_equal(key, "job/2026-01-01T00:00:15Z/r1/1");
            play_probed(&play, true);
            play_called(&play, &play_plain);
        }
        play_expect_sleep(&play, MIDNIGHT + 86400000);
        play_end(&play);
    }
}

/* Every clock fault in turn, for a virtual month: no slot twice, no gap of two slots, no burst.
 */
static void run__lives_through_a_clock_that_jumps(void **state)
{
    (void)state;
    static const int64_t jumps_ms[] = {0, -1500, 0, 40000, -90000, 0, -2000, 3000, -1, 0};
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct play play;
        play_to_sleep(&play, seed % 2 ? "*/5 * * * *" : "0-59/5 * * * *",
                      &(struct run_settings){0}, SLOTS_NONE);
        int64_t last_slot = 0, last_boot = play.now.boot_ms;
        for (int i = 0; i < 2000; i++) {
            play.now.wall_ms += jumps_ms[(seed + (uint64_t)i * 7) % 10];
            play_kind(&play, RUN_WOKEN);
            if (play.command.verb == RUN_SLEEP)
                play_wait(&play);
            assert_int_equal(play.command.verb, RUN_PROBE);
            assert_true(play.run.report.slot_s > last_slot);
            assert_true(i == 0 || play.now.boot_ms - last_boot >= 160000);
            assert_true(play.now.boot_ms - last_boot <= 640000);
            last_slot = play.run.report.slot_s;
            last_boot = play.now.boot_ms;
            play_probed(&play, true);
            play_called(&play, &play_plain);
            assert_int_equal(play.command.verb, RUN_SLEEP);
        }
        play_end(&play);
    }
}

static void run__a_look_at_the_clock_draws_no_new_jitter(void **state)
{
    (void)state;
    struct play play;
    play_to_sleep(&play, "0 * * * *", &(struct run_settings){.jitter_ms = 600000}, SLOTS_NONE);
    int64_t until_ms = play.command.until_ms;
    for (int i = 0; i < 20; i++) {
        play_pass(&play, 60000);
        play_kind(&play, RUN_WOKEN);
        play_expect_sleep(&play, until_ms);
    }
    play_end(&play);
}

static void run__every_page_and_every_question_has_all_its_tries(void **state)
{
    (void)state;
    struct call_verdict failed = {.exit_code = 70, .text = "why", .retry = true};
    struct play play;
    play_to_sleep(&play, "* * * * *", &(struct run_settings){.retries = 1, .health_retries = 1},
                  SLOTS_NONE);
    play_wait(&play);
    for (int page = 0; page < 3; page++) {
        char cursor[] = {(char)('a' + page), '\0'};
        struct call_verdict more = play_counted(1, 0, cursor);
        for (int i = 0; i < 2; i++) {
            play_probed(&play, false);
            assert_int_equal(play.command.verb, RUN_PAUSE);
            play_wait(&play);
            play_probed(&play, true);
            assert_int_equal(play.command.verb, RUN_CALL);
            if (i == 0) {
                play_called(&play, &failed);
                assert_int_equal(play.command.verb, RUN_PAUSE);
                play_wait(&play);
            }
        }
        play_called(&play, &more);
        assert_int_equal(play.command.verb, RUN_PROBE);
    }
    assert_int_equal(play.run.report.attempts, 6);
    assert_int_equal(play.run.report.pages, 3);
    play_end(&play);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(run__a_suspended_machine_makes_up_for_one_run),
        cmocka_unit_test(run__a_run_that_is_too_late_is_missed),
        cmocka_unit_test(run__catches_up_once_with_what_the_last_job_missed),
        cmocka_unit_test(run__slots_that_come_during_a_run_are_skipped_or_queued),
        cmocka_unit_test(run__jitter_and_spread_put_a_run_off),
        cmocka_unit_test(run__tries_a_call_again_with_pauses_that_grow),
        cmocka_unit_test(run__waits_as_long_as_the_service_asks),
        cmocka_unit_test(run__does_not_repeat_what_cannot_pass),
        cmocka_unit_test(run__asks_for_health_again),
        cmocka_unit_test(run__goes_on_after_failures_until_there_are_enough),
        cmocka_unit_test(run__goes_on_when_the_service_is_down_at_start),
        cmocka_unit_test(run__a_nudge_runs_now),
        cmocka_unit_test(run__a_look_at_the_clock_draws_no_new_jitter),
        cmocka_unit_test(run__every_page_and_every_question_has_all_its_tries),
        cmocka_unit_test(run__lives_through_a_clock_that_jumps),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
