/* Two stores: the trouble of one is none of the other's. */
#include "world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define OLDER "33333333-3333-7333-8333-333333333333"

static struct world world;

static int world_setup(void **state)
{
    (void)state;
    struct engine_options options = world_engine_options();
    options.stores = 2;
    world_init(&world, &options);
    world.older_id = OLDER;
    world_run(&world, world.now + WORLD_SECOND);
    return 0;
}

static int world_teardown(void **state)
{
    (void)state;
    world_deinit(&world);
    return 0;
}

static void older_rows_add(int count)
{
    for (int i = 0; i < count; i++) {
        struct world_row *row = world_add(&world, "avatars/older-", i);
        memcpy(row->deletion.store_id, OLDER, sizeof OLDER);
    }
}

static void stores__a_store_that_is_back_takes_uploads_while_another_is_down(void **state)
{
    (void)state;
    world.up = false;
    world.older_id = NULL;
    older_rows_add(1);
    struct world_row *row = world_add(&world, "avatars/", 1);
    engine_woken(world.engine, world.now);
    world_run(&world, world.now + 3 * WORLD_MINUTE);
    assert_int_not_equal(engine_breaker(world.engine, 0), BREAKER_CLOSED);
    assert_int_not_equal(engine_breaker(world.engine, 1), BREAKER_CLOSED);
    /* All that is left to probe with is in the store that stays away. */
    row->finished = true;
    world.up = true;
    world_run(&world, world.now + 5 * WORLD_SECOND);
    for (int i = 0; i < 60; i++) {
        assert_true(engine_takes_uploads(world.engine));
        world_run(&world, world.now + WORLD_MINUTE);
    }
    assert_int_not_equal(engine_breaker(world.engine, 1), BREAKER_CLOSED);
    assert_int_equal(world_left(&world), 1);
}

static void stores__pulling_forward_outlives_a_claim_that_was_under_way(void **state)
{
    (void)state;
    world.older_id = NULL;
    older_rows_add(50);
    engine_woken(world.engine, world.now);
    world_run(&world, world.now + 90 * WORLD_SECOND);
    assert_int_equal(world_left(&world), 50);
    /* There is always a claim under way that brings only what is due. */
    world.claim_takes = 30;
    world.older_id = OLDER;
    for (int64_t until = world.now + 20 * WORLD_SECOND; world.now < until;) {
        engine_woken(world.engine, world.now);
        world_run(&world, world.now + 10);
    }
    world_run(&world, world.now + 5 * WORLD_SECOND);
    assert_int_equal(engine_breaker(world.engine, 1), BREAKER_CLOSED);
    assert_int_equal(world_left(&world), 0);
}

int main(void)
{
#define STORES(test) cmocka_unit_test_setup_teardown(test, world_setup, world_teardown)
    const struct CMUnitTest tests[] = {
        STORES(stores__a_store_that_is_back_takes_uploads_while_another_is_down),
        STORES(stores__pulling_forward_outlives_a_claim_that_was_under_way),
    };
    return cmocka_run_group_tests_name("fallback: engine with two stores", tests, NULL, NULL);
}
