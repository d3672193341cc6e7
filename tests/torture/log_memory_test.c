/* The log needs no memory: that it lacks is what most wants to be said. */
#include "allocations.h"
#include "base/log.h"
#include "support/check.h"

#include <string.h>
#include <unistd.h>

static void log__a_line_needs_no_memory(void **state)
{
    (void)state;
    char line[1024] = "";
    int ends[2], kept = dup(STDERR_FILENO);
    assert_int_equal(pipe(ends), 0);
    dup2(ends[1], STDERR_FILENO);
    allocations_fail(ALLOCATIONS_ALL, 1, true);
    log_warning("state not saved", log_text("reason", "no \"memory\""), log_number("exit", 70));
    int64_t refused = allocations_spare();
    dup2(kept, STDERR_FILENO);
    close(ends[1]);
    assert_true(read(ends[0], line, sizeof line - 1) > 0);
    close(ends[0]);
    close(kept);
    assert_int_equal(refused, 0);
    assert_non_null(strstr(line,
                           "\"event\":\"state not saved\",\"reason\":\"no \\\"memory\\\"\","
                           "\"exit\":70}\n"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(log__a_line_needs_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
