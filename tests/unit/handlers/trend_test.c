/* The last hour, and what is foretold from its last minute. */
#include "handlers/trend.h"
#include "support/check.h"

#define SECOND  1000LL
#define MILLION 1000000LL

static struct trend trend;
static struct trend_point copy[TREND_POINTS];

static int trend_begin(void **state)
{
    (void)state;
    return trend_init(&trend);
}

static int trend_end(void **state)
{
    (void)state;
    trend_deinit(&trend);
    return 0;
}

/* As if points had been added every ten seconds, with `per_step` done in each. */
static void add(int count, int64_t per_step)
{
    for (int i = 0; i < count; i++) {
        struct trend_point point = {.boot_ms = i * TREND_STEP_MS, .done = i * per_step};
        trend_add(&trend, &point);
    }
}

static int64_t rate_at(int64_t boot_ms, int64_t done)
{
    return trend_rate(&trend, &(struct trend_point){.boot_ms = boot_ms, .done = done});
}

static void trend__keeps_an_hour(void **state)
{
    (void)state;
    add(TREND_POINTS + 39, 1);
    assert_int_equal(trend_copy(&trend, copy), TREND_POINTS);
    assert_int_equal(copy[0].done, 39);
    assert_int_equal(copy[TREND_POINTS - 1].done, TREND_POINTS + 38);
    assert_int_equal(copy[TREND_POINTS - 1].boot_ms - copy[0].boot_ms, 3600 * SECOND);
}

static void trend__has_no_rate_without_a_point(void **state)
{
    (void)state;
    assert_int_equal(trend_copy(&trend, copy), 0);
    assert_int_equal(rate_at(5 * SECOND, 7), 0);
}

static void trend__takes_the_rate_of_what_there_is_before_a_minute_has_passed(void **state)
{
    (void)state;
    add(1, 0);
    assert_int_equal(rate_at(0, 7), 0);
    assert_int_equal(rate_at(2 * SECOND, 7), 7 * MILLION / 2);
}

static void trend__takes_the_rate_of_the_last_minute(void **state)
{
    (void)state;
    add(TREND_POINTS, 10);
    int64_t last_ms = (TREND_POINTS - 1) * TREND_STEP_MS, done = (TREND_POINTS - 1) * 10;
    assert_int_equal(rate_at(last_ms, done), MILLION);
    assert_int_equal(rate_at(last_ms + 60 * SECOND, done + 600), 10 * MILLION);
    assert_int_equal(rate_at(last_ms + 60 * SECOND, done), 0);
    /* 50 in the first fifty seconds of the minute, 70 in the last ten. */
    assert_int_equal(rate_at(last_ms + 10 * SECOND, done + 70), 2 * MILLION);
}

static void trend__foretells_when_it_is_clean(void **state)
{
    (void)state;
    assert_int_equal(trend_time_to_clean(0, 0), 0);
    assert_int_equal(trend_time_to_clean(1, 0), -1);
    assert_int_equal(trend_time_to_clean(100, 10 * MILLION), 10 * SECOND);
    assert_int_equal(trend_time_to_clean(1, MILLION / 2), 2 * SECOND);
}

#define TREND(function) cmocka_unit_test_setup_teardown(function, trend_begin, trend_end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TREND(trend__keeps_an_hour),
        TREND(trend__has_no_rate_without_a_point),
        TREND(trend__takes_the_rate_of_what_there_is_before_a_minute_has_passed),
        TREND(trend__takes_the_rate_of_the_last_minute),
        TREND(trend__foretells_when_it_is_clean),
    };
    return cmocka_run_group_tests_name("handlers: trend", tests, NULL, NULL);
}
