/* Several processes on one database, and a shell beside them. */
#include "base/clock.h"
#include "contract/postgres_background.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define LOCK_ADA "SELECT 1 FROM users WHERE id = '" ADA "' FOR UPDATE"

static struct repository_op *confirm_op(const struct deletion *row, struct confirmation *item)
{
    *item = (struct confirmation){.row = row, .outcome = CONFIRM_DONE, .status = 204};
    struct repository_op *op = op_new(DELETIONS_CONFIRM);
    op->confirm = (struct confirm){.items = item, .count = 1, .second_look_ms = SECOND_LOOK_MS};
    return op;
}

/* Two operations meet at a row that a shell has locked, and go on at once. */
static void ops_race(struct repository_op *one, struct repository_op *other)
{
    struct repository_driver *another = driver_open_another();
    struct background first = {.ops = {one}, .count = 1}, second = {.ops = {other}, .count = 1};
    PGconn *shell = shell_begin(LOCK_ADA);
    background_start(&first, driver);
    lock_await(1);
    background_start(&second, another);
    lock_await(2);
    shell_commit(shell);
    background_join(&first);
    background_join(&second);
    another->close(another);
}

/* R11: each removes one of the last two keys; the later one must see that none is left. */
static void confirm__of_the_last_two_keys_at_once_removes_the_user(void **state)
{
    (void)state;
    user_add_with_avatar(ADA, "avatars/1");
    avatar_give(ADA, "avatars/2");
    mark(ADA);
    struct confirmation items[2];
    ops_race(confirm_op(row_claim("avatars/1"), &items[0]),
             confirm_op(row_claim("avatars/2"), &items[1]));
    assert_true(items[0].finished && items[1].finished);
    assert_int_equal(items[0].user_gone + items[1].user_gone, 1);
    assert_int_equal(sql_number("SELECT count(*) FROM users"), 0);
    assert_int_equal(sql_number("SELECT count(*) FROM user_receipts"), 1);
}

/* The same of a user whose row is gone already, so that nobody can lock it. */
static void
confirm__of_the_last_two_keys_of_who_was_deleted_by_hand_writes_the_receipt(void **state)
{
    (void)state;
    user_add_with_avatar(ADA, "avatars/1");
    avatar_give(ADA, "avatars/2");
    sql("DELETE FROM users");
    struct confirmation items[2];
    struct repository_driver *another = driver_open_another();
    struct background first = {.count = 1}, second = {.count = 1};
    first.ops[0] = confirm_op(row_claim("avatars/1"), &items[0]);
    second.ops[0] = confirm_op(row_claim("avatars/2"), &items[1]);
    PGconn *shell = shell_begin("LOCK TABLE user_receipts IN SHARE MODE");
    background_start(&first, driver);
    lock_await(1);
    background_start(&second, another);
    lock_await(2);
    shell_commit(shell);
    background_join(&first);
    background_join(&second);
    another->close(another);
    assert_true(items[0].finished && items[1].finished);
    assert_int_equal(items[0].user_gone + items[1].user_gone, 1);
    assert_int_equal(sql_number("SELECT count(*) FROM user_receipts"), 1);
}

/* M2: what is not confirmed is free for whoever claims it, however long a confirm takes. */
static void confirm__of_one_key_of_who_is_gone_leaves_the_others_to_a_sweep(void **state)
{
    (void)state;
    user_add_with_avatar(ADA, "avatars/1");
    avatar_give(ADA, "avatars/2");
    sql("DELETE FROM users");
    struct confirmation item;
    struct background first = {.count = 1};
    first.ops[0] = confirm_op(row_claim("avatars/1"), &item);
    PGconn *shell = shell_begin("LOCK TABLE receipts IN SHARE MODE");
    background_start(&first, driver);
    lock_await(1);
    struct repository_driver *another = driver_open_another();
    struct repository_op *sweep = op_new(DELETIONS_CLAIM);
    sweep->claim =
        (struct claim){.kind = CLAIM_SWEEP, .limit = 10, .lease_ms = LEASE_MS, .after_key = ""};
    another->apply(another, &sweep, 1);
    shell_commit(shell);
    background_join(&first);
    another->close(another);
    assert_true(item.finished);
    assert_int_equal(sweep->outcome, REPOSITORY_OK);
    assert_true(claim_has(&sweep->claim, "avatars/2"));
}

/* D5 */
static void confirm__sent_twice_at_once_writes_one_receipt(void **state)
{
    (void)state;
    user_add_with_avatar(ADA, "avatars/1");
    mark(ADA);
    const struct deletion *row = row_claim("avatars/1");
    struct confirmation items[2];
    ops_race(confirm_op(row, &items[0]), confirm_op(row, &items[1]));
    assert_int_equal(items[0].applied + items[1].applied, 1);
    assert_int_equal(receipts_count("avatars/1"), 1);
}

/* R1: whoever comes first, no object is lost, and no guard without an answer. */
static void attach__behind_a_mark_keeps_the_guard(void **state)
{
    (void)state;
    user_add(ADA);
    guard_add(ADA, "avatars/1");
    struct repository_op *marking = user_op(USER_MARK, ADA);
    struct repository_op *attaching = attach_op(ADA, "avatars/1");
    ops_race(marking, attaching);
    assert_int_equal(attaching->outcome, REPOSITORY_NOT_FOUND);
    assert_int_equal(row_number("avatars/1", "claim"), 0);
    assert_string_equal(row_text("avatars/1", "reason"), "upload");
}

static void mark__behind_an_attach_schedules_the_new_object(void **state)
{
    (void)state;
    user_add(ADA);
    guard_add(ADA, "avatars/1");
    struct repository_op *marking = user_op(USER_MARK, ADA);
    struct repository_op *attaching = attach_op(ADA, "avatars/1");
    ops_race(attaching, marking);
    assert_int_equal(attaching->outcome, REPOSITORY_OK);
    assert_int_equal(marking->outcome, REPOSITORY_PENDING);
    assert_int_equal(marking->keys.count, 1);
    assert_string_equal(row_text("avatars/1", "reason"), "user");
}

/* R10: the pointer is taken from the row, not from what somebody read before. */
static void attach__behind_an_attach_schedules_the_first(void **state)
{
    (void)state;
    user_add_with_avatar(ADA, "avatars/0");
    guard_add(ADA, "avatars/1");
    guard_add(ADA, "avatars/2");
    struct repository_op *second = attach_op(ADA, "avatars/2");
    ops_race(attach_op(ADA, "avatars/1"), second);
    assert_true(row_exists("avatars/0") && row_exists("avatars/1"));
    assert_string_equal(second->keys.items[0], "avatars/1");
}

/* R9: the user is looked for after the lock, not before. */
static void guard__behind_a_removal_is_refused(void **state)
{
    (void)state;
    user_add(ADA);
    PGconn *shell = shell_begin("DELETE FROM users WHERE id = '" ADA "'");
    struct background guard = {.ops = {guard_op(ADA, "avatars/1")}, .count = 1};
    background_start(&guard, driver);
    lock_await(1);
    shell_commit(shell);
    background_join(&guard);
    assert_int_equal(guard.ops[0]->outcome, REPOSITORY_NOT_FOUND);
    assert_false(row_exists("avatars/1"));
    assert_int_equal(erasure_get(ADA).state, ERASURE_DELETED);
}

/* D6: the insert waits for the guard to go, and must look again for the pointer. */
static void hand_over__behind_an_attach_leaves_the_live_avatar_alone(void **state)
{
    (void)state;
    user_add(ADA);
    guard_add(ADA, "avatars/1");
    PGconn *shell = shell_begin("DELETE FROM deletions WHERE key = 'avatars/1'");
    shell_run(shell, "UPDATE users SET avatar_key = 'avatars/1', avatar_store_id = 'x'");
    struct repository_op *op = op_new(DELETION_ADD);
    memcpy(op->key, "avatars/1", sizeof "avatars/1");
    struct background add = {.ops = {op}, .count = 1};
    background_start(&add, driver);
    lock_await(1);
    shell_commit(shell);
    background_join(&add);
    assert_int_equal(op->outcome, REPOSITORY_OK);
    assert_false(row_exists("avatars/1"));
}

/* The audit's transaction, as far as it can come before the shell's. */
static struct repository_op *stray_race(const char *key, PGconn *shell)
{
    static struct audit_place place;
    static struct audit_save save;
    static const char *strays[1];
    sql("UPDATE audit SET state = 'running', id = '" ADA "', owner = '" BOB "'");
    strays[0] = key;
    save =
        (struct audit_save){.strays = strays, .stray_count = 1, .settled_ms = SECOND_LOOK_MS};
    place = (struct audit_place){.id = ADA, .state = AUDIT_RUNNING};
    struct repository_op *op = op_new(AUDIT_SAVE);
    memcpy(op->id, BOB, sizeof BOB);
    op->limit = LEASE_MS;
    op->place = &place;
    op->save = &save;
    struct background saving = {.ops = {op}, .count = 1};
    background_start(&saving, driver);
    lock_await(1);
    shell_commit(shell);
    background_join(&saving);
    assert_int_equal(op->outcome, REPOSITORY_OK);
    return op;
}

/* D6: the upload ends while the audit waits for its guard to go. */
static void stray__behind_an_attach_is_the_live_avatar_it_is(void **state)
{
    (void)state;
    user_add(ADA);
    guard_add(ADA, "avatars/1");
    PGconn *shell = shell_begin("DELETE FROM deletions WHERE key = 'avatars/1'");
    shell_run(shell, "UPDATE users SET avatar_key = 'avatars/1', avatar_store_id = 'x'");
    assert_int_equal(stray_race("avatars/1", shell)->matched, 0);
    assert_false(row_exists("avatars/1"));
}

/* Its deletion is confirmed while the audit waits for the row. */
static void stray__behind_a_confirm_is_gone(void **state)
{
    (void)state;
    deletion_leave(ADA, "avatars/1");
    PGconn *shell = shell_begin("DELETE FROM deletions WHERE key = 'avatars/1'");
    shell_run(shell, "INSERT INTO receipts (key, store_id, reason, kind, attempts, status, "
                     "requested_at, finished_at) VALUES ('avatars/1', 'x', 'user', 'done', 1, "
                     "204, 1, 9000000000000)");
    assert_int_equal(stray_race("avatars/1", shell)->matched, 0);
    assert_false(row_exists("avatars/1"));
    assert_int_equal(sql_number("SELECT count(*) FROM receipts WHERE kind = 'corrected'"), 0);
}

static void request__repeated_at_two_processes_at_once_makes_one_user(void **state)
{
    (void)state;
    user_add(EVE);
    struct repository_op *adds[2] = {user_op(USER_ADD, ADA), user_op(USER_ADD, BOB)};
    for (int i = 0; i < 2; i++) {
        memcpy(adds[i]->idempotency.key, "k", 2);
        memcpy(adds[i]->idempotency.body, "b", 2);
        adds[i]->idempotency.ttl_ms = SECOND_LOOK_MS;
    }
    PGconn *shell = shell_begin("INSERT INTO idempotency VALUES ('k', 'x', 'x', 1, 0)");
    struct repository_driver *another = driver_open_another();
    struct background first = {.ops = {adds[0]}, .count = 1};
    struct background second = {.ops = {adds[1]}, .count = 1};
    background_start(&first, driver);
    background_start(&second, another);
    lock_await(2);
    shell_run(shell, "ROLLBACK");
    PQfinish(shell);
    background_join(&first);
    background_join(&second);
    another->close(another);
    assert_int_equal(adds[0]->outcome + adds[1]->outcome, REPOSITORY_OK + REPOSITORY_REPEATED);
    assert_int_equal(sql_number("SELECT count(*) FROM users"), 2);
}

static void *claim_all(void *argument)
{
    struct background *background = argument;
    for (;;) {
        struct repository_op *op = background->ops[0];
        size_t before = op->claim.claimed.count;
        struct repository_op part = {
            .verb = DELETIONS_CLAIM,
            .claim = {.kind = CLAIM_DUE, .limit = 7, .lease_ms = LEASE_MS, .after_key = ""}};
        struct repository_op *ops[] = {&part};
        background->driver->apply(background->driver, ops, 1);
        for (size_t i = 0; i < part.claim.claimed.count; i++) {
            *deletions_extend(&op->claim.claimed) = part.claim.claimed.rows[i];
            part.claim.claimed.rows[i].key = NULL;
        }
        repository_op_deinit(&part);
        if (op->claim.claimed.count == before)
            return NULL;
    }
}

static void claims__of_two_processes_share_the_rows(void **state)
{
    (void)state;
    enum { ROWS = 500 };
    sql("INSERT INTO deletions (key, store_id, reason, created_at, not_before, due_at) "
        "SELECT 'avatars/' || n, '%s', 'external', 1, 1, n FROM generate_series(1, %d) AS n",
        STORE, ROWS);
    struct repository_driver *another = driver_open_another();
    struct background workers[2] = {
        {.driver = driver, .ops = {op_new(DELETIONS_CLAIM)}},
        {.driver = another, .ops = {op_new(DELETIONS_CLAIM)}},
    };
    for (int i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&workers[i].thread, NULL, claim_all, &workers[i]), 0);
    for (int i = 0; i < 2; i++)
        background_join(&workers[i]);
    another->close(another);
    size_t taken =
        workers[0].ops[0]->claim.claimed.count + workers[1].ops[0]->claim.claimed.count;
    assert_int_equal(taken, ROWS);
    assert_int_equal(sql_number("SELECT count(*) FROM deletions WHERE claim = 1"), ROWS);
}

/* D8: the users of a batch are locked in one order, whatever order they came in. */
static void batches__in_opposite_order_do_not_deadlock(void **state)
{
    (void)state;
    enum { USERS = 40, ROUNDS = 20 };
    struct repository_driver *another = driver_open_another();
    struct background batches[2] = {{.count = USERS}, {.count = USERS}};
    for (int i = 0; i < USERS; i++) {
        char id[UUID_TEXT_SIZE];
        snprintf(id, sizeof id, "01900000-0000-7000-8000-0000000001%02d", i);
        user_add(id);
        batches[0].ops[i] = user_op(USER_REPLACE, id);
        batches[1].ops[USERS - 1 - i] = user_op(USER_REPLACE, id);
    }
    for (int round = 0; round < ROUNDS; round++) {
        background_start(&batches[0], driver);
        background_start(&batches[1], another);
        background_join(&batches[0]);
        background_join(&batches[1]);
        for (int i = 0; i < USERS; i++) {
            assert_int_equal(batches[0].ops[i]->outcome, REPOSITORY_OK);
            assert_int_equal(batches[1].ops[i]->outcome, REPOSITORY_OK);
        }
    }
    another->close(another);
    assert_int_equal(sql_number("SELECT min(version) FROM users"), 1 + 2 * ROUNDS);
    assert_int_equal(sql_number("SELECT deadlocks FROM pg_stat_database "
                                "WHERE datname = current_database()"),
                     0);
}

static void batch__with_a_row_that_somebody_sits_on_fails_there_alone(void **state)
{
    (void)state;
    user_add(ADA);
    user_add(BOB);
    PGconn *shell = shell_begin(LOCK_ADA);
    struct repository_op *ops[] = {user_op(USER_REPLACE, ADA), user_op(USER_REPLACE, BOB)};
    ops_apply(ops, 2);
    assert_int_equal(ops[0]->outcome, REPOSITORY_FAILED);
    assert_int_equal(ops[0]->error.class, ERROR_UNAVAILABLE);
    assert_int_equal(ops[1]->outcome, REPOSITORY_OK);
    shell_commit(shell);
    assert_int_equal(op_apply(user_op(USER_REPLACE, ADA)), REPOSITORY_OK);
}

/* D7 */
static void truncate__is_refused(void **state)
{
    (void)state;
    user_add_with_avatar(ADA, "avatars/1");
    assert_true(sql_is_refused("TRUNCATE users"));
    assert_true(sql_is_refused("TRUNCATE users CASCADE"));
    assert_int_equal(sql_number("SELECT count(*) FROM users"), 1);
}

static void triggers__work_where_ordinary_ones_are_silenced(void **state)
{
    (void)state;
    user_add_with_avatar(ADA, "avatars/1");
    user_add(BOB);
    sql("SET session_replication_role = replica; DELETE FROM users");
    assert_true(row_exists("avatars/1"));
    assert_int_equal(erasure_get(BOB).state, ERASURE_DELETED);
}

/* What applies another server's changes is such a session, and fires triggers of rows alone. */
static void triggers__of_rows_alone_do_where_ordinary_ones_are_silenced(void **state)
{
    (void)state;
    user_add_with_avatar(ADA, "avatars/1");
    user_add(BOB);
    sql("ALTER TABLE users DISABLE TRIGGER users_gone_together; "
        "SET session_replication_role = replica; DELETE FROM users");
    assert_true(row_exists("avatars/1"));
    assert_int_equal(erasure_get(BOB).state, ERASURE_DELETED);
}

/* A session keeps its plans: those that it made while the table was empty, for many users. */
static void triggers__read_no_others_deletions_whatever_was_planned(void **state)
{
    (void)state;
    sql("VACUUM (ANALYZE) deletions, users");
    int64_t read = sql_number(
        "INSERT INTO users (id, first_name, last_name, user_name, email, created_at, "
        "updated_at) SELECT n, n %% 8, 'x', 'x', 'x', 1, 1 FROM generate_series(1, 8000) AS n; "
        "DO $$ BEGIN FOR i IN 0..7 LOOP DELETE FROM users WHERE first_name = i::text; "
        "END LOOP; END $$; "
        "INSERT INTO deletions (key, store_id, user_id, reason, created_at, not_before, "
        "due_at) SELECT n, 'x', n, 'external', 1, 1, 1 FROM generate_series(1, 5000) AS n; "
        "INSERT INTO users (id, first_name, last_name, user_name, email, avatar_key, "
        "avatar_store_id, created_at, updated_at) VALUES "
        "('ada', 'Ada', 'x', 'x', 'x', 'ada', 'x', 1, 1); "
        "DELETE FROM users; SELECT (seq_tup_read + coalesce(idx_tup_fetch, 0))::bigint "
        "FROM pg_stat_xact_user_tables WHERE relname = 'deletions'");
    assert_in_range(read, 0, 100);
    assert_string_equal(row_text("ada", "user_id"), "ada");
}

static void triggers__do_not_trust_what_a_caller_puts_in_front(void **state)
{
    (void)state;
    user_add_with_avatar(ADA, "avatars/1");
    sql("CREATE TEMP TABLE deletions (LIKE deletions); CREATE TEMP TABLE gone (LIKE users); "
        "DELETE FROM users");
    assert_true(row_exists("avatars/1"));
}

static void triggers__need_no_rights_of_the_caller_on_deletions(void **state)
{
    (void)state;
    user_add_with_avatar(ADA, "avatars/1");
    sql("GRANT SELECT, DELETE ON users TO guarded; SET ROLE guarded; DELETE FROM users");
    assert_true(row_exists("avatars/1"));
    assert_true(sql_is_refused("SET ROLE guarded; DELETE FROM deletions"));
}

static int64_t seal(struct repository_driver *on)
{
    struct repository_op op = {.verb = RECEIPTS_SEAL}, *ops[] = {&op};
    snprintf(op.id, sizeof op.id, "%s", on->database_id);
    on->apply(on, ops, 1);
    assert_int_equal(op.outcome, REPOSITORY_OK);
    repository_op_deinit(&op);
    return op.matched;
}

/* The server has transactions of its own, which are waited for too. */
static int64_t seal_await(struct repository_driver *one, struct repository_driver *other)
{
    int64_t sealed = 0, until = clock_boot_ms() + 30000;
    while (!sealed && clock_boot_ms() < until) {
        sealed = seal(one) + seal(other);
        usleep(10000);
    }
    return sealed;
}

#define RECEIPT(key)                                                                           \
    "INSERT INTO receipts (key, store_id, reason, kind, attempts, status, requested_at, "      \
    "finished_at) VALUES ('" key "', '" STORE "', 'external', 'done', 1, 204, 1, 1)"

/* Whoever gets a number first may end last: nothing is sealed over its head. */
static void seal__waits_for_a_lower_number_under_way(void **state)
{
    (void)state;
    PGconn *slow = shell_begin(RECEIPT("k/slow"));
    sql(RECEIPT("k/quick"));
    int64_t early = 0;
    for (int step = 0; step < 8; step++)
        early += seal(driver);
    shell_commit(slow);
    assert_int_equal(early, 0);
    assert_int_equal(seal_await(driver, driver), 2);
    assert_int_equal(sql_number("SELECT max(number) FROM receipt_seals"), 1);
    assert_int_equal(sql_number("SELECT receipts_last FROM receipt_seals"),
                     sql_number("SELECT max(id) FROM receipts"));
}

static void seal__is_one_process_at_a_time(void **state)
{
    (void)state;
    sql(RECEIPT("k/1"));
    PGconn *other = shell_begin("SELECT pg_advisory_xact_lock(1180846691)");
    int64_t beside = 0;
    for (int step = 0; step < 8; step++)
        beside += seal(driver);
    shell_commit(other);
    assert_int_equal(beside, 0);
    struct repository_driver *another = driver_open_another();
    assert_int_equal(seal_await(driver, another), 1);
    for (int step = 0; step < 4; step++)
        assert_int_equal(seal(driver) + seal(another), 0);
    another->close(another);
}

/* A dump takes the transaction that was noted along; the new server's are far behind it. */
static void seal__goes_on_at_another_server(void **state)
{
    (void)state;
    sql(RECEIPT("k/1"));
    assert_int_equal(seal_await(driver, driver), 1);
    sql("UPDATE receipt_horizon SET xid = '9000000000000000000'");
    sql(RECEIPT("k/2"));
    assert_int_equal(seal_await(driver, driver), 1);
    assert_int_equal(sql_number("SELECT max(number) FROM receipt_seals"), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CONTRACT(confirm__of_the_last_two_keys_at_once_removes_the_user),
        CONTRACT(confirm__of_the_last_two_keys_of_who_was_deleted_by_hand_writes_the_receipt),
        CONTRACT(confirm__of_one_key_of_who_is_gone_leaves_the_others_to_a_sweep),
        CONTRACT(confirm__sent_twice_at_once_writes_one_receipt),
        CONTRACT(attach__behind_a_mark_keeps_the_guard),
        CONTRACT(mark__behind_an_attach_schedules_the_new_object),
        CONTRACT(attach__behind_an_attach_schedules_the_first),
        CONTRACT(guard__behind_a_removal_is_refused),
        CONTRACT(hand_over__behind_an_attach_leaves_the_live_avatar_alone),
        CONTRACT(stray__behind_an_attach_is_the_live_avatar_it_is),
        CONTRACT(stray__behind_a_confirm_is_gone),
        CONTRACT(request__repeated_at_two_processes_at_once_makes_one_user),
        CONTRACT(claims__of_two_processes_share_the_rows),
        CONTRACT(batches__in_opposite_order_do_not_deadlock),
        CONTRACT(batch__with_a_row_that_somebody_sits_on_fails_there_alone),
        CONTRACT(truncate__is_refused),
        CONTRACT(triggers__work_where_ordinary_ones_are_silenced),
        CONTRACT(triggers__of_rows_alone_do_where_ordinary_ones_are_silenced),
        CONTRACT(triggers__read_no_others_deletions_whatever_was_planned),
        CONTRACT(triggers__do_not_trust_what_a_caller_puts_in_front),
        CONTRACT(triggers__need_no_rights_of_the_caller_on_deletions),
        CONTRACT(seal__waits_for_a_lower_number_under_way),
        CONTRACT(seal__is_one_process_at_a_time),
        CONTRACT(seal__goes_on_at_another_server),
    };
    return cmocka_run_group_tests_name("repository: PostgreSQL, concurrency", tests, NULL,
                                       NULL);
}
