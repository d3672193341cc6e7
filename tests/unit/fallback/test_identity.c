/* Whose store it is: nothing is confirmed without knowing (M3, P1). */
#include "world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define DATABASE "33333333-3333-7333-8333-333333333333"
#define OTHER    "44444444-4444-7444-8444-444444444444"

static struct world world;

static int world_setup(void **state)
{
    (void)state;
    struct engine_options options = world_engine_options();
    world_init(&world, &options);
    return 0;
}

static int world_setup_with_an_older_store(void **state)
{
    (void)state;
    struct engine_options options = world_engine_options();
    options.stores = 2;
    world_init(&world, &options);
    world.older_id = OTHER;
    return 0;
}

static int world_teardown(void **state)
{
    (void)state;
    world_deinit(&world);
    return 0;
}

static void engine__confirms_nothing_before_the_identity_was_read(void **state)
{
    (void)state;
    world.identity_hangs = true;
    world_add(&world, "avatars/", 1);
    world_run(&world, world.now + WORLD_MINUTE);
    assert_int_equal(world.deletes_sent, 0);
    assert_int_equal(world_left(&world), 1);
    assert_false(engine_takes_uploads(world.engine));
    world_identity_answer(&world);
    world.identity_hangs = false;
    world_run(&world, world.now + WORLD_SECOND);
    assert_int_equal(world_left(&world), 0);
    assert_true(engine_takes_uploads(world.engine));
}

static void engine__reads_the_identity_every_minute_of_work(void **state)
{
    (void)state;
    for (int second = 0; second < 600; second++) {
        world_add(&world, "avatars/", second);
        engine_woken(world.engine, world.now);
        world_run(&world, world.now + WORLD_SECOND);
    }
    assert_in_range(world.checks_sent, 9, 11);
}

static void engine__holds_answers_of_a_new_address_until_it_knows_whose_it_is(void **state)
{
    (void)state;
    world_run(&world, world.now + WORLD_SECOND);
    world.address_changes = true;
    world.identity_hangs = true;
    world_add(&world, "avatars/", 1);
    engine_woken(world.engine, world.now);
    world_run(&world, world.now + 5 * WORLD_SECOND);
    assert_int_equal(world.deletes_sent, 1);
    assert_int_equal(world_left(&world), 1);
    world_identity_answer(&world);
    world_run(&world, world.now + WORLD_SECOND);
    assert_int_equal(world_left(&world), 0);
}

static void engine__drops_answers_of_a_foreign_store_and_reopens_receipts(void **state)
{
    (void)state;
    world_add(&world, "avatars/", 1);
    world_run(&world, world.now + WORLD_SECOND);
    assert_int_equal(world_left(&world), 0);
    int64_t good_until = world_database_now(&world);

    world.address_changes = true;
    world.identity = IDENTITY_REFUSED;
    world_add(&world, "avatars/", 2);
    engine_woken(world.engine, world.now);
    world_run(&world, world.now + 10 * WORLD_SECOND);
    assert_int_equal(world_left(&world), 1);
    assert_int_equal(world.deletes_sent, 2);
    assert_in_range(world.reopened_since, 1, good_until);
    assert_false(engine_takes_uploads(world.engine));
}

/* The first good look comes before the first claim, which tells the database's time. */
static void engine__reopens_no_receipt_of_the_time_before_it_began(void **state)
{
    (void)state;
    int64_t began = world_database_now(&world);
    world_run(&world, world.now + 30 * WORLD_SECOND);
    world.identity = IDENTITY_REFUSED;
    world_run(&world, world.now + 2 * WORLD_MINUTE);
    assert_int_equal(engine_identity(world.engine, 0), IDENTITY_REFUSED);
    assert_in_range(world.reopened_since, began - WORLD_SECOND, began + WORLD_SECOND);
}

static void engine__reopens_nothing_if_it_never_claimed_anything(void **state)
{
    (void)state;
    world.claims_fail = true;
    world_run(&world, world.now + 30 * WORLD_SECOND);
    assert_int_equal(engine_identity(world.engine, 0), IDENTITY_GOOD);
    world.identity = IDENTITY_REFUSED;
    world_run(&world, world.now + 2 * WORLD_MINUTE);
    assert_int_equal(engine_identity(world.engine, 0), IDENTITY_REFUSED);
    assert_int_equal(world.reopened_since, 0);
}

/* Also when the store is ours again before the database takes it. */
static void engine__reopens_until_the_database_has_taken_it(void **state)
{
    (void)state;
    world.reopens_fail = true;
    int64_t began = world_database_now(&world), began_boot = world.now;
    world_run(&world, world.now + 30 * WORLD_SECOND);
    world.identity = IDENTITY_REFUSED;
    world_run(&world, world.now + 2 * WORLD_MINUTE);
    world.identity = IDENTITY_GOOD;
    world_run(&world, world.now + 10 * WORLD_SECOND);
    assert_int_equal(engine_identity(world.engine, 0), IDENTITY_GOOD);
    assert_int_equal(world.reopened_since, 0);
    assert_in_range(world.reopens, 2, 130);

    world.reopens_fail = false;
    world_run(&world, world.now + 2 * WORLD_SECOND);
    assert_in_range(world.reopened_since, began - WORLD_SECOND, began + WORLD_SECOND);
    /* The database's clock may have been set back since (P4). */
    assert_in_range(world.reopened_boot, began_boot - WORLD_SECOND, began_boot + WORLD_SECOND);
    int64_t asked = world.reopens;
    world_run(&world, world.now + 10 * WORLD_MINUTE);
    assert_int_equal(world.reopens, asked);
}

static void look_answered(enum identity_verdict verdict)
{
    engine_identified(world.engine, world.now, 0, verdict,
                      verdict == IDENTITY_GOOD ? WORLD_STORE : NULL);
}

/* The earlier loss counts, whichever the database is told of first. */
static void engine__lost_again_while_it_reopens_goes_back_to_the_first_loss(void **state)
{
    (void)state;
    int64_t began = world_database_now(&world);
    world_run(&world, world.now + 30 * WORLD_SECOND);
    world.reopens_fail = true;
    world.claim_takes = 3 * WORLD_SECOND;
    look_answered(IDENTITY_REFUSED);
    world_run(&world, world.now + WORLD_SECOND);
    assert_int_equal(world.reopens, 0);
    look_answered(IDENTITY_GOOD);
    world_run(&world, world.now + WORLD_SECOND);
    look_answered(IDENTITY_REFUSED);
    world_run(&world, world.now + 1500);
    assert_int_equal(world.reopens, 1);

    /* It failed and waits for its next try when the store is lost once more. */
    look_answered(IDENTITY_GOOD);
    look_answered(IDENTITY_REFUSED);
    world.reopens_fail = false;
    world_run(&world, world.now + 10 * WORLD_SECOND);
    assert_in_range(world.reopened_since, began - WORLD_SECOND, began + WORLD_SECOND);
}

static void engine__reads_the_identity_for_a_request_after_a_quiet_hour(void **state)
{
    (void)state;
    struct waiter waiter = {0};
    world_run(&world, world.now + WORLD_HOUR);
    int64_t checks = world.checks_sent;
    struct world_row *row = world_add(&world, "avatars/", 1);
    world_hand(&world, &waiter, row->deletion.key, row->deletion.key);
    world_run(&world, world.now + WORLD_SECOND);
    assert_int_equal(world.checks_sent, checks + 1);
    assert_true(row->finished);
    assert_int_equal(waiter.outcome, WAITER_DONE);
}

static int world_setup_without_timer(void **state)
{
    (void)state;
    struct engine_options options = world_engine_options();
    options.timer = false;
    world_init(&world, &options);
    return 0;
}

/* Stopped while an answer waits for a look: nothing is confirmed, the lease runs out. */
static void engine__stopped_drops_what_it_holds(void **state)
{
    (void)state;
    world_run(&world, world.now + WORLD_SECOND);
    world.address_changes = true;
    world.identity_hangs = true;
    struct world_row *row = world_add(&world, "avatars/", 1);
    engine_woken(world.engine, world.now);
    world_run(&world, world.now + 5 * WORLD_SECOND);
    assert_int_equal(row->sent, 1);
    engine_stopped(world.engine, world.now);
    assert_false(engine_is_idle(world.engine));
    world_identity_answer(&world);
    world_run(&world, world.now + WORLD_SECOND);
    assert_true(engine_is_idle(world.engine));
    assert_false(row->finished);
}

/* What was answered by one store waits for no look at the other, and falls with no other. */
static void engine__a_refused_store_takes_nothing_of_the_other_with_it(void **state)
{
    (void)state;
    world_run(&world, world.now + WORLD_SECOND);
    world.address_changes = true;
    world.identity_hangs = true;
    world.older_takes = 2 * WORLD_SECOND;
    struct world_row *row = world_add(&world, "avatars/", 1);
    struct world_row *older = world_add(&world, "avatars/older-", 1);
    memcpy(older->deletion.store_id, OTHER, UUID_TEXT_SIZE);
    engine_woken(world.engine, world.now);
    world_run(&world, world.now + WORLD_SECOND);
    assert_int_equal(row->sent, 1);
    /* The first one's answer is held when the second is refused, whose own is under way. */
    engine_identified(world.engine, world.now, 1, IDENTITY_REFUSED, NULL);
    world_run(&world, world.now + 5 * WORLD_SECOND);
    look_answered(IDENTITY_GOOD);
    world_run(&world, world.now + WORLD_SECOND);
    assert_true(row->finished);
    assert_int_equal(older->sent, 1);
    assert_false(older->finished);
}

/* An older store's name leads to another store of ours: its answers are nobody's. */
static void engine__believes_no_older_store_that_became_another(void **state)
{
    (void)state;
    int64_t began = world_database_now(&world);
    world_run(&world, world.now + WORLD_SECOND);
    struct world_row *row = world_add(&world, "avatars/", 1);
    memcpy(row->deletion.store_id, OTHER, UUID_TEXT_SIZE);
    world.address_changes = true;
    world.older_id = WORLD_STORE;
    engine_woken(world.engine, world.now);
    world_run(&world, world.now + 10 * WORLD_SECOND);
    assert_int_equal(row->sent, 1);
    assert_false(row->finished);
    assert_in_range(world.reopened_since, began - WORLD_SECOND, began + WORLD_SECOND);
}

/* Refused while something is under way there, and ours again before that is answered. */
static void refuse_meanwhile(void)
{
    world.identity = IDENTITY_REFUSED;
    while (engine_identity(world.engine, 0) != IDENTITY_REFUSED)
        world_run(&world, world.now + 100);
    world.identity = IDENTITY_GOOD;
    while (engine_identity(world.engine, 0) != IDENTITY_GOOD)
        world_run(&world, world.now + 100);
}

/* The last look was nearly a minute ago; the next is due before a row is through. */
static struct world_row *row_before_a_look(void)
{
    world_run(&world, world.now + 58 * WORLD_SECOND);
    struct world_row *row = world_add(&world, "avatars/", 1);
    engine_woken(world.engine, world.now);
    world_run(&world, world.now + 10);
    return row;
}

static void look_again(void)
{
    world_run(&world, world.now + 2500);
    world_add(&world, "avatars/", 2);
    engine_woken(world.engine, world.now);
}

static void engine__drops_what_is_answered_after_a_refusal(void **state)
{
    (void)state;
    world.provider_takes = 9 * WORLD_SECOND;
    struct world_row *row = row_before_a_look();
    look_again();
    refuse_meanwhile();
    assert_int_equal(row->sent, 0);
    int64_t reopened = world.reopened_since;
    assert_int_not_equal(reopened, 0);
    world_run(&world, world.now + 20 * WORLD_SECOND);
    assert_int_equal(row->sent, 1);
    assert_false(row->finished);
    world_run(&world, world.now + 5 * WORLD_MINUTE);
    assert_int_equal(row->sent, 2);
    assert_int_equal(world_left(&world), 0);
}

static void engine__sends_nothing_that_was_claimed_before_a_refusal(void **state)
{
    (void)state;
    world.claim_takes = 9 * WORLD_SECOND;
    struct world_row *row = row_before_a_look();
    world.claim_takes = 1;
    look_again();
    refuse_meanwhile();
    assert_int_not_equal(world.reopened_since, 0);
    world_run(&world, world.now + 20 * WORLD_SECOND);
    assert_int_equal(row->sent, 0);
    world_run(&world, world.now + 5 * WORLD_MINUTE);
    assert_int_equal(row->sent, 1);
    assert_int_equal(world_left(&world), 0);
}

static void engine__works_on_when_the_right_store_is_back(void **state)
{
    (void)state;
    engine__drops_answers_of_a_foreign_store_and_reopens_receipts(state);
    world.identity = IDENTITY_GOOD;
    world.address_changes = false;
    world_run(&world, world.now + 2 * WORLD_MINUTE);
    assert_int_equal(world_left(&world), 0);
}

static void sweep__is_refused_while_the_store_is_foreign(void **state)
{
    (void)state;
    struct sweep sweep = {0};
    engine__drops_answers_of_a_foreign_store_and_reopens_receipts(state);
    int64_t began = world.now;
    world_sweep(&world, &sweep, 1000, 25 * WORLD_SECOND);
    assert_true(sweep.unavailable);
    assert_false(sweep.more);
    assert_in_range(world.now - began, 0, WORLD_SECOND);
}

static void engine__drops_held_answers_when_their_lease_is_over(void **state)
{
    (void)state;
    world_run(&world, world.now + WORLD_SECOND);
    world.address_changes = true;
    world.identity_hangs = true;
    world_add(&world, "avatars/", 1);
    engine_woken(world.engine, world.now);
    world_run(&world, world.now + 10 * WORLD_MINUTE);
    assert_int_equal(world_left(&world), 1);
    engine_stopped(world.engine, world.now);
    world_identity_answer(&world);
    assert_true(engine_is_idle(world.engine));
}

/* The check itself, step by step. */

static struct identity_check check_begin(const char *known_store)
{
    struct identity_check check = {
        .timeout_ms = 1000, .database_id = DATABASE, .fresh_store_id = WORLD_STORE};
    strcpy(check.store_id, known_store);
    assert_int_equal(identity_check_begin(&check, 0), IDENTITY_STEP_FILES);
    assert_int_equal(check.files.verb, FILES_IDENTITY_READ);
    return check;
}

static void identity__of_the_known_store_is_good(void **state)
{
    (void)state;
    struct identity_check check = check_begin(WORLD_STORE);
    check.files.answer.status = 200;
    check.files.identity = (struct files_identity){WORLD_STORE, DATABASE};
    assert_int_equal(identity_check_next(&check, 0), IDENTITY_STEP_END);
    assert_int_equal(check.verdict, IDENTITY_GOOD);
}

static void identity__of_another_database_is_refused(void **state)
{
    (void)state;
    struct identity_check check = check_begin("");
    check.files.answer.status = 200;
    check.files.identity = (struct files_identity){WORLD_STORE, OTHER};
    assert_int_equal(identity_check_next(&check, 0), IDENTITY_STEP_END);
    assert_int_equal(check.verdict, IDENTITY_REFUSED);
}

static void identity__of_another_store_is_refused(void **state)
{
    (void)state;
    struct identity_check check = check_begin(OTHER);
    check.files.answer.status = 200;
    check.files.identity = (struct files_identity){WORLD_STORE, DATABASE};
    assert_int_equal(identity_check_next(&check, 0), IDENTITY_STEP_END);
    assert_int_equal(check.verdict, IDENTITY_REFUSED);
}

static void identity__missing_where_one_is_known_is_refused(void **state)
{
    (void)state;
    struct identity_check check = check_begin(WORLD_STORE);
    check.files.answer.status = 404;
    assert_int_equal(identity_check_next(&check, 0), IDENTITY_STEP_END);
    assert_int_equal(check.verdict, IDENTITY_REFUSED);
}

/* The database's files are in OTHER; --files names a store without an identity. */
static enum identity_step move_begin(struct identity_check *check, enum identity_move move)
{
    *check = check_begin(OTHER);
    check->move = move;
    check->files.answer.status = 404;
    return identity_check_next(check, 0);
}

static void identity__takes_over_from_an_older_store_that_is_given_too(void **state)
{
    (void)state;
    struct identity_check check;
    assert_int_equal(move_begin(&check, IDENTITY_MOVE_GIVEN), IDENTITY_STEP_FILES);
    assert_int_equal(check.files.verb, FILES_IDENTITY_CREATE);
    check.files.answer.status = 200;
    assert_int_equal(identity_check_next(&check, 0), IDENTITY_STEP_REPOSITORY);
    assert_string_equal(check.repository.store_id, WORLD_STORE);
    assert_string_equal(check.repository.id, OTHER);
    check.repository.outcome = REPOSITORY_OK;
    assert_int_equal(identity_check_next(&check, 0), IDENTITY_STEP_END);
    assert_int_equal(check.verdict, IDENTITY_GOOD);
    assert_string_equal(check.store_id, WORLD_STORE);
}

static void identity__of_a_store_on_record_takes_over_the_same_way(void **state)
{
    (void)state;
    struct identity_check check = check_begin(OTHER);
    check.move = IDENTITY_MOVE_GIVEN;
    check.files.answer.status = 200;
    check.files.identity = (struct files_identity){WORLD_STORE, DATABASE};
    assert_int_equal(identity_check_next(&check, 0), IDENTITY_STEP_REPOSITORY);
    assert_string_equal(check.repository.id, OTHER);
}

static void identity__of_a_move_waits_for_the_older_store(void **state)
{
    (void)state;
    struct identity_check check;
    assert_int_equal(move_begin(&check, IDENTITY_MOVE_WAITS), IDENTITY_STEP_END);
    assert_int_equal(check.verdict, IDENTITY_UNANSWERED);
    check = check_begin(OTHER);
    check.move = IDENTITY_MOVE_WAITS;
    check.files.answer.status = 200;
    check.files.identity = (struct files_identity){WORLD_STORE, DATABASE};
    assert_int_equal(identity_check_next(&check, 0), IDENTITY_STEP_END);
    assert_int_equal(check.verdict, IDENTITY_UNANSWERED);
}

static void identity__never_takes_over_in_a_store_of_another_database(void **state)
{
    (void)state;
    struct identity_check check = check_begin(OTHER);
    check.move = IDENTITY_MOVE_GIVEN;
    check.files.answer.status = 200;
    check.files.identity = (struct files_identity){WORLD_STORE, OTHER};
    assert_int_equal(identity_check_next(&check, 0), IDENTITY_STEP_END);
    assert_int_equal(check.verdict, IDENTITY_REFUSED);
}

static void identity__of_an_older_store_is_read_and_never_made(void **state)
{
    (void)state;
    struct identity_check check = check_begin("");
    check.older = true;
    check.files.answer.status = 404;
    assert_int_equal(identity_check_next(&check, 0), IDENTITY_STEP_END);
    assert_int_equal(check.verdict, IDENTITY_REFUSED);
    check = check_begin("");
    check.older = true;
    check.files.answer.status = 200;
    check.files.identity = (struct files_identity){OTHER, DATABASE};
    assert_int_equal(identity_check_next(&check, 0), IDENTITY_STEP_END);
    assert_int_equal(check.verdict, IDENTITY_GOOD);
    assert_string_equal(check.store_id, OTHER);
    check = check_begin("");
    check.older = true;
    check.files.answer.status = 200;
    check.files.identity = (struct files_identity){WORLD_STORE, OTHER};
    assert_int_equal(identity_check_next(&check, 0), IDENTITY_STEP_END);
    assert_int_equal(check.verdict, IDENTITY_REFUSED);
}

static void identity__of_an_older_store_never_becomes_another(void **state)
{
    (void)state;
    struct identity_check check = check_begin(OTHER);
    check.older = true;
    check.files.answer.status = 200;
    check.files.identity = (struct files_identity){WORLD_STORE, DATABASE};
    assert_int_equal(identity_check_next(&check, 0), IDENTITY_STEP_END);
    assert_int_equal(check.verdict, IDENTITY_REFUSED);
    assert_string_equal(check.store_id, OTHER);
}

/* An older store that never answers excuses the first one only until that is known. */
static void identity__of_a_store_that_was_good_waits_for_no_older_one(void **state)
{
    (void)state;
    static const struct {
        int status;
        const char *store;
    } swaps[] = {{404, ""}, {200, OTHER}};
    for (size_t i = 0; i < sizeof swaps / sizeof *swaps; i++) {
        struct identity_check check = check_begin(WORLD_STORE);
        check.move = IDENTITY_MOVE_WAITS;
        check.files.answer.status = 200;
        check.files.identity = (struct files_identity){WORLD_STORE, DATABASE};
        assert_int_equal(identity_check_next(&check, 0), IDENTITY_STEP_END);
        assert_int_equal(check.verdict, IDENTITY_GOOD);

        identity_check_begin(&check, 0);
        check.files.answer.status = swaps[i].status;
        strcpy(check.files.identity.store_id, swaps[i].store);
        assert_int_equal(identity_check_next(&check, 0), IDENTITY_STEP_END);
        assert_int_equal(check.verdict, IDENTITY_REFUSED);
    }
}

static void identity__of_a_new_store_is_created_and_recorded(void **state)
{
    (void)state;
    struct identity_check check = check_begin("");
    check.files.answer.status = 404;
    assert_int_equal(identity_check_next(&check, 0), IDENTITY_STEP_FILES);
    assert_int_equal(check.files.verb, FILES_IDENTITY_CREATE);
    assert_string_equal(check.files.identity.database_id, DATABASE);
    check.files.answer.status = 200;
    assert_int_equal(identity_check_next(&check, 0), IDENTITY_STEP_REPOSITORY);
    assert_int_equal(check.repository.verb, STORE_ADOPT);
    assert_string_equal(check.repository.store_id, WORLD_STORE);
    check.repository.outcome = REPOSITORY_OK;
    assert_int_equal(identity_check_next(&check, 0), IDENTITY_STEP_END);
    assert_int_equal(check.verdict, IDENTITY_GOOD);
    assert_string_equal(check.store_id, WORLD_STORE);
}

static void identity__created_by_somebody_faster_is_theirs(void **state)
{
    (void)state;
    struct identity_check check = check_begin("");
    check.files.answer.status = 404;
    identity_check_next(&check, 0);
    check.files.answer.status = 412;
    check.files.identity = (struct files_identity){OTHER, OTHER};
    assert_int_equal(identity_check_next(&check, 0), IDENTITY_STEP_END);
    assert_int_equal(check.verdict, IDENTITY_REFUSED);
}

static void identity__after_a_crash_before_its_record_is_taken_up(void **state)
{
    (void)state;
    struct identity_check check = check_begin("");
    check.files.answer.status = 200;
    check.files.identity = (struct files_identity){WORLD_STORE, DATABASE};
    assert_int_equal(identity_check_next(&check, 0), IDENTITY_STEP_REPOSITORY);
    check.repository.outcome = REPOSITORY_FAILED;
    assert_int_equal(identity_check_next(&check, 0), IDENTITY_STEP_END);
    assert_int_equal(check.verdict, IDENTITY_UNANSWERED);
}

/* The store took no identity: it is asked again, or refused, as for any other answer. */
static void identity__that_could_not_be_created_is_judged_by_the_answer(void **state)
{
    (void)state;
    struct identity_check check = check_begin("");
    check.files.answer.status = 404;
    identity_check_next(&check, 0);
    check.files.answer = (struct files_answer){.status = 503, .code = "SlowDown"};
    assert_int_equal(identity_check_next(&check, 0), IDENTITY_STEP_END);
    assert_int_equal(check.verdict, IDENTITY_UNANSWERED);
    assert_int_equal(check.error.class, ERROR_UNAVAILABLE);

    check = check_begin("");
    check.files.answer.status = 404;
    identity_check_next(&check, 0);
    check.files.answer = (struct files_answer){
        .status = 403, .code = "AccessDenied", .text = "no right to write"};
    assert_int_equal(identity_check_next(&check, 0), IDENTITY_STEP_END);
    assert_int_equal(check.verdict, IDENTITY_REFUSED);
    assert_int_equal(check.error.class, ERROR_CONFIG);
    assert_non_null(strstr(check.error.text, "AccessDenied: no right to write"));
}

/* Another process recorded another store between the look and the record. */
static void identity__is_refused_when_another_store_was_recorded_first(void **state)
{
    (void)state;
    struct identity_check check = check_begin("");
    check.files.answer.status = 200;
    check.files.identity = (struct files_identity){WORLD_STORE, DATABASE};
    assert_int_equal(identity_check_next(&check, 0), IDENTITY_STEP_REPOSITORY);
    check.repository.outcome = REPOSITORY_CONFLICT;
    assert_int_equal(identity_check_next(&check, 0), IDENTITY_STEP_END);
    assert_int_equal(check.verdict, IDENTITY_REFUSED);
    assert_non_null(strstr(check.error.text, "another one is known already"));
}

static void identity__of_an_older_store_stays_what_it_was(void **state)
{
    (void)state;
    struct identity_check check = check_begin(OTHER);
    check.older = true;
    check.files.answer.status = 200;
    check.files.identity = (struct files_identity){OTHER, DATABASE};
    assert_int_equal(identity_check_next(&check, 0), IDENTITY_STEP_END);
    assert_int_equal(check.verdict, IDENTITY_GOOD);
}

static void identity__tells_silence_from_refusal(void **state)
{
    (void)state;
    static const struct {
        struct files_answer answer;
        enum identity_verdict verdict;
    } cases[] = {
        {{.code = FILES_CODE_TIMEOUT}, IDENTITY_UNANSWERED},
        {{.code = FILES_CODE_UNREACHABLE}, IDENTITY_UNANSWERED},
        {{.status = 503, .code = "SlowDown"}, IDENTITY_UNANSWERED},
        {{.status = 403, .code = "AccessDenied"}, IDENTITY_REFUSED},
        {{.status = 403, .code = "InvalidAccessKeyId"}, IDENTITY_REFUSED},
        {{.status = 404, .code = "NoSuchBucket"}, IDENTITY_REFUSED},
        {{.status = 301, .code = FILES_CODE_REDIRECT}, IDENTITY_REFUSED},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct identity_check check = check_begin("");
        check.files.answer = cases[i].answer;
        assert_int_equal(identity_check_next(&check, 0), IDENTITY_STEP_END);
        assert_int_equal(check.verdict, cases[i].verdict);
    }
}

#define WORLD_TEST(test) cmocka_unit_test_setup_teardown(test, world_setup, world_teardown)
#define OLDER_TEST(test)                                                                       \
    cmocka_unit_test_setup_teardown(test, world_setup_with_an_older_store, world_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_TEST(engine__confirms_nothing_before_the_identity_was_read),
        WORLD_TEST(engine__reads_the_identity_every_minute_of_work),
        WORLD_TEST(engine__holds_answers_of_a_new_address_until_it_knows_whose_it_is),
        WORLD_TEST(engine__drops_answers_of_a_foreign_store_and_reopens_receipts),
        WORLD_TEST(engine__reopens_no_receipt_of_the_time_before_it_began),
        WORLD_TEST(engine__reopens_nothing_if_it_never_claimed_anything),
        WORLD_TEST(engine__reopens_until_the_database_has_taken_it),
        WORLD_TEST(engine__lost_again_while_it_reopens_goes_back_to_the_first_loss),
        cmocka_unit_test_setup_teardown(
            engine__reads_the_identity_for_a_request_after_a_quiet_hour,
            world_setup_without_timer, world_teardown),
        WORLD_TEST(engine__stopped_drops_what_it_holds),
        OLDER_TEST(engine__a_refused_store_takes_nothing_of_the_other_with_it),
        OLDER_TEST(engine__believes_no_older_store_that_became_another),
        WORLD_TEST(engine__drops_what_is_answered_after_a_refusal),
        WORLD_TEST(engine__sends_nothing_that_was_claimed_before_a_refusal),
        WORLD_TEST(engine__works_on_when_the_right_store_is_back),
        WORLD_TEST(sweep__is_refused_while_the_store_is_foreign),
        WORLD_TEST(engine__drops_held_answers_when_their_lease_is_over),
        cmocka_unit_test(identity__of_the_known_store_is_good),
        cmocka_unit_test(identity__of_another_database_is_refused),
        cmocka_unit_test(identity__of_another_store_is_refused),
        cmocka_unit_test(identity__missing_where_one_is_known_is_refused),
        cmocka_unit_test(identity__takes_over_from_an_older_store_that_is_given_too),
        cmocka_unit_test(identity__of_a_store_on_record_takes_over_the_same_way),
        cmocka_unit_test(identity__of_a_move_waits_for_the_older_store),
        cmocka_unit_test(identity__never_takes_over_in_a_store_of_another_database),
        cmocka_unit_test(identity__of_an_older_store_is_read_and_never_made),
        cmocka_unit_test(identity__of_an_older_store_never_becomes_another),
        cmocka_unit_test(identity__of_a_store_that_was_good_waits_for_no_older_one),
        cmocka_unit_test(identity__of_a_new_store_is_created_and_recorded),
        cmocka_unit_test(identity__created_by_somebody_faster_is_theirs),
        cmocka_unit_test(identity__after_a_crash_before_its_record_is_taken_up),
        cmocka_unit_test(identity__that_could_not_be_created_is_judged_by_the_answer),
        cmocka_unit_test(identity__is_refused_when_another_store_was_recorded_first),
        cmocka_unit_test(identity__of_an_older_store_stays_what_it_was),
        cmocka_unit_test(identity__tells_silence_from_refusal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
