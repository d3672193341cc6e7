/*
 * fields: a JSON object of texts, read by the table of its resource, with all its faults at
 * once.
 */
#ifndef HANDLERS_FIELDS_H
#define HANDLERS_FIELDS_H

#include "base/field.h"
#include "http/request.h"

#include <jansson.h>

struct fields {
    const struct field *table;
    size_t count;
    const char *const *ignored; /* names that may be there and say nothing, ended by NULL */
    const char *resource;       /* "a user": for a name that is not in the table */
};

/*
 * Reads `object` into `record`, the struct that the table is of; a text that is not there is
 * left as it is. Returns the faults, [{"field","message"}], an empty array if there is none;
 * NULL without memory.
 */
json_t *fields_decode(const struct fields *fields, const json_t *object, void *record);

/* Adds a fault: `what` and `rule` make its message. Returns 0, or -1 without memory. */
int fields_add_fault(json_t *faults, const char *name, const char *what, const char *rule);

/*
 * Takes `faults`, as fields_decode returned them. True if there are none; else false, with a
 * reply: 422 with all of them, or 500 without memory.
 */
bool fields_admit(struct request *request, json_t *faults);

#endif
