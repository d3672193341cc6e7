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
    progress_format(&(struct call_counts){.deleted = 25, .failed = 1, .remaining = 75}, 160,
                    bar);
    assert_string_equal(bar, "[##########..............................] "
                             "25 deleted, 1 failed, 0 blocked, 75 left");
    progress_format(&(struct call_counts){0}, 160, bar);
    assert_string_equal(bar, "[########################################] "
                             "0 deleted, 0 failed, 0 blocked, 0 left");
}

static void progress__stays_within_any_terminal(void **state)
{
    (void)state;
    static const struct call_counts counts[] = {
        {.deleted = 249, .failed = 1, .remaining = 12000},
        {.attempted = INT64_MAX,
         .deleted = INT64_MAX,
         .failed = INT64_MAX,
         .blocked = INT64_MAX,
         .remaining = INT64_MAX}};
    for (size_t columns = 0; columns < 400; columns++) {
        for (size_t i = 0; i < 2; i++) {
            char bar[PROGRESS_BAR_SIZE];
            progress_format(&counts[i], columns, bar);
            assert_true(strlen(bar) < (columns ? columns : 1));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(progress__draws_what_part_is_done),
        cmocka_unit_test(progress__stays_within_any_terminal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
