#include "handlers/user_json.h"

#include "base/clock.h"
#include "handlers/fields.h"
#include "handlers/service.h"
#include "users/user.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
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

/* JSON writes it as it is. */
static bool text_is_plain(const char *text)
{
    for (; *text; text++) {
        if (*text < ' ' || *text > '~' || *text == '"' || *text == '\\')
            return false;
    }
    return true;
}

static bool user_is_plain(const struct user *user)
{
    const char *const texts[] = {
        user->id,           user->first_name, user->last_name,  user->user_name,
        user->email,        user->country_id, user->birth_date, user->avatar.content_type,
        user->avatar.sha256};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        if (!text_is_plain(texts[i]))
            return false;
    }
    return true;
}

/* The names and signs around a user's texts, and two times. */
#define USER_FRAME_SIZE 600

/* The three arguments that print a text, or null for "". */
#define TEXT_OR_NULL(text) *(text) ? "\"" : "", *(text) ? (text) : "null", *(text) ? "\"" : ""

static int avatar_print(const struct user *user, char *text, size_t size)
{
    const struct avatar *avatar = &user->avatar;
    if (!*avatar->key)
        return snprintf(text, size, "null");
    return snprintf(text, size,
                    "{\"url\":\"/api/users/%s/avatar\",\"contentType\":%s%s%s,"
                    "\"bytes\":%" PRId64 ",\"sha256\":%s%s%s}",
                    user->id, TEXT_OR_NULL(avatar->content_type), avatar->bytes,
                    TEXT_OR_NULL(avatar->sha256));
}

char *user_json_print(const struct user *user)
{
    const size_t size = sizeof *user + USER_FRAME_SIZE;
    char avatar[sizeof user->avatar + USER_FRAME_SIZE / 2];
    char created[CLOCK_TEXT_SIZE], updated[CLOCK_TEXT_SIZE];
    char *text =
        user_is_plain(user) && user->created_at && user->updated_at ? malloc(size) : NULL;
    if (!text)
        return NULL;
    clock_format_utc(user->created_at, created);
    clock_format_utc(user->updated_at, updated);
    avatar_print(user, avatar, sizeof avatar);
    int length = snprintf(text, size,
                          "{\"status\":\"ok\",\"data\":{\"id\":\"%s\",\"firstName\":\"%s\","
                          "\"lastName\":\"%s\",\"userName\":\"%s\",\"email\":\"%s\","
                          "\"countryId\":%s%s%s,\"birthDate\":%s%s%s,\"avatar\":%s,"
                          "\"createdAt\":\"%s\",\"updatedAt\":\"%s\"}}",
                          user->id, user->first_name, user->last_name, user->user_name,
                          user->email, TEXT_OR_NULL(user->country_id),
                          TEXT_OR_NULL(user->birth_date), avatar, created, updated);
    if (length > 0 && (size_t)length < size)
        return text;
    free(text);
    return NULL;
}

void user_json_reply(struct request *request, int status, const struct user *user)
{
    char *text = user_json_print(user);
    if (text)
        request_reply_json_text(request, status, text, strlen(text));
    else
        request_reply_data(request, status, user_json_encode(user));
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
