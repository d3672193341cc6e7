#include "http/condition.h"

#include <ctype.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

bool condition_lists_tag(const char *header, const char *tag, bool weak)
{
    size_t length = strlen(tag);
    if (strcmp(header, "*") == 0)
        return true;
    for (const char *at = header; *at;) {
        at += strspn(at, ", \t");
        bool is_weak = strncmp(at, "W/", 2) == 0;
        at += is_weak ? 2 : 0;
        if (*at != '"')
            return false;
        const char *end = strchr(at + 1, '"');
        if (!end)
            return false;
        if ((weak || !is_weak) && (size_t)(end + 1 - at) == length &&
            strncmp(at, tag, length) == 0)
            return true;
        at = end + 1;
    }
    return false;
}

/* Digits into a number that stays at SIZE_MAX once it no longer fits; false without digits. */
static bool position_read(const char **at, size_t *ret_position)
{
    if (!isdigit((unsigned char)**at))
        return false;
    size_t position = 0;
    for (; isdigit((unsigned char)**at); (*at)++) {
        if (__builtin_mul_overflow(position, 10, &position) ||
            __builtin_add_overflow(position, (size_t)(**at - '0'), &position))
            position = SIZE_MAX / 20;
    }
    *ret_position = position;
    return true;
}

enum range_verdict condition_read_range(const char *header, size_t length, size_t *ret_first,
                                        size_t *ret_last)
{
    if (!header || strncasecmp(header, "bytes=", 6) != 0)
        return RANGE_WHOLE;
    const char *at = header + 6;
    size_t first = 0, last = SIZE_MAX;
    bool has_first = position_read(&at, &first);
    if (*at++ != '-')
        return RANGE_WHOLE;
    bool has_last = position_read(&at, &last);
    if (*at || (!has_first && !has_last) || (has_first && has_last && last < first))
        return RANGE_WHOLE;
    if (!has_first) {
        /* The last so many bytes. */
        if (last == 0 || length == 0)
            return RANGE_UNSATISFIABLE;
        first = last < length ? length - last : 0;
        last = length - 1;
    }
    if (first >= length)
        return RANGE_UNSATISFIABLE;
    *ret_first = first;
    *ret_last = last < length ? last : length - 1;
    return RANGE_PART;
}
