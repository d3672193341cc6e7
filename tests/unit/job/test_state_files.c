/* A state file that cannot be read, or held in memory, for once. */
#include "http/json_text.h"
#include "job/slots.h"
#include "job/state.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define SLOT INT64_C(1767225600)

/* What fails in place of the system. */
static struct {
    int malloc_after; /* 0: the next fails, once; negative: none does */
    int read_code;    /* 0: reading works */
} fault = {.malloc_after = -1};

void *__real_malloc(size_t size);
void *__wrap_malloc(size_t size);
ssize_t __real_read(int file, void *bytes, size_t length);
ssize_t __wrap_read(int file, void *bytes, size_t length);

void *__wrap_malloc(size_t size)
{
    return fault.malloc_after >= 0 && fault.malloc_after-- == 0 ? NULL : __real_malloc(size);
}

ssize_t __wrap_read(int file, void *bytes, size_t length)
{
    if (!fault.read_code)
        return __real_read(file, bytes, length);
    errno = fault.read_code;
    return -1;
}

static int record_write(const char *path, const char *job, int64_t slot_s)
{
    struct error error = {0};
    struct state_record record = {.job = job,
                                  .slot_s = slot_s,
                                  .started_wall_ms = slot_s * 1000,
                                  .success_wall_ms = slot_s * 1000,
                                  .outcome = "ok",
                                  .reason = ""};
    return state_write(path, &record, &error);
}

static int64_t slot_read(const char *path, const char *job)
{
    int64_t slot;
    struct error error = {0};
    if (state_read(path, job, &slot, &error) < 0)
        fail_msg("%s", error.text);
    return slot;
}

static void path_fill(char path[static 32])
{
    strcpy(path, "state_XXXXXX");
    int file = mkstemp(path);
    assert_true(file >= 0);
    close(file);
    assert_int_equal(record_write(path, "one", SLOT), 0);
}

static void state__that_cannot_be_read_now_is_kept(void **state)
{
    (void)state;
    char path[32];
    int64_t slot;
    struct error error = {0};
    path_fill(path);
    fault.read_code = EIO;
    assert_int_equal(state_read(path, "one", &slot, &error), -1);
    assert_int_equal(error.class, ERROR_UNAVAILABLE);
    assert_int_equal(record_write(path, "two", SLOT), -1);
    fault.read_code = 0;
    assert_int_equal(slot_read(path, "one"), SLOT);
    unlink(path);
}

/* Each allocation fails once. */
static void state__without_memory_is_kept(void **state)
{
    (void)state;
    char path[32];
    int failed = 0;
    path_fill(path);
    for (int after = 0; after < 1000; after++) {
        fault.malloc_after = after;
        failed += record_write(path, "two", SLOT + after) < 0;
        bool over = fault.malloc_after >= 0;
        fault.malloc_after = -1;
        assert_int_equal(slot_read(path, "one"), SLOT);
        if (over)
            break;
    }
    assert_true(failed > 10);
    unlink(path);
}

static void state__that_leads_to_itself_is_kept(void **state)
{
    (void)state;
    char path[32], target[32] = "";
    strcpy(path, "state_XXXXXX");
    int file = mkstemp(path);
    assert_true(file >= 0);
    close(file);
    unlink(path);
    assert_int_equal(symlink(path, path), 0);
    assert_int_equal(record_write(path, "one", SLOT), -1);
    assert_true(readlink(path, target, sizeof target - 1) > 0);
    assert_string_equal(target, path);
    unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(state__that_cannot_be_read_now_is_kept),
        cmocka_unit_test(state__without_memory_is_kept),
        cmocka_unit_test(state__that_leads_to_itself_is_kept),
    };
    json_text_prepare();
    return cmocka_run_group_tests_name("job: state files", tests, NULL, NULL);
}
