/* What the database does by itself, whoever changes a user: R10, D1, D2. */
#include "contract/repository_cast.h"
#include "contract/repository_support.h"

static void assert_scheduled(const char *key, const char *user_id, const char *reason)
{
    assert_true(row_exists(key));
    assert_string_equal(row_text(key, "store_id"), STORE);
    assert_string_equal(row_text(key, "user_id"), user_id);
    assert_string_equal(row_text(key, "reason"), reason);
    assert_string_equal(row_text(key, "state"), "pending");
    assert_string_equal(row_text(key, "look"), "first");
    assert_int_equal(row_number(key, "claim"), 0);
    assert_int_equal(row_number(key, "attempts"), 0);
    int64_t now = backlog_get().now;
    assert_in_range(row_number(key, "created_at"), now - 60000, now);
    assert_int_equal(row_number(key, "not_before"), row_number(key, "created_at"));
    assert_int_equal(row_number(key, "due_at"), row_number(key, "created_at"));
}

static void triggers__a_mark_schedules_the_avatar(void **state)
{
    (void)state;
    user_add_with_avatar(ADA, "avatars/1");
    mark(ADA);
    assert_scheduled("avatars/1", ADA, "user");
}

static void triggers__a_replaced_avatar_is_scheduled(void **state)
{
    (void)state;
    user_add_with_avatar(ADA, "avatars/1");
    avatar_give(ADA, "avatars/2");
    assert_scheduled("avatars/1", ADA, "replaced");
    assert_false(row_exists("avatars/2"));
}

static void triggers__a_cleared_avatar_is_scheduled(void **state)
{
    (void)state;
    user_add_with_avatar(ADA, "avatars/1");
    clear(ADA);
    assert_scheduled("avatars/1", ADA, "replaced");
}

static void triggers__a_change_that_keeps_the_avatar_schedules_nothing(void **state)
{
    (void)state;
    user_add_with_avatar(ADA, "avatars/1");
    op_apply(user_op(USER_REPLACE, ADA));
    sql("UPDATE users SET avatar_key = avatar_key, last_name = 'Byron'");
    assert_int_equal(sql_number("SELECT count(*) FROM deletions"), 0);
}

/* Each as a shell types it while the service is stopped. */
static const struct raw {
    const char *statement, *reason;
} raws[] = {
    {"DELETE FROM users WHERE id = '" ADA "'", "user"},
    {"DELETE FROM users", "user"},
    {"UPDATE users SET avatar_should_be_deleted = true", "user"},
    {"UPDATE users SET avatar_key = NULL", "replaced"},
    {"UPDATE users SET avatar_key = NULL, avatar_store_id = NULL", "replaced"},
    {"UPDATE users SET avatar_key = 'avatars/9'", "replaced"},
    {"UPDATE users SET avatar_key = 'avatars/9', avatar_store_id = '" OTHER_STORE "'",
     "replaced"},
    {"UPDATE users SET avatar_should_be_deleted = true, avatar_key = NULL", "user"},
    {"UPDATE users SET avatar_should_be_deleted = true, avatar_key = 'avatars/9'", "user"},
};

static void triggers__raw_sql_by_a_shell_schedules_as_well(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(raws); i++) {
        contract_renew(raws[i].statement);
        user_add_with_avatar(ADA, "avatars/1");
        driver_close();
        sql("%s", raws[i].statement);
        driver_open();
        assert_scheduled("avatars/1", ADA, raws[i].reason);
    }
}

/* What is on record of an older avatar says nothing of this one. */
static void triggers__a_delete_by_a_shell_schedules_what_is_not_yet(void **state)
{
    (void)state;
    user_add_with_avatar(ADA, "avatars/1");
    avatar_give(ADA, "avatars/2");
    sql("DELETE FROM users");
    assert_scheduled("avatars/1", ADA, "replaced");
    assert_scheduled("avatars/2", ADA, "user");
    assert_int_equal(sql_number("SELECT count(*) FROM user_receipts"), 0);
}

static void triggers__a_mark_with_another_key_schedules_both(void **state)
{
    (void)state;
    user_add_with_avatar(ADA, "avatars/1");
    sql("UPDATE users SET avatar_should_be_deleted = true, avatar_key = 'avatars/2'");
    assert_scheduled("avatars/1", ADA, "user");
    assert_scheduled("avatars/2", ADA, "user");
}

static void triggers__an_avatar_that_leaves_a_marked_user_is_scheduled(void **state)
{
    (void)state;
    user_add_with_avatar(ADA, "avatars/1");
    mark(ADA);
    sql("DELETE FROM deletions");
    sql("UPDATE users SET avatar_key = NULL");
    assert_scheduled("avatars/1", ADA, "user");
}

static void triggers__repeating_an_intent_changes_nothing_in_its_row(void **state)
{
    (void)state;
    static const char *const repeats[] = {
        "UPDATE users SET avatar_key = NULL",
        "DELETE FROM users",
    };
    for (size_t i = 0; i < COUNT_OF(repeats); i++) {
        contract_renew(repeats[i]);
        user_add_with_avatar(ADA, "avatars/1");
        mark(ADA);
        confirm(row_claim("avatars/1"), CONFIRM_BLOCKED);
        int64_t due_at = row_number("avatars/1", "due_at");
        sql("%s", repeats[i]);
        assert_int_equal(row_number("avatars/1", "claim"), 1);
        assert_int_equal(row_number("avatars/1", "attempts"), 1);
        assert_string_equal(row_text("avatars/1", "state"), "blocked");
        assert_int_equal(row_number("avatars/1", "due_at"), due_at);
    }
}

static void triggers__a_user_deleted_by_hand_without_a_key_has_its_receipt(void **state)
{
    (void)state;
    user_add(ADA);
    sql("DELETE FROM users");
    assert_int_equal(erasure_get(ADA).state, ERASURE_DELETED);
}

static void triggers__a_user_deleted_by_hand_with_a_key_has_no_receipt_yet(void **state)
{
    (void)state;
    user_add_with_avatar(ADA, "avatars/1");
    sql("DELETE FROM users");
    assert_int_equal(sql_number("SELECT count(*) FROM user_receipts"), 0);
    assert_int_equal(erasure_get(ADA).state, ERASURE_PENDING);
    assert_true(erasure_get(ADA).requested_at > 0);
    assert_true(finish("avatars/1").user_gone);
    assert_int_equal(erasure_get(ADA).state, ERASURE_DELETED);
}

/* One statement, and each leaves what is theirs alone. */
static void triggers__users_deleted_by_hand_together_leave_each_what_is_theirs(void **state)
{
    (void)state;
    static const char ZOE[] = "01900000-0000-7000-8000-00000000002a";
    cast_make();
    user_add(ZOE);
    confirm(row_claim("avatars/3"), CONFIRM_BLOCKED);
    sql("DELETE FROM users");
    assert_scheduled("avatars/1", ADA, "user");
    assert_int_equal(row_number("avatars/3", "claim"), 1);
    assert_string_equal(row_text("avatars/3", "state"), "blocked");
    assert_string_equal(row_text("avatars/5", "reason"), "replaced");
    assert_int_equal(sql_number("SELECT count(*) FROM deletions"), 3);
    assert_int_equal(sql_number("SELECT count(*) FROM user_receipts"), 1);
    assert_int_equal(erasure_get(ADA).state, ERASURE_PENDING);
    assert_int_equal(erasure_get(BOB).state, ERASURE_PENDING);
    assert_int_equal(erasure_get(EVE).state, ERASURE_BLOCKED);
    assert_int_equal(erasure_get(ZOE).state, ERASURE_DELETED);
}

/* D1. The cast is in repository_cast.h. */

static const char *const refused[] = {
    "INSERT " INSERT_WITH("'" ADA "'", "NULL"),
    "INSERT " INSERT_WITH("'" EVE "'", "NULL"),
    "INSERT " INSERT_WITH("'" ADA "'", "'avatars/7'"),
    "INSERT " INSERT_WITH(NEW_ID, "'avatars/1'"),
    "INSERT " INSERT_WITH(NEW_ID, "'avatars/3'"),
    "INSERT " INSERT_WITH(NEW_ID, "'avatars/5'"),
    "INSERT " INSERT_WITH(NEW_ID, "'avatars/4'"),
    "UPDATE users SET avatar_should_be_deleted = false WHERE id = '" EVE "'",
    "UPDATE users SET avatar_should_be_deleted = NULL WHERE id = '" EVE "'",
    "UPDATE users SET avatar_should_be_deleted = 2 WHERE id = '" EVE "'",
    "UPDATE users SET id = " NEW_ID " WHERE id = '" ADA "'",
    "UPDATE users SET id = '" BOB "' WHERE id = '" ADA "'",
    "UPDATE users SET id = NULL WHERE id = '" ADA "'",
    "UPDATE" POINT "'avatars/1' WHERE id = '" BOB "'",
    "UPDATE" POINT "'avatars/3' WHERE id = '" BOB "'",
    "UPDATE" POINT "'avatars/5' WHERE id = '" BOB "'",
    "UPDATE" POINT "'avatars/4' WHERE id = '" BOB "'",
    "UPDATE users SET avatar_key = 'avatars/7' WHERE id = '" BOB "'",
    "UPDATE users SET avatar_store_id = NULL WHERE id = '" ADA "'",
};

static void rules__what_would_lose_an_object_is_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(refused); i++) {
        contract_renew(refused[i]);
        cast_make();
        driver_close();
        bool was_refused = sql_is_refused("%s", refused[i]);
        driver_open();
        assert_true(was_refused);
        cast_check();
    }
}

static const char *const allowed[] = {
    "INSERT " INSERT_WITH(NEW_ID, "NULL"),
    "INSERT " INSERT_WITH(NEW_ID, "'avatars/7'"),
    "UPDATE users SET last_name = 'Byron' WHERE id = '" ADA "'",
    "UPDATE" POINT "'avatars/7' WHERE id = '" BOB "'",
    "UPDATE users SET avatar_should_be_deleted = true",
};

static void rules__what_loses_nothing_is_allowed(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(allowed); i++) {
        contract_renew(allowed[i]);
        cast_make();
        sql("%s", allowed[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CONTRACT(triggers__a_mark_schedules_the_avatar),
        CONTRACT(triggers__a_replaced_avatar_is_scheduled),
        CONTRACT(triggers__a_cleared_avatar_is_scheduled),
        CONTRACT(triggers__a_change_that_keeps_the_avatar_schedules_nothing),
        CONTRACT(triggers__raw_sql_by_a_shell_schedules_as_well),
        CONTRACT(triggers__a_delete_by_a_shell_schedules_what_is_not_yet),
        CONTRACT(triggers__a_mark_with_another_key_schedules_both),
        CONTRACT(triggers__an_avatar_that_leaves_a_marked_user_is_scheduled),
        CONTRACT(triggers__repeating_an_intent_changes_nothing_in_its_row),
        CONTRACT(triggers__a_user_deleted_by_hand_without_a_key_has_its_receipt),
        CONTRACT(triggers__a_user_deleted_by_hand_with_a_key_has_no_receipt_yet),
        CONTRACT(triggers__users_deleted_by_hand_together_leave_each_what_is_theirs),
        CONTRACT(rules__what_would_lose_an_object_is_refused),
        CONTRACT(rules__what_loses_nothing_is_allowed),
    };
    return cmocka_run_group_tests_name("repository: triggers", tests, NULL, NULL);
}
