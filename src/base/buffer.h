/*
 * buffer: bytes that grow up to a stated maximum. Always ends in a NUL that does not count.
 *
 * One thread at a time. On failure (no memory, maximum reached) a call returns -1 and the
 * buffer is as it was before.
 */
#ifndef BASE_BUFFER_H
#define BASE_BUFFER_H

#include <stddef.h>

struct buffer {
    char *bytes; /* NULL while nothing was appended */
    size_t length;
    size_t capacity;
    size_t limit; /* bytes that `length` never exceeds */
};

void buffer_init(struct buffer *buffer, size_t limit);

/* Frees the bytes; the buffer may be used again, with the same limit. */
void buffer_deinit(struct buffer *buffer);

int buffer_append(struct buffer *buffer, const void *bytes, size_t length);
int buffer_append_text(struct buffer *buffer, const char *text);
int buffer_printf(struct buffer *buffer, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Appends `text` as a JSON string with its quotes (RFC 8259, section 7). */
int buffer_append_json_text(struct buffer *buffer, const char *text);

/* Makes room for `length` bytes in all, so that appending up to there cannot fail. */
int buffer_reserve(struct buffer *buffer, size_t length);

/* Gives the bytes away (the caller frees them) and leaves the buffer empty. */
char *buffer_take(struct buffer *buffer);

#endif
