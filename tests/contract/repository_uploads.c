/* Uploads: the guard, the attach, and what is left of those that failed: R1, R8, R9, R21, S1.
 */
#include "contract/repository_support.h"

#include <string.h>

static void guard__is_scheduled_work_of_its_user(void **state)
{
    (void)state;
    user_add(ADA);
    assert_int_equal(guard_add(ADA, "avatars/1"), REPOSITORY_OK);
    assert_string_equal(row_text("avatars/1", "reason"), "upload");
    assert_string_equal(row_text("avatars/1", "user_id"), ADA);
    assert_string_equal(row_text("avatars/1", "store_id"), STORE);
    assert_string_equal(row_text("avatars/1", "look"), "first");
    assert_int_equal(row_number("avatars/1", "claim"), 0);
    assert_int_equal(row_number("avatars/1", "not_before - created_at"), GUARD_MS);
    assert_int_equal(row_number("avatars/1", "due_at - not_before"), 0);
}

static void guard__needs_a_user_who_exists_unmarked(void **state)
{
    (void)state;
    assert_int_equal(guard_add(ADA, "avatars/1"), REPOSITORY_NOT_FOUND);
    user_add_with_avatar(ADA, "avatars/2");
    mark(ADA);
    assert_int_equal(guard_add(ADA, "avatars/1"), REPOSITORY_NOT_FOUND);
    finish("avatars/2");
    assert_int_equal(erasure_get(ADA).state, ERASURE_DELETED);
    assert_int_equal(guard_add(ADA, "avatars/1"), REPOSITORY_NOT_FOUND);
    assert_false(row_exists("avatars/1"));
}

static void guard__in_the_batch_of_the_mark_comes_too_late(void **state)
{
    (void)state;
    user_add(ADA);
    struct repository_op *batch[] = {user_op(USER_MARK, ADA), guard_op(ADA, "avatars/1")};
    ops_apply(batch, 2);
    assert_int_equal(batch[0]->outcome, REPOSITORY_GONE);
    assert_int_equal(batch[1]->outcome, REPOSITORY_NOT_FOUND);
    assert_false(row_exists("avatars/1"));
}

static void attach__takes_the_guard_and_points_the_user_at_the_object(void **state)
{
    (void)state;
    user_add(ADA);
    guard_add(ADA, "avatars/1");
    struct repository_op *op = attach_op(ADA, "avatars/1");
    assert_int_equal(op_apply(op), REPOSITORY_OK);
    assert_int_equal(op->keys.count, 0);
    assert_false(row_exists("avatars/1"));
    struct user *user = &op_read(user_op(USER_GET, ADA))->user;
    assert_string_equal(user->avatar.key, "avatars/1");
    assert_string_equal(user->avatar.store_id, STORE);
    assert_string_equal(user->avatar.content_type, "image/png");
    assert_string_equal(user->avatar.sha256, "00ff");
    assert_int_equal(user->avatar.bytes, 7);
}

static void attach__gives_out_the_avatar_before_as_work(void **state)
{
    (void)state;
    user_add_with_avatar(ADA, "avatars/1");
    guard_add(ADA, "avatars/2");
    struct repository_op *op = attach_op(ADA, "avatars/2");
    assert_int_equal(op_apply(op), REPOSITORY_OK);
    assert_int_equal(op->keys.count, 1);
    assert_string_equal(op->keys.items[0], "avatars/1");
    assert_string_equal(row_text("avatars/1", "reason"), "replaced");
}

static void attach__in_the_place_of_an_avatar_that_went_away_keeps_the_guard(void **state)
{
    (void)state;
    static const char *const others[] = {"avatars/0", "avatars/2"};
    user_add_with_avatar(ADA, "avatars/1");
    guard_add(ADA, "avatars/2");
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        struct repository_op *op = attach_op(ADA, "avatars/2");
        strcpy(op->if_key, others[i]);
        assert_int_equal(op_apply(op), REPOSITORY_NOT_FOUND);
        assert_true(row_exists("avatars/2"));
        assert_string_equal(sql_text("SELECT avatar_key FROM users"), "avatars/1");
    }
    struct repository_op *op = attach_op(ADA, "avatars/2");
    strcpy(op->if_key, "avatars/1");
    assert_int_equal(op_apply(op), REPOSITORY_OK);
    assert_string_equal(sql_text("SELECT avatar_key FROM users"), "avatars/2");
}

static void attach__in_the_place_of_an_avatar_of_nobody_is_refused(void **state)
{
    (void)state;
    user_add(ADA);
    guard_add(ADA, "avatars/2");
    struct repository_op *op = attach_op(ADA, "avatars/2");
    strcpy(op->if_key, "avatars/1");
    assert_int_equal(op_apply(op), REPOSITORY_NOT_FOUND);
    assert_true(row_exists("avatars/2"));
}

/* R10: the old key is what the row says at the attach, not what an upload read at its start. */
static void attach__two_at_once_schedule_what_each_of_them_replaced(void **state)
{
    (void)state;
    user_add_with_avatar(ADA, "avatars/0");
    guard_add(ADA, "avatars/1");
    guard_add(ADA, "avatars/2");
    struct repository_op *batch[] = {attach_op(ADA, "avatars/1"), attach_op(ADA, "avatars/2")};
    ops_apply(batch, 2);
    assert_int_equal(batch[0]->outcome, REPOSITORY_OK);
    assert_int_equal(batch[1]->outcome, REPOSITORY_OK);
    assert_true(row_exists("avatars/0"));
    assert_true(row_exists("avatars/1"));
    assert_false(row_exists("avatars/2"));
    assert_string_equal(batch[1]->keys.items[0], "avatars/1");
}

static void attach__without_a_user_keeps_the_guard(void **state)
{
    (void)state;
    user_add(ADA);
    guard_add(ADA, "avatars/1");
    sql("DELETE FROM users");
    assert_int_equal(attach(ADA, "avatars/1"), REPOSITORY_NOT_FOUND);
    assert_true(row_exists("avatars/1"));
}

static void attach__to_a_marked_user_keeps_the_guard_and_the_pointer(void **state)
{
    (void)state;
    user_add_with_avatar(ADA, "avatars/1");
    guard_add(ADA, "avatars/2");
    mark(ADA);
    assert_int_equal(attach(ADA, "avatars/2"), REPOSITORY_NOT_FOUND);
    assert_true(row_exists("avatars/2"));
    assert_string_equal(sql_text("SELECT avatar_key FROM users"), "avatars/1");
}

static void attach__behind_a_mark_in_one_batch_keeps_the_guard(void **state)
{
    (void)state;
    user_add(ADA);
    guard_add(ADA, "avatars/1");
    struct repository_op *batch[] = {user_op(USER_MARK, ADA), attach_op(ADA, "avatars/1"),
                                     user_op(USER_ADD, BOB)};
    ops_apply(batch, 3);
    assert_int_equal(batch[0]->outcome, REPOSITORY_PENDING);
    assert_int_equal(batch[1]->outcome, REPOSITORY_NOT_FOUND);
    assert_int_equal(batch[2]->outcome, REPOSITORY_OK);
    assert_true(row_exists("avatars/1"));
}

/*
 * R6: claimed once, by anybody, is never "never claimed" again: a DELETE may be on its way. The
 * guard's time is put back, so that it is not R21 that refuses.
 */
static void attach__of_a_guard_that_was_ever_claimed_is_refused(void **state)
{
    (void)state;
    user_add_with_avatar(ADA, "avatars/1");
    guard_add(ADA, "avatars/2");
    int64_t not_before = row_number("avatars/2", "not_before");
    row_make_due("avatars/2");
    struct confirmation item = {.row = row_claim("avatars/2"), .outcome = CONFIRM_RETRY};
    struct repository_op *unsent = op_new(DELETIONS_CONFIRM);
    unsent->confirm = (struct confirm){.items = &item, .count = 1};
    op_apply(unsent);
    assert_true(item.applied);
    assert_int_equal(row_number("avatars/2", "attempts"), 0);
    sql("UPDATE deletions SET not_before = %lld", (long long)not_before);

    assert_int_equal(attach(ADA, "avatars/2"), REPOSITORY_CONFLICT);
    assert_true(row_exists("avatars/2"));
    assert_string_equal(op_read(user_op(USER_GET, ADA))->user.avatar.key, "avatars/1");
}

static void attach__without_a_guard_is_refused(void **state)
{
    (void)state;
    user_add(ADA);
    assert_int_equal(attach(ADA, "avatars/1"), REPOSITORY_CONFLICT);
    assert_string_equal(op_read(user_op(USER_GET, ADA))->user.avatar.key, "");
}

static void attach__never_takes_a_row_that_is_no_guard(void **state)
{
    (void)state;
    user_add(ADA);
    deletion_leave(BOB, "avatars/1");
    sql("UPDATE deletions SET not_before = not_before + 4102444800000");
    assert_int_equal(attach(ADA, "avatars/1"), REPOSITORY_CONFLICT);
    assert_true(row_exists("avatars/1"));
}

/* R21: a fifteenth of the guard is left for clocks and for claims that were lost. */
static void attach__near_the_end_of_the_guard_is_refused(void **state)
{
    (void)state;
    static const struct {
        int64_t left_ms;
        enum repository_outcome outcome;
    } rows[] = {{GUARD_MS, REPOSITORY_OK},
                {GUARD_MS / 15 + 30000, REPOSITORY_OK},
                {GUARD_MS / 15, REPOSITORY_CONFLICT},
                {GUARD_MS / 15 - 1, REPOSITORY_CONFLICT},
                {1, REPOSITORY_CONFLICT},
                {-1, REPOSITORY_CONFLICT},
                {-GUARD_MS, REPOSITORY_CONFLICT}};
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        contract_renew("a guard's time left");
        user_add(ADA);
        guard_add(ADA, "avatars/1");
        sql("UPDATE deletions SET not_before = %lld",
            (long long)(backlog_get().now + rows[i].left_ms));
        assert_int_equal(attach(ADA, "avatars/1"), rows[i].outcome);
        assert_int_equal(row_exists("avatars/1"), rows[i].outcome != REPOSITORY_OK);
    }
}

/* R8: an attach whose answer was lost has happened; whoever asks again changes nothing. */
static void attach__again_is_refused_and_hurts_nobody(void **state)
{
    (void)state;
    user_add(ADA);
    avatar_give(ADA, "avatars/1");
    assert_int_equal(attach(ADA, "avatars/1"), REPOSITORY_CONFLICT);
    assert_int_equal(settle("avatars/1"), REPOSITORY_OK);
    assert_int_equal(sql_number("SELECT count(*) FROM deletions"), 0);
    assert_string_equal(op_read(user_op(USER_GET, ADA))->user.avatar.key, "avatars/1");
}

static void upload__that_nobody_attached_is_looked_at_twice_before_its_receipt(void **state)
{
    (void)state;
    user_add(ADA);
    guard_add(ADA, "avatars/1");
    row_make_due("avatars/1");
    struct confirmation first = confirm(row_claim("avatars/1"), CONFIRM_DONE);
    assert_true(first.applied);
    assert_false(first.finished);
    assert_string_equal(row_text("avatars/1", "look"), "second");
    assert_int_equal(receipts_count("avatars/1"), 0);
    int64_t now = backlog_get().now;
    assert_in_range(row_number("avatars/1", "not_before"), now + SECOND_LOOK_MS - 60000,
                    now + SECOND_LOOK_MS);
    assert_int_equal(row_number("avatars/1", "due_at - not_before"), 0);
    assert_int_equal(claim_key("avatars/1")->claimed.count, 0);

    row_make_due("avatars/1");
    struct confirmation second = confirm(row_claim("avatars/1"), CONFIRM_DONE);
    assert_true(second.finished);
    assert_int_equal(receipts_count("avatars/1"), 1);
}

static void settle__makes_the_guard_a_plain_row_that_is_due_now(void **state)
{
    (void)state;
    user_add(ADA);
    guard_add(ADA, "avatars/1");
    settle("avatars/1");
    assert_int_equal(row_number("avatars/1", "claim"), 1);
    assert_string_equal(row_text("avatars/1", "look"), "second");
    assert_in_range(row_number("avatars/1", "not_before"), 1, backlog_get().now);
    assert_in_range(row_number("avatars/1", "due_at"), 1, backlog_get().now);
    assert_int_equal(row_number("avatars/1", "leased_until"), 0);
    assert_true(finish("avatars/1").finished);
}

static void settle__refuses_a_later_attach(void **state)
{
    (void)state;
    user_add(ADA);
    guard_add(ADA, "avatars/1");
    settle("avatars/1");
    sql("UPDATE deletions SET not_before = 4102444800000");
    assert_int_equal(attach(ADA, "avatars/1"), REPOSITORY_CONFLICT);
}

/* S1: a DELETE sent before the PUT landed says nothing about the object that came after it. */
static void settle__voids_a_delete_that_was_on_its_way(void **state)
{
    (void)state;
    user_add(ADA);
    guard_add(ADA, "avatars/1");
    row_make_due("avatars/1");
    const struct deletion *early = row_claim("avatars/1");
    settle("avatars/1");
    assert_int_equal(row_number("avatars/1", "claim"), 2);
    assert_false(confirm(early, CONFIRM_DONE).applied);
    assert_false(confirm(early, CONFIRM_RETRY).applied);
    assert_true(row_exists("avatars/1"));
    assert_int_equal(receipts_count("avatars/1"), 0);
    assert_true(finish("avatars/1").finished);
}

static void settle__is_for_guards_alone(void **state)
{
    (void)state;
    deletion_leave(ADA, "avatars/1");
    settle("avatars/1");
    assert_int_equal(row_number("avatars/1", "claim"), 0);
    assert_string_equal(row_text("avatars/1", "look"), "first");
    assert_int_equal(settle("avatars/none"), REPOSITORY_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CONTRACT(guard__is_scheduled_work_of_its_user),
        CONTRACT(guard__needs_a_user_who_exists_unmarked),
        CONTRACT(guard__in_the_batch_of_the_mark_comes_too_late),
        CONTRACT(attach__takes_the_guard_and_points_the_user_at_the_object),
        CONTRACT(attach__gives_out_the_avatar_before_as_work),
        CONTRACT(attach__in_the_place_of_an_avatar_that_went_away_keeps_the_guard),
        CONTRACT(attach__in_the_place_of_an_avatar_of_nobody_is_refused),
        CONTRACT(attach__two_at_once_schedule_what_each_of_them_replaced),
        CONTRACT(attach__without_a_user_keeps_the_guard),
        CONTRACT(attach__to_a_marked_user_keeps_the_guard_and_the_pointer),
        CONTRACT(attach__behind_a_mark_in_one_batch_keeps_the_guard),
        CONTRACT(attach__of_a_guard_that_was_ever_claimed_is_refused),
        CONTRACT(attach__without_a_guard_is_refused),
        CONTRACT(attach__never_takes_a_row_that_is_no_guard),
        CONTRACT(attach__near_the_end_of_the_guard_is_refused),
        CONTRACT(attach__again_is_refused_and_hurts_nobody),
        CONTRACT(upload__that_nobody_attached_is_looked_at_twice_before_its_receipt),
        CONTRACT(settle__makes_the_guard_a_plain_row_that_is_due_now),
        CONTRACT(settle__refuses_a_later_attach),
        CONTRACT(settle__voids_a_delete_that_was_on_its_way),
        CONTRACT(settle__is_for_guards_alone),
    };
    return cmocka_run_group_tests_name("repository: uploads", tests, NULL, NULL);
}
