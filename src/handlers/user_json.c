#include "handlers/user_json.h"

#include "handlers/service.h"
#include "users/user.h"

#include <stdio.h>
#include <string.h>

json_t *user_json_encode_avatar(const struct user *user)
{
    if (!*user->avatar.key)
        return json_null();
    char url[sizeof "/api/users//avatar" + UUID_TEXT_SIZE];
    snprintf(url, sizeof url, "/api/users/%s/avatar", user->id);
    return json_pack("{s:s, s:o, s:I, s:o}", "url", url, "contentType",
                     service_text(user->avatar.content_type), "bytes",
                     (json_int_t)user->avatar.bytes, "sha256",
                     service_text(user->avatar.sha256));
}

json_t *user_json_encode(const struct user *user)
{
    return json_pack(
        "{s:s, s:s, s:s, s:s, s:s, s:o, s:o, s:o, s:o, s:o}", "id", user->id, "firstName",
        user->first_name, "lastName", user->last_name, "userName", user->user_name, "email",
        user->email, "countryId", service_text(user->country_id), "birthDate",
        service_text(user->birth_date), "avatar", user_json_encode_avatar(user), "createdAt",
        service_time(user->created_at), "updatedAt", service_time(user->updated_at));
}

static bool field_is_ours(const char *name)
{
    static const char *const names[] = {"id", "avatar", "createdAt", "updatedAt"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (strcmp(names[i], name) == 0)
            return true;
    }
    return false;
}

static int fault_add(json_t *faults, const char *field, const char *what, const char *rule)
{
    char message[200];
    snprintf(message, sizeof message, "%s%s", what, rule);
    return json_array_append_new(faults,
                                 json_pack("{s:s, s:s}", "field", field, "message", message));
}

static int field_decode(const struct user_field *field, const json_t *value, struct user *user,
                        json_t *faults)
{
    if (!value || (json_is_null(value) && !field->required))
        return field->required && !value
                   ? fault_add(faults, field->name, "is required: ", field->rule)
                   : 0;
    const char *text = json_string_value(value);
    const char *rule = text ? user_field_check(field, text) : field->rule;
    if (!text || rule)
        return fault_add(faults, field->name, "must be ", rule);
    memcpy((char *)user + field->offset, text, strlen(text) + 1);
    return 0;
}

json_t *user_json_decode(const json_t *object, struct user *user)
{
    json_t *faults = json_array();
    int failed = faults ? 0 : -1;
    for (size_t i = 0; i < user_fields_count && !failed; i++)
        failed = field_decode(&user_fields[i], json_object_get(object, user_fields[i].name),
                              user, faults);
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)object, name, value)
    {
        if (!failed && !user_field_find(name) && !field_is_ours(name))
            failed = fault_add(faults, name, "is not a field of a user", "");
    }
    if (!failed)
        return faults;
    json_decref(faults);
    return NULL;
}

bool user_json_admit(struct request *request, json_t *object, struct user *user)
{
    json_t *faults = user_json_decode(object, user);
    json_decref(object);
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

void user_format_tag(const struct user *user, char ret_tag[static USER_TAG_SIZE])
{
    snprintf(ret_tag, USER_TAG_SIZE, "\"%lld\"", (long long)user->version);
}

void user_set_tag(struct request *request, const struct user *user)
{
    char tag[USER_TAG_SIZE];
    user_format_tag(user, tag);
    request_set_header(request, "ETag", tag);
}
