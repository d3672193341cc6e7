/*
 * field: what a text that a stranger sends must be, declared in a table for each resource.
 */
#ifndef BASE_FIELD_H
#define BASE_FIELD_H

#include <stdbool.h>
#include <stddef.h>

struct field {
    const char *name; /* in JSON */
    size_t offset;    /* of the text in the struct that the table is of */
    size_t size;      /* of that text, in bytes, its end included */
    bool required;
    size_t characters_max;           /* Unicode code points */
    bool (*holds)(const char *text); /* NULL: any text */
    const char *rule;                /* what a value must be: completes "must be …" */
};

/* Offset and size of a member that is a text, for a row. */
#define FIELD_TEXT(type, member) offsetof(type, member), sizeof((type *)0)->member

/* The field called `name` among `count`, or NULL. */
const struct field *field_find(const struct field *fields, size_t count, const char *name);

/*
 * Checks `text` (UTF-8) against `field`. Returns NULL if it holds, else what it must be, for
 * the caller: a constant text.
 */
const char *field_check(const struct field *field, const char *text);

#endif
