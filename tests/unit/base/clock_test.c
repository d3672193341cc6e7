#include "base/clock.h"
#include "support/check.h"

static void clock__writes_times_in_utc_with_milliseconds(void **state)
{
    (void)state;
    static const struct {
        int64_t wall_ms;
        const char *text;
    } rows[] = {
        {0, "1970-01-01T00:00:00.000Z"},
        {1, "1970-01-01T00:00:00.001Z"},
        {999, "1970-01-01T00:00:00.999Z"},
        {1000, "1970-01-01T00:00:01.000Z"},
        {INT64_C(1795421977123), "2026-11-23T08:19:37.123Z"},
        {INT64_C(951782399999), "2000-02-28T23:59:59.999Z"},
        {INT64_C(951782400000), "2000-02-29T00:00:00.000Z"},
        {INT64_C(253402300799999), "9999-12-31T23:59:59.999Z"},
        {INT64_C(253402300800000), "10000-01-01T00:00:00.000Z"},
        {-1, "1969-12-31T23:59:59.999Z"},
        {-1000, "1969-12-31T23:59:59.000Z"},
        {-1001, "1969-12-31T23:59:58.999Z"},
        {INT64_C(-62135596800000), "0001-01-01T00:00:00.000Z"},
        {INT64_MAX, "292278994-08-17T07:12:55.807Z"},
        {INT64_MIN, "-292275055-05-16T16:47:04.192Z"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        char text[CLOCK_TEXT_SIZE];
        clock_format_utc(rows[i].wall_ms, text);
        assert_string_equal(text, rows[i].text);
    }
}

static void clock__of_deadlines_never_goes_back(void **state)
{
    (void)state;
    int64_t before = clock_boot_ms();
    assert_true(before > 0);
    for (int i = 0; i < 10000; i++) {
        int64_t now = clock_boot_ms();
        assert_true(now >= before);
        before = now;
    }
}

static void clock__of_the_wall_is_of_this_century(void **state)
{
    (void)state;
    assert_in_range(clock_wall_ms(), INT64_C(1700000000000), INT64_C(4102444800000));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CHECK(clock__writes_times_in_utc_with_milliseconds),
        CHECK(clock__of_deadlines_never_goes_back),
        CHECK(clock__of_the_wall_is_of_this_century),
    };
    return cmocka_run_group_tests_name("base: clock", tests, NULL, NULL);
}
