/* Has the database come as far as the store saw it? Every answer on the way (P1). */
#include "fallback/identity.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define STORE    "22222222-2222-7222-8222-222222222222"
#define DATABASE "33333333-3333-7333-8333-333333333333"
#define OWN      "44444444-4444-7444-8444-444444444444"
#define FRESH    "55555555-5555-7555-8555-555555555555"
#define FOREIGN  "66666666-6666-7666-8666-666666666666"

static struct identity_check check;

static enum identity_step answer(int status, const char *code)
{
    check.files.answer.status = status;
    snprintf(check.files.answer.code, sizeof check.files.answer.code, "%s", code);
    return identity_check_next(&check, 0);
}

/* The store has an epoch's object, with this nonce. */
static enum identity_step answer_epoch(int status, const char *nonce)
{
    snprintf(check.files.identity.nonce, sizeof check.files.identity.nonce, "%s", nonce);
    return answer(status, "");
}

/* The database's last epoch is `number`. */
static enum identity_step met(int64_t number, const char *nonce)
{
    check.repository.outcome = REPOSITORY_OK;
    check.repository.matched = number;
    snprintf(check.repository.store_id, sizeof check.repository.store_id, "%s", nonce);
    return identity_check_next(&check, 0);
}

static void assert_meets(enum identity_step step, int64_t since)
{
    assert_int_equal(step, IDENTITY_STEP_REPOSITORY);
    assert_int_equal(check.repository.verb, EPOCH_MEET);
    assert_int_equal(check.repository.since, since);
    assert_string_equal(check.repository.id, FRESH);
}

static void assert_asks(enum identity_step step, enum files_verb verb, int64_t epoch)
{
    assert_int_equal(step, IDENTITY_STEP_FILES);
    assert_int_equal(check.files.verb, verb);
    assert_int_equal(check.files.identity.epoch, epoch);
}

static void assert_ends(enum identity_step step, enum identity_verdict verdict)
{
    assert_int_equal(step, IDENTITY_STEP_END);
    assert_int_equal(check.verdict, verdict);
    assert_int_equal(check.epochs == EPOCHS_SETTLED, verdict == IDENTITY_GOOD);
}

/* To the question how far the database is. */
static void begin(enum identity_epochs epochs)
{
    check = (struct identity_check){.epochs = epochs,
                                    .database_id = DATABASE,
                                    .store_id = STORE,
                                    .fresh_nonce = FRESH,
                                    .timeout_ms = 1000};
    identity_check_begin(&check, 0);
    check.files.identity = (struct files_identity){.store_id = STORE, .database_id = DATABASE};
    assert_meets(answer(200, ""), -1);
}

/* To the object of the database's own last epoch, 3. */
static void begin_own(enum identity_epochs epochs)
{
    begin(epochs);
    assert_asks(met(3, OWN), FILES_IDENTITY_READ, 4);
    assert_asks(answer(404, "NoSuchKey"), FILES_IDENTITY_CREATE, 3);
    assert_string_equal(check.files.identity.nonce, OWN);
}

static void epochs__a_new_database_raises_the_first(void **state)
{
    (void)state;
    begin(EPOCHS_RAISE);
    assert_asks(met(0, ""), FILES_IDENTITY_READ, 1);
    assert_meets(answer(404, "NoSuchKey"), 0);
    assert_asks(met(1, FRESH), FILES_IDENTITY_CREATE, 1);
    assert_string_equal(check.files.identity.nonce, FRESH);
    assert_string_equal(check.files.identity.store_id, STORE);
    assert_string_equal(check.files.identity.database_id, DATABASE);
    assert_ends(answer_epoch(200, FRESH), IDENTITY_GOOD);
    assert_int_equal(check.epoch, 1);
}

static void epochs__are_raised_in_the_database_before_the_store(void **state)
{
    (void)state;
    begin_own(EPOCHS_RAISE);
    assert_meets(answer_epoch(412, OWN), 3);
    assert_asks(met(4, FRESH), FILES_IDENTITY_CREATE, 4);
    assert_ends(answer_epoch(200, FRESH), IDENTITY_GOOD);
    assert_int_equal(check.epoch, 4);
}

/* Killed between the two, the start before this one left the store behind. */
static void epochs__that_the_store_was_not_told_of_are_made_up_for(void **state)
{
    (void)state;
    begin_own(EPOCHS_RAISE);
    assert_meets(answer_epoch(200, OWN), 3);
}

static void epochs__are_only_compared_where_another_raises_them(void **state)
{
    (void)state;
    begin(EPOCHS_COMPARE);
    assert_asks(met(0, ""), FILES_IDENTITY_READ, 1);
    assert_ends(answer(404, "NoSuchKey"), IDENTITY_GOOD);
    begin_own(EPOCHS_COMPARE);
    assert_ends(answer_epoch(412, OWN), IDENTITY_GOOD);
    assert_int_equal(check.epoch, 3);
}

static void epochs__a_restored_database_is_refused(void **state)
{
    (void)state;
    begin(EPOCHS_RAISE);
    assert_asks(met(3, OWN), FILES_IDENTITY_READ, 4);
    assert_meets(answer_epoch(200, FOREIGN), -1);
    assert_ends(met(3, OWN), IDENTITY_REFUSED);
    assert_int_equal(check.error.class, ERROR_CONFIG);
    assert_non_null(strstr(check.error.text, "--restored"));
    assert_non_null(strstr(check.error.text, "epoch 4"));
}

/* What looked like the future was raised by a replica between the two questions. */
static void epochs__raised_by_another_replica_meanwhile_are_our_own(void **state)
{
    (void)state;
    begin(EPOCHS_RAISE);
    assert_asks(met(3, OWN), FILES_IDENTITY_READ, 4);
    assert_meets(answer_epoch(200, FOREIGN), -1);
    assert_asks(met(4, FOREIGN), FILES_IDENTITY_READ, 5);
    assert_asks(answer(404, "NoSuchKey"), FILES_IDENTITY_CREATE, 4);
    assert_meets(answer_epoch(412, FOREIGN), 4);
}

static void epochs__a_copy_that_went_its_own_way_is_refused(void **state)
{
    (void)state;
    begin_own(EPOCHS_RAISE);
    assert_ends(answer_epoch(412, FOREIGN), IDENTITY_REFUSED);
    assert_non_null(strstr(check.error.text, "a copy"));
}

static void epochs__silence_is_no_answer(void **state)
{
    (void)state;
    static const struct {
        int status;
        const char *code;
        enum identity_verdict verdict;
    } rows[] = {{503, "SlowDown", IDENTITY_UNANSWERED},
                {0, "timeout", IDENTITY_UNANSWERED},
                {403, "AccessDenied", IDENTITY_REFUSED},
                {404, "NoSuchBucket", IDENTITY_REFUSED}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        begin(EPOCHS_RAISE);
        assert_asks(met(3, OWN), FILES_IDENTITY_READ, 4);
        assert_ends(answer(rows[i].status, rows[i].code), rows[i].verdict);
        begin_own(EPOCHS_RAISE);
        assert_asks(answer(rows[i].status, rows[i].code), FILES_IDENTITY_READ, 3);
        assert_ends(answer(rows[i].status, rows[i].code), rows[i].verdict);
    }
    /* Created, and not there when it was read back: another process is at it. */
    begin_own(EPOCHS_RAISE);
    assert_ends(answer(404, "NoSuchKey"), IDENTITY_UNANSWERED);
}

/* A full disk, or no right to put anything there: deleting must go on. */
static void epochs__a_store_that_takes_no_object_is_ours_all_the_same(void **state)
{
    (void)state;
    for (int told = 0; told < 2; told++) {
        begin_own(EPOCHS_RAISE);
        if (told) {
            assert_meets(answer_epoch(412, OWN), 3);
            assert_asks(met(4, OWN), FILES_IDENTITY_CREATE, 4);
        }
        assert_asks(answer(403, "QuotaExceeded"), FILES_IDENTITY_READ, 3 + told);
        assert_int_equal(answer(404, "NoSuchKey"), IDENTITY_STEP_END);
        assert_int_equal(check.verdict, IDENTITY_GOOD);
        assert_true(check.untold);
        /* The next look compares, and tries, anew. */
        assert_int_equal(check.epochs, EPOCHS_RAISE);
    }
    begin_own(EPOCHS_COMPARE);
    check.untold = true;
    assert_ends(answer_epoch(200, OWN), IDENTITY_GOOD);
    assert_false(check.untold);
}

/* The PUT failed, and yet it is there: by whom? */
static void epochs__what_a_failed_put_has_left_is_compared(void **state)
{
    (void)state;
    begin_own(EPOCHS_RAISE);
    assert_asks(answer(0, "timeout"), FILES_IDENTITY_READ, 3);
    assert_int_equal(answer_epoch(200, OWN), IDENTITY_STEP_END);
    assert_int_equal(check.verdict, IDENTITY_GOOD);
    assert_false(check.untold);
    begin_own(EPOCHS_RAISE);
    assert_asks(answer(0, "timeout"), FILES_IDENTITY_READ, 3);
    assert_ends(answer_epoch(200, FOREIGN), IDENTITY_REFUSED);
}

static enum identity_step failed(void)
{
    check.repository.outcome = REPOSITORY_FAILED;
    return identity_check_next(&check, 0);
}

static void epochs__wait_for_a_database_that_does_not_answer(void **state)
{
    (void)state;
    begin(EPOCHS_RAISE);
    assert_ends(failed(), IDENTITY_UNANSWERED);
    begin_own(EPOCHS_RAISE);
    assert_meets(answer_epoch(412, OWN), 3);
    assert_ends(failed(), IDENTITY_UNANSWERED);
}

static void epochs__are_asked_of_a_store_that_was_just_adopted(void **state)
{
    (void)state;
    begin(EPOCHS_RAISE);
    *check.store_id = '\0';
    identity_check_begin(&check, 0);
    check.files.identity = (struct files_identity){.store_id = STORE, .database_id = DATABASE};
    assert_int_equal(answer(200, ""), IDENTITY_STEP_REPOSITORY);
    assert_int_equal(check.repository.verb, STORE_ADOPT);
    check.repository.outcome = REPOSITORY_OK;
    assert_meets(identity_check_next(&check, 0), -1);
}

/* To what an older store has for the epoch after the database's last, 1. */
static void begin_older(void)
{
    begin(EPOCHS_COMPARE);
    check.older = true;
    *check.store_id = '\0';
    identity_check_begin(&check, 0);
    check.files.identity = (struct files_identity){.store_id = STORE, .database_id = DATABASE};
    assert_meets(answer(200, ""), -1);
    assert_string_equal(check.store_id, STORE);
    assert_asks(met(1, OWN), FILES_IDENTITY_READ, 2);
}

/* Its own epochs ended with the move to another store; or it never had any. */
static void epochs__of_an_older_store_are_looked_at_and_not_made(void **state)
{
    (void)state;
    begin_older();
    assert_ends(answer(404, "NoSuchKey"), IDENTITY_GOOD);
    assert_true(check.was_good);
    assert_int_equal(identity_check_begin(&check, 0), IDENTITY_STEP_FILES);
    check.files.identity = (struct files_identity){.store_id = STORE, .database_id = DATABASE};
    assert_ends(answer(200, ""), IDENTITY_GOOD);
}

static void epochs__of_an_older_store_tell_of_a_backup_too(void **state)
{
    (void)state;
    begin_older();
    assert_meets(answer_epoch(200, FOREIGN), -1);
    assert_ends(met(1, OWN), IDENTITY_REFUSED);
    assert_non_null(strstr(check.error.text, "epoch 2"));
    assert_false(check.was_good);
    begin_older();
    assert_ends(answer(503, "SlowDown"), IDENTITY_UNANSWERED);
    assert_false(check.was_good);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(epochs__a_new_database_raises_the_first),
        cmocka_unit_test(epochs__are_raised_in_the_database_before_the_store),
        cmocka_unit_test(epochs__that_the_store_was_not_told_of_are_made_up_for),
        cmocka_unit_test(epochs__are_only_compared_where_another_raises_them),
        cmocka_unit_test(epochs__a_restored_database_is_refused),
        cmocka_unit_test(epochs__raised_by_another_replica_meanwhile_are_our_own),
        cmocka_unit_test(epochs__a_copy_that_went_its_own_way_is_refused),
        cmocka_unit_test(epochs__silence_is_no_answer),
        cmocka_unit_test(epochs__a_store_that_takes_no_object_is_ours_all_the_same),
        cmocka_unit_test(epochs__what_a_failed_put_has_left_is_compared),
        cmocka_unit_test(epochs__wait_for_a_database_that_does_not_answer),
        cmocka_unit_test(epochs__are_asked_of_a_store_that_was_just_adopted),
        cmocka_unit_test(epochs__of_an_older_store_are_looked_at_and_not_made),
        cmocka_unit_test(epochs__of_an_older_store_tell_of_a_backup_too),
    };
    return cmocka_run_group_tests_name("fallback: epochs", tests, NULL, NULL);
}
