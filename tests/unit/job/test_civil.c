#include "job/civil.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

/* Every day of the years 0 to 2800, against the C library. */
static void civil__agrees_with_the_library_on_every_day(void **state)
{
    (void)state;
    for (int64_t day = civil_day_number(0, 1, 1); day <= civil_day_number(2800, 12, 31);
         day++) {
        time_t second = (time_t)(day * CIVIL_DAY_SECONDS + 86399);
        struct tm parts;
        assert_non_null(gmtime_r(&second, &parts));
        struct civil civil = civil_from_seconds(second);
        if (civil.year != parts.tm_year + 1900 || civil.month != parts.tm_mon + 1 ||
            civil.day != parts.tm_mday || civil.second_of_day != 86399 ||
            civil_to_seconds(&civil) != second || civil_weekday(day) != parts.tm_wday)
            fail_msg("day %lld", (long long)day);
    }
}

static void civil__reads_rfc_3339(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t instant;
    } rows[] = {{"1970-01-01T00:00:00Z", 0},
                {"1969-12-31T23:59:59z", -1},
                {"2026-03-29t01:30:00+01:00", 1774744200},
                {"2026-03-28T20:00:00.999-04:30", 1774744200},
                {"2016-12-31T23:59:60Z", 1483228800},
                {"2000-02-29T00:00:00-00:00", 951782400},
                {"9999-12-31T23:59:59Z", CIVIL_LAST_SECOND}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        int64_t instant = 0;
        if (civil_parse(rows[i].text, &instant) < 0 || instant != rows[i].instant)
            fail_msg("%s: %lld", rows[i].text, (long long)instant);
    }
}

static void civil__refuses_anything_else(void **state)
{
    (void)state;
    static const char *const rows[] = {
        "",
        "now",
        "2026-03-29",
        "2026-03-29T01:30:00",
        "2026-03-29 01:30:00Z",
        "2026-02-29T00:00:00Z",
        "2026-13-01T00:00:00Z",
        "2026-00-01T00:00:00Z",
        "2026-01-00T00:00:00Z",
        "2026-01-01T24:00:00Z",
        "2026-01-01T00:60:00Z",
        "2026-01-01T00:00:61Z",
        "2026-01-01T00:00:00.Z",
        "2026-01-01T00:00:00+1:00",
        "2026-01-01T00:00:00+24:00",
        "2026-01-01T00:00:00+00:60",
        "2026-01-01T00:00:00+0000",
        "2026-01-01T00:00:00Z ",
        "+026-01-01T00:00:00Z",
        "12026-01-01T00:00:00Z",
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        int64_t instant = 42;
        if (civil_parse(rows[i], &instant) == 0)
            fail_msg("\"%s\" was taken", rows[i]);
        assert_int_equal(instant, 42);
    }
}

static void civil__writes_what_it_reads(void **state)
{
    (void)state;
    char text[CIVIL_TEXT_SIZE];
    civil_format(1774744200, 3600, false, text);
    assert_string_equal(text, "2026-03-29T01:30:00+01:00");
    civil_format(1774744200, -16200, false, text);
    assert_string_equal(text, "2026-03-28T20:00:00-04:30");
    civil_format(1774744200, 0, false, text);
    assert_string_equal(text, "2026-03-29T00:30:00+00:00");
    civil_format(1774744200, 0, true, text);
    assert_string_equal(text, "2026-03-29T00:30:00Z");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(civil__agrees_with_the_library_on_every_day),
        cmocka_unit_test(civil__reads_rfc_3339),
        cmocka_unit_test(civil__refuses_anything_else),
        cmocka_unit_test(civil__writes_what_it_reads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
