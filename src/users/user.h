/*
 * user: what a user's fields must be, declared once in a table.
 */
#ifndef USERS_USER_H
#define USERS_USER_H

#include "repository/repository.h"

#include <stdbool.h>
#include <stddef.h>

struct user_field {
    const char *name; /* in JSON */
    size_t offset;    /* of the text in struct user */
    size_t size;      /* of that text, in bytes, its end included */
    bool required;
    size_t characters_max;           /* Unicode code points */
    bool (*holds)(const char *text); /* NULL: any text */
    const char *rule;                /* what a value must be: completes "must be …" */
};

extern const struct user_field user_fields[];
extern const size_t user_fields_count;

/* The field called `name`, or NULL. */
const struct user_field *user_field_find(const char *name);

/*
 * Checks `text` against `field`. Returns NULL if it holds, else what it must be, for the
 * caller: a constant text.
 */
const char *user_field_check(const struct user_field *field, const char *text);

#endif
