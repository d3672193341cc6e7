#include "fallback/sweep.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

int sweep_cursor_parse(const char *text, struct sweep *sweep)
{
    sweep->started = 0;
    *sweep->after_key = '\0';
    if (!*text)
        return 0;
    int64_t started = 0;
    const char *at = text;
    for (; isdigit((unsigned char)*at); at++) {
        if (__builtin_mul_overflow(started, 10, &started) ||
            __builtin_add_overflow(started, *at - '0', &started))
            return -1;
    }
    if (at == text || started == 0 || *at != '~' || strlen(at + 1) >= sizeof sweep->after_key)
        return -1;
    sweep->started = started;
    memcpy(sweep->after_key, at + 1, strlen(at + 1) + 1);
    return 0;
}

void sweep_cursor_format(const struct sweep *sweep, char ret_text[static SWEEP_CURSOR_SIZE])
{
    snprintf(ret_text, SWEEP_CURSOR_SIZE, "%lld~%s", (long long)sweep->started,
             sweep->after_key);
}
