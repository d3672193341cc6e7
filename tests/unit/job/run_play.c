#include "run_play.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

void play_begin(struct play *play, const char *expression)
{
    struct error error = {0};
    *play = (struct play){.now = {.boot_ms = 5000, .wall_ms = WALL_START}, .random = {1}};
    assert_int_equal(zone_open("UTC", &play->zone, &error), 0);
    if (expression)
        assert_int_equal(schedule_parse(expression, &play->schedule, &error), 0);
    run_init(&play->run,
             &(struct run_settings){.schedule = expression ? &play->schedule : NULL,
                                    .zone = play->zone,
                                    .startup_timeout_ms = 30000,
                                    .health_timeout_ms = 5000,
                                    .call_timeout_ms = 60000,
                                    .run_timeout_ms = 600000,
                                    .stop_timeout_ms = 10000},
             SLOTS_NONE);
}

void play_end(struct play *play)
{
    zone_close(play->zone);
}

void play_event(struct play *play, const struct run_event *event)
{
    play->command = run_handle(&play->run, event, play->now, &play->random);
}

void play_kind(struct play *play, enum run_event_kind kind)
{
    play_event(play, &(struct run_event){.kind = kind});
}

void play_probed(struct play *play, bool healthy)
{
    play_event(play, &(struct run_event){.kind = RUN_PROBED,
                                         .healthy = healthy,
                                         .reason = healthy ? "" : "down"});
}

void play_called(struct play *play, const struct call_verdict *verdict)
{
    play_event(play, &(struct run_event){.kind = RUN_CALLED, .verdict = verdict});
}

void play_pass(struct play *play, int64_t ms)
{
    play->now.boot_ms += ms;
    play->now.wall_ms += ms;
}

/* Lets the time of a RUN_SLEEP or RUN_PAUSE pass. */
void play_wait(struct play *play)
{
    bool sleeping = play->command.verb == RUN_SLEEP;
    play_pass(play,
              play->command.until_ms - (sleeping ? play->now.wall_ms : play->now.boot_ms));
    play_kind(play, RUN_WOKEN);
}

void play_expect_exit(const struct play *play, int exit_code)
{
    assert_int_equal(play->command.verb, RUN_EXIT);
    if (play->command.exit_code != exit_code)
        fail_msg("exit code %d, not %d: %s", play->command.exit_code, exit_code,
                 play->run.reason);
    assert_int_equal(*play->run.reason == '\0', exit_code == 0);
}

/* Up to the first call of a job that runs once. */
void play_to_call(struct play *play)
{
    play_begin(play, NULL);
    play_kind(play, RUN_STARTED);
    assert_int_equal(play->command.verb, RUN_PROBE);
    play_probed(play, true);
    assert_int_equal(play->command.verb, RUN_CALL);
    assert_string_equal(play->command.cursor, "");
}

const struct call_verdict play_plain = {.exit_code = 0};

struct call_verdict play_counted(int64_t deleted, int64_t failed, const char *cursor)
{
    struct call_verdict verdict = {
        .counted = true,
        .counts = {.attempted = deleted + failed, .deleted = deleted, .failed = failed},
        .more = cursor != NULL};
    if (cursor)
        strcpy(verdict.cursor, cursor);
    return verdict;
}

/* A scheduled job with changed settings, asleep before its first run. */
void play_to_sleep(struct play *play, const char *expression,
                   const struct run_settings *changes, int64_t last_slot_s)
{
    play_begin(play, expression);
    struct run_settings settings = play->run.settings;
    settings.health_retries = changes->health_retries;
    settings.retries = changes->retries;
    settings.spread_ms = changes->spread_ms;
    settings.jitter_ms = changes->jitter_ms;
    settings.start_deadline_ms = changes->start_deadline_ms;
    settings.fail_after = changes->fail_after;
    settings.catch_up = changes->catch_up;
    settings.queue_one = changes->queue_one;
    settings.keep_going = changes->keep_going;
    run_init(&play->run, &settings, last_slot_s);
    play_kind(play, RUN_STARTED);
    play_probed(play, true);
}

void play_expect_sleep(const struct play *play, int64_t until_ms)
{
    assert_int_equal(play->command.verb, RUN_SLEEP);
    assert_int_equal(play->command.until_ms, until_ms);
}
