/* When the write-ahead log of a SQLite database goes into the database itself. */
#include "contract/repository_support.h"

#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define ROWS  2048
#define BATCH 64

/* A log of 4,000 pages, and what one more transaction may add. */
#define LOG_BYTES_MAX 32000000

static int64_t file_size(const char *suffix)
{
    char name[700];
    struct stat status;
    snprintf(name, sizeof name, "%s%s", database_path(), suffix);
    assert_int_equal(stat(name, &status), 0);
    return status.st_size;
}

/* Rows of which few fit in a page: one transaction writes many. */
static void rows_add(int from)
{
    struct repository_op *ops[BATCH];
    for (int i = 0; i < BATCH; i++) {
        ops[i] = op_new(DELETION_ADD);
        snprintf(ops[i]->store_id, sizeof ops[i]->store_id, STORE);
        snprintf(ops[i]->key, sizeof ops[i]->key, "%0500d", from + i);
    }
    ops_apply(ops, BATCH);
    for (int i = 0; i < BATCH; i++)
        assert_int_equal(ops[i]->outcome, REPOSITORY_OK);
}

static void log__stays_as_it_is_until_nobody_asks_for_anything(void **state)
{
    (void)state;
    user_add(ADA);
    assert_false(driver->puts_off);
    int64_t before = file_size("");
    for (int i = 0; !driver->puts_off; i += BATCH) {
        assert_true(i < ROWS);
        rows_add(i);
    }
    assert_int_equal(file_size(""), before);
    driver->rest(driver);
    assert_false(driver->puts_off);
    assert_true(file_size("") > before);
}

static void log__does_not_grow_for_ever_under_load(void **state)
{
    (void)state;
    for (int i = 0; i < ROWS; i += BATCH)
        rows_add(i);
    assert_true(driver->puts_off);
    for (int i = 0; driver->puts_off; i++) {
        assert_true(i < 400);
        struct repository_op *op = op_new(DELETIONS_RETRY);
        op->filter_state = -1;
        assert_int_equal(op_apply(op), REPOSITORY_OK);
        assert_int_equal(op->matched, ROWS);
    }
    assert_true(file_size("-wal") < LOG_BYTES_MAX);
}

/* Leaves a log behind, and something for the next process to clear. */
static int life_begin_and_die(void)
{
    struct error error = {0};
    driver = database_open(&error);
    if (!driver)
        return 1;
    for (int i = 0; !driver->puts_off && i < ROWS; i += BATCH)
        rows_add(i);
    char key[501];
    snprintf(key, sizeof key, "%0500d", 0);
    return !driver->puts_off || row_claim(key)->claim != 1;
}

/* A migration may leave such a log, too: nobody's first write waits for it. */
static void log__that_is_long_at_the_start_goes_into_the_database_then(void **state)
{
    (void)state;
    driver_close();
    int64_t before = file_size("");
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0)
        _exit(life_begin_and_die());
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_int_equal(file_size(""), before);
    driver_open();
    assert_true(file_size("") > before);
    assert_false(driver->puts_off);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CONTRACT(log__stays_as_it_is_until_nobody_asks_for_anything),
        CONTRACT(log__does_not_grow_for_ever_under_load),
        CONTRACT(log__that_is_long_at_the_start_goes_into_the_database_then),
    };
    return cmocka_run_group_tests_name("repository: SQLite's log", tests, NULL, NULL);
}
