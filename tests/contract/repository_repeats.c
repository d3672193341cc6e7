/* Requests that may be repeated, and a user who comes with an avatar: C5, C6, R1, R21. */
#include "contract/repository_support.h"

#include <stdio.h>
#include <string.h>

#define TTL_MS INT64_C(86400000)

#define COPY(to, from) snprintf((to), sizeof(to), "%s", (from))

static struct repository_op *add_op(const char *id, const char *key, const char *body)
{
    struct repository_op *op = user_op(USER_ADD, id);
    COPY(op->idempotency.key, key);
    COPY(op->idempotency.body, body);
    op->idempotency.ttl_ms = TTL_MS;
    return op;
}

/* The same with an avatar: its guard, and the user with it. */
static struct repository_op *early_guard_op(const char *id, const char *avatar, const char *key)
{
    struct repository_op *op = add_op(id, key, "body");
    op->verb = GUARD_ADD;
    op->id[0] = '\0';
    COPY(op->key, avatar);
    COPY(op->store_id, STORE);
    op->guard_ms = GUARD_MS;
    return op;
}

static struct repository_op *add_with_avatar_op(const char *id, const char *avatar,
                                                const char *key)
{
    struct repository_op *op = add_op(id, key, "body");
    COPY(op->user.avatar.key, avatar);
    COPY(op->user.avatar.store_id, STORE);
    COPY(op->user.avatar.content_type, "image/png");
    op->guard_ms = GUARD_MS;
    return op;
}

static void repeat__answers_with_the_user_as_it_is_now(void **state)
{
    (void)state;
    assert_int_equal(op_apply(add_op(ADA, "k", "body")), REPOSITORY_OK);
    struct repository_op *replace = user_op(USER_REPLACE, ADA);
    COPY(replace->user.first_name, "Augusta");
    op_apply(replace);
    struct repository_op *again = add_op(BOB, "k", "body");
    assert_int_equal(op_apply(again), REPOSITORY_REPEATED);
    assert_int_equal(again->user_count, 1);
    assert_string_equal(again->users[0].id, ADA);
    assert_string_equal(again->users[0].first_name, "Augusta");
    assert_int_equal(sql_number("SELECT count(*) FROM users"), 1);
}

static void repeat__with_another_body_is_refused(void **state)
{
    (void)state;
    op_apply(add_op(ADA, "k", "body"));
    assert_int_equal(op_apply(add_op(BOB, "k", "another")), REPOSITORY_MISMATCHED);
    assert_int_equal(op_apply(add_op(BOB, "l", "body")), REPOSITORY_OK);
}

/* C5: an answer that was kept would bring the person back. */
static void repeat__after_the_erasure_finds_nobody(void **state)
{
    (void)state;
    op_apply(add_op(ADA, "k", "body"));
    avatar_give(ADA, "avatars/1");
    mark(ADA);
    assert_int_equal(op_apply(add_op(BOB, "k", "body")), REPOSITORY_NOT_FOUND);
    finish("avatars/1");
    assert_int_equal(op_apply(add_op(BOB, "k", "body")), REPOSITORY_NOT_FOUND);
    assert_int_equal(sql_number("SELECT count(*) FROM users"), 0);
    assert_int_equal(sql_number("SELECT count(*) FROM idempotency WHERE user_id = '" ADA
                                "' AND body = 'body'"),
                     1);
}

static void repeat__in_one_batch_makes_one_user(void **state)
{
    (void)state;
    struct repository_op *batch[] = {add_op(ADA, "k", "body"), add_op(BOB, "k", "body")};
    ops_apply(batch, 2);
    assert_int_equal(batch[0]->outcome, REPOSITORY_OK);
    assert_int_equal(batch[1]->outcome, REPOSITORY_REPEATED);
    assert_int_equal(sql_number("SELECT count(*) FROM users"), 1);
}

static void repeat__long_afterwards_is_a_new_request(void **state)
{
    (void)state;
    op_apply(add_op(ADA, "k", "body"));
    sql("UPDATE idempotency SET created_at = created_at - %lld", (long long)TTL_MS + 1);
    assert_int_equal(op_apply(add_op(BOB, "k", "another")), REPOSITORY_OK);
}

static void repeat__while_the_first_is_under_way_is_told_to_wait(void **state)
{
    (void)state;
    assert_int_equal(op_apply(early_guard_op(ADA, "avatars/1", "k")), REPOSITORY_OK);
    assert_int_equal(op_apply(early_guard_op(BOB, "avatars/2", "k")), REPOSITORY_BUSY);
    assert_false(row_exists("avatars/2"));
    assert_int_equal(op_apply(add_with_avatar_op(ADA, "avatars/1", "k")), REPOSITORY_OK);
    assert_int_equal(op_apply(early_guard_op(BOB, "avatars/2", "k")), REPOSITORY_REPEATED);
    assert_false(row_exists("avatars/2"));
}

static void repeat__after_a_failure_or_a_restart_is_a_new_request(void **state)
{
    (void)state;
    op_apply(early_guard_op(ADA, "avatars/1", "k"));
    struct repository_op *forget = add_op(ADA, "k", "body");
    forget->verb = GUARD_SETTLE;
    assert_int_equal(op_apply(forget), REPOSITORY_OK);
    assert_int_equal(op_apply(early_guard_op(BOB, "avatars/2", "k")), REPOSITORY_OK);
    driver_close();
    driver_open();
    assert_int_equal(op_apply(early_guard_op(EVE, "avatars/3", "k")),
                     database_is_shared() ? REPOSITORY_BUSY : REPOSITORY_OK);
}

static void early_guard__is_nobodys_and_waits_for_its_time(void **state)
{
    (void)state;
    op_apply(early_guard_op(ADA, "avatars/1", ""));
    assert_string_equal(row_text("avatars/1", "user_id"), "");
    assert_string_equal(row_text("avatars/1", "reason"), "upload");
    assert_int_equal(row_number("avatars/1", "not_before - created_at"), GUARD_MS);
    assert_int_equal(claim_key("avatars/1")->claimed.count, 0);
    assert_int_equal(erasure_get(ADA).state, ERASURE_NONE);
    row_make_due("avatars/1");
    assert_false(finish("avatars/1").user_gone);
    row_make_due("avatars/1");
    assert_false(finish("avatars/1").user_gone);
    assert_int_equal(erasure_get(ADA).state, ERASURE_NONE);
    assert_int_equal(sql_number("SELECT count(*) FROM user_receipts"), 0);
}

static void user__comes_with_its_avatar_or_not_at_all(void **state)
{
    (void)state;
    op_apply(early_guard_op(ADA, "avatars/1", ""));
    assert_int_equal(op_apply(add_with_avatar_op(ADA, "avatars/1", "")), REPOSITORY_OK);
    assert_false(row_exists("avatars/1"));
    assert_string_equal(op_read(user_op(USER_GET, ADA))->user.avatar.key, "avatars/1");

    op_apply(early_guard_op(BOB, "avatars/2", ""));
    row_make_due("avatars/2");
    row_claim("avatars/2");
    sql("UPDATE deletions SET not_before = 4102444800000");
    assert_int_equal(op_apply(add_with_avatar_op(BOB, "avatars/2", "k")), REPOSITORY_CONFLICT);
    assert_int_equal(op_read(user_op(USER_GET, BOB))->outcome, REPOSITORY_NOT_FOUND);
    assert_true(row_exists("avatars/2"));
    assert_int_equal(sql_number("SELECT count(*) FROM idempotency"), 0);
}

static void user__whose_guard_is_near_its_end_does_not_come(void **state)
{
    (void)state;
    op_apply(early_guard_op(ADA, "avatars/1", ""));
    sql("UPDATE deletions SET not_before = %lld",
        (long long)(backlog_get().now + GUARD_MS / 15 - 1));
    assert_int_equal(op_apply(add_with_avatar_op(ADA, "avatars/1", "")), REPOSITORY_CONFLICT);
    assert_int_equal(sql_number("SELECT count(*) FROM users"), 0);
    assert_true(row_exists("avatars/1"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CONTRACT(repeat__answers_with_the_user_as_it_is_now),
        CONTRACT(repeat__with_another_body_is_refused),
        CONTRACT(repeat__after_the_erasure_finds_nobody),
        CONTRACT(repeat__in_one_batch_makes_one_user),
        CONTRACT(repeat__long_afterwards_is_a_new_request),
        CONTRACT(repeat__while_the_first_is_under_way_is_told_to_wait),
        CONTRACT(repeat__after_a_failure_or_a_restart_is_a_new_request),
        CONTRACT(early_guard__is_nobodys_and_waits_for_its_time),
        CONTRACT(user__comes_with_its_avatar_or_not_at_all),
        CONTRACT(user__whose_guard_is_near_its_end_does_not_come),
    };
    return cmocka_run_group_tests_name("repository: repeats", tests, NULL, NULL);
}
