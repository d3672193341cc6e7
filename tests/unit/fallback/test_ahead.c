/* What the engine claims while all places at the store are taken. */
#include "world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

/* Eight pages may be at the store at once. */
#define PAGE   250
#define PLACES (8 * PAGE)

static struct world world;

static int world_setup(void **state)
{
    (void)state;
    struct engine_options options = world_engine_options();
    world_init(&world, &options);
    world_run(&world, world.now + WORLD_SECOND);
    world.provider_takes = WORLD_SECOND;
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
    engine_woken(world.engine, world.now);
}

/* Rows that the engine claimed and has not let go. */
static size_t rows_held(void)
{
    size_t held = 0;
    for (size_t i = 0; i < world.row_count; i++)
        held += world.rows[i].leased_until > world_database_now(&world);
    return held;
}

/* With the answer to the first row, whose neighbours it deletes. */
static void store_asks_for_rest(int64_t ms)
{
    world.odd_key = "avatars/000000";
    world.odd_answer =
        (struct files_answer){.status = 503, .code = "SlowDown", .retry_after_ms = ms};
}

static void engine__keeps_every_place_at_the_store_taken_while_it_claims(void **state)
{
    (void)state;
    world.claim_takes = 100;
    rows_add(20 * PLACES);
    /* Twenty rounds, and the claims of the first one. */
    world_run(&world, world.now + 20 * WORLD_SECOND + 9 * world.claim_takes);
    assert_int_equal(world_left(&world), 0);
}

static void engine__claims_two_pages_at_once_while_more_is_left(void **state)
{
    (void)state;
    world.claim_takes = 100;
    rows_add(PLACES);
    world_run(&world, world.now + 10 * WORLD_SECOND);
    assert_int_equal(world.claims_at_once, 2);
    assert_int_equal(world_left(&world), 0);
}

static void engine__claims_one_page_where_that_is_all(void **state)
{
    (void)state;
    world.claim_takes = 100;
    rows_add(PAGE - 1);
    world_run(&world, world.now + 10 * WORLD_SECOND);
    assert_int_equal(world.claims_at_once, 1);
    assert_int_equal(world_left(&world), 0);
}

/* One beside another passes over what that has locked; here it is the last that has a place. */
static void
engine__takes_a_claims_word_that_nothing_is_left_only_when_it_was_alone(void **state)
{
    (void)state;
    world.claim_takes = 100;
    world.claims_begun = 0;
    world.claim_passes = PLACES / PAGE + 1;
    rows_add(2 * PLACES);
    world_run(&world, world.now + 10 * WORLD_SECOND);
    assert_int_equal(world_left(&world), 0);
}

static void engine__sends_no_more_at_once_than_before(void **state)
{
    (void)state;
    rows_add(2 * PLACES);
    world_run(&world, world.now + WORLD_SECOND / 2);
    assert_int_equal(world.deletes_sent, PLACES / PAGE);
    assert_int_equal(rows_held(), PLACES + PAGE);
}

static void engine__a_request_goes_past_what_was_claimed_ahead(void **state)
{
    (void)state;
    struct waiter waiter = {.subject = "avatars/999999"};
    rows_add(2 * PLACES);
    world_run(&world, world.now + WORLD_SECOND / 2);
    world_add(&world, "avatars/", 999999);
    world_hand(&world, &waiter, "avatars/999999", "avatars/999999");
    world_run(&world, world.now + 2 * WORLD_SECOND);
    assert_int_equal(world.answered_count, 1);
    assert_int_equal(waiter.outcome, WAITER_DONE);
}

/* It waits because the store asked for that; then nothing answers any more. */
static void engine__lets_go_of_what_was_claimed_ahead_when_the_store_is_down(void **state)
{
    (void)state;
    rows_add(2 * PLACES);
    world_run(&world, world.now + WORLD_SECOND / 2);
    store_asks_for_rest(5 * WORLD_SECOND);
    while (rows_held() == PLACES + PAGE)
        world_run(&world, world.now + 1);
    world.up = false;
    world_run(&world, world.now + WORLD_SECOND / 2);
    assert_int_equal(engine_breaker(world.engine, 0), BREAKER_OPEN);
    assert_int_equal(rows_held(), 0);
    assert_int_equal(world.deletes_sent, PLACES / PAGE);
    /* It is due in a moment, to whoever claims it next. */
    for (size_t i = 0; i < world.row_count; i++)
        assert_true(world.rows[i].deletion.due_at < world_database_now(&world) + WORLD_MINUTE);
    world.odd_key = NULL;
    world.up = true;
    world_run(&world, world.now + 12 * WORLD_SECOND);
    assert_int_equal(world_left(&world), 0);
}

static void engine__lets_go_of_what_waits_for_a_quarter_of_its_lease(void **state)
{
    (void)state;
    rows_add(2 * PLACES);
    world_run(&world, world.now + WORLD_SECOND / 2);
    store_asks_for_rest(WORLD_MINUTE);
    world_run(&world, world.now + 13 * WORLD_SECOND);
    assert_int_equal(rows_held(), PAGE);
    world_run(&world, world.now + 2 * WORLD_SECOND);
    assert_int_equal(rows_held(), 0);
    assert_int_equal(world.deletes_sent, PLACES / PAGE);
    world.odd_key = NULL;
    world_run(&world, world.now + WORLD_MINUTE);
    assert_int_equal(world_left(&world), 0);
    assert_int_equal(world.rows[world.row_count - 1].deletion.attempts, 0);
}

/* It waits because the store asked for that; then the store's address is another's. */
static void engine__drops_what_was_claimed_ahead_for_a_store_that_is_not_ours(void **state)
{
    (void)state;
    rows_add(2 * PLACES);
    world_run(&world, world.now + WORLD_SECOND / 2);
    store_asks_for_rest(5 * WORLD_SECOND);
    world.address_changes = true;
    world.identity = IDENTITY_REFUSED;
    world_run(&world, world.now + WORLD_MINUTE);
    assert_int_equal(world.deletes_sent, PLACES / PAGE);
}

/* The last page is claimed, and finds no place: the job is told to call again. */
static void sweep__counts_nothing_that_it_has_only_claimed(void **state)
{
    (void)state;
    struct sweep sweep = {0};
    struct engine_options options = world_engine_options();
    options.timer = false;
    world_deinit(&world);
    world_init(&world, &options);
    world.provider_takes = WORLD_SECOND;
    rows_add(PLACES + PAGE - 1);
    store_asks_for_rest(WORLD_MINUTE);
    world_sweep(&world, &sweep, 2 * PLACES, 25 * WORLD_SECOND);
    assert_int_equal(sweep.attempted, PLACES);
    assert_int_equal(sweep.failed, 1);
    assert_true(sweep.more);
    assert_int_equal(rows_held(), 0);
}

static void engine__that_stops_waits_for_no_place(void **state)
{
    (void)state;
    rows_add(2 * PLACES);
    world_run(&world, world.now + WORLD_SECOND / 2);
    engine_stopped(world.engine, world.now);
    world_run(&world, world.now + WORLD_SECOND);
    assert_int_equal(world.deletes_sent, PLACES / PAGE);
    assert_true(engine_is_idle(world.engine));
}

#define AHEAD(test) cmocka_unit_test_setup_teardown(test, world_setup, world_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        AHEAD(engine__keeps_every_place_at_the_store_taken_while_it_claims),
        AHEAD(engine__claims_two_pages_at_once_while_more_is_left),
        AHEAD(engine__claims_one_page_where_that_is_all),
        AHEAD(engine__takes_a_claims_word_that_nothing_is_left_only_when_it_was_alone),
        AHEAD(engine__sends_no_more_at_once_than_before),
        AHEAD(engine__a_request_goes_past_what_was_claimed_ahead),
        AHEAD(engine__lets_go_of_what_was_claimed_ahead_when_the_store_is_down),
        AHEAD(engine__lets_go_of_what_waits_for_a_quarter_of_its_lease),
        AHEAD(engine__drops_what_was_claimed_ahead_for_a_store_that_is_not_ours),
        AHEAD(sweep__counts_nothing_that_it_has_only_claimed),
        AHEAD(engine__that_stops_waits_for_no_place),
    };
    return cmocka_run_group_tests_name("fallback: what is claimed ahead", tests, NULL, NULL);
}
