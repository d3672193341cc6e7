/*
 * The database's clock is set back (P4): rows then carry times further ahead than any rule puts
 * them. The tests move the rows instead of the clock.
 */
#include "contract/repository_support.h"

#include <string.h>

#define HOUR INT64_C(3600000)
#define DAY  INT64_C(86400000)

static int64_t redate(void)
{
    struct repository_op *op = op_new(DELETIONS_REDATE);
    op->longest = (struct longest){.guard_ms = GUARD_MS,
                                   .second_look_ms = SECOND_LOOK_MS,
                                   .retry_ms = HOUR,
                                   .blocked_ms = DAY};
    assert_int_equal(op_apply(op), REPOSITORY_OK);
    return op->matched;
}

/* From now, give or take what the test itself takes. */
static void assert_ahead(const char *key, const char *column, int64_t expected)
{
    int64_t ahead = row_number(key, column) - backlog_get().now;
    assert_true(ahead <= expected && ahead > expected - 60000);
}

/* As if it had been written by a clock that was so far ahead. */
static void row_write_ahead(const char *key, int64_t not_before, int64_t due_at)
{
    long long now = backlog_get().now;
    sql("UPDATE deletions SET not_before = %lld, due_at = %lld WHERE key = '%s'",
        now + not_before, now + due_at, key);
}

static void clock__set_back_leaves_no_deletion_waiting(void **state)
{
    (void)state;
    deletion_leave(ADA, "avatars/1");
    row_write_ahead("avatars/1", DAY, DAY);
    assert_int_equal(claim_key("avatars/1")->claimed.count, 0);
    assert_int_equal(redate(), 1);
    assert_int_equal(claim_key("avatars/1")->claimed.count, 1);
}

/* Set back between the claim and its confirm, which dates the next try by the new time. */
static void clock__set_back_under_a_claim_leaves_no_retry_waiting(void **state)
{
    (void)state;
    deletion_leave(ADA, "avatars/1");
    struct confirmation item = {
        .row = row_claim("avatars/1"), .outcome = CONFIRM_RETRY, .delay_ms = 1000};
    struct repository_op *op = op_new(DELETIONS_CONFIRM);
    op->confirm = (struct confirm){.items = &item, .count = 1};
    row_write_ahead("avatars/1", DAY, DAY);
    assert_int_equal(op_apply(op), REPOSITORY_OK);
    assert_true(item.applied);
    redate();
    assert_int_equal(claim_key("avatars/1")->claimed.count, 1);
}

static void clock__set_back_makes_a_long_backoff_due(void **state)
{
    (void)state;
    deletion_leave(ADA, "avatars/1");
    row_write_ahead("avatars/1", 0, 2 * HOUR);
    assert_int_equal(redate(), 1);
    assert_ahead("avatars/1", "due_at", 0);
}

static void clock__set_back_starts_a_guard_anew_from_now(void **state)
{
    (void)state;
    user_add(ADA);
    assert_int_equal(guard_add(ADA, "avatars/1"), REPOSITORY_OK);
    row_write_ahead("avatars/1", DAY, DAY);
    assert_int_equal(redate(), 1);
    assert_ahead("avatars/1", "not_before", GUARD_MS);
    assert_ahead("avatars/1", "due_at", GUARD_MS);
}

static void clock__set_back_starts_a_second_look_anew_from_now(void **state)
{
    (void)state;
    user_add(ADA);
    assert_int_equal(guard_add(ADA, "avatars/1"), REPOSITORY_OK);
    sql("UPDATE deletions SET look = 'second'");
    row_write_ahead("avatars/1", 3 * DAY, 3 * DAY);
    assert_int_equal(redate(), 1);
    assert_ahead("avatars/1", "not_before", SECOND_LOOK_MS);
}

static void clock__set_back_does_not_lengthen_a_lease(void **state)
{
    (void)state;
    deletion_leave(ADA, "avatars/1");
    assert_int_equal(claim_key("avatars/1")->claimed.count, 1);
    sql("UPDATE deletions SET leased_until = leased_until + %lld", (long long)DAY);
    assert_int_equal(claim_key("avatars/1")->claimed.count, 1);
}

/* Set back during a walk: it began, by that clock, at a time that has yet to come. */
static void clock__set_back_during_a_walk_ends_no_lease(void **state)
{
    (void)state;
    deletion_leave(ADA, "avatars/1");
    assert_int_equal(claim_key("avatars/1")->claimed.count, 1);
    int64_t began = backlog_get().now + DAY;
    assert_int_equal(
        claim((struct claim){.kind = CLAIM_DUE, .untouched_since = began})->claimed.count, 0);
    assert_int_equal(
        claim((struct claim){.kind = CLAIM_SWEEP, .after_key = "", .untouched_since = began})
            ->claimed.count,
        0);
}

/* Set back after the store was last known to be ours: what is receipted then is dated earlier.
 */
static void clock__set_back_hides_no_receipt_from_reopening(void **state)
{
    (void)state;
    deletion_leave(ADA, "avatars/1");
    assert_true(finish("avatars/1").finished);
    struct repository_op *op = op_new(RECEIPTS_REOPEN);
    memcpy(op->store_id, STORE, sizeof STORE);
    op->since = backlog_get().now + DAY;
    op->elapsed_ms = HOUR;
    assert_int_equal(op_apply(op), REPOSITORY_OK);
    assert_int_equal(op->matched, 1);
}

/* Of a worker whose leases are longer than the claimer's: another version, another setting. */
static void clock__that_is_right_keeps_the_longest_lease(void **state)
{
    (void)state;
    deletion_leave(ADA, "avatars/1");
    assert_int_equal(claim((struct claim){.kind = CLAIM_SWEEP,
                                          .after_key = "",
                                          .lease_ms = REPOSITORY_LEASE_MAX_MS})
                         ->claimed.count,
                     1);
    assert_int_equal(claim_key("avatars/1")->claimed.count, 0);
}

static void clock__that_is_right_changes_nothing(void **state)
{
    (void)state;
    user_add(ADA);
    assert_int_equal(guard_add(ADA, "avatars/guard"), REPOSITORY_OK);
    assert_int_equal(guard_add(ADA, "avatars/second"), REPOSITORY_OK);
    deletion_leave(BOB, "avatars/retry");
    deletion_leave(EVE, "avatars/blocked");
    sql("UPDATE deletions SET look = 'second' WHERE key = 'avatars/second'");
    sql("UPDATE deletions SET state = 'blocked', error_class = 'AccessDenied' "
        "WHERE key = 'avatars/blocked'");
    row_write_ahead("avatars/second", SECOND_LOOK_MS, SECOND_LOOK_MS);
    row_write_ahead("avatars/retry", 0, HOUR);
    row_write_ahead("avatars/blocked", 0, DAY);
    assert_int_equal(redate(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CONTRACT(clock__set_back_leaves_no_deletion_waiting),
        CONTRACT(clock__set_back_under_a_claim_leaves_no_retry_waiting),
        CONTRACT(clock__set_back_makes_a_long_backoff_due),
        CONTRACT(clock__set_back_starts_a_guard_anew_from_now),
        CONTRACT(clock__set_back_starts_a_second_look_anew_from_now),
        CONTRACT(clock__set_back_does_not_lengthen_a_lease),
        CONTRACT(clock__set_back_during_a_walk_ends_no_lease),
        CONTRACT(clock__set_back_hides_no_receipt_from_reopening),
        CONTRACT(clock__that_is_right_keeps_the_longest_lease),
        CONTRACT(clock__that_is_right_changes_nothing),
    };
    return cmocka_run_group_tests_name("repository, a clock that is set", tests, NULL, NULL);
}
