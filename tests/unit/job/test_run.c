/*
 * The state machine under a virtual clock: each test plays events and looks at the commands.
 */
#include "job/run.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* 2026-01-01T00:00:10Z */
#define WALL_START INT64_C(1767225610000)
#define MIDNIGHT   INT64_C(1767225600000)

struct play {
    struct run run;
    struct schedule schedule;
    struct zone *zone;
    struct run_now now;
    struct random random;
    struct run_command command;
};

static void play_begin(struct play *play, const char *expression)
{
    struct error error = {0};
    *play = (struct play){.now = {.boot_ms = 5000, .wall_ms = WALL_START}, .random = {1}};
    assert_int_equal(zone_open("UTC", &play->zone, &error), 0);
    if (expression)
        assert_int_equal(schedule_parse(expression, &play->schedule, &error), 0);
    run_init(&play->run, &(struct run_settings){.schedule = expression ? &play->schedule : NULL,
                                                .zone = play->zone,
                                                .startup_timeout_ms = 30000,
                                                .health_timeout_ms = 5000,
                                                .call_timeout_ms = 60000,
                                                .run_timeout_ms = 600000,
                                                .stop_timeout_ms = 10000});
}

static void play_end(struct play *play)
{
    zone_close(play->zone);
}

static void play_event(struct play *play, const struct run_event *event)
{
    play->command = run_handle(&play->run, event, play->now, &play->random);
}

static void play_kind(struct play *play, enum run_event_kind kind)
{
    play_event(play, &(struct run_event){.kind = kind});
}

static void play_probed(struct play *play, bool healthy)
{
    play_event(play, &(struct run_event){.kind = RUN_PROBED,
                                         .healthy = healthy,
                                         .reason = healthy ? "" : "down"});
}

static void play_called(struct play *play, const struct call_verdict *verdict)
{
    play_event(play, &(struct run_event){.kind = RUN_CALLED, .verdict = verdict});
}

static void play_pass(struct play *play, int64_t ms)
{
    play->now.boot_ms += ms;
    play->now.wall_ms += ms;
}

/* Lets the time of a RUN_SLEEP or RUN_PAUSE pass. */
static void play_wait(struct play *play)
{
    bool sleeping = play->command.verb == RUN_SLEEP;
    play_pass(play,
              play->command.until_ms - (sleeping ? play->now.wall_ms : play->now.boot_ms));
    play_kind(play, RUN_WOKEN);
}

static void expect_exit(const struct play *play, int exit_code)
{
    assert_int_equal(play->command.verb, RUN_EXIT);
    if (play->command.exit_code != exit_code)
        fail_msg("exit code %d, not %d: %s", play->command.exit_code, exit_code,
                 play->run.reason);
    assert_int_equal(*play->run.reason == '\0', exit_code == 0);
}

/* Up to the first call of a job that runs once. */
static void play_to_call(struct play *play)
{
    play_begin(play, NULL);
    play_kind(play, RUN_STARTED);
    assert_int_equal(play->command.verb, RUN_PROBE);
    play_probed(play, true);
    assert_int_equal(play->command.verb, RUN_CALL);
    assert_string_equal(play->command.cursor, "");
}

static const struct call_verdict plain = {.exit_code = 0};

static struct call_verdict counted(int64_t deleted, int64_t failed, const char *cursor)
{
    struct call_verdict verdict = {
        .counted = true,
        .counts = {.attempted = deleted + failed, .deleted = deleted, .failed = failed},
        .more = cursor != NULL};
    if (cursor)
        strcpy(verdict.cursor, cursor);
    return verdict;
}

static void run__once_probes_calls_and_ends(void **state)
{
    (void)state;
    struct play play;
    play_to_call(&play);
    assert_int_equal(play.command.until_ms, play.now.boot_ms + 60000);
    play_called(&play, &plain);
    expect_exit(&play, 0);
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
    expect_exit(&play, 69);
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
        play_called(&play, &plain);
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
    play_called(&play, &plain);
    assert_int_equal(play.command.verb, RUN_SLEEP);
    assert_int_equal(play.command.until_ms, MIDNIGHT + 4 * 60000);
    play_end(&play);
}

static void run__follows_the_cursor_and_probes_before_each_call(void **state)
{
    (void)state;
    struct play play;
    struct call_verdict first = counted(0, 3, "a"), second = counted(5, 0, "b"),
                        third = counted(1, 1, NULL);
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
    expect_exit(&play, 0);
    assert_int_equal(play.run.totals.deleted, 6);
    assert_int_equal(play.run.totals.failed, 4);
    play_end(&play);
}

static void run__a_new_run_begins_without_a_cursor(void **state)
{
    (void)state;
    struct play play;
    struct call_verdict more = counted(1, 0, "a"), last = counted(2, 0, NULL);
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
        assert_int_equal(play.run.totals.deleted, 3);
    }
    play_end(&play);
}

static void run__a_cursor_that_stands_still_fails(void **state)
{
    (void)state;
    struct play play;
    struct call_verdict again = counted(1, 0, "a");
    play_to_call(&play);
    play_called(&play, &again);
    play_probed(&play, true);
    play_called(&play, &again);
    expect_exit(&play, 70);
    play_end(&play);
}

static void run__cursors_without_end_run_out_of_time(void **state)
{
    (void)state;
    struct play play;
    int calls = 0;
    play_to_call(&play);
    while (play.command.verb == RUN_CALL && calls < 1000) {
        struct call_verdict next = counted(1, 0, calls++ % 2 ? "a" : "b");
        assert_true(play.command.until_ms <= play.run.deadline_ms);
        play_pass(&play, 7000);
        play_called(&play, &next);
        if (play.command.verb == RUN_PROBE)
            play_probed(&play, true);
    }
    expect_exit(&play, 75);
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
    expect_exit(&play, 69);
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
        expect_exit(&play, codes[i]);
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
        struct call_verdict verdict = counted(rows[i].deleted, rows[i].failed, NULL);
        verdict.counts.blocked = rows[i].blocked;
        verdict.oldest_pending_s = rows[i].oldest_s;
        play_to_call(&play);
        play.run.settings.max_age_ms = rows[i].max_age_ms;
        play.run.settings.fail_on_blocked = rows[i].fail_on_blocked;
        play_called(&play, &verdict);
        if (play.command.exit_code != rows[i].exit_code)
            fail_msg("row %zu", i);
        expect_exit(&play, rows[i].exit_code);
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
    expect_exit(&play, 0);
    play_end(&play);

    play_begin(&play, "* * * * *");
    play_kind(&play, RUN_STARTED);
    play_probed(&play, true);
    assert_int_equal(play.command.verb, RUN_SLEEP);
    play_kind(&play, RUN_STOPPED);
    expect_exit(&play, 0);
    play_end(&play);
}

static void run__lets_a_call_finish_when_stopped(void **state)
{
    (void)state;
    struct call_verdict more = counted(1, 0, "a");
    /* The call ends, its time ends, or a second signal comes. */
    for (int i = 0; i < 3; i++) {
        struct play play;
        play_to_call(&play);
        play_kind(&play, RUN_STOPPED);
        assert_int_equal(play.command.verb, RUN_FINISH);
        assert_int_equal(play.command.until_ms, play.now.boot_ms + 10000);
        if (i == 0)
            play_called(&play, &more);
        else
            play_kind(&play, i == 1 ? RUN_WOKEN : RUN_STOPPED);
        expect_exit(&play, 0);
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
        play_called(&play, &plain);
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
        cmocka_unit_test(run__lets_a_call_finish_when_stopped),
        cmocka_unit_test(run__a_clock_that_is_set_moves_the_plan),
        cmocka_unit_test(run__a_fixed_time_is_not_repeated_by_a_clock_put_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
