/* What the answer to a try changes, and what it no longer may: R3, R5, R11, R12, R13, R15, D5,
 * C6. */
#include "contract/repository_support.h"

#include <stdio.h>
#include <string.h>

static void confirm__of_a_failed_try_puts_the_row_off(void **state)
{
    (void)state;
    deletion_leave(ADA, "avatars/1");
    assert_true(confirm(row_claim("avatars/1"), CONFIRM_RETRY).applied);
    int64_t now = backlog_get().now;
    assert_in_range(row_number("avatars/1", "due_at"), now + DELAY_MS - 60000, now + DELAY_MS);
    assert_in_range(row_number("avatars/1", "tried_at"), now - 60000, now);
    assert_in_range(row_number("avatars/1", "leased_until"), now - 60000, now);
    assert_int_equal(row_number("avatars/1", "attempts"), 1);
    assert_string_equal(row_text("avatars/1", "state"), "pending");
    assert_string_equal(row_text("avatars/1", "error_class"), "timeout");
    assert_string_equal(row_text("avatars/1", "error"), "the provider's words");
}

/* R13: blocked is a label, not a parking place. */
static void confirm__as_blocked_keeps_a_time_to_try_again(void **state)
{
    (void)state;
    deletion_leave(ADA, "avatars/1");
    confirm(row_claim("avatars/1"), CONFIRM_BLOCKED);
    int64_t now = backlog_get().now;
    assert_string_equal(row_text("avatars/1", "state"), "blocked");
    assert_in_range(row_number("avatars/1", "due_at"), now + DELAY_MS - 60000, now + DELAY_MS);
    sql("UPDATE deletions SET due_at = 1");
    const struct claim *taken = claim((struct claim){.kind = CLAIM_DUE});
    assert_int_equal(taken->claimed.count, 1);
    confirm(&taken->claimed.rows[0], CONFIRM_RETRY);
    assert_string_equal(row_text("avatars/1", "state"), "pending");
}

static void confirm__of_a_try_that_was_not_spent_counts_nothing(void **state)
{
    (void)state;
    deletion_leave(ADA, "avatars/1");
    struct confirmation item = {.row = row_claim("avatars/1"), .outcome = CONFIRM_RETRY};
    struct repository_op *op = op_new(DELETIONS_CONFIRM);
    op->confirm = (struct confirm){.items = &item, .count = 1};
    op_apply(op);
    op->confirm.items = NULL;
    assert_int_equal(row_number("avatars/1", "attempts"), 0);
    assert_int_equal(row_number("avatars/1", "claim"), 1);
    assert_string_equal(row_text("avatars/1", "error_class"), "");
}

static void confirm__as_done_moves_the_row_to_its_receipt(void **state)
{
    (void)state;
    user_add_with_avatar(ADA, "avatars/1");
    clear(ADA);
    int64_t asked = row_number("avatars/1", "created_at");
    confirm(row_claim("avatars/1"), CONFIRM_RETRY);
    struct confirmation item = finish("avatars/1");
    assert_true(item.finished);
    assert_false(item.user_gone);
    assert_false(row_exists("avatars/1"));
    assert_string_equal(sql_text("SELECT store_id FROM receipts"), STORE);
    assert_string_equal(sql_text("SELECT user_id FROM receipts"), ADA);
    assert_string_equal(sql_text("SELECT reason FROM receipts"), "replaced");
    assert_string_equal(sql_text("SELECT kind FROM receipts"), "done");
    assert_int_equal(sql_number("SELECT attempts FROM receipts"), 2);
    assert_int_equal(sql_number("SELECT status FROM receipts"), 204);
    assert_int_equal(sql_number("SELECT requested_at FROM receipts"), asked);
    assert_in_range(sql_number("SELECT finished_at FROM receipts"), asked, backlog_get().now);
}

static void confirm__under_an_older_claim_changes_nothing(void **state)
{
    (void)state;
    static const enum confirm_outcome outcomes[] = {CONFIRM_RETRY, CONFIRM_BLOCKED};
    deletion_leave(ADA, "avatars/1");
    const struct deletion *older = row_claim("avatars/1");
    row_end_lease("avatars/1");
    row_claim("avatars/1");
    int64_t leased_until = row_number("avatars/1", "leased_until");
    for (size_t i = 0; i < COUNT_OF(outcomes); i++) {
        assert_false(confirm(older, outcomes[i]).applied);
        assert_int_equal(row_number("avatars/1", "leased_until"), leased_until);
        assert_int_equal(row_number("avatars/1", "attempts"), 0);
        assert_string_equal(row_text("avatars/1", "state"), "pending");
    }
}

/* R5: a once-used key that is absent stays absent, whoever has the claim by now. */
static void confirm__as_done_of_a_final_row_needs_no_fence(void **state)
{
    (void)state;
    deletion_leave(ADA, "avatars/1");
    const struct deletion *older = row_claim("avatars/1");
    row_end_lease("avatars/1");
    const struct deletion *newer = row_claim("avatars/1");
    assert_true(confirm(older, CONFIRM_DONE).finished);
    assert_false(confirm(newer, CONFIRM_DONE).applied);
    assert_false(confirm(newer, CONFIRM_RETRY).applied);
    assert_int_equal(receipts_count("avatars/1"), 1);
}

static const struct deletion *first_look_claim(void)
{
    user_add(ADA);
    guard_add(ADA, "avatars/1");
    row_make_due("avatars/1");
    return row_claim("avatars/1");
}

/* R15: what was seen at the first look says nothing about the day after it. */
static void confirm__of_the_first_look_is_never_taken_for_the_second(void **state)
{
    (void)state;
    static const enum confirm_outcome outcomes[] = {CONFIRM_DONE, CONFIRM_RETRY,
                                                    CONFIRM_BLOCKED};
    const struct deletion *first = first_look_claim();
    confirm(first, CONFIRM_DONE);
    for (size_t i = 0; i < COUNT_OF(outcomes); i++)
        assert_false(confirm(first, outcomes[i]).applied);
    row_make_due("avatars/1");
    const struct deletion *second = row_claim("avatars/1");
    assert_int_equal(second->look, LOOK_SECOND);
    for (size_t i = 0; i < COUNT_OF(outcomes); i++)
        assert_false(confirm(first, outcomes[i]).applied);
    assert_int_equal(receipts_count("avatars/1"), 0);
    assert_true(confirm(second, CONFIRM_DONE).finished);
}

static void confirm__of_a_first_look_needs_the_fence(void **state)
{
    (void)state;
    const struct deletion *older = first_look_claim();
    row_end_lease("avatars/1");
    const struct deletion *newer = row_claim("avatars/1");
    assert_false(confirm(older, CONFIRM_DONE).applied);
    assert_string_equal(row_text("avatars/1", "look"), "first");
    assert_true(confirm(newer, CONFIRM_DONE).applied);
    assert_string_equal(row_text("avatars/1", "look"), "second");
}

static void confirm__failed_at_the_second_look_stays_at_it(void **state)
{
    (void)state;
    confirm(first_look_claim(), CONFIRM_DONE);
    row_make_due("avatars/1");
    assert_true(confirm(row_claim("avatars/1"), CONFIRM_BLOCKED).applied);
    assert_string_equal(row_text("avatars/1", "look"), "second");
    assert_true(finish("avatars/1").finished);
}

/* D5: DELETE … RETURNING comes first, so a repeat finds nothing to write a receipt from. */
static void confirm__repeated_writes_no_second_receipt(void **state)
{
    (void)state;
    user_add_with_avatar(ADA, "avatars/1");
    mark(ADA);
    struct confirmation items[2] = {{.row = row_claim("avatars/1"), .outcome = CONFIRM_DONE}};
    items[1] = items[0];
    struct repository_op *op = op_new(DELETIONS_CONFIRM);
    op->confirm = (struct confirm){.items = items, .count = 2};
    op_apply(op);
    assert_true(items[0].applied && items[0].user_gone);
    assert_false(items[1].applied || items[1].finished || items[1].user_gone);
    op_apply(op);
    assert_false(items[0].applied || items[1].applied);
    op->confirm.items = NULL;
    assert_int_equal(receipts_count("avatars/1"), 1);
    assert_int_equal(sql_number("SELECT count(*) FROM user_receipts"), 1);
}

/* D13: the same key deleted once more by hand is one more receipt, not an error. */
static void confirm__of_a_key_with_a_receipt_writes_another(void **state)
{
    (void)state;
    deletion_leave(ADA, "avatars/1");
    finish("avatars/1");
    deletion_leave(ADA, "avatars/1");
    assert_true(finish("avatars/1").finished);
    assert_int_equal(receipts_count("avatars/1"), 2);
    assert_int_equal(sql_number("SELECT count(*) FROM user_receipts"), 1);
}

static void user__goes_with_the_last_of_its_deletions(void **state)
{
    (void)state;
    static const char *const keys[] = {"avatars/1", "avatars/2", "avatars/3"};
    user_add(ADA);
    for (size_t i = 0; i < COUNT_OF(keys); i++)
        avatar_give(ADA, keys[i]);
    mark(ADA);
    for (size_t i = 0; i < COUNT_OF(keys); i++) {
        assert_int_equal(erasure_get(ADA).state, ERASURE_PENDING);
        assert_int_equal(sql_number("SELECT count(*) FROM users"), 1);
        assert_int_equal(finish(keys[i]).user_gone, i + 1 == COUNT_OF(keys));
    }
    assert_int_equal(sql_number("SELECT count(*) FROM users"), 0);
    assert_int_equal(erasure_get(ADA).state, ERASURE_DELETED);
}

/* R3: the row of the one that the user points at is finished first. */
static void user__stays_while_an_older_avatar_is_left(void **state)
{
    (void)state;
    user_add_with_avatar(ADA, "avatars/1");
    avatar_give(ADA, "avatars/2");
    mark(ADA);
    assert_false(finish("avatars/2").user_gone);
    assert_int_equal(sql_number("SELECT count(*) FROM users WHERE avatar_key IS NULL"), 1);
    assert_int_equal(sql_number("SELECT count(*) FROM user_receipts"), 0);
    assert_true(finish("avatars/1").user_gone);
    assert_int_equal(sql_number("SELECT count(*) FROM users"), 0);
}

static void user__has_a_receipt_that_says_when_it_was_asked_for(void **state)
{
    (void)state;
    user_add_with_avatar(ADA, "avatars/1");
    mark(ADA);
    sql("UPDATE users SET deletion_requested_at = 4711");
    assert_true(finish("avatars/1").user_gone);
    assert_int_equal(erasure_get(ADA).requested_at, 4711);
}

/* A row that somebody wrote by hand may say that it is another's. */
static void pointer__goes_with_its_object_whoever_the_row_is_said_to_belong_to(void **state)
{
    (void)state;
    user_add_with_avatar(ADA, "avatars/1");
    user_add(BOB);
    mark(ADA);
    sql("UPDATE users SET avatar_should_be_deleted = %s WHERE id = '" BOB "'",
        database_is_shared() ? "true" : "1");
    sql("UPDATE deletions SET user_id = '" BOB "' WHERE key = 'avatars/1'");
    assert_true(finish("avatars/1").user_gone);
    assert_int_equal(sql_number("SELECT count(*) FROM users WHERE avatar_key IS NOT NULL"), 0);
}

/* R11: two confirms in one batch; the one that comes last sees that nothing is left. */
static void user__goes_when_two_confirms_meet(void **state)
{
    (void)state;
    user_add_with_avatar(ADA, "avatars/1");
    avatar_give(ADA, "avatars/2");
    mark(ADA);
    struct confirmation one = {.row = row_claim("avatars/1"), .outcome = CONFIRM_DONE};
    struct confirmation two = {.row = row_claim("avatars/2"), .outcome = CONFIRM_DONE};
    struct repository_op *batch[] = {op_new(DELETIONS_CONFIRM), op_new(DELETIONS_CONFIRM)};
    batch[0]->confirm = (struct confirm){.items = &one, .count = 1};
    batch[1]->confirm = (struct confirm){.items = &two, .count = 1};
    ops_apply(batch, 2);
    batch[0]->confirm.items = batch[1]->confirm.items = NULL;
    assert_false(one.user_gone);
    assert_true(two.user_gone);
    assert_int_equal(erasure_get(ADA).state, ERASURE_DELETED);
}

static void user__stays_while_a_failed_upload_waits_for_its_second_look(void **state)
{
    (void)state;
    user_add_with_avatar(ADA, "avatars/1");
    guard_add(ADA, "avatars/2");
    mark(ADA);
    assert_false(finish("avatars/1").user_gone);
    row_make_due("avatars/2");
    assert_false(finish("avatars/2").finished);
    assert_int_equal(erasure_get(ADA).state, ERASURE_PENDING);
    row_make_due("avatars/2");
    assert_true(finish("avatars/2").user_gone);
    assert_int_equal(erasure_get(ADA).state, ERASURE_DELETED);
}

static void user__who_is_live_stays_when_an_old_avatar_goes(void **state)
{
    (void)state;
    user_add_with_avatar(ADA, "avatars/1");
    avatar_give(ADA, "avatars/2");
    assert_false(finish("avatars/1").user_gone);
    assert_int_equal(op_read(user_op(USER_GET, ADA))->outcome, REPOSITORY_OK);
    assert_int_equal(sql_number("SELECT count(*) FROM user_receipts"), 0);
}

/* R3: a row that was restored under the same id is somebody live. */
static void user__restored_under_its_old_id_survives_the_old_deletion(void **state)
{
    (void)state;
    user_add_with_avatar(ADA, "avatars/1");
    sql("DELETE FROM users");
    user_add(ADA);
    assert_false(finish("avatars/1").user_gone);
    assert_int_equal(op_read(user_op(USER_GET, ADA))->outcome, REPOSITORY_OK);
    assert_int_equal(sql_number("SELECT count(*) FROM user_receipts"), 0);
}

static void user__marked_with_another_key_stays_until_that_is_gone_too(void **state)
{
    (void)state;
    user_add_with_avatar(ADA, "avatars/1");
    mark(ADA);
    sql("UPDATE users SET avatar_key = 'avatars/2'");
    assert_false(finish("avatars/1").user_gone);
    assert_int_equal(erasure_get(ADA).state, ERASURE_PENDING);
}

/* R2: the confirm clears the pointer itself, or the delete trigger would write the key again.
 */
static void user__that_is_gone_leaves_no_row_behind(void **state)
{
    (void)state;
    user_add_with_avatar(ADA, "avatars/1");
    mark(ADA);
    assert_true(finish("avatars/1").user_gone);
    assert_int_equal(sql_number("SELECT count(*) FROM deletions"), 0);
    assert_int_equal(receipts_count("avatars/1"), 1);
    assert_int_equal(marked_finish(), 0);
    assert_int_equal(sql_number("SELECT count(*) FROM deletions"), 0);
}

/* R12: a marked user is work by itself. */
static void marked__by_hand_without_an_avatar_is_finished(void **state)
{
    (void)state;
    user_add(ADA);
    user_add_with_avatar(BOB, "avatars/1");
    user_add(EVE);
    sql("UPDATE users SET avatar_should_be_deleted = true WHERE id <> '%s'", EVE);
    assert_int_equal(backlog_get().marked, 2);
    assert_int_equal(marked_finish(), 1);
    assert_int_equal(erasure_get(ADA).state, ERASURE_DELETED);
    assert_int_equal(erasure_get(BOB).state, ERASURE_PENDING);
    assert_int_equal(op_read(user_op(USER_GET, EVE))->outcome, REPOSITORY_OK);
    assert_int_equal(marked_finish(), 0);
}

static void marked__are_looked_at_so_many_at_a_time(void **state)
{
    (void)state;
    user_add(ADA);
    user_add_with_avatar(BOB, "avatars/1");
    user_add(EVE);
    sql("UPDATE users SET avatar_should_be_deleted = true");
    static const struct {
        const char *after;
        int64_t limit, finished;
        bool more;
        const char *last;
    } steps[] = {
        {"", 1, 1, true, ADA},   {ADA, 1, 0, true, BOB}, {BOB, 1, 1, true, EVE},
        {EVE, 1, 0, false, EVE}, {"", 2, 0, false, BOB},
    };
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        struct repository_op *op = op_new(MARKED_FINISH);
        snprintf(op->cursor, sizeof op->cursor, "%s", steps[i].after);
        op->limit = steps[i].limit;
        assert_int_equal(op_apply(op), REPOSITORY_OK);
        assert_int_equal(op->matched, steps[i].finished);
        assert_int_equal(op->more, steps[i].more);
        if (op->more)
            assert_string_equal(op->key, steps[i].last);
        assert_string_equal(op->cursor, steps[i].after);
    }
    assert_int_equal(erasure_get(EVE).state, ERASURE_DELETED);
}

static void marked__whose_deletion_was_lost_by_hand_gets_it_again(void **state)
{
    (void)state;
    user_add_with_avatar(ADA, "avatars/1");
    mark(ADA);
    sql("DELETE FROM deletions");
    assert_int_equal(marked_finish(), 0);
    assert_true(row_exists("avatars/1"));
    assert_int_equal(erasure_get(ADA).state, ERASURE_PENDING);
    assert_true(finish("avatars/1").user_gone);
}

static void marked__is_never_gone_while_it_points_at_an_object(void **state)
{
    (void)state;
    user_add_with_avatar(ADA, "avatars/1");
    avatar_give(ADA, "avatars/2");
    mark(ADA);
    sql("DELETE FROM deletions WHERE key = 'avatars/2'");
    assert_false(finish("avatars/1").user_gone);
    assert_int_equal(sql_number("SELECT count(*) FROM user_receipts"), 0);
    marked_finish();
    assert_true(finish("avatars/2").user_gone);
}

/* So many that no statement takes them all. */
#define CROWD   150
#define CLEARED "01900000-0000-7000-8000-000000000210"

/* Marked users with an avatar each, who are to go together. */
static void crowd_leave(void)
{
    sql("INSERT INTO users (id, first_name, last_name, user_name, email, created_at, "
        "updated_at, avatar_key, avatar_store_id) WITH RECURSIVE n (i) AS (SELECT 100 UNION "
        "ALL SELECT i + 1 FROM n WHERE i < 99 + %d) SELECT '01900000-0000-7000-8000-000000000' "
        "|| i, 'x', 'x', 'x', 'x@x.x', 1, 1, 'avatars/1' || i, '" STORE "' FROM n",
        CROWD);
    sql("UPDATE users SET avatar_should_be_deleted = true, deletion_requested_at = 7 "
        "WHERE first_name = 'x'");
}

/* Of all that is due: done, but for one; and one of them twice. How many users are gone? */
static int page_confirm(const char *but)
{
    const struct claim *page = claim((struct claim){.kind = CLAIM_DUE, .limit = 2 * CROWD});
    struct confirmation items[CROWD + 4] = {0};
    size_t count = page->claimed.count;
    assert_int_equal(count, CROWD + 3);
    for (size_t i = 0; i < count + 1; i++) {
        const struct deletion *row = &page->claimed.rows[i < count ? i : count - 10];
        bool is_done = strcmp(row->key, but) != 0;
        items[i] = (struct confirmation){.row = row,
                                         .outcome = is_done ? CONFIRM_DONE : CONFIRM_RETRY,
                                         .delay_ms = DELAY_MS,
                                         .status = 204};
    }
    struct repository_op *op = op_new(DELETIONS_CONFIRM);
    op->confirm = (struct confirm){.items = items, .count = count + 1};
    assert_int_equal(op_apply(op), REPOSITORY_OK);
    op->confirm.items = NULL;
    assert_false(items[count].finished || items[count].applied);
    int gone = 0;
    for (size_t i = 0; i < count; i++) {
        assert_true(items[i].applied);
        assert_int_equal(items[i].finished, strcmp(items[i].row->key, but) != 0);
        gone += items[i].user_gone;
    }
    return gone;
}

/* A page comes to what its rows would come to one by one: the rules are those of each. */
static void page__of_many_users_leaves_each_one_receipt(void **state)
{
    (void)state;
    crowd_leave();
    user_add_with_avatar(ADA, "avatars/a");
    avatar_give(ADA, "avatars/b");
    mark(ADA);
    user_add_with_avatar(BOB, "avatars/c");
    avatar_give(BOB, "avatars/d");
    user_add_with_avatar(EVE, "avatars/e");
    mark(EVE);
    /* A row that somebody wrote by hand may say that it is another's. */
    sql("UPDATE users SET avatar_key = NULL, avatar_store_id = NULL WHERE id = '" CLEARED "'");
    sql("DELETE FROM deletions WHERE user_id = '" CLEARED "'");
    sql("UPDATE deletions SET user_id = '" CLEARED "' WHERE key = 'avatars/e'");
    assert_int_equal(page_confirm("avatars/1200"), CROWD);
    assert_int_equal(sql_number("SELECT count(*) FROM users"), 3);
    assert_int_equal(sql_number("SELECT count(*) FROM users WHERE avatar_key = 'avatars/e'"),
                     0);
    assert_int_equal(sql_number("SELECT count(*) FROM deletions"), 1);
    assert_int_equal(sql_number("SELECT count(*) FROM receipts"), CROWD + 2);
    assert_int_equal(sql_number("SELECT count(DISTINCT key) FROM receipts"), CROWD + 2);
    assert_int_equal(sql_number("SELECT count(*) FROM user_receipts"), CROWD);
    assert_int_equal(sql_number("SELECT count(*) FROM user_receipts WHERE requested_at = 7"),
                     CROWD - 1);
    assert_int_equal(erasure_get(ADA).state, ERASURE_DELETED);
    assert_int_equal(op_read(user_op(USER_GET, BOB))->outcome, REPOSITORY_OK);
    row_make_due("avatars/1200");
    assert_true(finish("avatars/1200").user_gone);
    assert_int_equal(sql_number("SELECT count(*) FROM users"), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CONTRACT(confirm__of_a_failed_try_puts_the_row_off),
        CONTRACT(confirm__as_blocked_keeps_a_time_to_try_again),
        CONTRACT(confirm__of_a_try_that_was_not_spent_counts_nothing),
        CONTRACT(confirm__as_done_moves_the_row_to_its_receipt),
        CONTRACT(confirm__under_an_older_claim_changes_nothing),
        CONTRACT(confirm__as_done_of_a_final_row_needs_no_fence),
        CONTRACT(confirm__of_the_first_look_is_never_taken_for_the_second),
        CONTRACT(confirm__of_a_first_look_needs_the_fence),
        CONTRACT(confirm__failed_at_the_second_look_stays_at_it),
        CONTRACT(confirm__repeated_writes_no_second_receipt),
        CONTRACT(confirm__of_a_key_with_a_receipt_writes_another),
        CONTRACT(user__goes_with_the_last_of_its_deletions),
        CONTRACT(user__stays_while_an_older_avatar_is_left),
        CONTRACT(user__has_a_receipt_that_says_when_it_was_asked_for),
        CONTRACT(pointer__goes_with_its_object_whoever_the_row_is_said_to_belong_to),
        CONTRACT(user__goes_when_two_confirms_meet),
        CONTRACT(user__stays_while_a_failed_upload_waits_for_its_second_look),
        CONTRACT(user__who_is_live_stays_when_an_old_avatar_goes),
        CONTRACT(user__restored_under_its_old_id_survives_the_old_deletion),
        CONTRACT(user__marked_with_another_key_stays_until_that_is_gone_too),
        CONTRACT(user__that_is_gone_leaves_no_row_behind),
        CONTRACT(page__of_many_users_leaves_each_one_receipt),
        CONTRACT(marked__by_hand_without_an_avatar_is_finished),
        CONTRACT(marked__are_looked_at_so_many_at_a_time),
        CONTRACT(marked__whose_deletion_was_lost_by_hand_gets_it_again),
        CONTRACT(marked__is_never_gone_while_it_points_at_an_object),
    };
    return cmocka_run_group_tests_name("repository: confirms", tests, NULL, NULL);
}
