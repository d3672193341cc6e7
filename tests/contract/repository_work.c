/* The work as it is listed, counted, retried, reopened and handed over: C3, M3, R4, R13. */
#include "contract/repository_support.h"

#include <stdio.h>
#include <string.h>

#define COPY(to, from) snprintf((to), sizeof(to), "%s", (from))

static void blocked_leave(const char *key, const char *store_id, const char *error_class)
{
    deletion_leave(ADA, key);
    sql("UPDATE deletions SET store_id = '%s', state = 'blocked', error_class = '%s', "
        "due_at = 4102444800000 WHERE key = '%s'",
        store_id, error_class, key);
}

static bool is_due(const char *key)
{
    return row_number(key, "due_at") <= backlog_get().now && *row_text(key, "state") == 'p';
}

static void unblock__makes_one_class_of_one_store_due(void **state)
{
    (void)state;
    blocked_leave("k/1", STORE, "AccessDenied");
    blocked_leave("k/2", STORE, "AccessDenied");
    blocked_leave("k/3", STORE, "ObjectLocked");
    blocked_leave("k/4", OTHER_STORE, "AccessDenied");
    struct repository_op *op = op_new(DELETIONS_UNBLOCK);
    COPY(op->store_id, STORE);
    COPY(op->error_class, "AccessDenied");
    assert_int_equal(op_apply(op), REPOSITORY_OK);
    assert_int_equal(op->matched, 2);
    assert_true(is_due("k/1") && is_due("k/2"));
    assert_false(is_due("k/3") || is_due("k/4"));
}

static void unblock__keeps_to_the_rows_not_before(void **state)
{
    (void)state;
    blocked_leave("k/1", STORE, "AccessDenied");
    sql("UPDATE deletions SET not_before = 4102444800000");
    struct repository_op *op = op_new(DELETIONS_UNBLOCK);
    COPY(op->store_id, STORE);
    COPY(op->error_class, "AccessDenied");
    op_apply(op);
    assert_int_equal(row_number("k/1", "due_at"), INT64_C(4102444800000));
}

static void retry__takes_one_key_a_state_or_a_class(void **state)
{
    (void)state;
    static const struct {
        const char *key, *error_class;
        int filter_state;
        int64_t matched;
        bool due[4];
    } rows[] = {{"k/1", "", -1, 1, {true, false, false, false}},
                {"k/4", "", -1, 1, {false, false, false, true}},
                {"k/none", "", -1, 0, {false, false, false, false}},
                {"", "", DELETION_BLOCKED, 2, {true, true, false, false}},
                {"", "", DELETION_PENDING, 2, {false, false, true, true}},
                {"", "timeout", -1, 1, {false, false, true, false}},
                {"", "ObjectLocked", -1, 1, {false, true, false, false}}};
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        contract_renew(rows[i].key);
        blocked_leave("k/1", STORE, "AccessDenied");
        blocked_leave("k/2", STORE, "ObjectLocked");
        blocked_leave("k/3", STORE, "timeout");
        blocked_leave("k/4", STORE, "");
        sql("UPDATE deletions SET state = 'pending' WHERE key > 'k/2'");
        struct repository_op *op = op_new(DELETIONS_RETRY);
        COPY(op->key, rows[i].key);
        COPY(op->error_class, rows[i].error_class);
        op->filter_state = rows[i].filter_state;
        assert_int_equal(op_apply(op), REPOSITORY_OK);
        assert_int_equal(op->matched, rows[i].matched);
        for (int row = 0; row < 4; row++) {
            char key[] = {'k', '/', (char)('1' + row), '\0'};
            assert_int_equal(is_due(key), rows[i].due[row]);
        }
    }
}

static void retry__keeps_to_the_rows_not_before(void **state)
{
    (void)state;
    user_add(ADA);
    guard_add(ADA, "avatars/1");
    int64_t not_before = row_number("avatars/1", "not_before");
    struct repository_op *by_key = op_new(DELETIONS_RETRY), *by_state = op_new(DELETIONS_RETRY);
    COPY(by_key->key, "avatars/1");
    by_state->filter_state = DELETION_PENDING;
    op_apply(by_key);
    op_apply(by_state);
    assert_int_equal(row_number("avatars/1", "not_before"), not_before);
    assert_int_equal(row_number("avatars/1", "due_at"), not_before);
    assert_int_equal(claim((struct claim){.kind = CLAIM_DUE})->claimed.count, 0);
}

static struct repository_op *external_op(const char *key)
{
    struct repository_op *op = op_new(DELETION_ADD);
    COPY(op->key, key);
    COPY(op->store_id, STORE);
    return op;
}

static void external__is_nobodys_and_due_at_once(void **state)
{
    (void)state;
    assert_int_equal(op_apply(external_op("invoices/1.pdf")), REPOSITORY_OK);
    assert_string_equal(row_text("invoices/1.pdf", "reason"), "external");
    assert_string_equal(row_text("invoices/1.pdf", "user_id"), "");
    assert_true(is_due("invoices/1.pdf"));
    struct confirmation item = finish("invoices/1.pdf");
    assert_true(item.finished);
    assert_false(item.user_gone);
}

/* P3: the same key again is the same answer, and nothing new. */
static void external__handed_over_again_changes_nothing(void **state)
{
    (void)state;
    op_apply(external_op("invoices/1.pdf"));
    confirm(row_claim("invoices/1.pdf"), CONFIRM_BLOCKED);
    assert_int_equal(op_apply(external_op("invoices/1.pdf")), REPOSITORY_OK);
    assert_string_equal(row_text("invoices/1.pdf", "state"), "blocked");
    assert_int_equal(row_number("invoices/1.pdf", "claim"), 1);
    finish("invoices/1.pdf");
    assert_int_equal(op_apply(external_op("invoices/1.pdf")), REPOSITORY_OK);
    assert_false(row_exists("invoices/1.pdf"));
    assert_int_equal(receipts_count("invoices/1.pdf"), 1);
}

static struct repository_op *list(const char *cursor, int64_t limit, int filter_state,
                                  const char *error_class)
{
    struct repository_op *op = op_new(DELETION_LIST);
    COPY(op->cursor, cursor);
    COPY(op->error_class, error_class);
    op->limit = limit;
    op->filter_state = filter_state;
    return op_read(op);
}

static void list__pages_say_whether_another_follows(void **state)
{
    (void)state;
    static const struct {
        const char *cursor;
        int64_t limit;
        size_t count;
        bool more;
    } pages[] = {{"", 1, 1, true},     {"", 2, 2, true},    {"", 3, 3, false},
                 {"", 4, 3, false},    {"k/1", 1, 1, true}, {"k/1", 2, 2, false},
                 {"k/2", 1, 1, false}, {"k/3", 1, 0, false}};
    deletion_leave(ADA, "k/3");
    deletion_leave(BOB, "k/1");
    deletion_leave(EVE, "k/2");
    for (size_t i = 0; i < COUNT_OF(pages); i++) {
        struct repository_op *op = list(pages[i].cursor, pages[i].limit, -1, "");
        assert_int_equal(op->deletions.count, pages[i].count);
        assert_int_equal(op->more, pages[i].more);
        for (size_t row = 1; row < op->deletions.count; row++)
            assert_true(strcmp(op->deletions.rows[row - 1].key, op->deletions.rows[row].key) <
                        0);
    }
}

static void list__keeps_to_its_filters(void **state)
{
    (void)state;
    blocked_leave("k/1", STORE, "AccessDenied");
    blocked_leave("k/2", STORE, "ObjectLocked");
    deletion_leave(ADA, "k/3");
    assert_int_equal(list("", 10, DELETION_BLOCKED, "")->deletions.count, 2);
    assert_int_equal(list("", 10, DELETION_PENDING, "")->deletions.count, 1);
    struct repository_op *op = list("", 10, -1, "ObjectLocked");
    assert_int_equal(op->deletions.count, 1);
    assert_string_equal(op->deletions.rows[0].key, "k/2");
    assert_int_equal(op->deletions.rows[0].state, DELETION_BLOCKED);
    assert_string_equal(op->deletions.rows[0].error_class, "ObjectLocked");
    assert_int_equal(list("", 10, DELETION_PENDING, "ObjectLocked")->deletions.count, 0);
}

static void backlog__of_nothing_is_nothing(void **state)
{
    (void)state;
    struct backlog backlog = backlog_get();
    assert_int_equal(backlog.pending + backlog.blocked + backlog.scheduled + backlog.marked, 0);
    assert_int_equal(backlog.oldest_ms, 0);
    assert_int_equal(backlog.next_due_at, 0);
    assert_true(backlog.now > INT64_C(1700000000000));
}

/* C3: what waits for its time is no backlog, and does not age. */
static void backlog__counts_guards_and_second_looks_apart(void **state)
{
    (void)state;
    user_add(ADA);
    guard_add(ADA, "avatars/1");
    guard_add(ADA, "avatars/2");
    row_make_due("avatars/2");
    finish("avatars/2");
    sql("UPDATE deletions SET created_at = 1");
    struct backlog backlog = backlog_get();
    assert_int_equal(backlog.scheduled, 2);
    assert_int_equal(backlog.pending, 0);
    assert_int_equal(backlog.oldest_ms, 0);
    assert_int_equal(backlog.next_due_at, row_number("avatars/1", "due_at"));
}

static void backlog__ages_from_the_time_a_row_could_be_tried(void **state)
{
    (void)state;
    deletion_leave(ADA, "k/1");
    blocked_leave("k/2", STORE, "AccessDenied");
    user_add(ADA);
    guard_add(ADA, "avatars/1");
    int64_t now = backlog_get().now;
    sql("UPDATE deletions SET created_at = %lld WHERE key = 'k/1'", (long long)(now - 5000));
    sql("UPDATE deletions SET created_at = %lld WHERE key = 'k/2'", (long long)(now - 9000));
    struct backlog backlog = backlog_get();
    assert_int_equal(backlog.pending, 1);
    assert_int_equal(backlog.blocked, 1);
    assert_int_equal(backlog.scheduled, 1);
    assert_in_range(backlog.oldest_ms, 9000, 69000);
    sql("UPDATE deletions SET not_before = %lld, created_at = 1 WHERE key = 'avatars/1'",
        (long long)(now - 2000));
    assert_in_range(backlog_get().oldest_ms, 9000, 69000);
    assert_int_equal(backlog_get().pending, 2);
}

/* I: unfinished work never expires, however old it is and however often it failed. */
static void backlog__never_forgets_a_row(void **state)
{
    (void)state;
    deletion_leave(ADA, "k/1");
    sql("UPDATE deletions SET attempts = 1000000, claim = 1000000");
    driver_close();
    driver_open();
    confirm(row_claim("k/1"), CONFIRM_RETRY);
    assert_int_equal(row_number("k/1", "attempts"), 1000001);
    assert_int_equal(backlog_get().pending, 1);
    assert_true(finish("k/1").finished);
}

static int64_t reopen(const char *store_id, int64_t since)
{
    struct repository_op *op = op_new(RECEIPTS_REOPEN);
    COPY(op->store_id, store_id);
    op->since = since;
    assert_int_equal(op_apply(op), REPOSITORY_OK);
    return op->matched;
}

static int64_t corrected_count(void)
{
    return sql_number("SELECT count(*) FROM receipts WHERE kind = 'corrected'");
}

/* M3: the store was not ours; what it said is taken back, and done again. */
static void reopen__makes_receipts_work_again(void **state)
{
    (void)state;
    user_add_with_avatar(ADA, "avatars/1");
    mark(ADA);
    for (int i = 0; i < 3; i++) {
        row_claim("avatars/1");
        row_end_lease("avatars/1");
    }
    int64_t claimed = row_number("avatars/1", "claim");
    finish("avatars/1");
    int64_t deleted_at = erasure_get(ADA).deleted_at;
    assert_int_equal(reopen(STORE, sql_number("SELECT finished_at FROM receipts")), 1);

    assert_string_equal(row_text("avatars/1", "user_id"), ADA);
    assert_string_equal(row_text("avatars/1", "reason"), "user");
    assert_string_equal(row_text("avatars/1", "store_id"), STORE);
    /* What is still on its way under an old claim changes nothing (R6). */
    assert_true(row_number("avatars/1", "claim") > claimed);
    assert_int_equal(receipts_count("avatars/1"), 1);
    assert_int_equal(corrected_count(), 1);
    assert_int_equal(erasure_get(ADA).state, ERASURE_PENDING);
    assert_int_equal(sql_number("SELECT deleted_at FROM user_receipts"), deleted_at);
    assert_string_equal(sql_text("SELECT corrected_at FROM user_receipts"), "");

    sql("UPDATE user_receipts SET deleted_at = 7");
    assert_true(finish("avatars/1").user_gone);
    assert_int_equal(receipts_count("avatars/1"), 2);
    assert_int_equal(sql_number("SELECT count(*) FROM user_receipts"), 1);
    assert_int_equal(sql_number("SELECT deleted_at FROM user_receipts"), 7);
    assert_true(sql_number("SELECT corrected_at FROM user_receipts") >= deleted_at);
    assert_int_equal(erasure_get(ADA).state, ERASURE_DELETED);
    assert_true(erasure_get(ADA).deleted_at >= deleted_at);
}

static void reopen__leaves_other_stores_and_older_receipts(void **state)
{
    (void)state;
    static const char *const keys[] = {"k/1", "k/2", "k/3"};
    for (size_t i = 0; i < COUNT_OF(keys); i++) {
        deletion_leave(ADA, keys[i]);
        finish(keys[i]);
    }
    sql("UPDATE receipts SET finished_at = 1 WHERE key = 'k/1'");
    sql("UPDATE receipts SET store_id = '%s' WHERE key = 'k/2'", OTHER_STORE);
    assert_int_equal(reopen(STORE, 2), 1);
    assert_true(row_exists("k/3"));
    assert_false(row_exists("k/1") || row_exists("k/2"));
    assert_int_equal(corrected_count(), 1);
}

static void reopen__twice_takes_back_each_receipt_once(void **state)
{
    (void)state;
    deletion_leave(ADA, "k/1");
    finish("k/1");
    assert_int_equal(reopen(STORE, 1), 1);
    assert_int_equal(reopen(STORE, 1), 0);
    assert_int_equal(corrected_count(), 1);
    finish("k/1");
    assert_int_equal(reopen(STORE, 1), 1);
    assert_int_equal(corrected_count(), 2);
}

/* R6: also of a database whose clock was set back, and whose claims went on from a time. */
static void reopen__again_gives_claims_above_all_that_were_given(void **state)
{
    (void)state;
    int64_t given = backlog_get().now + INT64_C(86400000);
    deletion_leave(ADA, "k/1");
    finish("k/1");
    assert_int_equal(reopen(STORE, 1), 1);
    sql("UPDATE deletions SET claim = %lld", (long long)given);
    for (int i = 0; i < 3; i++) {
        finish("k/1");
        assert_int_equal(reopen(STORE, 1), 1);
        assert_true(row_number("k/1", "claim") > given);
        given = row_number("k/1", "claim");
    }
}

static void reopen__of_a_failed_upload_needs_one_look_only(void **state)
{
    (void)state;
    user_add(ADA);
    guard_add(ADA, "avatars/1");
    settle("avatars/1");
    finish("avatars/1");
    assert_int_equal(reopen(STORE, 1), 1);
    assert_string_equal(row_text("avatars/1", "look"), "second");
    assert_true(finish("avatars/1").finished);
}

static void reopen__keeps_a_user_who_was_about_to_go(void **state)
{
    (void)state;
    user_add_with_avatar(ADA, "avatars/1");
    avatar_give(ADA, "avatars/2");
    mark(ADA);
    finish("avatars/1");
    reopen(STORE, 1);
    assert_false(finish("avatars/2").user_gone);
    assert_true(finish("avatars/1").user_gone);
}

/* C2: of users and of keys, whoever finished them. */
static void watch__tells_what_is_finished(void **state)
{
    (void)state;
    static const char *const subjects[] = {ADA,         "avatars/1", BOB,
                                           "avatars/2", EVE,         "avatars/9"};
    bool finished[COUNT_OF(subjects)];
    user_add_with_avatar(ADA, "avatars/1");
    user_add_with_avatar(BOB, "avatars/2");
    clear(BOB);
    struct repository_op *op = op_new(FINISHED_FIND);
    op->watch =
        (struct watch){.subjects = subjects, .count = COUNT_OF(subjects), .finished = finished};
    const bool before[] = {false, true, false, false, true, true};
    op_read(op);
    assert_memory_equal(finished, before, sizeof before);

    mark(ADA);
    finish("avatars/1");
    finish("avatars/2");
    const bool after[] = {true, true, false, true, true, true};
    op_read(op);
    assert_memory_equal(finished, after, sizeof after);

    deletion_leave(EVE, "avatars/9");
    const bool later[] = {true, true, false, true, false, false};
    op_read(op);
    assert_memory_equal(finished, later, sizeof later);
}

static enum repository_outcome adopt(const char *store_id)
{
    struct repository_op *op = op_new(STORE_ADOPT);
    COPY(op->store_id, store_id);
    return op_apply(op);
}

static enum repository_outcome adopt_after(const char *known, const char *store_id)
{
    struct repository_op *op = op_new(STORE_ADOPT);
    COPY(op->id, known);
    COPY(op->store_id, store_id);
    return op_apply(op);
}

static void store__gives_way_only_to_one_that_knows_it(void **state)
{
    (void)state;
    assert_int_equal(adopt(STORE), REPOSITORY_OK);
    assert_int_equal(adopt_after(STORE, OTHER_STORE), REPOSITORY_OK);
    assert_int_equal(adopt_after(STORE, OTHER_STORE), REPOSITORY_OK);
    assert_int_equal(adopt(STORE), REPOSITORY_CONFLICT);
    driver_close();
    driver_open();
    assert_string_equal(driver->store_id, OTHER_STORE);
    /* And back. */
    assert_int_equal(adopt_after(OTHER_STORE, STORE), REPOSITORY_OK);
    driver_close();
    driver_open();
    assert_string_equal(driver->store_id, STORE);
}

static void store__is_adopted_once_and_remembered(void **state)
{
    (void)state;
    char database_id[UUID_TEXT_SIZE];
    assert_string_equal(driver->store_id, "");
    COPY(database_id, driver->database_id);
    assert_int_equal(adopt(STORE), REPOSITORY_OK);
    assert_int_equal(adopt(STORE), REPOSITORY_OK);
    assert_int_equal(adopt(OTHER_STORE), REPOSITORY_CONFLICT);
    driver_close();
    driver_open();
    assert_string_equal(driver->store_id, STORE);
    assert_string_equal(driver->database_id, database_id);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CONTRACT(unblock__makes_one_class_of_one_store_due),
        CONTRACT(unblock__keeps_to_the_rows_not_before),
        CONTRACT(retry__takes_one_key_a_state_or_a_class),
        CONTRACT(retry__keeps_to_the_rows_not_before),
        CONTRACT(external__is_nobodys_and_due_at_once),
        CONTRACT(external__handed_over_again_changes_nothing),
        CONTRACT(list__pages_say_whether_another_follows),
        CONTRACT(list__keeps_to_its_filters),
        CONTRACT(watch__tells_what_is_finished),
        CONTRACT(backlog__of_nothing_is_nothing),
        CONTRACT(backlog__counts_guards_and_second_looks_apart),
        CONTRACT(backlog__ages_from_the_time_a_row_could_be_tried),
        CONTRACT(backlog__never_forgets_a_row),
        CONTRACT(reopen__makes_receipts_work_again),
        CONTRACT(reopen__leaves_other_stores_and_older_receipts),
        CONTRACT(reopen__twice_takes_back_each_receipt_once),
        CONTRACT(reopen__again_gives_claims_above_all_that_were_given),
        CONTRACT(reopen__of_a_failed_upload_needs_one_look_only),
        CONTRACT(reopen__keeps_a_user_who_was_about_to_go),
        CONTRACT(store__is_adopted_once_and_remembered),
        CONTRACT(store__gives_way_only_to_one_that_knows_it),
    };
    return cmocka_run_group_tests_name("repository: work", tests, NULL, NULL);
}
