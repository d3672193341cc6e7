#include "base/log.h"

#include "base/buffer.h"
#include "base/clock.h"

#include <string.h>
#include <unistd.h>

/* Longest line, in bytes; what does not fit is cut at a field. */
#define LINE_MAX_BYTES 4096

static const char *const level_names[] = {"debug", "info", "warning", "error"};

static struct {
    enum log_level lowest;
    bool plain;
} settings = {.lowest = LOG_INFO};

static _Thread_local struct trace working_for;

void log_for(const struct trace *trace)
{
    working_for = trace ? *trace : (struct trace){0};
}

void log_init(enum log_level lowest, bool plain)
{
    settings.lowest = lowest;
    settings.plain = plain;
}

int log_level_parse(const char *name, enum log_level *ret_level)
{
    for (size_t i = 0; i < sizeof level_names / sizeof *level_names; i++) {
        if (strcmp(name, level_names[i]) == 0) {
            *ret_level = (enum log_level)i;
            return 0;
        }
    }
    return -1;
}

static int field_append_json(struct buffer *line, const struct log_field *field)
{
    if (buffer_printf(line, ",\"%s\":", field->name) < 0)
        return -1;
    return field->text ? buffer_append_json_text(line, field->text)
                       : buffer_printf(line, "%lld", (long long)field->number);
}

/* A line is one line, and nothing in it moves a terminal's cursor. */
static bool text_is_plain(const char *text)
{
    for (; *text; text++) {
        if ((unsigned char)*text < ' ')
            return false;
    }
    return true;
}

static int field_append_plain(struct buffer *line, const struct log_field *field)
{
    if (field->text && !text_is_plain(field->text))
        return buffer_printf(line, " %s=", field->name) < 0
                   ? -1
                   : buffer_append_json_text(line, field->text);
    return field->text ? buffer_printf(line, " %s=%s", field->name, field->text)
                       : buffer_printf(line, " %s=%lld", field->name, (long long)field->number);
}

static int line_begin(struct buffer *line, enum log_level level, const char *event)
{
    char now[CLOCK_TEXT_SIZE];
    clock_format_utc(clock_wall_ms(), now);
    if (settings.plain)
        return buffer_printf(line, "%.8s %s%s%s", now + 11,
                             level >= LOG_WARNING ? level_names[level] : "",
                             level >= LOG_WARNING ? ": " : "", event);
    if (buffer_printf(line, "{\"time\":\"%s\",\"level\":\"%s\",\"event\":", now,
                      level_names[level]) < 0)
        return -1;
    return buffer_append_json_text(line, event);
}

/* False, with the line as it was, if there is no room for them all. */
static bool fields_append(struct buffer *line, const struct log_field *fields, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (!fields[i].name)
            continue;
        size_t before = line->length;
        int failed = settings.plain ? field_append_plain(line, &fields[i])
                                    : field_append_json(line, &fields[i]);
        if (failed || line->length + 2 > LINE_MAX_BYTES) {
            line->length = before;
            return false;
        }
    }
    return true;
}

void log_write(enum log_level level, const char *event, const struct log_field *fields,
               size_t count)
{
    if (level < settings.lowest)
        return;
    /* All the room that it may have: that memory lacks is what most wants to be said. */
    char bytes[LINE_MAX_BYTES + 1];
    struct buffer line = {.bytes = bytes, .capacity = sizeof bytes, .limit = LINE_MAX_BYTES};
    struct log_field whose[] = {log_text("trace", working_for.id),
                                log_text("request", working_for.span)};
    if (line_begin(&line, level, event) == 0) {
        if (fields_append(&line, fields, count) && *working_for.id)
            fields_append(&line, whose, 2);
        if (buffer_append(&line, settings.plain ? "\n" : "}\n", settings.plain ? 1 : 2) == 0) {
            /* Nobody can be told that standard error is gone. */
            ssize_t written = write(STDERR_FILENO, line.bytes, line.length);
            (void)written;
        }
    }
}
