/* Connections that break, at any moment, and databases that cannot be opened. */
#include "contract/postgres_background.h"
#include "contract/postgres_proxy.h"

#include "base/clock.h"
#include "repository/postgres/postgres.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LOCK_ADA "SELECT 1 FROM users WHERE id = '" ADA "' FOR UPDATE"

/* All other connections of this database are ended, as by an administrator. */
#define TERMINATE                                                                              \
    "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "                           \
    "WHERE datname = current_database() AND pid <> pg_backend_pid()"

static int open_at(const char *url, int64_t timeout_ms, struct error *error)
{
    struct repository_driver *opened;
    *error = (struct error){0};
    int failed = repository_postgres_open(url, timeout_ms, &opened, error);
    if (!failed)
        opened->close(opened);
    return failed;
}

/* The test's driver behind the proxy. */
static void driver_open_behind_proxy(void)
{
    struct error error = {0};
    driver_close();
    if (repository_postgres_open(proxy_start(database_path()), 5000, &driver, &error) < 0)
        fail_msg("%s", error.text);
}

static void driver_close_behind_proxy(void)
{
    driver_close();
    proxy_stop();
}

static void idle_connections__that_died_are_not_noticed(void **state)
{
    (void)state;
    user_add(ADA);
    op_read(user_op(USER_GET, ADA));
    sql(TERMINATE);
    assert_int_equal(op_read(user_op(USER_GET, ADA))->outcome, REPOSITORY_OK);
    assert_int_equal(op_apply(user_op(USER_REPLACE, ADA)), REPOSITORY_OK);
}

/* Of two users and the erasure of a third; each is answered as if it were alone. */
static void lookups__are_answered_in_one_round_each_with_its_own(void **state)
{
    (void)state;
    deletion_leave(BOB, "avatars/1");
    user_add(ADA);
    struct repository_op *ops[] = {user_op(USER_GET, ADA), user_op(ERASURE_GET, BOB),
                                   user_op(USER_GET, EVE), user_op(USER_GET, ADA)};
    driver->look_up(driver, ops, 4);
    assert_int_equal(ops[0]->outcome, REPOSITORY_OK);
    assert_string_equal(ops[0]->user.id, ADA);
    assert_int_equal(ops[1]->erasure.state, ERASURE_PENDING);
    assert_int_equal(ops[2]->outcome, REPOSITORY_NOT_FOUND);
    assert_string_equal(ops[3]->user.id, ADA);
}

static void lookups__do_not_notice_that_an_idle_connection_died(void **state)
{
    (void)state;
    user_add(ADA);
    op_read(user_op(USER_GET, ADA));
    sql(TERMINATE);
    struct repository_op *ops[] = {user_op(USER_GET, ADA), user_op(USER_GET, EVE)};
    driver->look_up(driver, ops, 2);
    assert_int_equal(ops[0]->outcome, REPOSITORY_OK);
    assert_int_equal(ops[1]->outcome, REPOSITORY_NOT_FOUND);
}

static void lookups__that_the_server_refuses_fail_alone(void **state)
{
    (void)state;
    user_add(ADA);
    user_add(BOB);
    sql("ALTER TABLE users RENAME TO people; CREATE VIEW users AS SELECT * FROM people "
        "WHERE id <> '" BOB "' OR 1 / (length(id) - 36) > 0");
    struct repository_op *ops[] = {user_op(USER_GET, ADA), user_op(USER_GET, BOB),
                                   user_op(USER_GET, EVE), user_op(ERASURE_GET, EVE)};
    driver->look_up(driver, ops, 4);
    assert_int_equal(ops[0]->outcome, REPOSITORY_OK);
    assert_int_equal(ops[1]->outcome, REPOSITORY_FAILED);
    assert_int_equal(ops[2]->outcome, REPOSITORY_NOT_FOUND);
    assert_int_equal(ops[3]->outcome, REPOSITORY_OK);
}

static void batch__cut_between_its_statements_is_done_again(void **state)
{
    (void)state;
    user_add(ADA);
    PGconn *shell = shell_begin(LOCK_ADA);
    struct background batch = {.ops = {user_op(USER_REPLACE, ADA), user_op(USER_ADD, BOB)},
                               .count = 2};
    background_start(&batch, driver);
    lock_await(1);
    sql(TERMINATE " AND wait_event_type = 'Lock'");
    shell_commit(shell);
    background_join(&batch);
    assert_int_equal(batch.ops[0]->outcome, REPOSITORY_OK);
    assert_int_equal(batch.ops[1]->outcome, REPOSITORY_OK);
    assert_int_equal(sql_number("SELECT version FROM users WHERE id = '" ADA "'"), 2);
}

/* R7, R8, D4: whatever came of the COMMIT, the batch is carried out once and answered so. */
static void commit__of_unknown_end_is_found_out(void **state)
{
    (void)state;
    static const enum proxy_fault faults[] = {PROXY_CUT_COMMIT, PROXY_CUT_ANSWER};
    for (size_t i = 0; i < COUNT_OF(faults); i++) {
        contract_renew(i ? "the answer is lost" : "the COMMIT is lost");
        user_add(EVE);
        driver_open_behind_proxy();
        guard_add(EVE, "avatars/1");
        proxy_set(faults[i]);
        struct repository_op *ops[] = {user_op(USER_ADD, ADA), user_op(USER_REPLACE, EVE),
                                       attach_op(EVE, "avatars/1"), guard_op(EVE, "avatars/2")};
        ops_apply(ops, 4);
        assert_int_equal(proxy_has_cut(), 1);
        for (size_t op = 0; op < 4; op++)
            assert_int_equal(ops[op]->outcome, REPOSITORY_OK);
        assert_int_equal(sql_number("SELECT count(*) FROM users WHERE id = '" ADA "'"), 1);
        assert_int_equal(sql_number("SELECT version FROM users WHERE id = '" EVE "'"), 3);
        assert_false(row_exists("avatars/1"));
        assert_true(row_exists("avatars/2"));
        driver_close_behind_proxy();
    }
}

/* The second transaction of the writers fails before it can tell what came of the first. */
#define CANCEL_SECOND                                                                          \
    "CREATE SEQUENCE runs; CREATE FUNCTION run() RETURNS trigger AS $$ BEGIN "                 \
    "IF nextval('runs') = 2 THEN RAISE 'cancelled' USING ERRCODE = 'query_canceled'; END IF; " \
    "RETURN NULL; END $$ LANGUAGE plpgsql; "                                                   \
    "CREATE TRIGGER run BEFORE INSERT ON writers EXECUTE FUNCTION run()"

/* Neither of its operations is then tried by itself, as if nothing had been kept. */
static void commit__of_unknown_end_is_found_out_though_the_repeat_is_cancelled(void **state)
{
    (void)state;
    user_add(EVE);
    user_add(BOB);
    driver_open_behind_proxy();
    sql(CANCEL_SECOND);
    proxy_set(PROXY_CUT_ANSWER);
    struct repository_op *ops[] = {user_op(USER_REPLACE, EVE), user_op(USER_REPLACE, BOB)};
    ops_apply(ops, 2);
    assert_int_equal(sql_number("SELECT last_value FROM runs"), 3);
    for (size_t i = 0; i < 2; i++)
        assert_int_equal(ops[i]->outcome, REPOSITORY_OK);
    assert_int_equal(sql_number("SELECT max(version) FROM users"), 2);
    driver_close_behind_proxy();
}

static void claim__of_unknown_end_keeps_its_rows(void **state)
{
    (void)state;
    deletion_leave(ADA, "avatars/1");
    driver_open_behind_proxy();
    proxy_set(PROXY_CUT_ANSWER);
    const struct deletion *row = row_claim("avatars/1");
    assert_int_equal(proxy_has_cut(), 1);
    assert_int_equal(row->claim, row_number("avatars/1", "claim"));
    assert_true(confirm(row, CONFIRM_DONE).finished);
    driver_close_behind_proxy();
}

static enum repository_outcome quietly(void (*carry_out)(struct repository_driver *driver,
                                                         struct repository_op **ops,
                                                         size_t count),
                                       struct repository_op *op)
{
    carry_out(driver, &op, 1);
    return op->outcome;
}

static void database__that_goes_away_and_comes_back(void **state)
{
    (void)state;
    user_add(ADA);
    driver_open_behind_proxy();
    proxy_set(PROXY_REFUSE);
    struct repository_op *write = user_op(USER_REPLACE, ADA), *read = user_op(USER_GET, ADA);
    assert_int_equal(quietly(driver->apply, write), REPOSITORY_FAILED);
    assert_int_equal(write->error.class, ERROR_UNAVAILABLE);
    driver->read(driver, read);
    assert_int_equal(read->outcome, REPOSITORY_FAILED);
    assert_int_equal(read->error.class, ERROR_UNAVAILABLE);
    struct repository_op *lookups[] = {user_op(USER_GET, ADA), user_op(USER_GET, BOB)};
    driver->look_up(driver, lookups, 2);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(lookups[i]->outcome, REPOSITORY_FAILED);
        assert_int_equal(lookups[i]->error.class, ERROR_UNAVAILABLE);
    }

    proxy_set(PROXY_NONE);
    int64_t until = clock_boot_ms() + 10000;
    while (quietly(driver->apply, write) == REPOSITORY_FAILED && clock_boot_ms() < until)
        sched_yield();
    assert_int_equal(write->outcome, REPOSITORY_OK);
    do
        driver->read(driver, read);
    while (read->outcome == REPOSITORY_FAILED && clock_boot_ms() < until);
    assert_int_equal(read->outcome, REPOSITORY_OK);
    driver_close_behind_proxy();
}

#define LOCK_BOB "SELECT 1 FROM users WHERE id = '" BOB "' FOR UPDATE"

/* The second writer is what somebody else's batch is on while the first waits for a row. */
static void batch__whose_second_writer_is_lost_for_good_goes_to_the_first(void **state)
{
    (void)state;
    user_add(ADA);
    user_add(BOB);
    driver_open_behind_proxy();
    PGconn *first_shell = shell_begin(LOCK_ADA), *second_shell = shell_begin(LOCK_BOB);
    struct background first = {.ops = {user_op(USER_REPLACE, ADA)}, .count = 1};
    struct background second = {.ops = {user_op(USER_REPLACE, BOB)}, .count = 1};
    background_start(&first, driver);
    lock_await(1);
    background_start(&second, driver);
    lock_await(2);
    proxy_set(PROXY_FULL);
    assert_int_equal(sql_number("SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
                                "WHERE %d = ANY (pg_blocking_pids(pid))",
                                PQbackendPID(second_shell)),
                     1);
    shell_commit(second_shell);
    shell_commit(first_shell);
    background_join(&first);
    background_join(&second);
    assert_int_equal(first.ops[0]->outcome, REPOSITORY_OK);
    assert_int_equal(second.ops[0]->outcome, REPOSITORY_OK);
    assert_int_equal(sql_number("SELECT min(version) FROM users"), 2);
    driver_close_behind_proxy();
}

/* M3: a confirm of which nobody knows what became, at a server that has not ended it yet. */
static void reopen__waits_for_what_the_second_writer_left_under_way(void **state)
{
    (void)state;
    user_add(ADA);
    char first[UUID_TEXT_SIZE], lock[160];
    snprintf(first, sizeof first, "%s", sql_text("SELECT id FROM writers"));
    PGconn *shell = shell_begin(LOCK_ADA);
    struct background busy = {.ops = {user_op(USER_REPLACE, ADA)}, .count = 1};
    background_start(&busy, driver);
    lock_await(1);
    user_add(BOB);
    shell_commit(shell);
    background_join(&busy);
    assert_int_equal(sql_number("SELECT count(*) FROM writers"), 2);

    snprintf(lock, sizeof lock, "SELECT 1 FROM writers WHERE id <> '%s' FOR UPDATE", first);
    shell = shell_begin(lock);
    shell_run(shell, "INSERT INTO receipts (key, store_id, reason, kind, attempts, status, "
                     "requested_at, finished_at) VALUES ('avatars/1', '" STORE "', 'external', "
                     "'done', 1, 204, 1, 9000000000000)");
    struct repository_op *op = op_new(RECEIPTS_REOPEN);
    memcpy(op->store_id, STORE, sizeof STORE);
    op->since = 1;
    struct background reopen = {.ops = {op}, .count = 1};
    background_start(&reopen, driver);
    lock_await(1);
    shell_commit(shell);
    background_join(&reopen);
    assert_int_equal(op->outcome, REPOSITORY_OK);
    assert_int_equal(op->matched, 1);
    assert_true(row_exists("avatars/1"));
}

static void open__tells_refusals_from_silence(void **state)
{
    (void)state;
    struct error error;
    char url[700];
    assert_int_equal(open_at("postgresql://%zz", 0, &error), -1);
    assert_int_equal(error.class, ERROR_USAGE);
    assert_int_equal(open_at("postgresql://127.0.0.1/x?prepared=maybe", 0, &error), -1);
    assert_int_equal(error.class, ERROR_USAGE);

    snprintf(url, sizeof url, "%s_of_nobody", database_path());
    assert_int_equal(open_at(url, 60000, &error), -1);
    assert_int_equal(error.class, ERROR_CONFIG);
    snprintf(url, sizeof url, "%s?user=guarded&password=wrong", database_path());
    assert_int_equal(open_at(url, 60000, &error), -1);
    assert_int_equal(error.class, ERROR_CONFIG);

    int64_t began = clock_boot_ms();
    assert_int_equal(open_at("postgresql://127.0.0.1:1/x", 300, &error), -1);
    assert_int_equal(error.class, ERROR_UNAVAILABLE);
    assert_true(clock_boot_ms() - began >= 300);
}

static void open__refuses_what_is_newer_or_somebody_elses(void **state)
{
    (void)state;
    struct error error;
    sql("UPDATE about SET value = '1000' WHERE name = 'schema_version'");
    assert_int_equal(open_at(database_path(), 0, &error), -1);
    assert_int_equal(error.class, ERROR_CONFIG);
    assert_int_equal(repository_postgres_check(database_path(), &error), -1);
    sql("DROP TABLE about");
    assert_int_equal(open_at(database_path(), 0, &error), -1);
    assert_int_equal(error.class, ERROR_CONFIG);
}

static void *open_run(void *argument)
{
    struct repository_driver **opened = argument;
    struct error error;
    if (repository_postgres_open(database_path(), 5000, opened, &error) < 0)
        *opened = NULL;
    return NULL;
}

static void open__by_many_at_once_makes_one_database(void **state)
{
    (void)state;
    enum { STARTS = 6 };
    struct repository_driver *opened[STARTS];
    pthread_t threads[STARTS];
    driver_close();
    sql("DROP SCHEMA public CASCADE; CREATE SCHEMA public");
    for (int i = 0; i < STARTS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, open_run, &opened[i]), 0);
    for (int i = 0; i < STARTS; i++)
        pthread_join(threads[i], NULL);
    for (int i = 0; i < STARTS; i++) {
        assert_non_null(opened[i]);
        assert_string_equal(opened[i]->database_id, opened[0]->database_id);
        assert_string_equal(opened[i]->secret, opened[0]->secret);
    }
    for (int i = 0; i < STARTS; i++)
        opened[i]->close(opened[i]);
    driver_open();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CONTRACT(idle_connections__that_died_are_not_noticed),
        CONTRACT(lookups__are_answered_in_one_round_each_with_its_own),
        CONTRACT(lookups__do_not_notice_that_an_idle_connection_died),
        CONTRACT(lookups__that_the_server_refuses_fail_alone),
        CONTRACT(batch__cut_between_its_statements_is_done_again),
        CONTRACT(commit__of_unknown_end_is_found_out),
        CONTRACT(commit__of_unknown_end_is_found_out_though_the_repeat_is_cancelled),
        CONTRACT(claim__of_unknown_end_keeps_its_rows),
        CONTRACT(database__that_goes_away_and_comes_back),
        CONTRACT(batch__whose_second_writer_is_lost_for_good_goes_to_the_first),
        CONTRACT(reopen__waits_for_what_the_second_writer_left_under_way),
        CONTRACT(open__tells_refusals_from_silence),
        CONTRACT(open__refuses_what_is_newer_or_somebody_elses),
        CONTRACT(open__by_many_at_once_makes_one_database),
    };
    return cmocka_run_group_tests_name("repository: PostgreSQL, connections", tests, NULL,
                                       NULL);
}
