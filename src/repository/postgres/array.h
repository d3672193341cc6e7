/*
 * array: values as one parameter, in PostgreSQL's text form of an array.
 *
 * A failure is kept until array_text, which then returns NULL.
 */
#ifndef REPOSITORY_POSTGRES_ARRAY_H
#define REPOSITORY_POSTGRES_ARRAY_H

#include "base/buffer.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct array {
    struct buffer text;
    size_t count;
    bool failed;
};

void array_init(struct array *array);
void array_deinit(struct array *array);
void array_add_text(struct array *array, const char *text);
void array_add_number(struct array *array, int64_t number);

/* Ends the array and returns its text; nothing may be added afterwards. */
const char *array_text(struct array *array);

/* The same for several at once: true if none has failed. */
bool array_end_all(struct array *arrays, size_t count);

#endif
