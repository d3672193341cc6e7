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
        struct world_row *row = world_add(&world, "avatars/older-", (int)world.row_count);
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

static int world_setup_with_a_silent_store(void **state)
{
    (void)state;
    struct engine_options options = world_engine_options();
    options.stores = 2;
    world_init(&world, &options);
    world_run(&world, world.now + WORLD_SECOND);
    return 0;
}

/* A store that never answered may be that of any row: nothing is refused on its account. */
static void stores__rows_wait_for_a_store_that_is_not_known_yet(void **state)
{
    (void)state;
    older_rows_add(20);
    engine_woken(world.engine, world.now);
    world_run(&world, world.now + 5 * WORLD_MINUTE);
    for (size_t i = 0; i < world.row_count; i++) {
        assert_int_equal(world.rows[i].deletion.state, DELETION_PENDING);
        assert_string_equal(world.rows[i].deletion.error_class, "store-down");
        assert_int_equal(world.rows[i].deletion.attempts, 0);
    }
    /* Far from due, they go at once when it is known. */
    world.older_id = OLDER;
    world_run(&world, world.now + 5 * WORLD_SECOND);
    assert_int_equal(world_left(&world), 0);
}

static void stores__a_row_of_none_of_them_is_blocked(void **state)
{
    (void)state;
    older_rows_add(3);
    memcpy(world.rows[1].deletion.store_id, WORLD_USER, UUID_TEXT_SIZE);
    engine_woken(world.engine, world.now);
    world_run(&world, world.now + 5 * WORLD_SECOND);
    assert_int_equal(world_left(&world), 1);
    assert_int_equal(world.rows[1].sent, 0);
    assert_int_equal(world.rows[1].deletion.state, DELETION_BLOCKED);
    assert_string_equal(world.rows[1].deletion.error_class, "wrong-store");
}

static void stores__a_sweep_goes_through_all_of_them(void **state)
{
    (void)state;
    struct sweep sweep = {0};
    older_rows_add(30);
    for (int i = 0; i < 30; i++)
        world_add(&world, "avatars/", i);
    for (size_t i = 0; i < world.row_count; i++)
        world.rows[i].deletion.due_at += WORLD_HOUR;
    world_sweep(&world, &sweep, 1000, 25 * WORLD_SECOND);
    assert_int_equal(sweep.attempted, 60);
    assert_int_equal(sweep.deleted, 60);
    assert_int_equal(world_left(&world), 0);
}

static int world_setup_of_few_pages(void **state)
{
    (void)state;
    struct engine_options options = world_engine_options();
    options.stores = 2;
    options.pages = 2;
    options.page_keys = 10;
    world_init(&world, &options);
    world.older_id = OLDER;
    world_run(&world, world.now + WORLD_SECOND);
    return 0;
}

/* A slow store's rows rest for a second or two, and cost no attempt. */
static void stores__a_slow_one_gets_no_more_than_it_takes(void **state)
{
    (void)state;
    world.older_takes = 9 * WORLD_SECOND;
    older_rows_add(100);
    for (int i = 0; i < 50; i++)
        world_add(&world, "avatars/", i);
    engine_woken(world.engine, world.now);
    world_run(&world, world.now + 8 * WORLD_SECOND);
    size_t full = 0, own = 0;
    for (size_t i = 0; i < world.row_count; i++) {
        const struct deletion *deletion = &world.rows[i].deletion;
        full += strcmp(deletion->error_class, "store-full") == 0;
        own += strcmp(deletion->store_id, WORLD_STORE) == 0 && !world.rows[i].finished;
        assert_int_equal(deletion->attempts, 0);
    }
    assert_int_equal(own, 0);
    assert_in_range(full, 50, 80);
    world_run(&world, world.now + 5 * WORLD_MINUTE);
    assert_int_equal(world_left(&world), 0);
}

/* All of them refuse to delete, and let themselves be read: each is probed in its turn. */
static void stores__that_fail_together_are_back_together(void **state)
{
    (void)state;
    older_rows_add(40);
    for (int i = 0; i < 40; i++)
        world_add(&world, "avatars/", i);
    world.answer = (struct files_answer){.status = 500, .code = "InternalError"};
    for (int i = 0; i < 180; i++) {
        world_add(&world, "avatars/", 100 + i);
        engine_woken(world.engine, world.now);
        world_run(&world, world.now + WORLD_SECOND);
    }
    assert_int_not_equal(engine_breaker(world.engine, 0), BREAKER_CLOSED);
    assert_false(engine_takes_uploads(world.engine));
    world.answer = (struct files_answer){.status = 204};
    world_run(&world, world.now + WORLD_MINUTE);
    assert_int_equal(engine_breaker(world.engine, 0), BREAKER_CLOSED);
    assert_int_equal(engine_breaker(world.engine, 1), BREAKER_CLOSED);
    assert_int_equal(world_left(&world), 0);
}

/* Others finish what the first store's breaker opened on; nothing is left to probe it with. */
static void stores__an_idle_one_that_is_back_takes_uploads(void **state)
{
    (void)state;
    world.answer = (struct files_answer){.status = 500, .code = "InternalError"};
    for (int i = 0; engine_breaker(world.engine, 0) == BREAKER_CLOSED; i++) {
        world_add(&world, "avatars/", i);
        engine_woken(world.engine, world.now);
        world_run(&world, world.now + WORLD_SECOND);
    }
    assert_int_equal(engine_breaker(world.engine, 1), BREAKER_CLOSED);
    assert_false(engine_takes_uploads(world.engine));
    for (size_t i = 0; i < world.row_count; i++)
        world.rows[i].finished = true;
    world.answer = (struct files_answer){.status = 204};
    world_run(&world, world.now + 2 * WORLD_MINUTE);
    assert_true(engine_takes_uploads(world.engine));
}

/*
 * A probe of the first store is claimed while the other is down too; the rows that it brings
 * are the other's, which is back by then. Which of the two is probed first differs from time to
 * time.
 */
static void stores__a_probe_without_rows_of_its_own_is_followed_by_a_look(void **state)
{
    (void)state;
    for (int round = 0; round < 20; round++) {
        size_t first = world.row_count;
        world.answer = (struct files_answer){.status = 500, .code = "InternalError"};
        world.older_id = NULL;
        world.claim_takes = 1;
        while (engine_breaker(world.engine, 0) == BREAKER_CLOSED ||
               engine_breaker(world.engine, 1) == BREAKER_CLOSED) {
            world_add(&world, "avatars/", (int)world.row_count);
            older_rows_add(1);
            engine_woken(world.engine, world.now);
            world_run(&world, world.now + WORLD_SECOND + 7 * round);
        }
        for (size_t i = first; i < world.row_count; i++)
            world.rows[i].finished = true;
        older_rows_add(1);
        world.answer = (struct files_answer){.status = 204};
        world.claim_takes = 900;
        engine_woken(world.engine, world.now);
        world_run(&world, world.now + 600);
        world.older_id = OLDER;
        world_run(&world, world.now + 90 * WORLD_SECOND);
        assert_int_equal(engine_breaker(world.engine, 0), BREAKER_CLOSED);
        assert_int_equal(world_left(&world), 0);
    }
}

/* It was silent only for a moment: what was put off for it meanwhile goes at once. */
static void stores__rows_go_when_their_store_is_known(void **state)
{
    (void)state;
    older_rows_add(20);
    engine_woken(world.engine, world.now);
    world_run(&world, world.now + WORLD_SECOND);
    assert_string_equal(world.rows[0].deletion.error_class, "store-down");
    assert_int_equal(engine_breaker(world.engine, 1), BREAKER_CLOSED);
    world.older_id = OLDER;
    world_run(&world, world.now + 3 * WORLD_SECOND);
    assert_int_equal(world_left(&world), 0);
}

/* The store is back between the claim of a row and the record that it waits. */
static void stores__a_row_put_off_as_its_store_came_back_goes_at_once(void **state)
{
    (void)state;
    world.older_id = NULL;
    older_rows_add(1);
    engine_woken(world.engine, world.now);
    world_run(&world, world.now + 2 * WORLD_MINUTE);
    assert_int_not_equal(engine_breaker(world.engine, 1), BREAKER_CLOSED);
    world.claim_takes = 2 * WORLD_SECOND;
    struct world_row *row = world_add(&world, "avatars/later-", 1);
    memcpy(row->deletion.store_id, OLDER, sizeof OLDER);
    engine_woken(world.engine, world.now);
    while (row->deletion.claim == 0)
        world_run(&world, world.now + 10);
    world.older_id = OLDER;
    while (engine_breaker(world.engine, 1) != BREAKER_CLOSED)
        world_run(&world, world.now + 10);
    assert_string_equal(row->deletion.error_class, "");
    world_run(&world, world.now + 20 * WORLD_SECOND);
    assert_int_equal(world_left(&world), 0);
}

int main(void)
{
#define STORES(test) cmocka_unit_test_setup_teardown(test, world_setup, world_teardown)
    const struct CMUnitTest tests[] = {
        STORES(stores__a_store_that_is_back_takes_uploads_while_another_is_down),
        STORES(stores__pulling_forward_outlives_a_claim_that_was_under_way),
        cmocka_unit_test_setup_teardown(stores__rows_wait_for_a_store_that_is_not_known_yet,
                                        world_setup_with_a_silent_store, world_teardown),
        STORES(stores__a_row_of_none_of_them_is_blocked),
        STORES(stores__a_sweep_goes_through_all_of_them),
        cmocka_unit_test_setup_teardown(stores__a_slow_one_gets_no_more_than_it_takes,
                                        world_setup_of_few_pages, world_teardown),
        STORES(stores__that_fail_together_are_back_together),
        STORES(stores__an_idle_one_that_is_back_takes_uploads),
        STORES(stores__a_row_put_off_as_its_store_came_back_goes_at_once),
        cmocka_unit_test_setup_teardown(stores__rows_go_when_their_store_is_known,
                                        world_setup_with_a_silent_store, world_teardown),
        STORES(stores__a_probe_without_rows_of_its_own_is_followed_by_a_look),
    };
    return cmocka_run_group_tests_name("fallback: engine with two stores", tests, NULL, NULL);
}
