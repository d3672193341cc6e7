#include "job/schedule.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct schedule parse(const char *text)
{
    struct schedule schedule;
    struct error error = {0};
    if (schedule_parse(text, &schedule, &error) < 0)
        fail_msg("\"%s\": %s", text, error.text);
    return schedule;
}

/* Bits from `first` to `last`, every `step`. */
static uint64_t bits(int first, int last, int step)
{
    uint64_t set = 0;
    for (int i = first; i <= last; i += step)
        set |= UINT64_C(1) << i;
    return set;
}

static void schedule__reads_five_fields(void **state)
{
    (void)state;
    struct schedule schedule = parse("  5,10-12,40/10\t*/6 1,15 jan-MAR,12 Mon-Fri/2 ");
    assert_int_equal(schedule.seconds, 1);
    assert_int_equal(schedule.minutes, bits(5, 5, 1) | bits(10, 12, 1) | bits(40, 59, 10));
    assert_int_equal(schedule.hours, bits(0, 23, 6));
    assert_int_equal(schedule.days, bits(1, 1, 1) | bits(15, 15, 1));
    assert_int_equal(schedule.months, bits(1, 3, 1) | bits(12, 12, 1));
    assert_int_equal(schedule.weekdays, bits(1, 5, 2));
    assert_false(schedule.days_both);
    assert_true(schedule.elapsed);
    assert_string_equal(schedule.zone, "");
}

static void schedule__reads_seconds_in_front(void **state)
{
    (void)state;
    struct schedule schedule = parse("*/20 0 2 * * *");
    assert_int_equal(schedule.seconds, bits(0, 59, 20));
    assert_int_equal(schedule.minutes, 1);
    assert_int_equal(schedule.hours, 4);
    /* Only a star in minute or hour makes a schedule follow elapsed time. */
    assert_false(schedule.elapsed);
}

static void schedule__knows_sunday_by_all_its_names(void **state)
{
    (void)state;
    static const struct {
        const char *field;
        int weekdays;
    } rows[] = {{"0", 1},       {"7", 1},          {"sun", 1},        {"SUN", 1},
                {"5-7", 0x61},  {"fri-sun", 0x61}, {"sat-SUN", 0x41}, {"sun-tue", 7},
                {"sun-sun", 1}, {"0-7", 0x7f},     {"*/2", 0x55},     {"7/2", 0x55},
                {"1/2", 0x2a},  {"5/1", 0x60},     {"?", 0x7f},       {"mon-sun", 0x7f},
                {"*/7", 1}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char text[64];
        snprintf(text, sizeof text, "0 0 1 1 %s", rows[i].field);
        if (parse(text).weekdays != rows[i].weekdays)
            fail_msg("%s: 0x%x", rows[i].field, parse(text).weekdays);
    }
}

static void schedule__joins_days_by_and_only_with_a_star(void **state)
{
    (void)state;
    assert_false(parse("0 0 1 * 1").days_both);
    assert_true(parse("0 0 * * 1").days_both);
    assert_true(parse("0 0 1 * *").days_both);
    assert_true(parse("0 0 */2 * 1").days_both);
    assert_true(parse("0 0 ? * 1").days_both);
    assert_false(parse("0 0 1-31 * 1").days_both);
}

static void schedule__finds_the_special_days(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int year, month;
        uint64_t days;
    } rows[] = {
        {"0 0 L * *", 2028, 2, UINT64_C(1) << 29},
        {"0 0 L * *", 2100, 2, UINT64_C(1) << 28},
        {"0 0 l,1 * *", 2026, 4, UINT64_C(1) << 30 | 2},
        {"0 0 15W * *", 2026, 8, UINT64_C(1) << 14}, /* a Saturday */
        {"0 0 15w * *", 2026, 3, UINT64_C(1) << 16}, /* a Sunday */
        {"0 0 15W * *", 2026, 4, UINT64_C(1) << 15}, /* a Wednesday */
        {"0 0 1W * *", 2026, 8, UINT64_C(1) << 3},   /* a Saturday: not back into July */
        {"0 0 31W * *", 2026, 5, UINT64_C(1) << 29}, /* a Sunday: not on into June */
        {"0 0 31W * *", 2026, 4, 0},                 /* April has no 31st */
        {"0 0 * * 5#3", 2026, 8, UINT64_C(1) << 21},
        {"0 0 * * fri#1,sun#2", 2026, 8, UINT64_C(1) << 7 | UINT64_C(1) << 9},
        {"0 0 * * 7#5", 2026, 8, UINT64_C(1) << 30},
        {"0 0 * * 1#5", 2026, 9, 0},
        {"0 0 13 * fri", 2026, 2,
         UINT64_C(1) << 6 | UINT64_C(1) << 13 | UINT64_C(1) << 20 | UINT64_C(1) << 27},
        {"0 0 */13 * sat", 2026, 2, UINT64_C(1) << 14},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct schedule schedule = parse(rows[i].text);
        uint32_t days = schedule_month_days(&schedule, rows[i].year, rows[i].month);
        if (days != rows[i].days)
            fail_msg("%s in %d-%d: 0x%x", rows[i].text, rows[i].year, rows[i].month, days);
    }
}

static void schedule__reads_nicknames(void **state)
{
    (void)state;
    static const char *const rows[][2] = {{"@yearly", "0 0 1 1 *"},  {"@annually", "0 0 1 1 *"},
                                          {"@monthly", "0 0 1 * *"}, {"@weekly", "0 0 * * 0"},
                                          {"@daily", "0 0 * * *"},   {"@Midnight", "0 0 * * *"},
                                          {" @hourly ", "0 * * * *"}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct schedule nickname = parse(rows[i][0]), fields = parse(rows[i][1]);
        assert_memory_equal(&nickname, &fields, sizeof fields);
    }
    assert_true(parse("@hourly").elapsed);
    assert_false(parse("@daily").elapsed);
    assert_int_equal(parse("@every 1h30m").every_s, 5400);
    assert_int_equal(parse("@EVERY\t1s").every_s, 1);
}

static void schedule__reads_a_zone_in_front(void **state)
{
    (void)state;
    assert_string_equal(parse("CRON_TZ=Europe/Berlin 0 2 * * *").zone, "Europe/Berlin");
    assert_string_equal(parse(" TZ=Asia/Tokyo\t@daily").zone, "Asia/Tokyo");
    assert_int_equal(parse("TZ=UTC @every 90s").every_s, 90);
}

/* Each text is refused at this column, in this field. */
static void schedule__refuses_with_column_and_field(void **state)
{
    (void)state;
    static const struct {
        const char *text, *where;
    } rows[] = {
        {"5-1 * * * *", "column 3, minute"},
        {"* 23-0 * * *", "column 6, hour"},
        {"* * * dec-jan *", "column 11, month"},
        {"* * * * fri-0", "column 13, day of week"},
        {"*/0 * * * *", "column 3, minute"},
        {"*/ * * * *", "column 3, minute"},
        {"* 5/ * * *", "column 5, hour"},
        {"1,,2 * * * *", "column 3, minute"},
        {",1 * * * *", "column 1, minute"},
        {"1, * * * *", "column 3, minute"},
        {"-5 * * * *", "column 1, minute"},
        {"+5 * * * *", "column 1, minute"},
        {"*/-5 * * * *", "column 3, minute"},
        {"5--7 * * * *", "column 3, minute"},
        {"1- * * * *", "column 3, minute"},
        {"60 * * * *", "column 1, minute"},
        {"* 24 * * *", "column 3, hour"},
        {"* * 0 * *", "column 5, day of month"},
        {"* * 32 * *", "column 5, day of month"},
        {"* * * 0 *", "column 7, month"},
        {"* * * 13 *", "column 7, month"},
        {"* * * * 8", "column 9, day of week"},
        {"60 * * * * *", "column 1, second"},
        {"99999999999999999999 * * * *", "column 1, minute"},
        {"4294967297 * * * *", "column 1, minute"},
        {"*/99999999999 * * * *", "column 3, minute"},
        {"* * * * * * *", "column 13, expression"},
        {"* * * *", "column 8, expression"},
        {"", "column 1, expression"},
        {"   ", "column 4, expression"},
        {"* * * * \xc3\xa9", "column 9, day of week"},
        {"* 1\xc2\xa0 * * *", "column 4, hour"},
        {"*\n* * * * *", "column 2, minute"},
        {"* * * * * \r", "column 11, day of week"},
        {"x * * * *", "column 1, minute"},
        {"* * * janu *", "column 7, month"},
        {"* * * ja *", "column 7, month"},
        {"* * * * 5#0", "column 11, day of week"},
        {"* * * * 5#6", "column 11, day of week"},
        {"* * * * 5#", "column 11, day of week"},
        {"* * * * 5L", "column 10, day of week"},
        {"* * * * L", "column 9, day of week"},
        {"* L * * *", "column 3, hour"},
        {"* * L-3 * *", "column 5, day of month"},
        {"* * 15WW * *", "column 8, day of month"},
        {"* * 5#3 * *", "column 6, day of month"},
        {"? * * * *", "column 1, minute"},
        {"** * * * *", "column 2, minute"},
        {"1/2/3 * * * *", "column 4, minute"},
        {"1-2-3 * * * *", "column 4, minute"},
        {"1.5 * * * *", "column 2, minute"},
        {"@reboot", "column 1, expression"},
        {"@never", "column 1, expression"},
        {"@", "column 1, expression"},
        {"@daily x", "column 8, expression"},
        {"@every", "column 7, expression"},
        {"@every 0s", "column 8, expression"},
        {"@every 999ms", "column 8, expression"},
        {"@every 1500ms", "column 8, expression"},
        {"@every -1s", "column 8, expression"},
        {"@every 90", "column 8, expression"},
        {"@every 90s 5", "column 12, expression"},
        {"@every 99999999999h", "column 8, expression"},
        {"@every 40000d", "column 8, expression"},
        {"CRON_TZ= * * * * *", "column 9, expression"},
        {"TZ=UTC 5-1 * * * *", "column 10, minute"},
        {"TZ=UTC", "column 7, expression"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct schedule schedule;
        struct error error = {0};
        if (schedule_parse(rows[i].text, &schedule, &error) == 0)
            fail_msg("\"%s\" was taken", rows[i].text);
        assert_int_equal(error.class, ERROR_USAGE);
        size_t length = strlen(rows[i].where);
        if (strncmp(error.text, rows[i].where, length) != 0 || error.text[length] != ':')
            fail_msg("\"%s\": \"%s\" instead of \"%s\"", rows[i].text, error.text,
                     rows[i].where);
    }
}

static void schedule__refuses_words_that_are_too_long(void **state)
{
    (void)state;
    static const struct {
        const char *front, *behind, *fault;
    } rows[] = {{"TZ=", " @daily", "the name of the time zone is too long"},
                {"@every ", "s", "the duration is too long"}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char text[SCHEDULE_TEXT_SIZE], word[80];
        struct schedule schedule;
        struct error error = {0};
        memset(word, '1', sizeof word - 1);
        word[sizeof word - 1] = '\0';
        snprintf(text, sizeof text, "%s%s%s", rows[i].front, word, rows[i].behind);
        assert_int_equal(schedule_parse(text, &schedule, &error), -1);
        assert_int_equal(error.class, ERROR_USAGE);
        assert_non_null(strstr(error.text, rows[i].fault));
    }
    /* One byte less than is too much for a name. */
    char text[SCHEDULE_TEXT_SIZE], name[ZONE_NAME_SIZE];
    memset(name, 'A', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    snprintf(text, sizeof text, "TZ=%s @daily", name);
    assert_string_equal(parse(text).zone, name);
}

static void schedule__knows_no_other_nickname(void **state)
{
    (void)state;
    static const char *const names[] = {"@", "@minute", "@dailys", "@eve 1s", "@rebooo1"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct schedule schedule;
        struct error error = {0};
        assert_int_equal(schedule_parse(names[i], &schedule, &error), -1);
    }
}

static void schedule__refuses_names_that_are_none_of_the_field(void **state)
{
    (void)state;
    static const char *const texts[] = {"* * * xxx *", "* * jan * *", "* * * janu *",
                                        "* * * * averyverylongnameofaday"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct schedule schedule;
        struct error error = {0};
        assert_int_equal(schedule_parse(texts[i], &schedule, &error), -1);
        assert_non_null(strstr(error.text, "is not a name of this field"));
    }
}

static void schedule__refuses_what_is_too_long(void **state)
{
    (void)state;
    char text[SCHEDULE_TEXT_SIZE + 1];
    struct schedule schedule;
    struct error error = {0};
    memset(text, ' ', sizeof text);
    memcpy(text, "* * * * *", 9);
    text[SCHEDULE_TEXT_SIZE - 1] = '\0';
    assert_int_equal(schedule_parse(text, &schedule, &error), 0);
    text[SCHEDULE_TEXT_SIZE - 1] = ' ';
    text[SCHEDULE_TEXT_SIZE] = '\0';
    assert_int_equal(schedule_parse(text, &schedule, &error), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(schedule__reads_five_fields),
        cmocka_unit_test(schedule__reads_seconds_in_front),
        cmocka_unit_test(schedule__knows_sunday_by_all_its_names),
        cmocka_unit_test(schedule__joins_days_by_and_only_with_a_star),
        cmocka_unit_test(schedule__finds_the_special_days),
        cmocka_unit_test(schedule__reads_nicknames),
        cmocka_unit_test(schedule__reads_a_zone_in_front),
        cmocka_unit_test(schedule__refuses_with_column_and_field),
        cmocka_unit_test(schedule__refuses_words_that_are_too_long),
        cmocka_unit_test(schedule__knows_no_other_nickname),
        cmocka_unit_test(schedule__refuses_names_that_are_none_of_the_field),
        cmocka_unit_test(schedule__refuses_what_is_too_long),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
