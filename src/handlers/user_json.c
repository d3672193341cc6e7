#include "handlers/user_json.h"

#include "handlers/fields.h"
#include "handlers/service.h"
#include "users/user.h"

#include <stdio.h>

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

/* What the service itself sets may be written back, and is ignored. */
static const char *const fields_of_ours[] = {"id", "avatar", "createdAt", "updatedAt", NULL};

json_t *user_json_decode(const json_t *object, struct user *user)
{
    const struct fields fields = {.table = user_fields,
                                  .count = user_fields_count,
                                  .ignored = fields_of_ours,
                                  .resource = "a user"};
    return fields_decode(&fields, object, user);
}

bool user_json_admit(struct request *request, json_t *object, struct user *user)
{
    json_t *faults = user_json_decode(object, user);
    json_decref(object);
    return fields_admit(request, faults);
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
