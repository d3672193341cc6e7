#include "config/options.h"

#include <ctype.h>
#include <string.h>

/* Reads digits at `*at` and moves it past them; -1 when there are none or they do not fit. */
static int digits_read(const char **at, int64_t *ret_number)
{
    if (!isdigit((unsigned char)**at))
        return -1;
    int64_t number = 0;
    for (; isdigit((unsigned char)**at); (*at)++) {
        int digit = **at - '0';
        if (__builtin_mul_overflow(number, 10, &number) ||
            __builtin_add_overflow(number, digit, &number))
            return -1;
    }
    *ret_number = number;
    return 0;
}

int number_parse(const char *text, int64_t *ret_number)
{
    int64_t number;
    if (digits_read(&text, &number) < 0 || *text)
        return -1;
    *ret_number = number;
    return 0;
}

struct unit {
    const char *name;
    int64_t factor;
};

/* Finds the unit that starts at `*at`, moves past it, and returns its place in `units`, or -1.
 */
static int unit_read(const char **at, const struct unit *units, int count)
{
    size_t length = 0;
    while (isalpha((unsigned char)(*at)[length]))
        length++;
    for (int i = 0; i < count; i++) {
        if (strlen(units[i].name) == length && strncmp(units[i].name, *at, length) == 0) {
            *at += length;
            return i;
        }
    }
    return -1;
}

int duration_parse(const char *text, int64_t *ret_ms)
{
    static const struct unit units[] = {
        {"d", 86400000}, {"h", 3600000}, {"m", 60000}, {"s", 1000}, {"ms", 1}};
    if (strcmp(text, "0") == 0) {
        *ret_ms = 0;
        return 0;
    }
    int64_t total = 0;
    int largest = -1;
    do {
        int64_t number;
        if (digits_read(&text, &number) < 0)
            return -1;
        int unit = unit_read(&text, units, (int)(sizeof units / sizeof *units));
        if (unit <= largest || __builtin_mul_overflow(number, units[unit].factor, &number) ||
            __builtin_add_overflow(total, number, &total))
            return -1;
        largest = unit;
    } while (*text);
    *ret_ms = total;
    return 0;
}

int bytes_parse(const char *text, int64_t *ret_bytes)
{
    static const struct unit units[] = {{"", 1},
                                        {"KiB", (int64_t)1 << 10},
                                        {"MiB", (int64_t)1 << 20},
                                        {"GiB", (int64_t)1 << 30}};
    int64_t number;
    if (digits_read(&text, &number) < 0)
        return -1;
    int unit = unit_read(&text, units, (int)(sizeof units / sizeof *units));
    if (unit < 0 || *text || __builtin_mul_overflow(number, units[unit].factor, &number))
        return -1;
    *ret_bytes = number;
    return 0;
}
