/*
 * log: one line an event on standard error; JSON, or plain words on a terminal.
 *
 * A line has a time, a level, an event ("sweep finished": words, no values in them) and fields.
 * No personal data and no secret is ever a field. Any thread may log; a line is one write.
 *
 *     log_info("listening", log_text("address", address), log_number("port", 8080));
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include "base/trace.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARNING, LOG_ERROR };

struct log_field {
    const char *name;
    const char *text; /* NULL: the value is `number` */
    int64_t number;
};

/* Sets the lowest level that is written, and whether lines are plain words instead of JSON. */
void log_init(enum log_level lowest, bool plain);

/* Finds a level by name (debug, info, warning, error); returns 0, or -1 for an unknown name. */
int log_level_parse(const char *name, enum log_level *ret_level);

/* Writes one line; `fields` may be NULL when `count` is 0. Use the macros below. */
void log_write(enum log_level level, const char *event, const struct log_field *fields,
               size_t count);

/*
 * What this thread works for from here on: its lines name the trace and, as `request`, the
 * span. NULL: nobody. The trace is copied.
 */
void log_for(const struct trace *trace);

static inline struct log_field log_text(const char *name, const char *text)
{
    return (struct log_field){.name = name, .text = text ? text : ""};
}

static inline struct log_field log_number(const char *name, int64_t number)
{
    return (struct log_field){.name = name, .number = number};
}

/* The leading empty field lets an event have none; log_write skips it. */
#define log_event(level, event, ...)                                                           \
    log_write(level, event, (struct log_field[]){{0}, ##__VA_ARGS__},                          \
              sizeof((struct log_field[]){{0}, ##__VA_ARGS__}) / sizeof(struct log_field))

#define log_debug(...)   log_event(LOG_DEBUG, __VA_ARGS__)
#define log_info(...)    log_event(LOG_INFO, __VA_ARGS__)
#define log_warning(...) log_event(LOG_WARNING, __VA_ARGS__)
#define log_error(...)   log_event(LOG_ERROR, __VA_ARGS__)

#endif
