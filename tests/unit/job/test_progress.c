#include "job/progress.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void progress__draws_what_part_is_done(void **state)
{
    (void)state;
    char bar[PROGRESS_BAR_SIZE];
    struct progress_state shown = {
        .counted = true, .counts = {.deleted = 25, .failed = 1, .remaining = 75}, .left_s = -1};
    progress_format(&shown, 160, bar);
    assert_string_equal(bar, "[##########..............................] "
                             "25 deleted, 1 failed, 0 blocked, 75 left");
    shown.job = "users";
    shown.left_s = 59;
    progress_format(&shown, 160, bar);
    assert_string_equal(bar, "[##########..............................] "
                             "users: 25 deleted, 1 failed, 0 blocked, 75 left, 59s to go");
    progress_format(&(struct progress_state){.job = "users"}, 160, bar);
    assert_string_equal(bar, "users: running");
    progress_format(&(struct progress_state){.counted = true, .left_s = -1}, 160, bar);
    assert_string_equal(bar, "[########################################] "
                             "0 deleted, 0 failed, 0 blocked, 0 left");
}

static void progress__stays_within_any_terminal(void **state)
{
    (void)state;
    static const struct call_counts counts[3] = {
        {.deleted = 249, .failed = 1, .remaining = 12000},
        {.attempted = INT64_MAX,
         .deleted = INT64_MAX,
         .failed = INT64_MAX,
         .blocked = INT64_MAX,
         .remaining = INT64_MAX}};
    for (size_t columns = 0; columns < 400; columns++) {
        for (size_t i = 0; i < 3; i++) {
            char bar[PROGRESS_BAR_SIZE];
            struct progress_state shown = {.counted = i < 2,
                                           .counts = counts[i],
                                           .job = i ? "a-name-of-some-length" : NULL,
                                           .left_s = i ? INT64_MAX : 7199};
            progress_format(&shown, columns, bar);
            assert_true(strlen(bar) < (columns ? columns : 1));
        }
    }
}

static void progress__tells_the_time_to_finish(void **state)
{
    (void)state;
    static const struct {
        int64_t deleted, remaining, elapsed_ms, left_s;
    } rows[] = {{0, 100, 5000, -1}, {50, 100, 0, -1},        {50, 100, 5000, 10},
                {50, 0, 5000, 0},   {1, 10000, 1000, 10000}, {1, INT64_MAX, INT64_MAX / 2, -1}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct call_counts counts = {.deleted = rows[i].deleted,
                                     .remaining = rows[i].remaining};
        assert_int_equal(progress_left_s(&counts, rows[i].elapsed_ms), rows[i].left_s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(progress__draws_what_part_is_done),
        cmocka_unit_test(progress__tells_the_time_to_finish),
        cmocka_unit_test(progress__stays_within_any_terminal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
