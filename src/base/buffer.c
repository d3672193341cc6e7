#include "base/buffer.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SMALLEST_CAPACITY 256

void buffer_init(struct buffer *buffer, size_t limit)
{
    *buffer = (struct buffer){.limit = limit};
}

void buffer_deinit(struct buffer *buffer)
{
    free(buffer->bytes);
    *buffer = (struct buffer){.limit = buffer->limit};
}

int buffer_reserve(struct buffer *buffer, size_t length)
{
    if (length > buffer->limit)
        return -1;
    if (length < buffer->capacity)
        return 0;
    size_t capacity = buffer->capacity ? buffer->capacity : SMALLEST_CAPACITY;
    while (capacity <= length)
        capacity *= 2;
    if (capacity > buffer->limit + 1)
        capacity = buffer->limit + 1;
    char *bytes = realloc(buffer->bytes, capacity);
    if (!bytes)
        return -1;
    buffer->bytes = bytes;
    buffer->capacity = capacity;
    return 0;
}

int buffer_append(struct buffer *buffer, const void *bytes, size_t length)
{
    if (length > buffer->limit - buffer->length ||
        buffer_reserve(buffer, buffer->length + length) < 0)
        return -1;
    if (length)
        memcpy(buffer->bytes + buffer->length, bytes, length);
    buffer->length += length;
    buffer->bytes[buffer->length] = '\0';
    return 0;
}

int buffer_append_text(struct buffer *buffer, const char *text)
{
    return buffer_append(buffer, text, strlen(text));
}

int buffer_printf(struct buffer *buffer, const char *format, ...)
{
    va_list arguments, again;
    va_start(arguments, format);
    va_copy(again, arguments);
    int length = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    int result = -1;
    if (length >= 0 && (size_t)length <= buffer->limit - buffer->length &&
        buffer_reserve(buffer, buffer->length + (size_t)length) == 0) {
        vsnprintf(buffer->bytes + buffer->length, (size_t)length + 1, format, again);
        buffer->length += (size_t)length;
        result = 0;
    }
    va_end(again);
    return result;
}

static int append_json_character(struct buffer *buffer, unsigned char character)
{
    switch (character) {
    case '"':
        return buffer_append(buffer, "\\\"", 2);
    case '\\':
        return buffer_append(buffer, "\\\\", 2);
    case '\n':
        return buffer_append(buffer, "\\n", 2);
    default:
        if (character < 0x20)
            return buffer_printf(buffer, "\\u%04x", character);
        return buffer_append(buffer, &character, 1);
    }
}

int buffer_append_json_text(struct buffer *buffer, const char *text)
{
    size_t before = buffer->length;
    int failed = buffer_append(buffer, "\"", 1);
    for (const char *at = text; *at && !failed; at++)
        failed = append_json_character(buffer, (unsigned char)*at);
    if (failed || buffer_append(buffer, "\"", 1) < 0) {
        buffer->length = before;
        if (buffer->bytes)
            buffer->bytes[before] = '\0';
        return -1;
    }
    return 0;
}

char *buffer_take(struct buffer *buffer)
{
    char *bytes = buffer->bytes;
    *buffer = (struct buffer){.limit = buffer->limit};
    return bytes;
}
