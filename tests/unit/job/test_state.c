#include "job/state.h"

#include "job/slots.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define SLOT INT64_C(1767225600)

static void path_make(char path[static 32])
{
    strcpy(path, "state_XXXXXX");
    int file = mkstemp(path);
    assert_true(file >= 0);
    close(file);
    unlink(path);
}

static void record_write(const char *path, const char *job, int64_t slot_s, bool good)
{
    struct error error = {0};
    struct state_record record = {.job = job,
                                  .slot_s = slot_s,
                                  .started_wall_ms = slot_s * 1000,
                                  .success_wall_ms = good ? slot_s * 1000 : 0,
                                  .failures = !good,
                                  .outcome = good ? "ok" : "failed",
                                  .reason = good ? "" : "why",
                                  .exit_code = good ? 0 : 70};
    if (state_write(path, &record, &error) < 0)
        fail_msg("%s", error.text);
}

static int64_t slot_read(const char *path, const char *job)
{
    int64_t slot;
    struct error error = {0};
    if (state_read(path, job, &slot, &error) < 0)
        fail_msg("%s", error.text);
    return slot;
}

static void state__remembers_each_job(void **state)
{
    (void)state;
    char path[32];
    path_make(path);
    assert_int_equal(slot_read(path, "one"), SLOTS_NONE);
    record_write(path, "one", SLOT, true);
    record_write(path, "two", SLOT + 60, true);
    record_write(path, "one", SLOT + 120, false);
    assert_int_equal(slot_read(path, "one"), SLOT + 120);
    assert_int_equal(slot_read(path, "two"), SLOT + 60);
    assert_int_equal(slot_read(path, "three"), SLOTS_NONE);

    char *text;
    size_t size;
    struct error error = {0};
    FILE *out = open_memstream(&text, &size);
    assert_int_equal(state_print(path, NULL, out, &error), 1);
    fclose(out);
    assert_non_null(strstr(text, "one: failed, slot 2026-01-01T00:02:00Z, last good run "
                                 "2026-01-01T00:00:00.000Z, 1 failed in a row: why\n"));
    assert_non_null(strstr(text, "two: ok, slot 2026-01-01T00:01:00Z"));
    free(text);
    unlink(path);
}

static void state__says_when_a_file_is_damaged(void **state)
{
    (void)state;
    static const char *const texts[] = {"",
                                        "{",
                                        "[]",
                                        "{}",
                                        "{\"jobs\": 1}",
                                        "{\"jobs\": {\"one\": {}}}",
                                        "{\"jobs\": {\"one\": {\"slot\": 5}}}",
                                        "{\"jobs\": {\"one\": {\"slot\": \"yesterday\"}}}"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        char path[32];
        int64_t slot;
        struct error error = {0};
        path_make(path);
        FILE *file = fopen(path, "w");
        assert_non_null(file);
        fputs(texts[i], file);
        fclose(file);
        assert_int_equal(state_read(path, "one", &slot, &error), -1);
        assert_int_equal(slot, SLOTS_NONE);
        record_write(path, "one", SLOT, true);
        assert_int_equal(slot_read(path, "one"), SLOT);
        unlink(path);
    }
}

static void state__leaves_the_old_file_when_it_cannot_write(void **state)
{
    (void)state;
    char path[32], aside[48];
    struct error error = {0};
    struct state_record record = {
        .job = "one", .slot_s = SLOT + 60, .outcome = "ok", .reason = ""};
    path_make(path);
    record_write(path, "one", SLOT, true);
    snprintf(aside, sizeof aside, "%s.new", path);
    assert_int_equal(symlink("/dev/full", aside), 0); /* is not followed */
    assert_int_equal(state_write(path, &record, &error), -1);
    assert_int_equal(slot_read(path, "one"), SLOT);
    unlink(aside);
    unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(state__remembers_each_job),
        cmocka_unit_test(state__says_when_a_file_is_damaged),
        cmocka_unit_test(state__leaves_the_old_file_when_it_cannot_write),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
