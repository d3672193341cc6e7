/* An engine that leaves the provider's work to others, and those who wait at it. */
#include "world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct world world;

static int world_setup(void **state)
{
    (void)state;
    struct engine_options options = world_engine_options();
    options.timer = false;
    options.aside = true;
    options.watch_ms = 20;
    world_init(&world, &options);
    return 0;
}

static int world_teardown(void **state)
{
    (void)state;
    world_deinit(&world);
    return 0;
}

static void aside__claims_nothing_and_sends_nothing(void **state)
{
    (void)state;
    struct waiter waiter = {0};
    struct world_row *row = world_add(&world, "avatars/", 1);
    world_hand(&world, &waiter, "avatars/000001", "avatars/000001");
    engine_woken(world.engine, world.now);
    world_run(&world, world.now + WORLD_HOUR);
    assert_int_equal(row->deletion.claim, 0);
    assert_int_equal(world.deletes_sent, 0);
    assert_int_equal(world.answered_count, 1);
    assert_int_equal(waiter.outcome, WAITER_PENDING);
}

/* It takes uploads, and nothing that it sends would close its breaker. */
static void aside__takes_uploads_when_the_store_is_back(void **state)
{
    (void)state;
    world.up = false;
    world_run(&world, world.now + WORLD_MINUTE);
    assert_int_not_equal(engine_breaker(world.engine, 0), BREAKER_CLOSED);
    assert_false(engine_takes_uploads(world.engine));
    world.up = true;
    world_run(&world, world.now + 5 * WORLD_SECOND);
    assert_true(engine_takes_uploads(world.engine));
}

static int world_setup_of_a_replica(void **state)
{
    (void)state;
    struct engine_options options = world_engine_options();
    options.watch_ms = 20;
    world_init(&world, &options);
    return 0;
}

/* One of several that do the work: it watches, and takes its part. */
static void replica__answers_and_sweeps_at_the_same_time(void **state)
{
    (void)state;
    struct waiter waiter = {0};
    struct sweep sweep = {0};
    world_run(&world, world.now + WORLD_SECOND);
    world.provider_takes = 300;
    for (int i = 0; i < 20; i++)
        world_add(&world, "avatars/", i);
    world_hand(&world, &waiter, "avatars/000001", "avatars/000001");
    world_sweep(&world, &sweep, 1000, 25 * WORLD_SECOND);
    assert_int_equal(world_left(&world), 0);
    assert_int_equal(waiter.outcome, WAITER_DONE);
    assert_true(world.looks > 0);
    assert_false(sweep.more);
}

/* C2 */
static void aside__answers_soon_after_others_have_finished(void **state)
{
    (void)state;
    struct waiter waiters[2] = {{.waiting = false}};
    struct world_row *row = world_add(&world, "avatars/", 1);
    world_add(&world, "avatars/", 2);
    world_hand(&world, &waiters[0], "avatars/000001", "avatars/000001");
    world_hand(&world, &waiters[1], "avatars/000002", "avatars/000002");
    world_run(&world, world.now + 500);
    assert_int_equal(world.answered_count, 0);
    row->finished = true;
    world_run(&world, world.now + 25);
    assert_int_equal(world.answered_count, 1);
    assert_ptr_equal(world.answered[0], &waiters[0]);
    assert_int_equal(waiters[0].outcome, WAITER_DONE);
}

static void aside__looks_only_while_somebody_waits_and_once_for_all(void **state)
{
    (void)state;
    struct waiter waiters[50] = {{.waiting = false}};
    char key[32];
    world_run(&world, world.now + WORLD_MINUTE);
    assert_int_equal(world.looks, 0);
    for (int i = 0; i < 50; i++) {
        world_add(&world, "avatars/", i);
        snprintf(key, sizeof key, "avatars/%06d", i);
        world_hand(&world, &waiters[i], key, key);
    }
    world_run(&world, world.now + WORLD_MINUTE);
    assert_int_equal(world.answered_count, 50);
    assert_in_range(world.looks, 50, 110);
}

static void aside__a_look_that_fails_says_nothing(void **state)
{
    (void)state;
    struct waiter waiter = {0};
    world.looks_fail = true;
    world_add(&world, "avatars/", 1)->finished = true;
    world_hand(&world, &waiter, "avatars/000001", "avatars/000001");
    world_run(&world, world.now + 100);
    assert_int_equal(world.answered_count, 0);
    world.looks_fail = false;
    world_run(&world, world.now + 25);
    assert_int_equal(waiter.outcome, WAITER_DONE);
}

int main(void)
{
#define ASIDE(test) cmocka_unit_test_setup_teardown(test, world_setup, world_teardown)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(replica__answers_and_sweeps_at_the_same_time,
                                        world_setup_of_a_replica, world_teardown),
        ASIDE(aside__claims_nothing_and_sends_nothing),
        ASIDE(aside__takes_uploads_when_the_store_is_back),
        ASIDE(aside__answers_soon_after_others_have_finished),
        ASIDE(aside__looks_only_while_somebody_waits_and_once_for_all),
        ASIDE(aside__a_look_that_fails_says_nothing),
    };
    return cmocka_run_group_tests_name("fallback: engine aside", tests, NULL, NULL);
}
