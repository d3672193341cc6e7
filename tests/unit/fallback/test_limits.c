/* The engine at its limits: no memory, no page, no place, a database that fails. */
#include "world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* The allocation that fails, counted from here: 0 is the next; negative: none does. */
static int failing = -1;

void *__real_calloc(size_t count, size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__real_reallocarray(void *old, size_t count, size_t size);
void *__wrap_reallocarray(void *old, size_t count, size_t size);
char *__real_strdup(const char *text);
char *__wrap_strdup(const char *text);

static bool memory_fails(void)
{
    return failing >= 0 && failing-- == 0;
}

void *__wrap_calloc(size_t count, size_t size)
{
    return memory_fails() ? NULL : __real_calloc(count, size);
}

void *__wrap_reallocarray(void *old, size_t count, size_t size)
{
    return memory_fails() ? NULL : __real_reallocarray(old, count, size);
}

char *__wrap_strdup(const char *text)
{
    return memory_fails() ? NULL : __real_strdup(text);
}

static struct world world;

static int world_setup(void **state)
{
    (void)state;
    struct engine_options options = world_engine_options();
    world_init(&world, &options);
    world_run(&world, world.now + WORLD_SECOND);
    return 0;
}

static int world_teardown(void **state)
{
    (void)state;
    failing = -1;
    world_deinit(&world);
    return 0;
}

static void engine__is_not_made_without_memory(void **state)
{
    (void)state;
    struct engine_options options = world_engine_options();
    options.watch_ms = 20;
    for (int i = 0; i < 3; i++) {
        failing = i;
        assert_null(engine_new(&options));
        assert_int_equal(failing, -1);
    }
    struct engine *engine = engine_new(&options);
    assert_non_null(engine);
    engine_free(engine);
    engine_free(NULL);
}

/* A key that there is no memory for is left to the timer: its row is there. */
static void engine__a_request_without_memory_is_served_by_the_timer(void **state)
{
    (void)state;
    struct waiter waiter = {.subject = "avatars/000001"};
    struct world_row *row = world_add(&world, "avatars/", 1);
    struct repository_keys keys = {0};
    assert_true(repository_keys_add(&keys, row->deletion.key));
    engine_waits(world.engine, world.now, &waiter);
    failing = 0;
    engine_handed(world.engine, world.now, &keys, &(struct trace){0}, &waiter,
                  world.now + 2 * WORLD_SECOND);
    assert_int_equal(failing, -1);
    free(keys.items);
    world_run(&world, world.now + 100);
    assert_true(row->finished);
    assert_int_equal(waiter.outcome, WAITER_DONE);
}

/* Handing over without waiting, and after the service began to stop. */
static void engine__keys_are_taken_from_nobody_too(void **state)
{
    (void)state;
    struct waiter waiter = {.subject = WORLD_USER};
    struct world_row *row = world_add(&world, "avatars/", 1);
    struct repository_keys keys = {0};
    assert_true(repository_keys_add(&keys, row->deletion.key));
    engine_handed(world.engine, world.now, &keys, &(struct trace){0}, NULL, 0);
    world_run(&world, world.now + 100);
    assert_true(row->finished);

    engine_stopped(world.engine, world.now);
    engine_waits(world.engine, world.now, &waiter);
    engine_handed(world.engine, world.now, &keys, &(struct trace){0}, &waiter,
                  world.now + 2 * WORLD_SECOND);
    world_run(&world, world.now);
    assert_int_equal(world.answered_count, 1);
    assert_int_equal(waiter.outcome, WAITER_PENDING);
    free(keys.items);
}

/* Somebody finished the user between the request's COMMIT and its handing over. */
static void engine__answers_at_once_what_came_before_the_keys_did(void **state)
{
    (void)state;
    struct waiter waiter = {.subject = WORLD_USER};
    struct world_row *row = world_add(&world, "avatars/", 1);
    memcpy(row->deletion.user_id, WORLD_USER, sizeof WORLD_USER);
    engine_waits(world.engine, world.now, &waiter);
    engine_woken(world.engine, world.now);
    world_run(&world, world.now + 100);
    assert_true(row->finished);
    assert_int_equal(world.answered_count, 0);
    struct repository_keys keys = {0};
    assert_true(repository_keys_add(&keys, row->deletion.key));
    engine_handed(world.engine, world.now, &keys, &(struct trace){0}, &waiter,
                  world.now + 2 * WORLD_SECOND);
    free(keys.items);
    world_run(&world, world.now);
    assert_int_equal(world.answered_count, 1);
    assert_int_equal(waiter.outcome, WAITER_DONE);
}

/* Those who wait are answered in any order: here the younger one first. */
static void engine__a_request_waits_for_no_older_one(void **state)
{
    (void)state;
    struct waiter waiters[3] = {0};
    world_add(&world, "avatars/", 1);
    world_add(&world, "avatars/", 2);
    world_add(&world, "avatars/", 3);
    world.odd_key = "avatars/000001";
    world.odd_answer = (struct files_answer){.status = 500, .code = "InternalError"};
    world_hand(&world, &waiters[0], "avatars/000001", "avatars/000001");
    world_hand(&world, &waiters[1], "avatars/000002", "avatars/000002");
    world_hand(&world, &waiters[2], "avatars/000003", "avatars/000003");
    world_run(&world, world.now + 300);
    assert_int_equal(world.answered_count, 2);
    assert_int_equal(waiters[1].outcome, WAITER_DONE);
    assert_int_equal(waiters[2].outcome, WAITER_DONE);
    world_run(&world, world.now + 2 * WORLD_SECOND);
    assert_int_equal(world.answered_count, 3);
}

/* Twelve pages are all there are: eight at the store, two for requests, two ahead. */
static void engine__a_thirteenth_request_waits_for_a_free_page(void **state)
{
    (void)state;
    struct waiter waiters[13] = {0};
    world.provider_takes = WORLD_SECOND;
    for (int i = 0; i < 13; i++) {
        struct world_row *row = world_add(&world, "avatars/", i);
        world_hand(&world, &waiters[i], row->deletion.key, row->deletion.key);
    }
    world_run(&world, world.now + 900);
    assert_int_equal(world.deletes_sent, 12);
    world_run(&world, world.now + 200);
    assert_int_equal(world.deletes_sent, 13);
    assert_int_equal(world.answered_count, 12);
    world_run(&world, world.now + WORLD_SECOND);
    assert_int_equal(world_left(&world), 0);
    assert_int_equal(world.answered_count, 13);
}

/* More keys than the engine takes from requests: the rest is the timer's, and nothing is lost.
 */
static void engine__takes_a_bounded_number_of_keys_from_requests(void **state)
{
    (void)state;
    world.provider_takes = 100;
    for (int i = 0; i < 5000; i++) {
        struct repository_keys keys = {0};
        struct world_row *row = world_add(&world, "avatars/", i);
        row->deletion.due_at += WORLD_HOUR;
        assert_true(repository_keys_add(&keys, row->deletion.key));
        engine_handed(world.engine, world.now, &keys, &(struct trace){0}, NULL, 0);
        free(keys.items);
    }
    world_run(&world, world.now + 30 * WORLD_SECOND);
    /* The first few went straight to the store. */
    assert_in_range(world_left(&world), 5000 - 4096 - 12, 5000 - 4096);
    world_run(&world, world.now + WORLD_HOUR);
    assert_int_equal(world_left(&world), 0);
}

static void engine__warns_of_rows_whose_object_a_live_user_has(void **state)
{
    (void)state;
    world.live_users = 2;
    int alarms = world.alarms;
    world_add(&world, "avatars/", 1);
    engine_woken(world.engine, world.now);
    world_run(&world, world.now + WORLD_SECOND);
    assert_true(world.alarms > alarms);
    assert_int_equal(world_left(&world), 0);
}

/* Deletes fail while the store lets itself be read. */
static void open_the_breaker(void)
{
    world.answer = (struct files_answer){.status = 500, .code = "InternalError"};
    for (int i = 0; engine_breaker(world.engine, 0) == BREAKER_CLOSED; i++) {
        world_add(&world, "avatars/failing-", i);
        engine_woken(world.engine, world.now);
        world_run(&world, world.now + 100);
    }
}

static void rows_vanish(void)
{
    for (size_t i = 0; i < world.row_count; i++)
        world.rows[i].finished = true;
}

/* Others finished all that a probe could be sent with. */
static void engine__a_breaker_with_nothing_to_probe_closes_by_a_look(void **state)
{
    (void)state;
    open_the_breaker();
    rows_vanish();
    for (int i = 0; i < 5; i++) {
        engine_woken(world.engine, world.now);
        world_run(&world, world.now + WORLD_SECOND);
    }
    assert_int_equal(engine_breaker(world.engine, 0), BREAKER_CLOSED);
    assert_true(engine_takes_uploads(world.engine));
}

/* Nobody knows what was claimed for the probe: the next one goes a second later. */
static void probe_is_lost(bool fails, int64_t takes)
{
    open_the_breaker();
    world.claims_fail = fails;
    world.claim_takes = takes;
    int64_t sent = world.deletes_sent;
    for (int i = 0; i < 90; i++) {
        engine_woken(world.engine, world.now);
        world_run(&world, world.now + WORLD_SECOND);
        assert_false(engine_takes_uploads(world.engine));
    }
    assert_int_equal(world.deletes_sent, sent);
    world.claims_fail = false;
    world.claim_takes = 1;
    world.answer = (struct files_answer){.status = 204};
    world_run(&world, world.now + 3 * WORLD_MINUTE);
    assert_int_equal(engine_breaker(world.engine, 0), BREAKER_CLOSED);
    assert_int_equal(world_left(&world), 0);
}

static void engine__a_probe_whose_claim_failed_proves_nothing(void **state)
{
    (void)state;
    probe_is_lost(true, 1);
}

static void engine__a_probe_whose_claim_took_too_long_proves_nothing(void **state)
{
    (void)state;
    probe_is_lost(false, 31 * WORLD_SECOND);
}

/* Down again before all that was pulled forward went: it is pulled forward the next time. */
static void engine__a_store_that_is_back_for_a_moment_loses_nothing(void **state)
{
    (void)state;
    world.up = false;
    for (int i = 0; i < 800; i++)
        world_add(&world, "avatars/", i)->deletion.attempts = 12;
    engine_woken(world.engine, world.now);
    world_run(&world, world.now + 2 * WORLD_MINUTE);
    for (int i = 0; i < 20; i++) {
        world.up = true;
        while (engine_breaker(world.engine, 0) != BREAKER_CLOSED)
            world_run(&world, world.now + 1);
        world.up = false;
        world_run(&world, world.now + 3 * WORLD_SECOND);
    }
    world.up = true;
    world_run(&world, world.now + 10 * WORLD_SECOND);
    assert_int_equal(world_left(&world), 0);
}

/* What a stop waits for, one thing after another. */
static void engine__is_idle_when_nothing_is_under_way(void **state)
{
    (void)state;
    struct sweep sweep = {.limit = 10, .deadline_ms = world.now + WORLD_SECOND};
    struct waiter waiter = {.subject = WORLD_USER};
    assert_true(engine_is_idle(world.engine));

    engine_waits(world.engine, world.now, &waiter);
    engine_stops_waiting(world.engine, world.now, &waiter);
    assert_false(engine_is_idle(world.engine));
    world_run(&world, world.now);
    assert_true(engine_is_idle(world.engine));

    world.provider_takes = WORLD_SECOND;
    world_add(&world, "avatars/", 1);
    engine_woken(world.engine, world.now);
    world_run(&world, world.now + 500);
    assert_false(engine_is_idle(world.engine));
    world_run(&world, world.now + WORLD_SECOND);
    assert_true(engine_is_idle(world.engine));

    world.claim_takes = 5 * WORLD_SECOND;
    world_run(&world, world.now + 3 * WORLD_MINUTE);
    int64_t finished = world.marked_finished, redated = world.redated;
    /* Often enough for each to be under way alone; a look at the marked goes on for a while. */
    world.marked_more = 9;
    while (world.marked_finished < finished + 5 || world.redated < redated + 5) {
        bool idle = engine_is_idle(world.engine);
        int64_t done = world.marked_finished + world.redated;
        world_run(&world, world.now + 100);
        assert_false(idle && world.marked_finished + world.redated > done);
    }

    world.claim_takes = 1;
    world_run(&world, world.now + 6 * WORLD_SECOND);
    assert_true(engine_is_idle(world.engine));
    engine_swept(world.engine, world.now, &sweep);
    assert_false(engine_is_idle(world.engine));
    world_run(&world, world.now + WORLD_SECOND);
    assert_true(engine_is_idle(world.engine));
}

/* Who sees that it was woken need not wake it; who sees that it serves nobody need not wait. */
static void engine__tells_whether_it_was_woken_and_serves(void **state)
{
    (void)state;
    world_run(&world, world.now + WORLD_SECOND);
    assert_true(engine_serves(world.engine));
    assert_false(engine_is_woken(world.engine));
    /* The look that it was woken for begins at once: whoever comes later wakes it anew. */
    engine_woken(world.engine, world.now);
    assert_false(engine_is_woken(world.engine));

    world.up = false;
    world_add(&world, "avatars/", 1);
    world_run(&world, world.now + WORLD_MINUTE);
    assert_int_not_equal(engine_breaker(world.engine, 0), BREAKER_CLOSED);
    assert_false(engine_serves(world.engine));
    engine_woken(world.engine, world.now);
    world_add(&world, "avatars/", 2);
    world.up = true;
    world_run(&world, world.now + WORLD_MINUTE);
    assert_true(engine_serves(world.engine));
    assert_false(engine_is_woken(world.engine));
    assert_int_equal(world_left(&world), 0);

    engine_stopped(world.engine, world.now);
    assert_false(engine_serves(world.engine));
}

static void engine__serves_whoever_waits_for_others(void **state)
{
    (void)state;
    struct engine_options options = world_engine_options();
    options.aside = true;
    struct engine *engine = engine_new(&options);
    assert_true(engine_serves(engine));
    engine_free(engine);
}

static struct world_row *older_row_add(int number)
{
    struct world_row *row = world_add(&world, "avatars/older-", number);
    memcpy(row->deletion.store_id, WORLD_USER, UUID_TEXT_SIZE);
    return row;
}

/* No memory to hand a row to its store: it rests, and goes by itself. */
static void stores__a_row_that_cannot_be_moved_rests_and_goes_later(void **state)
{
    (void)state;
    world_deinit(&world);
    struct engine_options options = world_engine_options();
    options.stores = 2;
    world_init(&world, &options);
    world.older_id = WORLD_USER;
    world_run(&world, world.now + WORLD_SECOND);
    world.claim_takes = 100;
    struct world_row *row = older_row_add(1);
    engine_woken(world.engine, world.now);
    world_run(&world, world.now + 50);
    /* The claim of the one row takes the first allocation, moving it the next. */
    failing = 2;
    world_run(&world, world.now + 60);
    assert_int_equal(failing, -1);
    assert_int_equal(row->sent, 0);
    world_run(&world, world.now + 30 * WORLD_SECOND);
    assert_int_equal(world_left(&world), 0);
    assert_int_equal(row->deletion.attempts, 0);
}

#define WORLD_TEST(test) cmocka_unit_test_setup_teardown(test, world_setup, world_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(engine__is_not_made_without_memory),
        WORLD_TEST(engine__a_request_without_memory_is_served_by_the_timer),
        WORLD_TEST(engine__keys_are_taken_from_nobody_too),
        WORLD_TEST(engine__answers_at_once_what_came_before_the_keys_did),
        WORLD_TEST(engine__a_request_waits_for_no_older_one),
        WORLD_TEST(engine__a_thirteenth_request_waits_for_a_free_page),
        WORLD_TEST(engine__takes_a_bounded_number_of_keys_from_requests),
        WORLD_TEST(engine__warns_of_rows_whose_object_a_live_user_has),
        WORLD_TEST(engine__a_breaker_with_nothing_to_probe_closes_by_a_look),
        WORLD_TEST(engine__a_probe_whose_claim_failed_proves_nothing),
        WORLD_TEST(engine__a_probe_whose_claim_took_too_long_proves_nothing),
        WORLD_TEST(engine__a_store_that_is_back_for_a_moment_loses_nothing),
        WORLD_TEST(engine__is_idle_when_nothing_is_under_way),
        WORLD_TEST(engine__tells_whether_it_was_woken_and_serves),
        cmocka_unit_test(engine__serves_whoever_waits_for_others),
        WORLD_TEST(stores__a_row_that_cannot_be_moved_rests_and_goes_later),
    };
    return cmocka_run_group_tests_name("fallback: engine at its limits", tests, NULL, NULL);
}
