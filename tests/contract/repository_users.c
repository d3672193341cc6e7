/* Users: what is kept, what is hidden, and what a deletion answers: R12, R17, C1, C6. */
#include "contract/repository_support.h"

#include <stdio.h>
#include <string.h>

static struct repository_op *user_read(const char *id)
{
    return op_read(user_op(USER_GET, id));
}

static void users__one_that_was_added_is_read_as_it_was_sent(void **state)
{
    (void)state;
    user_add(ADA);
    struct repository_op *op = user_read(ADA);
    assert_int_equal(op->outcome, REPOSITORY_OK);
    assert_string_equal(op->user.id, ADA);
    assert_string_equal(op->user.first_name, "Ada");
    assert_string_equal(op->user.last_name, "Lovelace");
    assert_string_equal(op->user.user_name, "ada");
    assert_string_equal(op->user.email, "ada@example.org");
    assert_string_equal(op->user.country_id, "GB");
    assert_string_equal(op->user.birth_date, "1815-12-10");
    assert_string_equal(op->user.avatar.key, "");
    assert_int_equal(op->user.version, 1);
    assert_int_equal(op->user.created_at, op->user.updated_at);
    assert_in_range(op->user.created_at, 1, backlog_get().now);
}

static void users__an_id_that_exists_is_a_conflict_and_hurts_no_neighbour(void **state)
{
    (void)state;
    user_add(ADA);
    struct repository_op *batch[] = {user_op(USER_ADD, BOB), user_op(USER_ADD, ADA),
                                     user_op(USER_ADD, EVE)};
    ops_apply(batch, 3);
    assert_int_equal(batch[0]->outcome, REPOSITORY_OK);
    assert_int_equal(batch[1]->outcome, REPOSITORY_CONFLICT);
    assert_int_equal(batch[2]->outcome, REPOSITORY_OK);
}

static void users__an_id_never_seen_is_not_found(void **state)
{
    (void)state;
    static const enum repository_verb verbs[] = {USER_REPLACE, USER_MARK, AVATAR_CLEAR};
    assert_int_equal(user_read(ADA)->outcome, REPOSITORY_NOT_FOUND);
    for (size_t i = 0; i < COUNT_OF(verbs); i++)
        assert_int_equal(op_apply(user_op(verbs[i], ADA)), REPOSITORY_NOT_FOUND);
}

static struct repository_op *replace(const char *id, const char *name, int64_t if_version)
{
    struct repository_op *op = user_op(USER_REPLACE, id);
    snprintf(op->user.first_name, sizeof op->user.first_name, "%s", name);
    op->if_version = if_version;
    return op;
}

static void users__replacing_keeps_the_avatar_and_raises_the_version(void **state)
{
    (void)state;
    user_add_with_avatar(ADA, "avatars/1");
    struct repository_op *op = replace(ADA, "Augusta", -1);
    snprintf(op->user.avatar.key, sizeof op->user.avatar.key, "avatars/of-somebody-else");
    assert_int_equal(op_apply(op), REPOSITORY_OK);
    assert_string_equal(op->user.first_name, "Augusta");
    assert_string_equal(op->user.avatar.key, "avatars/1");
    assert_int_equal(op->user.version, 3);
    assert_string_equal(user_read(ADA)->user.first_name, "Augusta");
    assert_string_equal(user_read(ADA)->user.avatar.key, "avatars/1");
}

static void users__replacing_another_version_is_a_conflict(void **state)
{
    (void)state;
    user_add(ADA);
    assert_int_equal(op_apply(replace(ADA, "Augusta", 2)), REPOSITORY_CONFLICT);
    assert_string_equal(user_read(ADA)->user.first_name, "Ada");
    assert_int_equal(op_apply(replace(ADA, "Augusta", 1)), REPOSITORY_OK);
    assert_int_equal(op_apply(replace(ADA, "Byron", 1)), REPOSITORY_CONFLICT);
}

static void users__a_conflict_leaves_what_was_sent_for_another_try(void **state)
{
    (void)state;
    user_add(ADA);
    struct repository_op *op = replace(ADA, "Augusta", 2);
    op_apply(op);
    assert_string_equal(op->user.first_name, "Augusta");
}

static void users__replacing_never_takes_a_mark_back(void **state)
{
    (void)state;
    user_add_with_avatar(ADA, "avatars/1");
    mark(ADA);
    assert_int_equal(op_apply(replace(ADA, "Augusta", -1)), REPOSITORY_NOT_FOUND);
    assert_int_equal(sql_number("SELECT avatar_should_be_deleted FROM users"), 1);
    assert_string_equal(sql_text("SELECT first_name FROM users"), "Ada");
}

static void users__a_marked_one_is_hidden_from_every_read(void **state)
{
    (void)state;
    user_add_with_avatar(ADA, "avatars/1");
    user_add(BOB);
    mark(ADA);
    assert_int_equal(user_read(ADA)->outcome, REPOSITORY_NOT_FOUND);
    struct repository_op *list = op_new(USER_LIST);
    list->limit = 10;
    op_read(list);
    assert_int_equal(list->user_count, 1);
    assert_string_equal(list->users[0].id, BOB);
    assert_int_equal(clear(ADA), REPOSITORY_NOT_FOUND);
    assert_int_equal(guard_add(ADA, "avatars/2"), REPOSITORY_NOT_FOUND);
}

static void users__pages_say_whether_another_follows(void **state)
{
    (void)state;
    static const struct {
        const char *cursor;
        int64_t limit;
        size_t count;
        const char *first;
        bool more;
    } pages[] = {{"", 1, 1, ADA, true},   {"", 2, 2, ADA, true},   {"", 3, 3, ADA, false},
                 {"", 4, 3, ADA, false},  {ADA, 1, 1, BOB, true},  {ADA, 2, 2, BOB, false},
                 {BOB, 1, 1, EVE, false}, {EVE, 1, 0, NULL, false}};
    user_add(EVE);
    user_add(ADA);
    user_add(BOB);
    for (size_t i = 0; i < COUNT_OF(pages); i++) {
        struct repository_op *op = user_op(USER_LIST, "");
        snprintf(op->cursor, sizeof op->cursor, "%s", pages[i].cursor);
        op->limit = pages[i].limit;
        op_read(op);
        assert_int_equal(op->user_count, pages[i].count);
        assert_int_equal(op->more, pages[i].more);
        if (pages[i].first)
            assert_string_equal(op->users[0].id, pages[i].first);
    }
}

static void mark__a_user_who_leaves_nothing_behind_is_gone_at_once(void **state)
{
    (void)state;
    user_add(ADA);
    assert_int_equal(mark(ADA), REPOSITORY_GONE);
    assert_int_equal(sql_number("SELECT count(*) FROM users"), 0);
    struct erasure erasure = erasure_get(ADA);
    assert_int_equal(erasure.state, ERASURE_DELETED);
    assert_true(erasure.requested_at > 0 && erasure.deleted_at >= erasure.requested_at);
}

static void mark__a_user_with_an_avatar_is_pending_until_it_is_gone(void **state)
{
    (void)state;
    user_add_with_avatar(ADA, "avatars/1");
    struct repository_op *op = user_op(USER_MARK, ADA);
    assert_int_equal(op_apply(op), REPOSITORY_PENDING);
    assert_int_equal(op->keys.count, 1);
    assert_string_equal(op->keys.items[0], "avatars/1");
    assert_int_equal(erasure_get(ADA).state, ERASURE_PENDING);
    assert_int_equal(erasure_get(ADA).deleted_at, 0);
    assert_true(erasure_get(ADA).requested_at > 0);
}

static void mark__again_is_pending_then_gone_as_often_as_it_is_asked(void **state)
{
    (void)state;
    user_add_with_avatar(ADA, "avatars/1");
    mark(ADA);
    int64_t asked = erasure_get(ADA).requested_at;
    struct repository_op *op = user_op(USER_MARK, ADA);
    assert_int_equal(op_apply(op), REPOSITORY_PENDING);
    assert_int_equal(op->keys.count, 1);
    assert_int_equal(erasure_get(ADA).requested_at, asked);
    finish("avatars/1");
    for (int again = 0; again < 3; again++)
        assert_int_equal(mark(ADA), REPOSITORY_GONE);
    assert_int_equal(sql_number("SELECT count(*) FROM user_receipts"), 1);
}

static void mark__a_user_deleted_by_hand_is_pending_until_its_key_is_gone(void **state)
{
    (void)state;
    user_add_with_avatar(ADA, "avatars/1");
    sql("DELETE FROM users");
    struct repository_op *op = user_op(USER_MARK, ADA);
    assert_int_equal(op_apply(op), REPOSITORY_PENDING);
    assert_int_equal(op->keys.count, 1);
    finish("avatars/1");
    assert_int_equal(mark(ADA), REPOSITORY_GONE);
}

static void mark__an_open_guard_keeps_the_user_but_is_nobodys_work_yet(void **state)
{
    (void)state;
    user_add(ADA);
    guard_add(ADA, "avatars/1");
    struct repository_op *op = user_op(USER_MARK, ADA);
    assert_int_equal(op_apply(op), REPOSITORY_PENDING);
    assert_int_equal(op->keys.count, 0);
    assert_int_equal(sql_number("SELECT count(*) FROM users"), 1);
    assert_int_equal(erasure_get(ADA).state, ERASURE_PENDING);
}

static void mark__a_row_said_to_be_nobodys_still_keeps_the_user(void **state)
{
    (void)state;
    user_add_with_avatar(ADA, "avatars/1");
    deletion_leave(BOB, "avatars/1");
    sql("UPDATE deletions SET user_id = NULL");
    assert_int_equal(mark(ADA), REPOSITORY_PENDING);
    assert_int_equal(erasure_get(ADA).state, ERASURE_PENDING);
    finish("avatars/1");
    assert_int_equal(marked_finish(), 1);
    assert_int_equal(erasure_get(ADA).state, ERASURE_DELETED);
}

static void erasure__a_live_or_unknown_user_has_none(void **state)
{
    (void)state;
    user_add_with_avatar(ADA, "avatars/1");
    avatar_give(ADA, "avatars/2");
    assert_int_equal(erasure_get(ADA).state, ERASURE_NONE);
    finish("avatars/1");
    assert_int_equal(erasure_get(ADA).state, ERASURE_NONE);
    assert_int_equal(erasure_get(BOB).state, ERASURE_NONE);
}

static void erasure__one_blocked_row_blocks_it(void **state)
{
    (void)state;
    user_add_with_avatar(ADA, "avatars/1");
    avatar_give(ADA, "avatars/2");
    mark(ADA);
    confirm(row_claim("avatars/1"), CONFIRM_BLOCKED);
    assert_int_equal(erasure_get(ADA).state, ERASURE_BLOCKED);
    finish("avatars/1");
    assert_int_equal(erasure_get(ADA).state, ERASURE_PENDING);
    finish("avatars/2");
    assert_int_equal(erasure_get(ADA).state, ERASURE_DELETED);
}

static void erasure__counts_every_try(void **state)
{
    (void)state;
    user_add_with_avatar(ADA, "avatars/1");
    mark(ADA);
    for (int i = 0; i < 3; i++)
        confirm(row_claim("avatars/1"), CONFIRM_RETRY);
    assert_int_equal(erasure_get(ADA).attempts, 3);
    finish("avatars/1");
    assert_int_equal(erasure_get(ADA).attempts, 4);
}

static void clear__has_an_answer_for_a_user_without_an_avatar(void **state)
{
    (void)state;
    user_add(ADA);
    assert_int_equal(clear(ADA), REPOSITORY_OK);
    avatar_give(ADA, "avatars/1");
    struct repository_op *op = user_op(AVATAR_CLEAR, ADA);
    assert_int_equal(op_apply(op), REPOSITORY_PENDING);
    assert_int_equal(op->keys.count, 1);
    assert_string_equal(op->keys.items[0], "avatars/1");
    assert_string_equal(user_read(ADA)->user.avatar.key, "");
    finish("avatars/1");
    assert_int_equal(clear(ADA), REPOSITORY_OK);
}

static void clear__leaves_another_avatar_than_the_one_that_is_meant(void **state)
{
    (void)state;
    user_add_with_avatar(ADA, "avatars/1");
    avatar_give(ADA, "avatars/2");
    struct repository_op *late = user_op(AVATAR_CLEAR, ADA);
    snprintf(late->if_key, sizeof late->if_key, "avatars/1");
    assert_int_equal(op_apply(late), REPOSITORY_NOT_FOUND);
    assert_int_equal(late->keys.count, 0);
    assert_string_equal(user_read(ADA)->user.avatar.key, "avatars/2");
    struct repository_op *op = user_op(AVATAR_CLEAR, ADA);
    snprintf(op->if_key, sizeof op->if_key, "avatars/2");
    assert_int_equal(op_apply(op), REPOSITORY_PENDING);
    assert_string_equal(op->keys.items[0], "avatars/2");
    assert_string_equal(user_read(ADA)->user.avatar.key, "");
}

static void clear__again_is_pending_until_every_avatar_of_old_is_gone(void **state)
{
    (void)state;
    user_add_with_avatar(ADA, "avatars/1");
    avatar_give(ADA, "avatars/2");
    assert_int_equal(clear(ADA), REPOSITORY_PENDING);
    assert_int_equal(guard_add(ADA, "avatars/3"), REPOSITORY_OK);
    finish("avatars/2");
    struct repository_op *op = user_op(AVATAR_CLEAR, ADA);
    assert_int_equal(op_apply(op), REPOSITORY_PENDING);
    assert_int_equal(op->keys.count, 1);
    assert_string_equal(op->keys.items[0], "avatars/1");
    finish("avatars/1");
    assert_int_equal(clear(ADA), REPOSITORY_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CONTRACT(users__one_that_was_added_is_read_as_it_was_sent),
        CONTRACT(users__an_id_that_exists_is_a_conflict_and_hurts_no_neighbour),
        CONTRACT(users__an_id_never_seen_is_not_found),
        CONTRACT(users__replacing_keeps_the_avatar_and_raises_the_version),
        CONTRACT(users__replacing_another_version_is_a_conflict),
        CONTRACT(users__a_conflict_leaves_what_was_sent_for_another_try),
        CONTRACT(users__replacing_never_takes_a_mark_back),
        CONTRACT(users__a_marked_one_is_hidden_from_every_read),
        CONTRACT(users__pages_say_whether_another_follows),
        CONTRACT(mark__a_user_who_leaves_nothing_behind_is_gone_at_once),
        CONTRACT(mark__a_user_with_an_avatar_is_pending_until_it_is_gone),
        CONTRACT(mark__again_is_pending_then_gone_as_often_as_it_is_asked),
        CONTRACT(mark__a_user_deleted_by_hand_is_pending_until_its_key_is_gone),
        CONTRACT(mark__an_open_guard_keeps_the_user_but_is_nobodys_work_yet),
        CONTRACT(mark__a_row_said_to_be_nobodys_still_keeps_the_user),
        CONTRACT(erasure__a_live_or_unknown_user_has_none),
        CONTRACT(erasure__one_blocked_row_blocks_it),
        CONTRACT(erasure__counts_every_try),
        CONTRACT(clear__has_an_answer_for_a_user_without_an_avatar),
        CONTRACT(clear__leaves_another_avatar_than_the_one_that_is_meant),
        CONTRACT(clear__again_is_pending_until_every_avatar_of_old_is_gone),
    };
    return cmocka_run_group_tests_name("repository: users", tests, NULL, NULL);
}
