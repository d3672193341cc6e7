/*
 * A database that fails in the middle of a batch: D3, D4.
 *
 * The test learns of the driver's writing connection by standing between it and sqlite3_open_v2
 * (a linker's wrap), and of its file's writes through SQLite's own table of system calls.
 */
#include "contract/repository_support.h"

#include <errno.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

static sqlite3 *writer;

int __real_sqlite3_open_v2(const char *path, sqlite3 **ret_handle, int flags, const char *vfs);
int __wrap_sqlite3_open_v2(const char *path, sqlite3 **ret_handle, int flags, const char *vfs);

int __wrap_sqlite3_open_v2(const char *path, sqlite3 **ret_handle, int flags, const char *vfs)
{
    int result = __real_sqlite3_open_v2(path, ret_handle, flags, vfs);
    if (flags & SQLITE_OPEN_READWRITE)
        writer = *ret_handle;
    return result;
}

/* Ada replaces avatars/1 by avatars/2, Bob is new, Eve goes: seven rows in four tables. */
static void cast_make(void)
{
    user_add_with_avatar(ADA, "avatars/1");
    guard_add(ADA, "avatars/2");
    user_add_with_avatar(EVE, "avatars/3");
    mark(EVE);
}

#define BATCH 4

static struct confirmation eve_done;

static void batch_make(struct repository_op **batch)
{
    eve_done = (struct confirmation){.row = row_claim("avatars/3"), .outcome = CONFIRM_DONE};
    batch[0] = attach_op(ADA, "avatars/2");
    batch[1] = user_op(USER_ADD, BOB);
    batch[2] = op_new(DELETIONS_CONFIRM);
    batch[2]->confirm = (struct confirm){.items = &eve_done, .count = 1};
    batch[3] = op_new(DELETIONS_CLAIM);
    batch[3]->claim = (struct claim){.kind = CLAIM_DUE, .limit = 10, .lease_ms = LEASE_MS};
}

/* What is true of each operation: all of it happened, and it was said so; or nothing did. */
static void batch_check(struct repository_op **batch)
{
    static const char *const counts[BATCH][2] = {
        {"SELECT count(*) FROM users WHERE avatar_key = 'avatars/2'",
         "SELECT 1 - count(*) FROM deletions WHERE key = 'avatars/2'"},
        {"SELECT count(*) FROM users WHERE id = '" BOB "'",
         "SELECT count(*) FROM users WHERE id = '" BOB "'"},
        {"SELECT count(*) FROM receipts WHERE key = 'avatars/3'",
         "SELECT count(*) FROM user_receipts WHERE user_id = '" EVE "'"},
        {"SELECT count(*) FROM deletions WHERE key = 'avatars/1' AND claim = 1",
         "SELECT count(*) FROM deletions WHERE key = 'avatars/1' AND leased_until > 0"},
    };
    for (int i = 0; i < BATCH; i++) {
        bool kept = batch[i]->outcome == REPOSITORY_OK;
        assert_true(kept || batch[i]->outcome == REPOSITORY_FAILED);
        /* The claim may have come when there was nothing to claim. */
        if (i == 3)
            kept = kept && batch[i]->claim.claimed.count == 1;
        if (sql_number("%s", counts[i][0]) != kept || sql_number("%s", counts[i][1]) != kept)
            fail_msg("operation %d was answered %s", i, kept ? "and not kept" : "untruly");
    }
    assert_int_equal(sql_number("SELECT count(*) FROM deletions WHERE key = 'avatars/1'"),
                     batch[0]->outcome == REPOSITORY_OK);
    assert_int_equal(eve_done.user_gone, batch[2]->outcome == REPOSITORY_OK);
    batch[2]->confirm.items = NULL;
}

static int steps_left;

static int step_count(void *argument)
{
    (void)argument;
    return --steps_left == 0;
}

/* Once, at the given step of SQLite's machine: all of the batch is redone, and all is kept. */
static void batch__interrupted_at_any_step_is_redone_whole(void **state)
{
    (void)state;
    bool interrupted = true;
    int steps = 1;
    for (; interrupted; steps += 5) {
        struct repository_op *batch[BATCH];
        contract_end(NULL);
        contract_begin(NULL);
        cast_make();
        batch_make(batch);
        steps_left = steps;
        sqlite3_progress_handler(writer, 1, step_count, NULL);
        ops_apply(batch, BATCH);
        sqlite3_progress_handler(writer, 0, NULL, NULL);
        interrupted = steps_left <= 0;
        for (int i = 0; i < BATCH; i++)
            assert_int_equal(batch[i]->outcome, REPOSITORY_OK);
        batch_check(batch);
    }
    assert_true(steps > 300);
}

/* From a step on, for good: what was answered was kept, and nothing else was. */
static int steps_end(void *argument)
{
    (void)argument;
    return --steps_left <= 0;
}

static void batch__that_fails_for_good_is_answered_truly(void **state)
{
    (void)state;
    bool interrupted = true;
    for (int steps = 1; interrupted; steps += 11) {
        struct repository_op *batch[BATCH];
        contract_end(NULL);
        contract_begin(NULL);
        cast_make();
        batch_make(batch);
        steps_left = steps;
        sqlite3_progress_handler(writer, 1, steps_end, NULL);
        ops_apply(batch, BATCH);
        sqlite3_progress_handler(writer, 0, NULL, NULL);
        interrupted = steps_left <= 0;
        batch_check(batch);
        assert_true(sqlite3_get_autocommit(writer));
    }
}

static struct repository_op *large_op(const char *id)
{
    struct repository_op *op = user_op(USER_ADD, id);
    memset(op->user.first_name, 'x', sizeof op->user.first_name - 1);
    memset(op->user.last_name, 'x', sizeof op->user.last_name - 1);
    memset(op->user.user_name, 'x', sizeof op->user.user_name - 1);
    return op;
}

/* A full disk: SQLite gives the whole transaction up by itself; who fits is kept all the same.
 */
static void batch__on_a_full_database_keeps_who_fits(void **state)
{
    (void)state;
    enum { COUNT = 200 };
    struct repository_op *batch[COUNT];
    for (int i = 0; i < COUNT; i++) {
        char id[UUID_TEXT_SIZE];
        snprintf(id, sizeof id, "01900000-0000-7000-8000-%012d", i);
        batch[i] = large_op(id);
    }
    char pragma[64];
    snprintf(pragma, sizeof pragma, "PRAGMA max_page_count = %d",
             (int)sql_number("PRAGMA page_count") + 20);
    assert_int_equal(sqlite3_exec(writer, pragma, NULL, NULL, NULL), SQLITE_OK);
    ops_apply(batch, COUNT);
    int64_t kept = 0;
    for (int i = 0; i < COUNT; i++) {
        bool ok = batch[i]->outcome == REPOSITORY_OK;
        assert_true(ok || batch[i]->outcome == REPOSITORY_FAILED);
        assert_int_equal(sql_number("SELECT count(*) FROM users WHERE id = '%s'", batch[i]->id),
                         ok);
        kept += ok;
    }
    assert_in_range(kept, 5, COUNT - 20);
    assert_int_equal(sqlite3_exec(writer, "PRAGMA max_page_count = 100000", NULL, NULL, NULL),
                     SQLITE_OK);
    assert_int_equal(op_apply(user_op(USER_ADD, ADA)), REPOSITORY_OK);
}

/* One that cannot be carried out fails alone. */
static void batch__with_one_bad_operation_keeps_its_neighbours(void **state)
{
    (void)state;
    user_add(ADA);
    guard_add(ADA, "avatars/1");
    struct repository_op *batch[] = {user_op(USER_ADD, BOB), guard_op(ADA, "avatars/1"),
                                     user_op(USER_ADD, EVE)};
    ops_apply(batch, 3);
    assert_int_equal(batch[0]->outcome, REPOSITORY_OK);
    assert_int_equal(batch[1]->outcome, REPOSITORY_FAILED);
    assert_int_equal(batch[2]->outcome, REPOSITORY_OK);
    assert_int_equal(sql_number("SELECT count(*) FROM users"), 3);
}

static void batch__that_cannot_begin_is_answered_as_failed(void **state)
{
    (void)state;
    sqlite3 *other = NULL;
    assert_int_equal(sqlite3_open(database_path(), &other), SQLITE_OK);
    assert_int_equal(sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
    struct repository_op *batch[] = {user_op(USER_ADD, ADA), user_op(USER_ADD, BOB)};
    ops_apply(batch, 1);
    assert_int_equal(batch[0]->outcome, REPOSITORY_FAILED);
    batch[0]->outcome = REPOSITORY_OK;
    ops_apply(batch, 2);
    assert_int_equal(batch[0]->outcome, REPOSITORY_FAILED);
    assert_int_equal(batch[1]->outcome, REPOSITORY_FAILED);
    sqlite3_close(other);
    assert_int_equal(sql_number("SELECT count(*) FROM users"), 0);
    assert_int_equal(op_apply(user_op(USER_ADD, ADA)), REPOSITORY_OK);
}

static int write_error;

static ssize_t pwrite_fail(int file, const void *bytes, size_t length, off_t offset)
{
    (void)file;
    (void)bytes;
    (void)length;
    (void)offset;
    errno = write_error;
    return -1;
}

/* Every write to the file fails with `code` from here on; 0: none. */
static void writes_fail(int code)
{
    sqlite3_vfs *vfs = sqlite3_vfs_find(NULL);
    write_error = code;
    sqlite3_syscall_ptr call = code ? (sqlite3_syscall_ptr)(void (*)(void))pwrite_fail : NULL;
    assert_int_equal(vfs->xSetSystemCall(vfs, "pwrite", call), SQLITE_OK);
    assert_int_equal(vfs->xSetSystemCall(vfs, "pwrite64", call), SQLITE_OK);
}

static void commit__without_room_fails_and_the_next_one_works(void **state)
{
    (void)state;
    struct repository_op *op = user_op(USER_ADD, ADA);
    writes_fail(ENOSPC);
    ops_apply(&op, 1);
    writes_fail(0);
    assert_int_equal(op->outcome, REPOSITORY_FAILED);
    assert_int_equal(sql_number("SELECT count(*) FROM users"), 0);
    assert_int_equal(op_apply(user_op(USER_ADD, ADA)), REPOSITORY_OK);
}

/* D4: whether it was kept shows after the next start only, so nobody is told anything. */
static void commit__with_an_io_error_ends_the_process(void **state)
{
    (void)state;
    driver_close();
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        driver_open();
        struct repository_op *op = user_op(USER_ADD, ADA);
        writes_fail(EIO);
        driver->apply(driver, &op, 1);
        _exit(EX_OK);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), EX_UNAVAILABLE);
    driver_open();
    assert_int_equal(op_apply(user_op(USER_ADD, ADA)), REPOSITORY_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CONTRACT(batch__interrupted_at_any_step_is_redone_whole),
        CONTRACT(batch__that_fails_for_good_is_answered_truly),
        CONTRACT(batch__on_a_full_database_keeps_who_fits),
        CONTRACT(batch__with_one_bad_operation_keeps_its_neighbours),
        CONTRACT(batch__that_cannot_begin_is_answered_as_failed),
        CONTRACT(commit__without_room_fails_and_the_next_one_works),
        CONTRACT(commit__with_an_io_error_ends_the_process),
    };
    return cmocka_run_group_tests_name("repository: a failing SQLite", tests, NULL, NULL);
}
