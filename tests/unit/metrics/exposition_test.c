/* The text format, as its specification has it. */
#include "metrics/exposition.h"
#include "support/check.h"

static void exposition__writes_numbers_exactly(void **state)
{
    (void)state;
    static const struct {
        int64_t value, divisor;
        const char *text;
    } rows[] = {
        {0, 1, "0"},
        {7, 1, "7"},
        {-7, 1, "-7"},
        {1500, 1000, "1.5"},
        {1, 1000000, "0.000001"},
        {-1, 1000, "-0.001"},
        {-2500, 1000, "-2.5"},
        {3000000, 1000000, "3"},
        {INT64_MAX, 1000000, "9223372036854.775807"},
        {EXPOSITION_UNKNOWN, 1000000, "NaN"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        char text[EXPOSITION_NUMBER_SIZE];
        exposition_number(rows[i].value, rows[i].divisor, text);
        assert_string_equal(text, rows[i].text);
    }
}

static void exposition__writes_head_and_samples(void **state)
{
    (void)state;
    struct buffer text;
    buffer_init(&text, 4096);
    const struct exposition_label labels[] = {{"job", "a\"b\\c\nd"}, {"outcome", "ok"}};
    assert_int_equal(exposition_head(&text, "runs_total", EXPOSITION_COUNTER, "Runs."), 0);
    assert_int_equal(exposition_sample(&text, "runs_total", "", labels, 2, 3, 1), 0);
    assert_int_equal(exposition_sample(&text, "age", "_sum", NULL, 0, 2500, 1000), 0);
    assert_string_equal(text.bytes, "# HELP runs_total Runs.\n# TYPE runs_total counter\n"
                                    "runs_total{job=\"a\\\"b\\\\c\\nd\",outcome=\"ok\"} 3\n"
                                    "age_sum 2.5\n");
    buffer_deinit(&text);
}

static void exposition__fails_without_room(void **state)
{
    (void)state;
    const struct exposition_label label = {"job", "fallback"};
    for (size_t limit = 0; limit < sizeof "a_sum{job=\"fallback\"} 1\n" - 1; limit++) {
        struct buffer text;
        buffer_init(&text, limit);
        assert_int_equal(exposition_sample(&text, "a", "_sum", &label, 1, 1, 1), -1);
        buffer_deinit(&text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CHECK(exposition__writes_numbers_exactly),
        CHECK(exposition__writes_head_and_samples),
        CHECK(exposition__fails_without_room),
    };
    return cmocka_run_group_tests_name("metrics: exposition", tests, NULL, NULL);
}
