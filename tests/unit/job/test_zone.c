#include "job/zone.h"

#include "base/random.h"
#include "job/zone_rule.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define SAMPLES 400

static int32_t library_offset(int64_t instant)
{
    time_t second = (time_t)instant;
    struct tm parts;
    assert_non_null(localtime_r(&second, &parts));
    return (int32_t)parts.tm_gmtoff;
}

/* A zone against the C library at random instants of 1950 to 2500, and around each change. */
static void zone_compare(const char *name, struct random *random)
{
    struct zone *zone;
    struct error error = {0};
    if (zone_open(name, &zone, &error) < 0)
        fail_msg("%s: %s", name, error.text);
    setenv("TZ", name, 1);
    tzset();
    for (int i = 0; i < SAMPLES; i++) {
        int64_t instant = -631152000 + (int64_t)random_below(random, 17356550400u);
        int64_t change = zone_change_after(zone, instant);
        assert_true(change > instant);
        int64_t probes[] = {instant, change == INT64_MAX ? instant : change - 1,
                            change == INT64_MAX ? instant : change};
        for (size_t j = 0; j < 3; j++) {
            if (zone_offset_at(zone, probes[j]) != library_offset(probes[j]))
                fail_msg("%s at %lld: %d, not %d", name, (long long)probes[j],
                         zone_offset_at(zone, probes[j]), library_offset(probes[j]));
        }
        if (change != INT64_MAX)
            assert_int_not_equal(zone_offset_at(zone, change - 1),
                                 zone_offset_at(zone, change));
        assert_int_equal(zone_offset_at(zone, instant),
                         zone_offset_at(zone, change == INT64_MAX ? instant : change - 1));
    }
    zone_close(zone);
}

static void zone__agrees_with_the_library_in_every_zone(void **state)
{
    (void)state;
    FILE *table = fopen("/usr/share/zoneinfo/zone1970.tab", "r");
    struct random random = {1};
    char line[512], name[128];
    int count = 0;
    assert_non_null(table);
    while (fgets(line, sizeof line, table)) {
        if (*line != '#' && sscanf(line, "%*s %*s %127s", name) == 1) {
            zone_compare(name, &random);
            count++;
        }
    }
    fclose(table);
    unsetenv("TZ");
    tzset();
    assert_true(count > 250);
}

static void zone__utc_needs_no_file(void **state)
{
    (void)state;
    struct zone *zone;
    struct error error = {0};
    setenv("TZDIR", "/nonexistent", 1);
    assert_int_equal(zone_open("UTC", &zone, &error), 0);
    assert_true(zone_is_utc(zone));
    assert_int_equal(zone_change_after(zone, 0), INT64_MAX);
    zone_close(zone);
    assert_int_equal(zone_open("Europe/Berlin", &zone, &error), -1);
    assert_int_equal(error.class, ERROR_USAGE);
    unsetenv("TZDIR");
}

static void zone__only_utc_is_utc(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        bool utc;
    } rows[] = {{"Etc/UTC", true},
                {"Europe/London", false},
                {"Etc/GMT+5", false},
                {"Africa/Abidjan", false},
                {"Europe/Berlin", false}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct zone *zone;
        struct error error = {0};
        assert_int_equal(zone_open(rows[i].name, &zone, &error), 0);
        assert_int_equal(zone_is_utc(zone), rows[i].utc);
        zone_close(zone);
    }
}

static void zone__refuses_names_that_leave_the_database(void **state)
{
    (void)state;
    static const char *const names[] = {
        "",
        "/etc/localtime",
        "../zoneinfo/UTC",
        "Europe/../Europe/Berlin",
        "Europe/./Berlin",
        "Europe//Berlin",
        "Europe/",
        "Europe",
        "Europe/Berlin ",
        "europe/nowhere",
        "zone1970.tab",
        "CET-1CEST,M3.5.0,M10.5.0/3",
        "Europe/Berl\xc3\xadn",
        "A234567890123456789012345678901234567890123456789012345678901234"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct zone *zone = NULL;
        struct error error = {0};
        if (zone_open(names[i], &zone, &error) == 0)
            fail_msg("\"%s\" was taken", names[i]);
        assert_int_equal(error.class, ERROR_USAGE);
    }
}

static size_t file_load(const char *path, unsigned char *bytes, size_t size)
{
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    size_t length = fread(bytes, 1, size, file);
    fclose(file);
    return length;
}

static void file_store(const char *path, const unsigned char *bytes, size_t length)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, length, file), length);
    assert_int_equal(fclose(file), 0);
}

/* No cut and no flipped byte may do more than be refused, or give some other zone. */
static void zone__survives_damaged_files(void **state)
{
    (void)state;
    unsigned char bytes[8192];
    char folder[] = "/tmp/zones.XXXXXX", path[64];
    size_t length = file_load("/usr/share/zoneinfo/America/Sao_Paulo", bytes, sizeof bytes);
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/Damaged", folder);
    setenv("TZDIR", folder, 1);
    for (size_t cut = 0; cut < length; cut += 7) {
        struct zone *zone = NULL;
        struct error error = {0};
        file_store(path, bytes, cut);
        if (zone_open("Damaged", &zone, &error) == 0)
            fail_msg("taken with %zu of %zu bytes", cut, length);
    }
    struct random random = {7};
    for (int i = 0; i < 2000; i++) {
        struct zone *zone = NULL;
        struct error error = {0};
        size_t at = random_below(&random, length);
        unsigned char before = bytes[at];
        bytes[at] = (unsigned char)random_next(&random);
        file_store(path, bytes, length);
        if (zone_open("Damaged", &zone, &error) == 0) {
            int64_t instant = (int64_t)random_below(&random, 17356550400u);
            assert_true(zone_change_after(zone, instant) > instant);
        }
        zone_close(zone);
        bytes[at] = before;
    }
    unsetenv("TZDIR");
    unlink(path);
    rmdir(folder);
}

static void zone_rule__refuses_what_is_no_rule(void **state)
{
    (void)state;
    static const char *const texts[] = {"",
                                        "C1",
                                        "CET",
                                        "CET-25",
                                        "CET-1CEST",
                                        "CET-1CEST,M3.5.0",
                                        "<+03-3",
                                        "CET-1CEST,M13.5.0,M10.5.0",
                                        "CET-1CEST,M3.6.0,M10.5.0",
                                        "CET-1CEST,M3.5.7,M10.5.0",
                                        "CET-1CEST,J0,J365",
                                        "CET-1CEST,0,366",
                                        "CET-1CEST,0/168,1",
                                        "CET-1CEST,M3.5.0,M10.5.0x",
                                        "CET-1:60",
                                        "CET-1!",
                                        "CET-1CEST-,M3.5.0,M10.5.0",
                                        "CET-1CEST,M3;5.0,M10.5.0",
                                        "CET-1CEST,M3.5;0,M10.5.0",
                                        "CET-1CEST,Mx,M10.5.0",
                                        "CET-1CEST,M3.5.0;M10.5.0"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct zone_rule rule;
        if (zone_rule_parse(texts[i], &rule) == 0)
            fail_msg("\"%s\" was taken", texts[i]);
    }
}

static void zone_rule__reads_every_form_of_a_time(void **state)
{
    (void)state;
    struct zone_rule rule;
    assert_int_equal(zone_rule_parse("<+0130>-1:30:15<-05>+5,J60/+2,J300/-1:00:01", &rule), 0);
    assert_int_equal(rule.standard, 5415);
    assert_int_equal(rule.summer, -5 * 3600);
    assert_int_equal(rule.begin.time, 2 * 3600);
    assert_int_equal(rule.end.time, -3601);
    /* J60 is the first of March, in leap years too. */
    assert_int_equal(zone_rule_offset_at(&rule, INT64_C(1709251200) + 7200 - 5416), 5415);
    assert_int_equal(zone_rule_offset_at(&rule, INT64_C(1709251200) + 7200 - 5415), -5 * 3600);
}

/* Only the name changes: there is nothing to wait for. */
static void zone_rule__a_summer_of_the_same_time_changes_nothing(void **state)
{
    (void)state;
    struct zone_rule rule;
    assert_int_equal(zone_rule_parse("AAA0BBB0,M3.5.0,M10.5.0", &rule), 0);
    assert_int_equal(zone_rule_offset_at(&rule, 1700000000), 0);
    assert_int_equal(zone_rule_change_after(&rule, 1700000000), INT64_MAX);
}

/* RFC 8536, section 3.3.1: summer time for ever, which the library understands as well. */
static void zone_rule__summer_may_last_all_year(void **state)
{
    (void)state;
    struct zone_rule rule;
    assert_int_equal(zone_rule_parse("EST5EDT,0/0,J365/25", &rule), 0);
    for (int64_t instant = 0; instant < INT64_C(3000000000); instant += 3599)
        assert_int_equal(zone_rule_offset_at(&rule, instant), -4 * 3600);
    assert_int_equal(zone_rule_change_after(&rule, 1700000000), INT64_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(zone__agrees_with_the_library_in_every_zone),
        cmocka_unit_test(zone__utc_needs_no_file),
        cmocka_unit_test(zone__only_utc_is_utc),
        cmocka_unit_test(zone__refuses_names_that_leave_the_database),
        cmocka_unit_test(zone__survives_damaged_files),
        cmocka_unit_test(zone_rule__refuses_what_is_no_rule),
        cmocka_unit_test(zone_rule__reads_every_form_of_a_time),
        cmocka_unit_test(zone_rule__a_summer_of_the_same_time_changes_nothing),
        cmocka_unit_test(zone_rule__summer_may_last_all_year),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
