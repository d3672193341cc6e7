/* A user as JSON: what is taken is written, and taken again, as it was. */
#include "fuzz.h"

#include "handlers/service.h"
#include "handlers/user_json.h"
#include "http/exchange.h"
#include "http/visit.h"
#include "users/user.h"

static bool user_take(const uint8_t *bytes, size_t length, struct user *user)
{
    /* Its replies go nowhere. */
    struct request *request = calloc(1, sizeof *request);
    struct visits visits = {0};
    if (!request)
        abort();
    request->visit = visit_begin(&visits, -1, 0);
    FUZZ_HOLDS(request->visit);
    json_t *object = service_parse_object(request, bytes, length);
    bool taken = object && user_json_admit(request, object, user);
    FUZZ_HOLDS(taken != request->replied);
    visit_end(request->visit);
    free(request);
    return taken;
}

/* A reply that is printed is the one that the tree would have been. */
static void reply_compare(struct user *user, json_t *encoded)
{
    user->created_at = user->updated_at = 1;
    json_decref(encoded);
    json_t *tree = json_pack("{s:s, s:o}", "status", "ok", "data", user_json_encode(user));
    char *expected = json_dumps(tree, JSON_COMPACT), *text = user_json_print(user);
    FUZZ_HOLDS(!text || (expected && strcmp(text, expected) == 0));
    free(text);
    free(expected);
    json_decref(tree);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    struct user user = {0}, again = {0};
    if (!user_take(bytes, length, &user))
        return 0;
    json_t *encoded = user_json_encode(&user);
    char *text = json_dumps(encoded, JSON_COMPACT);
    FUZZ_HOLDS(text);
    FUZZ_HOLDS(user_take((const uint8_t *)text, strlen(text), &again));
    for (size_t i = 0; i < user_fields_count; i++) {
        const struct field *field = &user_fields[i];
        FUZZ_HOLDS(strcmp((char *)&user + field->offset, (char *)&again + field->offset) == 0);
        FUZZ_HOLDS(strlen((char *)&user + field->offset) < field->size);
    }
    free(text);
    reply_compare(&user, encoded);
    return 0;
}
