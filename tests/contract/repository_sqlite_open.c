/* What a SQLite file must be before it is opened, and what opening it does. */
#include "contract/repository_support.h"
#include "repository/sqlite/sqlite.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static struct error open_refuse(enum error_class class)
{
    struct error error = {0};
    struct repository_driver *second = database_open(&error);
    assert_null(second);
    if (error.class != class)
        fail_msg("class %d: %s", error.class, error.text);
    return error;
}

static void open__frees_the_leases_of_the_process_before(void **state)
{
    (void)state;
    deletion_leave(ADA, "avatars/1");
    row_claim("avatars/1");
    assert_int_equal(claim_key("avatars/1")->claimed.count, 0);
    driver_close();
    driver_open();
    assert_int_equal(row_claim("avatars/1")->claim, 2);
}

/* R4: but not their times. */
static void open__keeps_what_is_not_before_its_time(void **state)
{
    (void)state;
    user_add(ADA);
    guard_add(ADA, "avatars/1");
    driver_close();
    driver_open();
    assert_int_equal(claim_key("avatars/1")->claimed.count, 0);
}

static void open__keeps_its_id(void **state)
{
    (void)state;
    char id[UUID_TEXT_SIZE], parsed[UUID_TEXT_SIZE];
    memcpy(id, driver->database_id, sizeof id);
    assert_true(uuid_parse(id, parsed));
    driver_close();
    driver_open();
    assert_string_equal(driver->database_id, id);
}

static void open__refuses_a_second_one(void **state)
{
    (void)state;
    open_refuse(ERROR_UNAVAILABLE);
    user_add(ADA);
}

static void open__refuses_a_second_process(void **state)
{
    (void)state;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct error error = {0};
        struct repository_driver *second = database_open(&error);
        _exit(!second && error.class == ERROR_UNAVAILABLE ? 0 : 1);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

static void open__takes_over_from_a_process_that_died(void **state)
{
    (void)state;
    driver_close();
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct error error = {0};
        driver = database_open(&error);
        if (!driver)
            _exit(1);
        struct repository_op *op = user_op(USER_ADD, ADA);
        driver->apply(driver, &op, 1);
        _exit(op->outcome == REPOSITORY_OK ? 0 : 1);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    driver_open();
    assert_int_equal(op_read(user_op(USER_GET, ADA))->outcome, REPOSITORY_OK);
}

static int version_read(void)
{
    return (int)sql_number("PRAGMA user_version");
}

static void open__refuses_a_newer_schema_and_leaves_it_alone(void **state)
{
    (void)state;
    user_add(ADA);
    driver_close();
    sql("PRAGMA user_version = %d", repository_sqlite_schema_version + 1);
    struct error error = open_refuse(ERROR_CONFIG);
    assert_non_null(strstr(error.text, "newer"));
    assert_int_equal(repository_sqlite_check(database_path(), &error), -1);
    assert_int_equal(error.class, ERROR_CONFIG);
    assert_int_equal(version_read(), repository_sqlite_schema_version + 1);
    sql("PRAGMA user_version = %d", repository_sqlite_schema_version);
    driver_open();
    assert_int_equal(op_read(user_op(USER_GET, ADA))->outcome, REPOSITORY_OK);
}

static void open__brings_a_database_up_to_date_that_has_a_view_of_somebodys(void **state)
{
    (void)state;
    user_add(ADA);
    driver_close();
    sql("CREATE VIEW backlog AS SELECT key FROM deletions");
    sql("PRAGMA user_version = 5");
    driver_open();
    assert_int_equal(version_read(), repository_sqlite_schema_version);
    assert_int_equal(op_read(user_op(USER_GET, ADA))->outcome, REPOSITORY_OK);
    assert_int_equal(sql_number("SELECT count(*) FROM backlog"), 0);
}

/* As a program before version 7 left it: two persons were receipted, `left` of them are there.
 */
static void old_receipts_leave(int left)
{
    driver_close();
    sql("DROP TABLE user_receipts");
    sql("CREATE TABLE \"user_receipts\" (id INTEGER PRIMARY KEY AUTOINCREMENT, user_id TEXT "
        "NOT "
        "NULL UNIQUE, requested_at INTEGER NOT NULL, deleted_at INTEGER NOT NULL, corrected_at "
        "INTEGER)");
    sql("INSERT INTO user_receipts (user_id, requested_at, deleted_at) VALUES ('a', 5, 6), "
        "('b', 5, 6)");
    sql("DELETE FROM user_receipts WHERE id > %d", left);
    sql("PRAGMA user_version = 6");
    driver_open();
}

/* Also a number whose receipt was pruned while the database kept count of them. */
static void open__of_an_older_database_gives_no_number_again(void **state)
{
    (void)state;
    for (int left = 0; left <= 2; left++) {
        contract_renew("receipts that are left");
        old_receipts_leave(left);
        assert_int_equal(version_read(), repository_sqlite_schema_version);
        assert_int_equal(sql_number("SELECT sql LIKE '%%AUTOINCREMENT%%' FROM sqlite_schema "
                                    "WHERE name = 'user_receipts'"),
                         left < 2);
        user_add(ADA);
        assert_int_equal(mark(ADA), REPOSITORY_GONE);
        assert_int_equal(sql_number("SELECT id FROM user_receipts WHERE user_id = '" ADA "'"),
                         3);
        assert_int_equal(sql_number("SELECT count(*) FROM user_receipts"), left + 1);
        assert_string_equal(sql_text("PRAGMA integrity_check"), "ok");
    }
}

static void file_write(const char *bytes)
{
    int file = open(database_path(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_true(file >= 0);
    assert_int_equal(write(file, bytes, strlen(bytes)), strlen(bytes));
    close(file);
}

static void open__refuses_another_programs_database(void **state)
{
    (void)state;
    driver_close();
    assert_int_equal(unlink(database_path()), 0);
    sql("CREATE TABLE theirs (x)");
    struct error error = open_refuse(ERROR_CONFIG);
    assert_int_equal(repository_sqlite_check(database_path(), &error), -1);
    assert_int_equal(sql_number("SELECT count(*) FROM sqlite_schema"), 1);
    assert_string_equal(sql_text("PRAGMA journal_mode"), "delete");
    assert_int_equal(unlink(database_path()), 0);
    driver_open();
}

static void open__refuses_what_is_no_database(void **state)
{
    (void)state;
    driver_close();
    file_write("Dear diary, today I was opened by a users service, and it did not like me, "
               "for I am no database at all, only a text that is somewhat long.");
    struct error error = open_refuse(ERROR_CONFIG);
    assert_int_equal(repository_sqlite_check(database_path(), &error), -1);
    assert_int_equal(unlink(database_path()), 0);
    driver_open();
}

static void open__refuses_a_folder_that_is_not_there(void **state)
{
    (void)state;
    char path[700];
    snprintf(path, sizeof path, "%s.none/users.db", database_path());
    struct error error = {0};
    struct repository_driver *second = NULL;
    assert_int_equal(repository_sqlite_open(path, 1, &second, &error), -1);
    assert_int_equal(error.class, ERROR_CONFIG);
    assert_int_equal(repository_sqlite_check(path, &error), -1);
}

/* So many descriptors are left, and then one more, until they suffice. */
static void open__short_of_descriptors_may_do_at_another_time(void **state)
{
    (void)state;
    struct rlimit before, few;
    struct error error = {0};
    struct repository_driver *opened = NULL;
    driver_close();
    int next = dup(0);
    assert_true(next >= 0);
    close(next);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    few = before;
    int refused = 0;
    for (rlim_t left = 0; !opened && left < 32; left++) {
        few.rlim_cur = (rlim_t)next + left;
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
        opened = database_open(&error);
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
        refused += !opened;
        if (!opened && error.class != ERROR_UNAVAILABLE)
            fail_msg("with %d more: class %d: %s", (int)left, error.class, error.text);
    }
    assert_non_null(opened);
    assert_true(refused > 1);
    opened->close(opened);
    driver_open();
}

static void check__changes_nothing(void **state)
{
    (void)state;
    struct error error = {0};
    driver_close();
    assert_int_equal(repository_sqlite_check(database_path(), &error), 0);
    assert_int_equal(unlink(database_path()), 0);
    assert_int_equal(repository_sqlite_check(database_path(), &error), 0);
    assert_int_equal(access(database_path(), F_OK), -1);
    driver_open();
    assert_int_equal(repository_sqlite_check(database_path(), &error), 0);
}

static void read__refuses_what_would_write(void **state)
{
    (void)state;
    assert_string_equal(sql_text("PRAGMA journal_mode"), "wal");
    struct repository_op *op = user_op(USER_ADD, ADA);
    driver->read(driver, op);
    assert_int_equal(op->outcome, REPOSITORY_FAILED);
    assert_int_equal(sql_number("SELECT count(*) FROM users"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CONTRACT(open__frees_the_leases_of_the_process_before),
        CONTRACT(open__keeps_what_is_not_before_its_time),
        CONTRACT(open__keeps_its_id),
        CONTRACT(open__refuses_a_second_one),
        CONTRACT(open__refuses_a_second_process),
        CONTRACT(open__takes_over_from_a_process_that_died),
        CONTRACT(open__refuses_a_newer_schema_and_leaves_it_alone),
        CONTRACT(open__brings_a_database_up_to_date_that_has_a_view_of_somebodys),
        CONTRACT(open__of_an_older_database_gives_no_number_again),
        CONTRACT(open__refuses_another_programs_database),
        CONTRACT(open__refuses_what_is_no_database),
        CONTRACT(open__refuses_a_folder_that_is_not_there),
        CONTRACT(open__short_of_descriptors_may_do_at_another_time),
        CONTRACT(check__changes_nothing),
        CONTRACT(read__refuses_what_would_write),
    };
    return cmocka_run_group_tests_name("repository: opening SQLite", tests, NULL, NULL);
}
