/* How values are written. */
#include "config/options.h"
#include "support/check.h"

#define SECOND INT64_C(1000)
#define DAY    (86400 * SECOND)

typedef int parse(const char *text, int64_t *ret_number);

static void assert_read(parse *read, const char *text, int64_t expected)
{
    int64_t number = -1;
    if (read(text, &number) < 0 || number != expected)
        fail_msg("\"%s\" was read as %lld", text, (long long)number);
}

static void assert_refused(parse *read, const char *text)
{
    int64_t number = -1;
    if (read(text, &number) == 0 || number != -1)
        fail_msg("\"%s\" was read as %lld", text, (long long)number);
}

static void duration__is_numbers_with_units_that_fall(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t ms;
    } rows[] = {{"0", 0},
                {"0s", 0},
                {"1ms", 1},
                {"250ms", 250},
                {"90s", 90 * SECOND},
                {"15m", 900 * SECOND},
                {"1h30m", 5400 * SECOND},
                {"2d", 2 * DAY},
                {"1d1h1m1s1ms", DAY + 3661 * SECOND + 1},
                {"1m1ms", 60 * SECOND + 1},
                {"007s", 7 * SECOND},
                {"9223372036854775807ms", INT64_MAX}};
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        assert_read(duration_parse, rows[i].text, rows[i].ms);
}

static void duration__is_nothing_else(void **state)
{
    (void)state;
    static const char *const texts[] = {"",
                                        " ",
                                        "1",
                                        "00",
                                        "90",
                                        "s",
                                        "ms",
                                        "-1s",
                                        "+1s",
                                        "1.5s",
                                        "1 s",
                                        " 1s",
                                        "1s ",
                                        "1S",
                                        "1sec",
                                        "1m1h",
                                        "1s1s",
                                        "1h1h",
                                        "1ms1s",
                                        "1s2",
                                        "0x1s",
                                        "1w",
                                        "1s,2s",
                                        "9223372036854775808ms",
                                        "9223372036854775807s",
                                        "106751991168d",
                                        "106751991167d8h",
                                        "1mm",
                                        "\xc2\xb2s"};
    for (size_t i = 0; i < COUNT_OF(texts); i++)
        assert_refused(duration_parse, texts[i]);
}

static void bytes__are_a_number_and_at_most_a_unit(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t bytes;
    } rows[] = {{"0", 0},
                {"512", 512},
                {"64KiB", 65536},
                {"5MiB", 5242880},
                {"1GiB", INT64_C(1073741824)},
                {"9223372036854775807", INT64_MAX},
                {"8589934591GiB", INT64_C(9223372035781033984)}};
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        assert_read(bytes_parse, rows[i].text, rows[i].bytes);
}

static void bytes__are_nothing_else(void **state)
{
    (void)state;
    static const char *const texts[] = {"",
                                        " 1",
                                        "1 ",
                                        "-1",
                                        "1.5MiB",
                                        "5MB",
                                        "5Mib",
                                        "5M",
                                        "5 MiB",
                                        "MiB",
                                        "1KiB1",
                                        "1KiBx",
                                        "0x10",
                                        "1e3",
                                        "9223372036854775808",
                                        "8589934592GiB"};
    for (size_t i = 0; i < COUNT_OF(texts); i++)
        assert_refused(bytes_parse, texts[i]);
}

static void number__is_digits_alone(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "", "-1", "+1", " 1", "1 ", "1.0", "0x1", "a", "1e1", "1,0", "9223372036854775808"};
    assert_read(number_parse, "0", 0);
    assert_read(number_parse, "0042", 42);
    assert_read(number_parse, "9223372036854775807", INT64_MAX);
    for (size_t i = 0; i < COUNT_OF(texts); i++)
        assert_refused(number_parse, texts[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CHECK(duration__is_numbers_with_units_that_fall),
        CHECK(duration__is_nothing_else),
        CHECK(bytes__are_a_number_and_at_most_a_unit),
        CHECK(bytes__are_nothing_else),
        CHECK(number__is_digits_alone),
    };
    return cmocka_run_group_tests_name("config: values", tests, NULL, NULL);
}
