#include "handlers/fields.h"

#include <stdio.h>
#include <string.h>

int fields_add_fault(json_t *faults, const char *name, const char *what, const char *rule)
{
    char message[200];
    snprintf(message, sizeof message, "%s%s", what, rule);
    return json_array_append_new(faults,
                                 json_pack("{s:s, s:s}", "field", name, "message", message));
}

static int field_decode(const struct field *field, const json_t *value, void *record,
                        json_t *faults)
{
    if (!value || (json_is_null(value) && !field->required))
        return field->required && !value
                   ? fields_add_fault(faults, field->name, "is required: ", field->rule)
                   : 0;
    const char *text = json_string_value(value);
    const char *rule = text ? field_check(field, text) : field->rule;
    if (!text || rule)
        return fields_add_fault(faults, field->name, "must be ", rule);
    memcpy((char *)record + field->offset, text, strlen(text) + 1);
    return 0;
}

static bool name_is_ignored(const struct fields *fields, const char *name)
{
    for (size_t i = 0; fields->ignored && fields->ignored[i]; i++) {
        if (strcmp(fields->ignored[i], name) == 0)
            return true;
    }
    return false;
}

json_t *fields_decode(const struct fields *fields, const json_t *object, void *record)
{
    json_t *faults = json_array();
    int failed = faults ? 0 : -1;
    for (size_t i = 0; i < fields->count && !failed; i++) {
        const struct field *field = &fields->table[i];
        failed = field_decode(field, json_object_get(object, field->name), record, faults);
    }
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)object, name, value)
    {
        if (!failed && !field_find(fields->table, fields->count, name) &&
            !name_is_ignored(fields, name))
            failed = fields_add_fault(faults, name, "is not a field of ", fields->resource);
    }
    if (!failed)
        return faults;
    json_decref(faults);
    return NULL;
}

bool fields_admit(struct request *request, json_t *faults)
{
    if (faults && json_array_size(faults) == 0) {
        json_decref(faults);
        return true;
    }
    if (faults)
        request_reply_fields(request, faults);
    else
        request_reply_error(request, 500, "out of memory; try again");
    return false;
}
