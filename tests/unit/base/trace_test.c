/* The header traceparent, taken over and passed on as W3C Trace Context has it. */
#include "base/trace.h"
#include "support/check.h"

#include <string.h>

#define ID   "4bf92f3577b34da6a3ce929d0e0e4736"
#define SPAN "00f067aa0ba902b7"

static void trace__takes_over_what_a_caller_began(void **state)
{
    (void)state;
    static const struct {
        const char *parent;
        bool sampled;
    } rows[] = {
        {"00-" ID "-" SPAN "-01", true},           {"00-" ID "-" SPAN "-00", false},
        {"00-" ID "-" SPAN "-ff", true},           {"00-" ID "-" SPAN "-fe", false},
        {"cc-" ID "-" SPAN "-01-what-else", true}, {"cc-" ID "-" SPAN "-01", true},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct trace trace;
        trace_take(rows[i].parent, &trace);
        assert_true(trace.given);
        assert_string_equal(trace.id, ID);
        assert_int_equal(trace.sampled, rows[i].sampled);
        assert_int_equal(strlen(trace.span), 16);
        assert_string_not_equal(trace.span, SPAN);
    }
}

static void trace__begins_one_where_there_is_none(void **state)
{
    (void)state;
    static const char *const parents[] = {
        NULL,
        "",
        "nonsense",
        "00-" ID "-" SPAN,
        "00-" ID "-" SPAN "-0",
        "00-" ID "-" SPAN "-01-",
        "00-" ID "-" SPAN "-01x",
        "cc-" ID "-" SPAN "-01x",
        "ff-" ID "-" SPAN "-01",
        "0g-" ID "-" SPAN "-01",
        "00-00000000000000000000000000000000-" SPAN "-01",
        "00-" ID "-0000000000000000-01",
        "00-4BF92F3577B34DA6A3CE929D0E0E4736-" SPAN "-01",
        "00_" ID "-" SPAN "-01",
        "00-" ID "_" SPAN "-01",
        "00-" ID "-" SPAN "_01",
        "00-" ID "-" SPAN "-0g",
    };
    for (size_t i = 0; i < COUNT_OF(parents); i++) {
        struct trace trace;
        trace_take(parents[i], &trace);
        assert_false(trace.given);
        assert_int_equal(strspn(trace.id, "0123456789abcdef"), 32);
        assert_string_not_equal(trace.id, ID);
    }
    struct trace first, second;
    trace_take(NULL, &first);
    trace_take(NULL, &second);
    assert_string_not_equal(first.id, second.id);
}

static void trace__passes_on_what_can_be_taken_over(void **state)
{
    (void)state;
    struct trace first, second;
    char parent[TRACE_PARENT_SIZE];
    trace_begin("0190abcd-0000-7000-8000-0123456789ab", &first);
    assert_string_equal(first.id, "0190abcd0000700080000123456789ab");
    trace_format(&first, parent);
    assert_int_equal(strlen(parent), TRACE_PARENT_SIZE - 1);
    assert_memory_equal(parent + 36, first.span, 16);
    trace_take(parent, &second);
    assert_true(second.given && second.sampled);
    assert_string_equal(second.id, first.id);
    assert_string_not_equal(second.span, first.span);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CHECK(trace__takes_over_what_a_caller_began),
        CHECK(trace__begins_one_where_there_is_none),
        CHECK(trace__passes_on_what_can_be_taken_over),
    };
    return cmocka_run_group_tests_name("base: trace", tests, NULL, NULL);
}
