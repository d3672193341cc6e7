#include "job/seen.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void seen__complains_only_with_reason(void **state)
{
    (void)state;
    static const struct {
        int64_t failures, beat_ms;
        bool awaiting, well, ready;
    } rows[] = {
        {0, 0, false, true, true},
        {SEEN_FAILURES_RED - 1, 0, false, true, true},
        {SEEN_FAILURES_RED, 0, false, false, false},
        {0, -SEEN_STALL_MS, false, true, true},
        {0, -SEEN_STALL_MS - 1, false, false, false},
        {0, 0, true, true, false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct seen_job jobs[2] = {
            {.name = "good"},
            {.name = "one", .failures = rows[i].failures, .awaiting = rows[i].awaiting}};
        const char *complaint = seen_complaint(jobs, 2, rows[i].beat_ms, 0, false);
        assert_int_equal(!complaint, rows[i].well);
        complaint = seen_complaint(jobs, 2, rows[i].beat_ms, 0, true);
        assert_int_equal(!complaint, rows[i].ready);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(seen__complains_only_with_reason)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
