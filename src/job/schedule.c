#include "job/schedule.h"

#include "config/options.h"
#include "job/civil.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

enum field_id { SECOND, MINUTE, HOUR, DAY, MONTH, WEEKDAY, FIELDS };

struct field {
    const char *name;
    int least, most;
    int open_most;     /* where `*` and N/step end */
    const char *names; /* three letters each, from `least` on (weekdays from Sunday) */
};

static const struct field fields[FIELDS] = {
    [SECOND] = {"second", 0, 59, 59, NULL},
    [MINUTE] = {"minute", 0, 59, 59, NULL},
    [HOUR] = {"hour", 0, 23, 23, NULL},
    [DAY] = {"day of month", 1, 31, 31, NULL},
    [MONTH] = {"month", 1, 12, 12, "janfebmaraprmayjunjulaugsepoctnovdec"},
    [WEEKDAY] = {"day of week", 0, 7, 6, "sunmontuewedthufrisat"},
};

/* Steps and numbers are small; what has more digits is a slip. */
#define NUMBER_MAX 9999

struct parser {
    const char *text; /* the whole expression: columns count from its start */
    const char *at;
    const char *end; /* of the field */
    enum field_id field;
    struct schedule *schedule;
    struct error *error;
};

static bool is_blank(char character)
{
    return character == ' ' || character == '\t';
}

static int refuse_at(const struct parser *parser, const char *at, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static int refuse_at(const struct parser *parser, const char *at, const char *format, ...)
{
    char words[ERROR_TEXT_SIZE];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(words, sizeof words, format, arguments);
    va_end(arguments);
    return error_set(parser->error, ERROR_USAGE, "column %zu, %s: %s",
                     (size_t)(at - parser->text) + 1,
                     parser->field < FIELDS ? fields[parser->field].name : "expression", words);
}

/* Refuses whatever stands at `at`, where something else belongs. */
static int refuse_character(const struct parser *parser, const char *wanted)
{
    unsigned char character = (unsigned char)*parser->at;
    if (parser->at == parser->end)
        return refuse_at(parser, parser->at, "%s is missing", wanted);
    if (character == '+' || character == '-')
        return refuse_at(parser, parser->at, "%s belongs here, without a sign", wanted);
    if (character < 0x20 || character > 0x7e)
        return refuse_at(parser, parser->at, "the byte 0x%02x is not ASCII text", character);
    return refuse_at(parser, parser->at, "%s belongs here, not '%c'", wanted, character);
}

static bool is_next(const struct parser *parser, char character)
{
    return parser->at < parser->end && *parser->at == character;
}

static bool take(struct parser *parser, char character)
{
    if (!is_next(parser, character))
        return false;
    parser->at++;
    return true;
}

static int number_take(struct parser *parser, const char *wanted, int *ret_number)
{
    const char *start = parser->at;
    int number = 0;
    while (parser->at < parser->end && isdigit((unsigned char)*parser->at)) {
        number = number * 10 + (*parser->at++ - '0');
        if (number > NUMBER_MAX)
            return refuse_at(parser, start, "the number is too large");
    }
    if (parser->at == start)
        return refuse_character(parser, wanted);
    *ret_number = number;
    return 0;
}

static int name_take(struct parser *parser, int *ret_number)
{
    const struct field *field = &fields[parser->field];
    size_t length = 0;
    while (parser->at + length < parser->end && isalpha((unsigned char)parser->at[length]))
        length++;
    for (int i = 0; length == 3 && field->names && field->names[i * 3]; i++) {
        if (strncasecmp(field->names + i * 3, parser->at, 3) == 0) {
            *ret_number = field->least + i;
            parser->at += length;
            return 0;
        }
    }
    return refuse_at(parser, parser->at, "\"%.*s\" is not a name of this field",
                     length > 12 ? 12 : (int)length, parser->at);
}

/* A number within the field, or a name. */
static int value_take(struct parser *parser, bool *ret_named, int *ret_value)
{
    const struct field *field = &fields[parser->field];
    const char *start = parser->at;
    *ret_named = parser->at < parser->end && isalpha((unsigned char)*parser->at);
    if (*ret_named)
        return name_take(parser, ret_value);
    if (number_take(parser, "a number", ret_value) < 0)
        return -1;
    if (*ret_value < field->least || *ret_value > field->most)
        return refuse_at(parser, start, "%d is out of range: give %d to %d", *ret_value,
                         field->least, field->most);
    return 0;
}

static void numbers_add(struct parser *parser, int first, int last, int step)
{
    struct schedule *schedule = parser->schedule;
    for (int i = first; i <= last; i += step) {
        switch (parser->field) {
        case SECOND:
            schedule->seconds |= UINT64_C(1) << i;
            break;
        case MINUTE:
            schedule->minutes |= UINT64_C(1) << i;
            break;
        case HOUR:
            schedule->hours |= UINT32_C(1) << i;
            break;
        case DAY:
            schedule->days |= UINT32_C(1) << i;
            break;
        case MONTH:
            schedule->months |= UINT32_C(1) << i;
            break;
        case WEEKDAY:
            schedule->weekdays = (uint8_t)(schedule->weekdays | 1u << i % 7);
            break;
        case FIELDS:
            break;
        }
    }
}

static int step_take(struct parser *parser, int *ret_step)
{
    const char *start = parser->at;
    if (number_take(parser, "a step", ret_step) < 0)
        return -1;
    return *ret_step ? 0 : refuse_at(parser, start, "a step of 0 never gets anywhere");
}

/* nW and d#n, behind their first number; returns 1 if it was one of them. */
static int special_take(struct parser *parser, int value)
{
    const char *start = parser->at;
    int nth;
    if (parser->field == DAY && (take(parser, 'W') || take(parser, 'w'))) {
        parser->schedule->near_weekdays |= UINT32_C(1) << value;
        return 1;
    }
    if (parser->field == WEEKDAY && take(parser, '#')) {
        if (number_take(parser, "a number", &nth) < 0)
            return -1;
        if (nth < 1 || nth > SCHEDULE_NTH_MAX)
            return refuse_at(parser, start + 1, "a month has 1 to %d of a weekday, not %d",
                             SCHEDULE_NTH_MAX, nth);
        uint8_t *weekdays = &parser->schedule->nth_weekdays[nth];
        *weekdays = (uint8_t)(*weekdays | 1u << value % 7);
        return 1;
    }
    return 0;
}

/* The end of a range, which as a name may be the Sunday at the end of the week. */
static int range_end_take(struct parser *parser, int first, int *ret_last)
{
    const char *start = parser->at;
    bool named;
    if (value_take(parser, &named, ret_last) < 0)
        return -1;
    if (named && parser->field == WEEKDAY && *ret_last == 0 && first > 0)
        *ret_last = 7;
    if (*ret_last < first)
        return refuse_at(parser, start, "a range goes upwards: %d comes before %d", *ret_last,
                         first);
    return 0;
}

static int numbers_take(struct parser *parser)
{
    const struct field *field = &fields[parser->field];
    int first = field->least, last = field->open_most, step = 1;
    bool named;
    bool day_field = parser->field == DAY || parser->field == WEEKDAY;
    if (!take(parser, '*') && !(day_field && take(parser, '?'))) {
        if (value_take(parser, &named, &first) < 0)
            return -1;
        int special = special_take(parser, first);
        if (special)
            return special < 0 ? -1 : 0;
        if (take(parser, '-')) {
            if (range_end_take(parser, first, &last) < 0)
                return -1;
        } else if (!is_next(parser, '/')) {
            last = first;
        } else if (first > last) {
            first = field->least; /* 7/2: the Sunday that starts the week */
        }
    }
    if (take(parser, '/') && step_take(parser, &step) < 0)
        return -1;
    numbers_add(parser, first, last, step);
    return 0;
}

static bool last_day_take(struct parser *parser)
{
    const char *after = parser->at + 1;
    bool letter = is_next(parser, 'L') || is_next(parser, 'l');
    if (parser->field != DAY || !letter || (after < parser->end && *after != ','))
        return false;
    parser->at = after;
    parser->schedule->last_day = true;
    return true;
}

static int field_parse(struct parser *parser)
{
    do {
        if (!last_day_take(parser) && numbers_take(parser) < 0)
            return -1;
    } while (take(parser, ','));
    return parser->at == parser->end ? 0 : refuse_character(parser, "the end of the item");
}

struct word {
    const char *start, *end;
};

/* Splits at blanks, none of them in front; returns how many words there are, of which the first
 * `size` are kept. */
static size_t words_split(const char *text, struct word *ret_words, size_t size)
{
    size_t count = 0;
    while (*text) {
        const char *start = text;
        while (*text && !is_blank(*text))
            text++;
        if (count < size)
            ret_words[count] = (struct word){start, text};
        count++;
        while (is_blank(*text))
            text++;
    }
    return count;
}

static int fields_parse(struct parser *parser)
{
    struct word words[FIELDS + 1];
    size_t count = words_split(parser->at, words, FIELDS + 1);
    if (count > FIELDS)
        return refuse_at(parser, words[FIELDS].start,
                         "a field too many: give 5, or 6 with seconds first");
    if (count < FIELDS - 1)
        return refuse_at(
            parser, parser->text + strlen(parser->text),
            "a field is missing: give minute, hour, day of month, month and day of "
            "week");
    enum field_id first = count == FIELDS ? SECOND : MINUTE;
    bool star[FIELDS] = {false};
    parser->schedule->seconds = first == MINUTE;
    for (enum field_id id = first; id < FIELDS; id++) {
        parser->field = id;
        parser->at = words[id - first].start;
        parser->end = words[id - first].end;
        star[id] = *parser->at == '*' || *parser->at == '?';
        if (field_parse(parser) < 0)
            return -1;
    }
    parser->schedule->elapsed = star[MINUTE] || star[HOUR];
    parser->schedule->days_both = star[DAY] || star[WEEKDAY];
    return 0;
}

/* CRON_TZ= or TZ= in front. */
static int zone_take(struct parser *parser)
{
    size_t prefix = strncmp(parser->at, "CRON_TZ=", 8) == 0 ? 8
                    : strncmp(parser->at, "TZ=", 3) == 0    ? 3
                                                            : 0;
    if (!prefix)
        return 0;
    const char *name = parser->at + prefix;
    size_t length = strcspn(name, " \t");
    if (!length)
        return refuse_at(parser, name, "the name of a time zone is missing");
    if (length >= ZONE_NAME_SIZE)
        return refuse_at(parser, name, "the name of the time zone is too long");
    memcpy(parser->schedule->zone, name, length);
    parser->schedule->zone[length] = '\0';
    parser->at = name + length;
    while (is_blank(*parser->at))
        parser->at++;
    return 0;
}

/* A century: it keeps sums of instants far from any overflow. */
#define EVERY_SECONDS_MAX (INT64_C(36525) * CIVIL_DAY_SECONDS)

static int every_parse(struct parser *parser, const struct word *word)
{
    char text[64];
    size_t length = (size_t)(word->end - word->start);
    int64_t interval;
    if (length >= sizeof text)
        return refuse_at(parser, word->start, "the duration is too long");
    memcpy(text, word->start, length);
    text[length] = '\0';
    if (duration_parse(text, &interval) < 0)
        return refuse_at(parser, word->start, "a duration such as 90s or 1h30m belongs here");
    if (interval < 1000 || interval % 1000)
        return refuse_at(parser, word->start, "give whole seconds, one at least");
    if (interval / 1000 > EVERY_SECONDS_MAX)
        return refuse_at(parser, word->start, "the duration is longer than a century");
    parser->schedule->every_s = interval / 1000;
    return 0;
}

static int nickname_parse(struct parser *parser)
{
    static const struct {
        const char *name, *fields;
    } nicknames[] = {{"@yearly", "0 0 1 1 *"},  {"@annually", "0 0 1 1 *"},
                     {"@monthly", "0 0 1 * *"}, {"@weekly", "0 0 * * 0"},
                     {"@daily", "0 0 * * *"},   {"@midnight", "0 0 * * *"},
                     {"@hourly", "0 * * * *"}};
    struct word words[3];
    size_t count = words_split(parser->at, words, 3);
    const char *name = words[0].start;
    size_t length = (size_t)(words[0].end - name);
    bool every = length == 6 && strncasecmp(name, "@every", 6) == 0;
    if (count > (every ? 2 : 1))
        return refuse_at(parser, words[every ? 2 : 1].start, "nothing may follow here");
    if (every && count < 2)
        return refuse_at(parser, words[0].end, "@every needs a duration, such as 90s");
    if (every)
        return every_parse(parser, &words[1]);
    for (size_t i = 0; i < sizeof nicknames / sizeof *nicknames; i++) {
        if (strlen(nicknames[i].name) == length &&
            strncasecmp(nicknames[i].name, name, length) == 0) {
            parser->at = nicknames[i].fields;
            return fields_parse(parser);
        }
    }
    if (length == 7 && strncasecmp(name, "@reboot", 7) == 0)
        return refuse_at(parser, name, "@reboot is no schedule: see --once");
    return refuse_at(parser, name,
                     "known are @hourly, @daily, @weekly, @monthly, @yearly, @every");
}

int schedule_parse(const char *text, struct schedule *ret_schedule, struct error *error)
{
    struct schedule schedule = {0};
    struct parser parser = {
        .text = text, .at = text, .field = FIELDS, .schedule = &schedule, .error = error};
    if (strlen(text) >= SCHEDULE_TEXT_SIZE)
        return error_set(error, ERROR_USAGE, "the expression is longer than %d bytes",
                         SCHEDULE_TEXT_SIZE - 1);
    while (is_blank(*parser.at))
        parser.at++;
    if (zone_take(&parser) < 0)
        return -1;
    if ((*parser.at == '@' ? nickname_parse(&parser) : fields_parse(&parser)) < 0)
        return -1;
    *ret_schedule = schedule;
    return 0;
}

/* The weekday (Monday to Friday) nearest to a day without leaving the month. */
static int nearest_weekday(int day, int weekday, int length)
{
    if (weekday == 6)
        return day > 1 ? day - 1 : day + 2;
    if (weekday == 0)
        return day < length ? day + 1 : day - 2;
    return day;
}

uint32_t schedule_month_days(const struct schedule *schedule, int year, int month)
{
    int length = civil_days_in_month(year, month);
    int first_weekday = civil_weekday(civil_day_number(year, month, 1));
    uint32_t by_day = 0, by_weekday = 0;
    for (int day = 1; day <= length; day++) {
        uint32_t bit = UINT32_C(1) << day;
        int weekday = (first_weekday + day - 1) % 7;
        if (schedule->days & bit || (schedule->last_day && day == length))
            by_day |= bit;
        if (schedule->near_weekdays & bit)
            by_day |= UINT32_C(1) << nearest_weekday(day, weekday, length);
        if ((schedule->weekdays | schedule->nth_weekdays[(day + 6) / 7]) >> weekday & 1)
            by_weekday |= bit;
    }
    return schedule->days_both ? by_day & by_weekday : by_day | by_weekday;
}
