/*
 * next_instant against an oracle that walks minute by minute through the C library's own local
 * times, and against named cases.
 */
#include "job/next.h"

#include "base/random.h"
#include "job/civil.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#define CASES_PER_ZONE 600
#define WALK_MINUTES   1600
#define PAST_MINUTES   240 /* nothing after 1975 puts a clock back further */
#define CHANGES_MAX    512

static const char *const zones[] = {"UTC",
                                    "Europe/Berlin",
                                    "Europe/Dublin",
                                    "America/New_York",
                                    "America/Havana",
                                    "America/St_Johns",
                                    "America/Sao_Paulo",
                                    "America/Nuuk",
                                    "America/Santiago",
                                    "Australia/Lord_Howe",
                                    "Pacific/Chatham",
                                    "Pacific/Apia",
                                    "Pacific/Kiritimati",
                                    "Asia/Kolkata",
                                    "Asia/Tehran",
                                    "Asia/Gaza",
                                    "Asia/Pyongyang",
                                    "Africa/Cairo",
                                    "Africa/Casablanca",
                                    "Antarctica/Casey",
                                    "Antarctica/Troll"};

/* What a random expression says, kept apart from the parser that is tested. */
struct wanted {
    char text[256];
    bool in[5][64]; /* minute, hour, day, month, weekday (0 to 6) */
    bool star[5];
    bool last_day;
    int near, nth_weekday, nth; /* 0: none */
};

static const int least[] = {0, 0, 1, 1, 0}, most[] = {59, 23, 31, 12, 6};

static int between(struct random *random, int low, int high)
{
    return low + (int)random_below(random, (uint64_t)(high - low + 1));
}

static void item_make(struct wanted *wanted, int field, struct random *random, char *text)
{
    static const char *const days[] = {"sun", "Mon", "TUE", "wed", "thu", "fri", "sat"};
    int low = between(random, least[field], most[field]), high = low, step = 1;
    switch (between(random, 0, 4)) {
    case 0:
        high = between(random, low, most[field]);
        sprintf(text, "%d-%d", low, high);
        break;
    case 1:
        high = between(random, low, most[field]);
        step = between(random, 1, 9);
        sprintf(text, "%d-%d/%d", low, high, step);
        break;
    case 2:
        high = most[field];
        step = between(random, 2, 20);
        sprintf(text, "%d/%d", low, step);
        break;
    default:
        if (field == 4)
            strcpy(text, days[low]);
        else
            sprintf(text, "%02d", low);
    }
    for (int i = low; i <= high; i += step)
        wanted->in[field][i] = true;
}

static void special_make(struct wanted *wanted, int field, struct random *random, char *text)
{
    if (field == 4) {
        wanted->nth_weekday = between(random, 0, 6);
        wanted->nth = between(random, 1, 5);
        sprintf(text, "%d#%d", wanted->nth_weekday, wanted->nth);
    } else if (between(random, 0, 1)) {
        wanted->last_day = true;
        strcpy(text, "L");
    } else {
        wanted->near = between(random, 1, 31);
        sprintf(text, "%dW", wanted->near);
    }
}

static void field_make(struct wanted *wanted, int field, struct random *random)
{
    char text[64] = "";
    int kind = between(random, 0, 9);
    if (kind < (field == 3 ? 9 : field == 2 || field == 4 ? 8 : 3)) {
        int step = kind ? 1 : between(random, 2, 15);
        wanted->star[field] = true;
        for (int i = least[field]; i <= most[field]; i += step)
            wanted->in[field][i] = true;
        sprintf(text, kind ? "*" : "*/%d", step);
    } else if (kind == 9 && (field == 2 || field == 4)) {
        special_make(wanted, field, random, text);
    } else {
        for (int items = between(random, 1, 3); items; items--) {
            item_make(wanted, field, random, text + strlen(text));
            if (items > 1)
                strcat(text, ",");
        }
    }
    strcat(wanted->text, text);
    strcat(wanted->text, field < 4 ? " " : "");
}

static int month_length(const struct tm *parts)
{
    static const int lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int year = parts->tm_year + 1900;
    bool leap = year % 4 == 0 && (year % 100 || year % 400 == 0);
    return lengths[parts->tm_mon] + (parts->tm_mon == 1 && leap);
}

/* Is this day the weekday (Monday to Friday) nearest to `near`? Asked from the day's side. */
static bool day_is_near(const struct tm *parts, int near)
{
    int day = parts->tm_mday, length = month_length(parts);
    if (near > length || parts->tm_wday == 0 || parts->tm_wday == 6)
        return false;
    if (day == near)
        return true;
    if (parts->tm_wday == 5 && (near == day + 1 || (near == day + 2 && near == length)))
        return true;
    return parts->tm_wday == 1 && (near == day - 1 || (near == day - 2 && near == 1));
}

static bool wanted_matches(const struct wanted *wanted, const struct tm *parts)
{
    bool day = wanted->in[2][parts->tm_mday] ||
               (wanted->last_day && parts->tm_mday == month_length(parts)) ||
               (wanted->near && day_is_near(parts, wanted->near));
    bool weekday = wanted->in[4][parts->tm_wday] ||
                   (wanted->nth && parts->tm_wday == wanted->nth_weekday &&
                    (parts->tm_mday - 1) / 7 + 1 == wanted->nth);
    bool both = wanted->star[2] || wanted->star[4];
    return wanted->in[0][parts->tm_min] && wanted->in[1][parts->tm_hour] &&
           wanted->in[3][parts->tm_mon + 1] && (both ? day && weekday : day || weekday);
}

static bool gap_matches(const struct wanted *wanted, int64_t from, int64_t until)
{
    for (int64_t shown = from; shown < until; shown += 60) {
        time_t second = (time_t)shown;
        struct tm parts;
        gmtime_r(&second, &parts);
        if (wanted_matches(wanted, &parts))
            return true;
    }
    return false;
}

/* The first minute after `instant` that fires, or INT64_MAX if none does in WALK_MINUTES. */
static int64_t oracle(const struct wanted *wanted, int64_t instant)
{
    bool elapsed = wanted->star[0] || wanted->star[1];
    int64_t start = instant - instant % 60;
    int64_t latest = INT64_MIN, previous = INT64_MIN;
    for (int64_t at = start - PAST_MINUTES * 60; at <= start + WALK_MINUTES * 60; at += 60) {
        time_t second = (time_t)at;
        struct tm parts;
        localtime_r(&second, &parts);
        int64_t shown = at + parts.tm_gmtoff;
        bool fires = wanted_matches(wanted, &parts) && (elapsed || shown > latest);
        int64_t gap = previous == INT64_MIN ? 0 : shown - previous - 60;
        if (!elapsed && gap > 0 && gap <= 3 * 3600) {
            int64_t from = previous + 60 > latest + 60 ? previous + 60 : latest + 60;
            fires |= gap_matches(wanted, from, shown);
        }
        if (fires && at > instant)
            return at;
        latest = shown > latest ? shown : latest;
        previous = shown;
    }
    return INT64_MAX;
}

/* Days in which the C library sees the offset change. */
static size_t changes_find(int64_t *changes)
{
    size_t count = 0;
    long offset = 0;
    for (int64_t at = 157766400; at < INT64_C(2240524800) && count < CHANGES_MAX; at += 86400) {
        time_t second = (time_t)at;
        struct tm parts;
        localtime_r(&second, &parts);
        if (at > 157766400 && parts.tm_gmtoff != offset)
            changes[count++] = at;
        offset = parts.tm_gmtoff;
    }
    return count;
}

static int64_t instant_choose(struct random *random, const int64_t *changes, size_t count)
{
    if (count && random_below(random, 4))
        return changes[random_below(random, count)] - 2 * 86400 +
               (int64_t)random_below(random, 3 * 86400);
    return 157766400 + (int64_t)random_below(random, 2082758400);
}

static int case_check(const char *name, const struct zone *zone, struct random *random,
                      const int64_t *changes, size_t count)
{
    struct wanted wanted = {0};
    struct schedule schedule;
    struct error error = {0};
    for (int field = 0; field < 5; field++)
        field_make(&wanted, field, random);
    int64_t instant = instant_choose(random, changes, count), found = INT64_MAX;
    int64_t walked = instant - instant % 60 + WALK_MINUTES * 60;
    int64_t expected = oracle(&wanted, instant);
    if (schedule_parse(wanted.text, &schedule, &error) < 0)
        fail_msg("%s: %s", wanted.text, error.text);
    if (next_instant(&schedule, zone, instant, &found) < 0)
        found = INT64_MAX;
    if (expected == INT64_MAX ? found <= walked : found != expected)
        fail_msg("\"%s\" in %s after %lld: %lld, not %lld", wanted.text, name,
                 (long long)instant, (long long)found, (long long)expected);
    return expected != INT64_MAX;
}

static void next__agrees_with_the_walking_oracle(void **state)
{
    (void)state;
    struct random random = {2026};
    int fired = 0, cases = 0;
    for (size_t i = 0; i < sizeof zones / sizeof *zones; i++) {
        static int64_t changes[CHANGES_MAX];
        struct zone *zone;
        struct error error = {0};
        setenv("TZ", zones[i], 1);
        tzset();
        size_t count = changes_find(changes);
        assert_int_equal(zone_open(zones[i], &zone, &error), 0);
        for (int j = 0; j < CASES_PER_ZONE; j++, cases++)
            fired += case_check(zones[i], zone, &random, changes, count);
        zone_close(zone);
    }
    unsetenv("TZ");
    tzset();
    assert_true(cases >= 10000);
    /* Most of the cases must have something to compare. */
    assert_in_range(fired, cases / 2, cases);
}

struct named {
    const char *expression, *zone, *from, *next; /* next: "never" */
};

static void named_check(const struct named *named)
{
    struct schedule schedule;
    struct zone *zone = NULL;
    struct error error = {0};
    int64_t from, found;
    char text[CIVIL_TEXT_SIZE] = "never";
    if (schedule_parse(named->expression, &schedule, &error) < 0 ||
        zone_open(named->zone, &zone, &error) < 0)
        fail_msg("%s: %s", named->expression, error.text);
    assert_int_equal(civil_parse(named->from, &from), 0);
    if (next_instant(&schedule, zone, from, &found) == 0)
        civil_format(found, zone_offset_at(zone, found), zone_is_utc(zone), text);
    zone_close(zone);
    if (strcmp(text, named->next) != 0)
        fail_msg("\"%s\" in %s after %s: %s, not %s", named->expression, named->zone,
                 named->from, text, named->next);
}

static void next__keeps_to_the_named_cases(void **state)
{
    (void)state;
    static const struct named cases[] = {
        /* A clock put forward: a fixed time runs once, right after. */
        {"30 2 * * *", "Europe/Berlin", "2026-03-28T12:00:00Z", "2026-03-29T03:00:00+02:00"},
        {"30 2 * * *", "Europe/Berlin", "2026-03-29T01:00:00Z", "2026-03-30T02:30:00+02:00"},
        {"0,30 2,3 * * *", "Europe/Berlin", "2026-03-29T01:00:00Z",
         "2026-03-29T03:30:00+02:00"},
        {"*/20 30 2 * * *", "Europe/Berlin", "2026-03-28T12:00:00Z",
         "2026-03-29T03:00:00+02:00"},
        {"*/20 30 2 * * *", "Europe/Berlin", "2026-03-29T01:00:00Z",
         "2026-03-30T02:30:00+02:00"},
        {"0 0 2 29 3 *", "Europe/Berlin", "2026-01-01T00:00:00Z", "2026-03-29T03:00:00+02:00"},
        /* What follows elapsed time has nothing to run in the gap. */
        {"*/15 2 * * *", "Europe/Berlin", "2026-03-28T12:00:00Z", "2026-03-30T02:00:00+02:00"},
        {"30 * * * *", "Europe/Berlin", "2026-03-29T00:30:00Z", "2026-03-29T03:30:00+02:00"},
        {"@hourly", "Europe/Berlin", "2026-03-29T00:00:00Z", "2026-03-29T03:00:00+02:00"},
        /* A clock put back: a fixed time runs the first time only. */
        {"30 2 * * *", "Europe/Berlin", "2026-10-25T00:00:00Z", "2026-10-25T02:30:00+02:00"},
        {"30 2 * * *", "Europe/Berlin", "2026-10-25T00:30:00Z", "2026-10-26T02:30:00+01:00"},
        {"30 2 * * *", "Europe/Berlin", "2026-10-25T01:00:00Z", "2026-10-26T02:30:00+01:00"},
        {"0-59/30 2 * * *", "Europe/Berlin", "2026-10-25T00:30:00Z",
         "2026-10-26T02:00:00+01:00"},
        {"*/30 2 * * *", "Europe/Berlin", "2026-10-25T00:30:00Z", "2026-10-25T02:00:00+01:00"},
        {"@hourly", "Europe/Berlin", "2026-10-25T00:00:00Z", "2026-10-25T02:00:00+01:00"},
        {"@every 1h", "Europe/Berlin", "2026-10-25T00:00:00Z", "2026-10-25T02:00:00+01:00"},
        /* Half an hour, at two in the night. */
        {"15 2 * * *", "Australia/Lord_Howe", "2025-10-04T00:00:00Z",
         "2025-10-05T02:30:00+11:00"},
        {"*/15 2 * * *", "Australia/Lord_Howe", "2025-10-04T15:29:00Z",
         "2025-10-05T02:30:00+11:00"},
        {"45 1 * * *", "Australia/Lord_Howe", "2026-04-04T14:45:00Z",
         "2026-04-06T01:45:00+10:30"},
        {"45 1-1 * * *", "Australia/Lord_Howe", "2026-04-04T14:44:59Z",
         "2026-04-05T01:45:00+11:00"},
        {"*/45 1 * * *", "Australia/Lord_Howe", "2026-04-04T14:45:00Z",
         "2026-04-05T01:45:00+10:30"},
        /* Midnight itself is in the gap. */
        {"@daily", "America/Sao_Paulo", "2018-11-03T12:00:00Z", "2018-11-04T01:00:00-02:00"},
        {"30 0 4 11 *", "America/Sao_Paulo", "2018-11-03T12:00:00Z",
         "2018-11-04T01:00:00-02:00"},
        {"0 1 * * *", "America/Sao_Paulo", "2018-11-03T12:00:00Z", "2018-11-04T01:00:00-02:00"},
        {"@daily", "America/Sao_Paulo", "2018-11-04T03:00:00Z", "2018-11-05T00:00:00-02:00"},
        {"30 23 * * *", "America/Sao_Paulo", "2018-02-18T01:30:00Z",
         "2018-02-18T23:30:00-03:00"},
        /* A whole day that never was: no change of summer time, so nothing is made up for. */
        {"0 12 * * *", "Pacific/Apia", "2011-12-29T22:00:00Z", "2011-12-31T12:00:00+14:00"},
        {"0 0 * * *", "Pacific/Apia", "2011-12-29T11:00:00Z", "2011-12-31T00:00:00+14:00"},
        {"0 12 30 12 *", "Pacific/Apia", "2011-12-29T00:00:00Z", "2012-12-30T12:00:00+14:00"},
        /* Three hours forward is the most that is made up for. */
        {"30 1 * * *", "Antarctica/Casey", "2010-03-04T17:00:00Z", "2010-03-06T01:30:00+08:00"},
        /* Leap days: 2100 has none. */
        {"0 0 29 2 *", "UTC", "2096-03-01T00:00:00Z", "2104-02-29T00:00:00Z"},
        {"0 0 29 2 */7", "UTC", "2088-03-01T00:00:00Z", "2128-02-29T00:00:00Z"},
        {"0 0 * 2 5#5", "UTC", "2026-01-01T00:00:00Z", "2036-02-29T00:00:00Z"},
        /* Strictly later, and the second below. */
        {"* * * * *", "UTC", "2026-01-01T00:00:00Z", "2026-01-01T00:01:00Z"},
        {"* * * * * *", "UTC", "2026-01-01T00:00:00.9Z", "2026-01-01T00:00:01Z"},
        {"59 59 23 31 12 *", "UTC", "2026-12-31T23:59:59Z", "2027-12-31T23:59:59Z"},
        {"@every 90s", "UTC", "2026-01-01T00:00:00.7Z", "2026-01-01T00:01:30Z"},
        {"@weekly", "UTC", "2026-11-23T08:19:00Z", "2026-11-29T00:00:00Z"},
        {"0 9 L * *", "Asia/Tokyo", "2026-02-28T00:00:00Z", "2026-03-31T09:00:00+09:00"},
        /* Never. */
        {"0 0 30 2 *", "UTC", "2026-01-01T00:00:00Z", "never"},
        {"0 0 31 4,6,9,11 *", "Europe/Berlin", "2026-01-01T00:00:00Z", "never"},
        {"0 0 31W 2 *", "UTC", "2026-01-01T00:00:00Z", "never"},
        {"* 0 30 2 *", "Europe/Berlin", "2026-01-01T00:00:00Z", "never"},
        /* Only ever in the hour that the last Sunday of March leaves out. */
        {"*/15 2 25-31 3 */7", "Europe/Berlin", "2026-01-01T00:00:00Z", "never"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        named_check(&cases[i]);
}

static void next__is_bounded_in_time(void **state)
{
    (void)state;
    static const char *const expressions[] = {"0 0 30 2 *", "* * 31 2 *", "*/15 2 25-31 3 */7",
                                              "* * * * 1#5,2#5", "0 0 29 2 */7"};
    struct zone *zone;
    struct error error = {0};
    assert_int_equal(zone_open("Europe/Berlin", &zone, &error), 0);
    for (size_t i = 0; i < sizeof expressions / sizeof *expressions; i++) {
        struct schedule schedule;
        struct timespec start, end;
        int64_t found;
        assert_int_equal(schedule_parse(expressions[i], &schedule, &error), 0);
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &start);
        next_instant(&schedule, zone, 1767225600, &found);
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &end);
        assert_true(end.tv_sec - start.tv_sec < 2);
    }
    zone_close(zone);
}

#define YEARS_FIRST INT64_C(1767225600) /* 2026-01-01 */
#define YEARS_LAST  INT64_C(2082758400) /* 2036-01-01 */

/* Does the schedule fire at this minute, which follows one that showed `previous`? */
static bool minute_fires(const struct schedule *schedule, int64_t shown, int64_t previous,
                         int64_t latest)
{
    int64_t from = shown;
    if (!schedule->elapsed && shown <= latest)
        return false; /* it was shown before */
    if (!schedule->elapsed && shown - previous > 60 && shown - previous <= 3 * 3600 + 60)
        from = (previous > latest ? previous : latest) + 60;
    for (; from <= shown; from += 60) {
        struct civil at = civil_from_seconds(from);
        uint32_t days = schedule_month_days(schedule, at.year, at.month);
        if (schedule->minutes >> at.second_of_day / 60 % 60 & 1 &&
            schedule->hours >> at.second_of_day / 3600 & 1 &&
            schedule->months >> at.month & 1 && days >> at.day & 1)
            return true;
    }
    return false;
}

/* Every minute of ten years: each one that fires is found, in order, and no other. */
static void next__finds_every_run_of_ten_years(void **state)
{
    (void)state;
    static const char *const rows[][2] = {{"*/5 * * * *", "UTC"},
                                          {"30 2 * * *", "Europe/Berlin"},
                                          {"0 0 L * *", "America/New_York"},
                                          {"15 1,2 15W * *", "Australia/Lord_Howe"},
                                          {"0 9-17/2 * * mon-fri", "Asia/Kolkata"},
                                          {"*/20 2 * * 7#1", "Europe/Berlin"},
                                          {"0 0 29 2 *", "Pacific/Chatham"},
                                          {"@hourly", "America/Havana"}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct schedule schedule;
        struct zone *zone = NULL;
        struct error error = {0};
        assert_int_equal(schedule_parse(rows[i][0], &schedule, &error), 0);
        assert_int_equal(zone_open(rows[i][1], &zone, &error), 0);
        int64_t latest = INT64_MIN, previous = YEARS_FIRST - 86400, found = YEARS_FIRST;
        int64_t runs = 0;
        next_instant(&schedule, zone, YEARS_FIRST, &found);
        for (int64_t at = YEARS_FIRST - 86400; at < YEARS_LAST; at += 60) {
            int64_t shown = at + zone_offset_at(zone, at);
            bool fires = at > YEARS_FIRST && minute_fires(&schedule, shown, previous, latest);
            if (fires != (at == found))
                fail_msg("\"%s\" in %s: %lld, found %lld", rows[i][0], rows[i][1],
                         (long long)at, (long long)found);
            if (fires) {
                runs++;
                assert_int_equal(next_instant(&schedule, zone, at, &found), 0);
            }
            latest = shown > latest ? shown : latest;
            previous = shown;
        }
        assert_true(runs >= 2);
        zone_close(zone);
    }
}

/* With the word "walks" the long ones: millions of steps, apart for tools that slow each down.
 */
int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(next__keeps_to_the_named_cases),
        cmocka_unit_test(next__is_bounded_in_time),
    };
    const struct CMUnitTest walks[] = {
        cmocka_unit_test(next__agrees_with_the_walking_oracle),
        cmocka_unit_test(next__finds_every_run_of_ten_years),
    };
    if (argc == 2 && strcmp(argv[1], "walks") == 0)
        return cmocka_run_group_tests(walks, NULL, NULL);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
