#include "job/civil.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

#define CYCLE_YEARS 400
#define CYCLE_DAYS  146097

static bool year_is_leap(int year)
{
    return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

int civil_days_in_month(int year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    return days[month - 1] + (month == 2 && year_is_leap(year));
}

/* Days from the first of January of the year 0 to that of `year`, for years 0 to 400. */
static int days_before_year(int year)
{
    int last = year - 1;
    /* The year 0 is a leap year itself. */
    return year ? year * 365 + last / 4 - last / 100 + last / 400 + 1 : 0;
}

static int64_t floor_divide(int64_t value, int64_t divisor)
{
    return value / divisor - (value % divisor < 0);
}

int64_t civil_day_number(int year, int month, int day)
{
    static const int before[] = {0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334};
    int64_t cycle = floor_divide(year, CYCLE_YEARS);
    int in_cycle = (int)(year - cycle * CYCLE_YEARS);
    int64_t since_zero = cycle * CYCLE_DAYS + days_before_year(in_cycle) + before[month - 1] +
                         (month > 2 && year_is_leap(in_cycle)) + day - 1;
    return since_zero - 719528; /* the day number of 1970-01-01 in that count */
}

int civil_weekday(int64_t day_number)
{
    int64_t weekday = (day_number + 4) % 7; /* 1970-01-01 was a Thursday */
    return (int)(weekday < 0 ? weekday + 7 : weekday);
}

struct civil civil_from_seconds(int64_t seconds)
{
    int64_t day_number = floor_divide(seconds, CIVIL_DAY_SECONDS);
    int64_t since_zero = day_number + 719528;
    int64_t cycle = floor_divide(since_zero, CYCLE_DAYS);
    int in_cycle = (int)(since_zero - cycle * CYCLE_DAYS);
    /* Dividing by the longest year can only guess too early, by one at most. */
    int year = in_cycle / 366;
    while (days_before_year(year + 1) <= in_cycle)
        year++;
    int day = in_cycle - days_before_year(year);
    int month = 1;
    for (; day >= civil_days_in_month(year, month); month++)
        day -= civil_days_in_month(year, month);
    return (struct civil){.year = (int)(cycle * CYCLE_YEARS) + year,
                          .month = month,
                          .day = day + 1,
                          .second_of_day = (int)(seconds - day_number * CIVIL_DAY_SECONDS)};
}

int64_t civil_to_seconds(const struct civil *civil)
{
    return civil_day_number(civil->year, civil->month, civil->day) * CIVIL_DAY_SECONDS +
           civil->second_of_day;
}

void civil_format(int64_t instant, int32_t offset, bool zulu,
                  char ret_text[static CIVIL_TEXT_SIZE])
{
    struct civil civil = civil_from_seconds(instant + offset);
    int second = civil.second_of_day;
    int length =
        snprintf(ret_text, CIVIL_TEXT_SIZE, "%04d-%02d-%02dT%02d:%02d:%02d", civil.year,
                 civil.month, civil.day, second / 3600, second / 60 % 60, second % 60);
    size_t room = CIVIL_TEXT_SIZE - (size_t)length;
    /* RFC 3339 has no seconds in an offset; only local mean times of long ago have any. */
    int minutes = abs((int)offset) / 60;
    if (zulu)
        snprintf(ret_text + length, room, "Z");
    else
        snprintf(ret_text + length, room, "%c%02d:%02d", offset < 0 ? '-' : '+', minutes / 60,
                 minutes % 60);
}

/* Reads exactly `count` digits within bounds and the character `end` behind them (0: none). */
static int digits_read(const char **at, int count, int least, int most, char end,
                       int *ret_number)
{
    int number = 0;
    for (; count; count--, (*at)++) {
        if (!isdigit((unsigned char)**at))
            return -1;
        number = number * 10 + (**at - '0');
    }
    if (number < least || number > most)
        return -1;
    if (end && toupper((unsigned char)*(*at)++) != end)
        return -1;
    *ret_number = number;
    return 0;
}

static int offset_read(const char *at, int *ret_offset)
{
    int hours, minutes;
    if ((*at == 'Z' || *at == 'z') && !at[1]) {
        *ret_offset = 0;
        return 0;
    }
    if (*at != '+' && *at != '-')
        return -1;
    int sign = *at++ == '-' ? -1 : 1;
    if (digits_read(&at, 2, 0, 23, ':', &hours) < 0 ||
        digits_read(&at, 2, 0, 59, 0, &minutes) < 0 || *at)
        return -1;
    *ret_offset = sign * (hours * 60 + minutes) * 60;
    return 0;
}

int civil_parse(const char *text, int64_t *ret_instant)
{
    struct civil civil;
    int hour, minute, second, offset;
    if (digits_read(&text, 4, 0, 9999, '-', &civil.year) < 0 ||
        digits_read(&text, 2, 1, 12, '-', &civil.month) < 0 ||
        digits_read(&text, 2, 1, civil_days_in_month(civil.year, civil.month), 'T',
                    &civil.day) < 0 ||
        digits_read(&text, 2, 0, 23, ':', &hour) < 0 ||
        digits_read(&text, 2, 0, 59, ':', &minute) < 0 ||
        digits_read(&text, 2, 0, 60, 0, &second) < 0)
        return -1;
    if (*text == '.') {
        text++;
        if (!isdigit((unsigned char)*text))
            return -1;
        while (isdigit((unsigned char)*text))
            text++;
    }
    if (offset_read(text, &offset) < 0)
        return -1;
    civil.second_of_day = hour * 3600 + minute * 60 + second;
    *ret_instant = civil_to_seconds(&civil) - offset;
    return 0;
}
