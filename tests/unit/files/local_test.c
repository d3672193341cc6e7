/* The local driver, with a system that fails when it is told to. */
#include "failing_system.h"

#include "base/clock.h"
#include "files/driver.h"
#include "files/local/beneath.h"
#include "files/local/local.h"
#include "files/local/object.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define PATIENCE  60000
#define PATH_SIZE 256

static char base[PATH_SIZE]; /* a folder of this test's own */
static char dir[PATH_SIZE];  /* the store's, in it */
static struct files_driver *driver;

static const char *path_of(const char *folder, const char *name)
{
    static char paths[4][2 * PATH_SIZE];
    static size_t next;
    char *path = paths[next++ % 4];
    snprintf(path, sizeof paths[0], "%s/%s", folder, name);
    return path;
}

static int open_folder(const char *path, struct error *error)
{
    char url[PATH_SIZE + 16];
    snprintf(url, sizeof url, "file://%s", path);
    const struct files_local_options options = {.url = url};
    return files_local_open(&options, &driver, error);
}

static int base_make(void **state)
{
    (void)state;
    memset(&fault, 0, sizeof fault);
    driver = NULL;
    strcpy(base, "/tmp/files-local-XXXXXX");
    if (!mkdtemp(base))
        return -1;
    strcpy(dir, path_of(base, "store"));
    return 0;
}

static int store_make(void **state)
{
    struct error error;
    return base_make(state) < 0 || open_folder(dir, &error) < 0 ? -1 : 0;
}

static int entry_remove(const char *path, const struct stat *status, int type, struct FTW *at)
{
    (void)status;
    (void)type;
    (void)at;
    return remove(path);
}

static int base_remove(void **state)
{
    (void)state;
    if (driver)
        driver->close(driver);
    return nftw(base, entry_remove, 16, FTW_DEPTH | FTW_PHYS);
}

static void on_done(struct files_op *op)
{
    unsigned *done = op->owner;
    (*done)++;
}

static void run(struct files_op *op)
{
    unsigned done = 0;
    op->deadline_ms = clock_boot_ms() + PATIENCE;
    op->owner = &done;
    op->done = on_done;
    driver->start(driver, op);
    assert_int_equal(done, 1);
}

static struct files_answer put(const char *key, const char *text)
{
    struct files_op op = {.verb = FILES_PUT, .key = key, .bytes = text, .length = strlen(text)};
    run(&op);
    return op.answer;
}

static struct files_answer delete_keys(const char *const *keys, size_t count,
                                       struct files_answer *answers)
{
    struct files_op op = {
        .verb = FILES_DELETE, .keys = keys, .answers = answers, .count = count};
    run(&op);
    return op.answer;
}

static struct files_answer delete_key(const char *key)
{
    struct files_answer answer;
    delete_keys(&key, 1, &answer);
    return answer;
}

static struct files_answer get_text(const char *key, char *text, size_t size)
{
    struct files_op op = {.verb = FILES_GET, .key = key};
    buffer_init(&op.body, size - 1);
    run(&op);
    snprintf(text, size, "%s", op.body.bytes ? op.body.bytes : "");
    buffer_deinit(&op.body);
    return op.answer;
}

static void assert_answer(struct files_answer answer, int status, const char *code)
{
    if (answer.status != status || strcmp(answer.code, code) != 0)
        fail_msg("answer %d '%s' (%s), not %d '%s'", answer.status, answer.code, answer.text,
                 status, code);
}

static void assert_content(const char *key, const char *expected)
{
    char text[4096];
    assert_answer(get_text(key, text, sizeof text), 200, "");
    assert_string_equal(text, expected);
}

static bool exists(const char *path)
{
    struct stat status;
    return lstat(path, &status) == 0;
}

/* How many temporary files there are. */
static size_t temporaries(void)
{
    size_t count = 0;
    DIR *folder = opendir(path_of(dir, ".tmp"));
    assert_non_null(folder);
    for (const struct dirent *entry; (entry = readdir(folder));)
        count += entry->d_name[0] != '.';
    closedir(folder);
    return count;
}

static ino_t inode_of(const char *path)
{
    struct stat status;
    assert_int_equal(stat(path, &status), 0);
    return status.st_ino;
}

static unsigned mode_of(const char *path)
{
    struct stat status;
    assert_int_equal(stat(path, &status), 0);
    return status.st_mode & 0777;
}

static size_t syncs_of(const char *path)
{
    size_t count = 0;
    for (size_t i = 0; i < fault.synced_count; i++)
        count += fault.synced[i] == inode_of(path);
    return count;
}

static void file_make(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static void a_missing_folder_is_made_in_one_that_exists(void **state)
{
    (void)state;
    struct error error = {0};
    assert_int_equal(open_folder(dir, &error), 0);
    assert_int_equal(mode_of(dir), 0700);
    assert_int_equal(syncs_of(dir), 1);
    assert_int_equal(syncs_of(base), 1);
    driver->close(driver);
    driver = NULL;
    assert_int_equal(open_folder(path_of(base, "store///"), &error), 0);
}

static int settle(const char *path, struct error *error)
{
    char url[PATH_SIZE + 16];
    snprintf(url, sizeof url, "file://%s", path);
    return files_local_settle(url, error);
}

/* A process that was killed may have made it, and not synced the one that it is in. */
static void the_name_of_a_folder_that_is_there_is_synced(void **state)
{
    (void)state;
    struct error error = {0};
    assert_int_equal(mkdir(dir, 0700), 0);
    assert_int_equal(settle(path_of(base, "store/"), &error), 0);
    assert_int_equal(syncs_of(base), 1);

    fault.fsync_code = EIO;
    assert_int_equal(settle(dir, &error), -1);
    assert_int_equal(error.class, ERROR_UNAVAILABLE);
    /* Not every folder can be synced; a store in one of those was made by others. */
    fault.fsync_code = EINVAL;
    assert_int_equal(settle(dir, &error), 0);
    assert_int_equal(settle(path_of(base, "not/there"), &error), 0);
    assert_int_equal(settle("not/a/folder", &error), 0);
}

static void a_folder_that_cannot_be_used_is_refused_and_left_alone(void **state)
{
    (void)state;
    struct error error = {0};
    assert_int_equal(open_folder(path_of(base, "a/b"), &error), -1);
    assert_int_equal(error.class, ERROR_CONFIG);
    assert_false(exists(path_of(base, "a")));

    file_make(path_of(base, "file"), "x");
    assert_int_equal(open_folder(path_of(base, "file"), &error), -1);
    assert_int_equal(error.class, ERROR_CONFIG);
    assert_non_null(strstr(error.text, "/file'"));

    fault.access_code = EACCES;
    assert_int_equal(open_folder(dir, &error), -1);
    assert_int_equal(error.class, ERROR_CONFIG);
    assert_false(exists(dir));
    fault.access_code = 0;

    fault.fsync_code = EIO;
    assert_int_equal(open_folder(dir, &error), -1);
    assert_false(exists(dir));
    assert_int_equal(mkdir(dir, 0700), 0);
    assert_int_equal(open_folder(dir, &error), -1);
    assert_false(exists(path_of(dir, ".tmp")));
    assert_true(exists(dir));
    fault.fsync_code = 0;

    assert_int_equal(symlink(base, path_of(dir, ".tmp")), 0);
    assert_int_equal(open_folder(dir, &error), -1);
    assert_int_equal(error.class, ERROR_CONFIG);
}

static void an_address_that_names_no_folder_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {"file://",      "file:/tmp",     "/tmp",
                                      "file://h/tmp", "file:///a%zzb", "s3://bucket"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        const struct files_local_options options = {.url = bad[i]};
        struct error error = {0};
        assert_int_equal(files_local_open(&options, &driver, &error), -1);
        assert_int_equal(error.class, ERROR_USAGE);
    }
    struct error error = {0};
    assert_int_equal(open_folder(path_of(base, "with%20blank"), &error), 0);
    assert_true(exists(path_of(base, "with blank")));
}

static void a_put_is_durable_with_its_folders(void **state)
{
    (void)state;
    fault.synced_count = 0;
    assert_answer(put("avatars/deep/a", "x"), 200, "");
    assert_int_equal(syncs_of(path_of(dir, "avatars/deep/a")), 1);
    assert_int_equal(syncs_of(path_of(dir, "avatars/deep")), 1);
    assert_int_equal(syncs_of(path_of(dir, "avatars")), 1);
    assert_int_equal(syncs_of(dir), 1);
    assert_int_equal(mode_of(path_of(dir, "avatars/deep/a")), 0600);
    assert_int_equal(mode_of(path_of(dir, "avatars/deep")), 0700);
    assert_int_equal(mode_of(path_of(dir, ".tmp")), 0700);
    assert_int_equal(temporaries(), 0);
}

/* Every sync of a put, failing in turn, makes it fail. */
static void a_put_that_was_not_synced_is_not_done(void **state)
{
    (void)state;
    const int syncs = 3; /* the folder above, the file, its folder */
    for (int i = 0; i <= syncs; i++) {
        char key[32];
        snprintf(key, sizeof key, "folder%d/a", i);
        fault.fsync_code = EIO;
        fault.fsync_after = i;
        struct files_answer answer = put(key, "x");
        fault.fsync_code = 0;
        if (i < syncs)
            assert_answer(answer, 500, FILES_CODE_IO);
        else
            assert_answer(answer, 200, "");
        assert_int_equal(temporaries(), 0);
    }
    assert_false(exists(path_of(dir, "folder0")));
}

static void short_writes_go_on_and_failed_ones_leave_nothing(void **state)
{
    (void)state;
    fault.write_most = 3;
    assert_answer(put("avatars/short", "0123456789"), 200, "");
    assert_content("avatars/short", "0123456789");
    static const struct {
        int code, status;
        const char *name;
    } cases[] = {{ENOSPC, 507, FILES_CODE_NO_SPACE},
                 {EDQUOT, 507, FILES_CODE_NO_SPACE},
                 {EIO, 500, FILES_CODE_IO},
                 {EFBIG, 500, FILES_CODE_IO},
                 {EROFS, 403, "AccessDenied"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        fault.write_code = cases[i].code;
        assert_answer(put("avatars/a", "x"), cases[i].status, cases[i].name);
        assert_int_equal(temporaries(), 0);
        assert_false(exists(path_of(dir, "avatars/a")));
    }
}

static void a_failed_rename_leaves_nothing(void **state)
{
    (void)state;
    fault.rename_code = EIO;
    assert_answer(put("avatars/a", "x"), 500, FILES_CODE_IO);
    fault.rename_code = ENOENT;
    assert_answer(put("avatars/a", "x"), 500, FILES_CODE_IO);
    assert_int_equal(temporaries(), 0);
    assert_false(exists(path_of(dir, "avatars/a")));
}

static void an_object_is_never_replaced(void **state)
{
    (void)state;
    static const int codes[] = {0, EINVAL, ENOSYS};
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
        char key[32];
        snprintf(key, sizeof key, "avatars/%zu", i);
        fault.rename_code = codes[i];
        assert_answer(put(key, "first"), 200, "");
        assert_answer(put(key, "second"), 412, "PreconditionFailed");
        assert_content(key, "first");
        assert_int_equal(temporaries(), 0);
    }
}

static void a_put_begun_elsewhere_is_left_alone(void **state)
{
    (void)state;
    char name[LOCAL_TEMPORARY_SIZE];
    char path[PATH_SIZE * 2];
    assert_int_equal(local_temporary_name("avatars/a", name), 0);
    snprintf(path, sizeof path, "%s/.tmp/%s", dir, name);
    file_make(path, "half");
    assert_answer(put("avatars/a", "whole"), 412, "PreconditionFailed");
    assert_true(exists(path));
    fault.synced_count = 0;
    assert_answer(delete_key("avatars/a"), 404, "");
    assert_false(exists(path));
    assert_int_equal(syncs_of(path_of(dir, ".tmp")), 1);
}

static void a_batch_syncs_each_folder_once(void **state)
{
    (void)state;
    const char *keys[] = {"b/1", "a/1", "b/2", "top", "a/2", "b/missing", "none/1"};
    const size_t count = sizeof keys / sizeof *keys;
    struct files_answer answers[sizeof keys / sizeof *keys];
    for (size_t i = 0; i < 5; i++)
        assert_answer(put(keys[i], "x"), 200, "");
    fault.synced_count = 0;
    assert_answer(delete_keys(keys, count, answers), 200, "");
    for (size_t i = 0; i < count; i++)
        assert_answer(answers[i], i < 5 ? 204 : 404, "");
    assert_int_equal(syncs_of(path_of(dir, "a")), 1);
    assert_int_equal(syncs_of(path_of(dir, "b")), 1);
    assert_int_equal(syncs_of(dir), 1);
    assert_int_equal(syncs_of(path_of(dir, ".tmp")), 1);
    assert_int_equal(fault.synced_count, 4);
}

/* A process that was killed may have removed it, and synced nothing. */
static void absence_is_synced_too(void **state)
{
    (void)state;
    assert_answer(put("avatars/a", "x"), 200, "");
    assert_int_equal(unlink(path_of(dir, "avatars/a")), 0);
    fault.synced_count = 0;
    assert_answer(delete_key("avatars/a"), 404, "");
    assert_int_equal(syncs_of(path_of(dir, "avatars")), 1);
}

static void a_deletion_that_was_not_synced_is_not_done(void **state)
{
    (void)state;
    const char *keys[] = {"a/1", "a/2", "a/../b", "b/1"};
    struct files_answer answers[4];
    const int syncs = 3; /* .tmp, a, b */
    for (int i = 0; i < syncs; i++) {
        put(keys[0], "x");
        put(keys[3], "x");
        fault.fsync_code = EIO;
        fault.fsync_after = i;
        delete_keys(keys, 4, answers);
        fault.fsync_code = 0;
        assert_answer(answers[2], 400, FILES_CODE_BAD_KEY);
        if (i == 2) {
            assert_answer(answers[0], 204, "");
            assert_answer(answers[1], 404, "");
        } else {
            assert_answer(answers[0], 500, FILES_CODE_IO);
            assert_answer(answers[1], 500, FILES_CODE_IO);
        }
        assert_answer(answers[3], 500, FILES_CODE_IO);
    }
}

static void links_lead_nowhere(void **state)
{
    (void)state;
    static const int codes[] = {0, ENOSYS, EPERM};
    char text[64];
    assert_int_equal(mkdir(path_of(base, "outside"), 0700), 0);
    file_make(path_of(base, "outside/a"), "precious");
    assert_int_equal(symlink(path_of(base, "outside"), path_of(dir, "avatars")), 0);
    assert_int_equal(symlink("../outside/a", path_of(dir, "link")), 0);
    assert_answer(put("inside/a", "x"), 200, "");
    assert_int_equal(symlink("inside", path_of(dir, "alias")), 0);
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
        fault.openat2_code = codes[i];
        assert_answer(put("alias/b", "x"), 403, "AccessDenied");
        assert_answer(get_text("alias/a", text, sizeof text), 403, "AccessDenied");
        assert_answer(delete_key("alias/a"), 403, "AccessDenied");
        assert_answer(put("avatars/b", "x"), 403, "AccessDenied");
        assert_answer(get_text("avatars/a", text, sizeof text), 403, "AccessDenied");
        assert_answer(get_text("link", text, sizeof text), 403, "AccessDenied");
        assert_answer(delete_key("avatars/a"), 403, "AccessDenied");
        assert_answer(delete_key("avatars/deep/a"), 403, "AccessDenied");
        assert_true(exists(path_of(base, "outside/a")));
        assert_false(exists(path_of(base, "outside/b")));
    }
    assert_answer(delete_key("link"), 204, "");
    assert_true(exists(path_of(base, "outside/a")));
}

static void an_old_kernel_does_as_well(void **state)
{
    (void)state;
    fault.openat2_code = ENOSYS;
    assert_answer(put("avatars/deep/er/a", "x"), 200, "");
    assert_content("avatars/deep/er/a", "x");
    assert_answer(delete_key("avatars/deep/er/a"), 204, "");
    assert_answer(delete_key("avatars/not/there"), 404, "");
    int root = open(dir, O_RDONLY | O_DIRECTORY);
    assert_int_equal(beneath_open_walk(root, "avatars/none", O_RDONLY, 0), -1);
    assert_int_equal(errno, ENOENT);
    close(root);
}

static void what_is_no_file_is_no_object(void **state)
{
    (void)state;
    char text[64];
    assert_int_equal(mkdir(path_of(dir, "folder"), 0700), 0);
    assert_int_equal(mkfifo(path_of(dir, "pipe"), 0600), 0);
    assert_answer(get_text("folder", text, sizeof text), 404, "NoSuchKey");
    assert_answer(get_text("pipe", text, sizeof text), 404, "NoSuchKey");
    assert_answer(get_text("pipe/a", text, sizeof text), 404, "NoSuchKey");
    assert_answer(delete_key("folder"), 404, "");
    assert_answer(delete_key("pipe/a"), 404, "");
    assert_true(exists(path_of(dir, "folder")));
    assert_answer(put("folder", "x"), 412, "PreconditionFailed");
    assert_answer(put("pipe/a", "x"), 500, FILES_CODE_IO);
}

/* What takes the folder's name later is not the store (P6). */
static void the_store_is_the_folder_not_its_name(void **state)
{
    (void)state;
    assert_answer(put("avatars/a", "mine"), 200, "");
    assert_int_equal(rename(dir, path_of(base, "moved")), 0);
    assert_int_equal(mkdir(dir, 0700), 0);
    assert_content("avatars/a", "mine");
    assert_answer(put("avatars/b", "x"), 200, "");
    assert_true(exists(path_of(base, "moved/avatars/b")));
    assert_answer(delete_key("avatars/a"), 204, "");
    assert_false(exists(path_of(base, "moved/avatars/a")));
}

static void an_emptied_folder_has_no_identity(void **state)
{
    (void)state;
    struct files_op op = {.verb = FILES_IDENTITY_CREATE};
    uuid_generate(op.identity.store_id);
    uuid_generate(op.identity.database_id);
    run(&op);
    assert_answer(op.answer, 200, "");
    assert_int_equal(unlink(path_of(dir, FILES_IDENTITY_KEY)), 0);
    op.verb = FILES_IDENTITY_READ;
    run(&op);
    assert_int_equal(op.answer.status, 404);
}

/* Where an identity is before it has its name. */
static const char *identity_temporary(void)
{
    static char path[2 * PATH_SIZE];
    char name[LOCAL_TEMPORARY_SIZE];
    assert_int_equal(local_temporary_name(FILES_IDENTITY_KEY, name), 0);
    snprintf(path, sizeof path, "%s/.tmp/%s", dir, name);
    return path;
}

static struct files_op identity_create(void)
{
    struct files_op op = {.verb = FILES_IDENTITY_CREATE};
    uuid_generate(op.identity.store_id);
    uuid_generate(op.identity.database_id);
    run(&op);
    return op;
}

static void an_identity_that_was_cut_short_is_written_anew_by_the_next(void **state)
{
    (void)state;
    FILE *file = fopen(identity_temporary(), "w");
    assert_non_null(file);
    for (int i = 0; i < 1000; i++)
        assert_true(fputs("{\"store\":", file) >= 0);
    assert_int_equal(fclose(file), 0);
    assert_answer(identity_create().answer, 200, "");
    assert_false(exists(identity_temporary()));
    struct files_op op = {.verb = FILES_IDENTITY_READ};
    run(&op);
    assert_answer(op.answer, 200, "");
}

/* It would be left by a kill, and nobody would write that one anew. */
static void beside_an_identity_no_other_is_begun(void **state)
{
    (void)state;
    assert_answer(identity_create().answer, 200, "");
    fault.write_code = ENOSPC;
    assert_int_equal(identity_create().answer.status, 412);
    fault.write_code = 0;
}

static void while_another_process_writes_the_identity_it_is_to_be_tried_again(void **state)
{
    (void)state;
    int other = open(identity_temporary(), O_WRONLY | O_CREAT, 0600);
    assert_true(other >= 0);
    assert_int_equal(flock(other, LOCK_EX), 0);
    assert_answer(identity_create().answer, 500, FILES_CODE_IO);
    close(other);
    assert_answer(identity_create().answer, 200, "");
    assert_int_equal(identity_create().answer.status, 412);
}

static void an_identity_that_cannot_be_written_leaves_nothing(void **state)
{
    (void)state;
    fault.write_code = ENOSPC;
    assert_answer(identity_create().answer, 507, FILES_CODE_NO_SPACE);
    fault.write_code = 0;
    assert_false(exists(identity_temporary()));
    assert_answer(identity_create().answer, 200, "");
}

#define TEST(name)      cmocka_unit_test_setup_teardown(name, store_make, base_remove)
#define TEST_BASE(name) cmocka_unit_test_setup_teardown(name, base_make, base_remove)

int main(void)
{
    umask(0);
    const struct CMUnitTest tests[] = {
        TEST_BASE(a_missing_folder_is_made_in_one_that_exists),
        TEST_BASE(the_name_of_a_folder_that_is_there_is_synced),
        TEST_BASE(a_folder_that_cannot_be_used_is_refused_and_left_alone),
        TEST_BASE(an_address_that_names_no_folder_is_refused),
        TEST(a_put_is_durable_with_its_folders),
        TEST(a_put_that_was_not_synced_is_not_done),
        TEST(short_writes_go_on_and_failed_ones_leave_nothing),
        TEST(a_failed_rename_leaves_nothing),
        TEST(an_object_is_never_replaced),
        TEST(a_put_begun_elsewhere_is_left_alone),
        TEST(a_batch_syncs_each_folder_once),
        TEST(absence_is_synced_too),
        TEST(a_deletion_that_was_not_synced_is_not_done),
        TEST(links_lead_nowhere),
        TEST(an_old_kernel_does_as_well),
        TEST(what_is_no_file_is_no_object),
        TEST(the_store_is_the_folder_not_its_name),
        TEST(an_emptied_folder_has_no_identity),
        TEST(an_identity_that_was_cut_short_is_written_anew_by_the_next),
        TEST(beside_an_identity_no_other_is_begun),
        TEST(while_another_process_writes_the_identity_it_is_to_be_tried_again),
        TEST(an_identity_that_cannot_be_written_leaves_nothing),
    };
    return cmocka_run_group_tests_name("files: local driver", tests, NULL, NULL);
}
