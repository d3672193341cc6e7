/*
 * The files thread on a local folder, each of its operations without memory at every point of
 * it: it says so in its answer, or does all of what was asked; and works as before afterwards.
 */
#include "allocations.h"
#include "contract/files_calls.h"
#include "files/driver.h"
#include "files/local/local.h"
#include "support/check.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define STORE_ID    "01900000-0000-7000-8000-0000000000f1"
#define DATABASE_ID "01900000-0000-7000-8000-0000000000d1"

static char folder[64];

static int entry_remove(const char *path, const struct stat *status, int kind, struct FTW *walk)
{
    (void)status;
    (void)kind;
    (void)walk;
    return remove(path);
}

static int store_open(struct error *error)
{
    char url[96];
    snprintf(url, sizeof url, "file://%s", folder);
    const struct files_local_options options = {.url = url};
    struct files_driver *driver;
    files = NULL;
    return files_local_open(&options, &driver, error) < 0
               ? -1
               : files_open(driver, 64, &files, error);
}

static int begin(void **state)
{
    (void)state;
    struct error error = {0};
    strcpy(folder, "/tmp/files-memory-XXXXXX");
    return mkdtemp(folder) ? store_open(&error) : -1;
}

static int end(void **state)
{
    (void)state;
    allocations_spare();
    files_close(files);
    return nftw(folder, entry_remove, 16, FTW_DEPTH | FTW_PHYS);
}

/* In turn: refused once, and from then on. */
#define EACH_TIME(number, lasts) (allocations_fail(ALLOCATIONS_ALL, (number) / 2 + 1, (lasts)))

static bool lacks_memory(const struct files_answer *answer)
{
    return strcmp(answer->code, FILES_CODE_NO_MEMORY) == 0;
}

static void put__without_memory_is_told_or_whole(void **state)
{
    (void)state;
    int64_t refused = 1;
    for (int turn = 0; refused || turn % 2; turn++) {
        EACH_TIME(turn, turn % 2);
        struct files_answer answer = put("avatars/1", "abc", 3);
        refused = allocations_spare();
        assert_true(files_answer_is_ok(&answer) || (refused && lacks_memory(&answer)));
        if (files_answer_is_ok(&answer))
            assert_content("avatars/1", "abc", 3);
        struct files_answer gone = delete_key("avatars/1");
        assert_absent(&gone);
    }
    assert_missing("avatars/1");
}

static void get__without_memory_is_told_or_whole(void **state)
{
    (void)state;
    struct files_answer answer = put("avatars/1", "abc", 3);
    assert_ok(&answer);
    int64_t refused = 1, most = 0;
    for (int turn = 0; refused || turn % 2; turn++) {
        struct buffer body;
        buffer_init(&body, 100);
        EACH_TIME(turn, turn % 2);
        answer = get("avatars/1", &body);
        refused = allocations_spare();
        most = refused > most ? refused : most;
        if (files_answer_is_ok(&answer))
            assert_memory_equal(body.bytes, "abc", 3);
        else
            assert_true(refused && lacks_memory(&answer));
        buffer_deinit(&body);
    }
    assert_true(most > 0);
}

static void delete__without_memory_claims_nothing_that_is_not_so(void **state)
{
    (void)state;
    static const char *const keys[] = {"avatars/1", "avatars/2", "avatars/3"};
    int64_t refused = 1, most = 0;
    for (int turn = 0; refused || turn % 2; turn++) {
        struct files_answer answers[COUNT_OF(keys)];
        for (size_t i = 0; i < COUNT_OF(keys); i++) {
            struct files_answer stored = put(keys[i], "abc", 3);
            assert_ok(&stored);
        }
        EACH_TIME(turn, turn % 2);
        delete_keys(keys, COUNT_OF(keys), answers);
        refused = allocations_spare();
        most = refused > most ? refused : most;
        for (size_t i = 0; i < COUNT_OF(keys); i++) {
            if (files_answer_is_ok(&answers[i]))
                assert_missing(keys[i]);
            else
                assert_true(refused && lacks_memory(&answers[i]));
        }
        delete_keys(keys, COUNT_OF(keys), answers);
    }
    assert_true(most > 0);
}

static void list__without_memory_is_told_or_whole(void **state)
{
    (void)state;
    static const char expected[] = "avatars/1\navatars/2\navatars/a/3\n";
    const char *const keys[] = {"avatars/2", "avatars/1", "avatars/a/3"};
    for (size_t i = 0; i < COUNT_OF(keys); i++) {
        struct files_answer stored = put(keys[i], "abc", 3);
        assert_ok(&stored);
    }
    int64_t refused = 1, most = 0;
    for (int turn = 0; refused || turn % 2; turn++) {
        struct call call = {.op = {.verb = FILES_LIST, .key = "avatars/"}};
        buffer_init(&call.op.body, FILES_LIST_BYTES_MAX);
        EACH_TIME(turn, turn % 2);
        call_run(&call);
        refused = allocations_spare();
        most = refused > most ? refused : most;
        if (files_answer_is_ok(&call.op.answer)) {
            assert_string_equal(call.op.body.bytes, expected);
            assert_false(call.op.more);
        } else {
            assert_true(refused && lacks_memory(&call.op.answer));
        }
        buffer_deinit(&call.op.body);
    }
    assert_true(most > 0);
}

static void identity__without_memory_is_never_another(void **state)
{
    (void)state;
    int64_t refused = 1, most = 0;
    for (int turn = 0; refused || turn % 2; turn++) {
        struct files_identity identity = {.store_id = STORE_ID, .database_id = DATABASE_ID};
        EACH_TIME(turn, turn % 2);
        struct files_answer answer =
            identity_run(turn % 4 < 2 ? FILES_IDENTITY_CREATE : FILES_IDENTITY_READ, &identity);
        refused = allocations_spare();
        most = refused > most ? refused : most;
        if (files_answer_is_ok(&answer) || answer.status == 412)
            assert_string_equal(identity.store_id, STORE_ID);
        else
            assert_true(answer.status == 404 || (refused && lacks_memory(&answer)));
        struct files_identity found = {0};
        answer = identity_run(FILES_IDENTITY_READ, &found);
        assert_true(answer.status == 404 || strcmp(found.store_id, STORE_ID) == 0);
    }
    assert_true(most > 0);
}

static void store__is_opened_or_the_error_says_why_not(void **state)
{
    (void)state;
    for (int turn = 0;; turn++) {
        struct error error = {0};
        files_close(files);
        EACH_TIME(turn, turn % 2);
        int failed = store_open(&error);
        int64_t refused = allocations_spare();
        if (failed) {
            assert_true(refused && *error.text);
            assert_true(error.class == ERROR_NO_MEMORY || error.class == ERROR_UNAVAILABLE);
            assert_int_equal(store_open(&error), 0);
        } else if (!refused) {
            assert_true(turn > 1);
            return;
        }
    }
}

#define ON_A_STORE(function) cmocka_unit_test_setup_teardown(function, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_A_STORE(put__without_memory_is_told_or_whole),
        ON_A_STORE(get__without_memory_is_told_or_whole),
        ON_A_STORE(delete__without_memory_claims_nothing_that_is_not_so),
        ON_A_STORE(list__without_memory_is_told_or_whole),
        ON_A_STORE(identity__without_memory_is_never_another),
        ON_A_STORE(store__is_opened_or_the_error_says_why_not),
    };
    return cmocka_run_group_tests_name("files: no memory", tests, NULL, NULL);
}
