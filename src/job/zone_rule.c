#include "job/zone_rule.h"

#include "job/civil.h"

#include <ctype.h>
#include <stddef.h>
#include <string.h>

/* Steps over "CET" or "<+03>"; -1 if there is no name. */
static int name_skip(const char **at)
{
    const char *end = *at;
    if (*end == '<') {
        end += strcspn(end, ">");
        if (!*end)
            return -1;
        *at = end + 1;
        return 0;
    }
    while (isalpha((unsigned char)*end))
        end++;
    if (end - *at < 3)
        return -1;
    *at = end;
    return 0;
}

static int number_read(const char **at, int least, int most, int *ret_number)
{
    int number = 0;
    if (!isdigit((unsigned char)**at))
        return -1;
    for (; isdigit((unsigned char)**at); (*at)++) {
        number = number * 10 + (**at - '0');
        if (number > most)
            return -1;
    }
    *ret_number = number;
    return number < least ? -1 : 0;
}

/* Reads [+-]hh[:mm[:ss]] as seconds. */
static int time_read(const char **at, int most_hours, int32_t *ret_seconds)
{
    int sign = 1, part;
    if (**at == '+' || **at == '-')
        sign = *(*at)++ == '-' ? -1 : 1;
    if (number_read(at, 0, most_hours, &part) < 0)
        return -1;
    int32_t seconds = part * 3600;
    for (int unit = 60; unit && **at == ':'; unit /= 60) {
        (*at)++;
        if (number_read(at, 0, 59, &part) < 0)
            return -1;
        seconds += part * unit;
    }
    *ret_seconds = sign * seconds;
    return 0;
}

static int day_read(const char **at, struct zone_rule_day *ret_day)
{
    struct zone_rule_day day = {.time = 2 * 3600};
    if (*(*at)++ != ',')
        return -1;
    if (**at == 'M') {
        day.kind = ZONE_RULE_MONTH;
        (*at)++;
        if (number_read(at, 1, 12, &day.month) < 0 || *(*at)++ != '.' ||
            number_read(at, 1, 5, &day.week) < 0 || *(*at)++ != '.' ||
            number_read(at, 0, 6, &day.day) < 0)
            return -1;
    } else if (**at == 'J') {
        day.kind = ZONE_RULE_JULIAN;
        (*at)++;
        if (number_read(at, 1, 365, &day.day) < 0)
            return -1;
    } else {
        day.kind = ZONE_RULE_ORDINAL;
        if (number_read(at, 0, 365, &day.day) < 0)
            return -1;
    }
    if (**at == '/') {
        (*at)++;
        if (time_read(at, 167, &day.time) < 0)
            return -1;
    }
    *ret_day = day;
    return 0;
}

static int64_t day_number(const struct zone_rule_day *day, int year)
{
    int64_t first = civil_day_number(year, 1, 1);
    if (day->kind == ZONE_RULE_ORDINAL)
        return first + day->day;
    if (day->kind == ZONE_RULE_JULIAN)
        return first + day->day - 1 + (day->day >= 60 && civil_days_in_month(year, 2) == 29);
    int64_t start = civil_day_number(year, day->month, 1);
    int in_month = (day->day - civil_weekday(start) + 7) % 7 + (day->week - 1) * 7;
    if (in_month >= civil_days_in_month(year, day->month))
        in_month -= 7;
    return start + in_month;
}

static int64_t begin_of(const struct zone_rule *rule, int year)
{
    return day_number(&rule->begin, year) * CIVIL_DAY_SECONDS + rule->begin.time -
           rule->standard;
}

static int64_t end_of(const struct zone_rule *rule, int year)
{
    return day_number(&rule->end, year) * CIVIL_DAY_SECONDS + rule->end.time - rule->summer;
}

/* Summer time that ends where the next one begins lasts all year (RFC 8536, section 3.3.1). */
static bool is_endless(const struct zone_rule *rule)
{
    /* A common year and a leap year. */
    return end_of(rule, 2023) == begin_of(rule, 2024) &&
           end_of(rule, 2024) == begin_of(rule, 2025);
}

int zone_rule_parse(const char *text, struct zone_rule *ret_rule)
{
    struct zone_rule rule = {0};
    int32_t west;
    if (name_skip(&text) < 0 || time_read(&text, 24, &west) < 0)
        return -1;
    rule.standard = -west;
    if (*text) {
        rule.summer = rule.standard + 3600;
        if (name_skip(&text) < 0)
            return -1;
        if (*text != ',') {
            if (time_read(&text, 24, &west) < 0)
                return -1;
            rule.summer = -west;
        }
        if (day_read(&text, &rule.begin) < 0 || day_read(&text, &rule.end) < 0 || *text)
            return -1;
        rule.has_summer = !is_endless(&rule);
        if (!rule.has_summer)
            rule.standard = rule.summer;
    }
    *ret_rule = rule;
    return 0;
}

struct change {
    int64_t at;
    int32_t offset;
};

/* Years looked at on each side: a rule's time may reach a week over the year's end. */
#define YEARS_AROUND 1
#define CHANGES_MAX  (2 * (2 * YEARS_AROUND + 1))

/* The changes of the years around `instant`, in their order. */
static size_t changes_list(const struct zone_rule *rule, int64_t instant,
                           struct change ret_changes[static CHANGES_MAX])
{
    int middle = civil_from_seconds(instant).year;
    size_t count = 0;
    for (int year = middle - YEARS_AROUND; year <= middle + YEARS_AROUND; year++) {
        struct change both[] = {{begin_of(rule, year), rule->summer},
                                {end_of(rule, year), rule->standard}};
        for (int i = 0; i < 2; i++) {
            size_t place = count++;
            for (; place && ret_changes[place - 1].at > both[i].at; place--)
                ret_changes[place] = ret_changes[place - 1];
            ret_changes[place] = both[i];
        }
    }
    return count;
}

int32_t zone_rule_offset_at(const struct zone_rule *rule, int64_t instant)
{
    if (!rule->has_summer)
        return rule->standard;
    struct change changes[CHANGES_MAX];
    size_t count = changes_list(rule, instant, changes);
    int32_t offset = rule->standard;
    for (size_t i = 0; i < count && changes[i].at <= instant; i++)
        offset = changes[i].offset;
    return offset;
}

int64_t zone_rule_change_after(const struct zone_rule *rule, int64_t instant)
{
    if (!rule->has_summer)
        return INT64_MAX;
    struct change changes[CHANGES_MAX];
    size_t count = changes_list(rule, instant, changes);
    int32_t offset = zone_rule_offset_at(rule, instant);
    for (size_t i = 0; i < count; i++) {
        if (changes[i].at > instant && changes[i].offset != offset)
            return changes[i].at;
    }
    return INT64_MAX;
}
