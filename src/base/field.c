#include "base/field.h"

#include <string.h>

const struct field *field_find(const struct field *fields, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(fields[i].name, name) == 0)
            return &fields[i];
    }
    return NULL;
}

static size_t characters_count(const char *text)
{
    size_t count = 0;
    for (; *text; text++)
        count += ((unsigned char)*text & 0xc0) != 0x80;
    return count;
}

const char *field_check(const struct field *field, const char *text)
{
    bool holds = strlen(text) < field->size &&
                 characters_count(text) <= field->characters_max &&
                 (!field->holds || field->holds(text));
    return holds ? NULL : field->rule;
}
