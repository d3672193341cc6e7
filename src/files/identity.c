#include "files/driver.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

void files_identity_key(int64_t epoch, char ret_key[static FILES_IDENTITY_KEY_SIZE])
{
    if (epoch)
        snprintf(ret_key, FILES_IDENTITY_KEY_SIZE, FILES_EPOCH_PREFIX "%" PRId64, epoch);
    else
        snprintf(ret_key, FILES_IDENTITY_KEY_SIZE, FILES_IDENTITY_KEY);
}

int files_identity_format(const struct files_identity *identity, struct buffer *ret_json)
{
    if (identity->epoch)
        return buffer_printf(
            ret_json,
            "{\"store\":\"%s\",\"database\":\"%s\",\"epoch\":%" PRId64 ",\"nonce\":\"%s\"}\n",
            identity->store_id, identity->database_id, identity->epoch, identity->nonce);
    return buffer_printf(ret_json, "{\"store\":\"%s\",\"database\":\"%s\"}\n",
                         identity->store_id, identity->database_id);
}

static bool id_read(const json_t *object, const char *name, char ret_id[static UUID_TEXT_SIZE])
{
    const char *text = json_string_value(json_object_get(object, name));
    return text && uuid_parse(text, ret_id);
}

int files_identity_parse(const char *bytes, size_t length, struct files_identity *ret_identity)
{
    if (length == 0 || length > FILES_IDENTITY_BYTES_MAX)
        return -1;
    json_t *object = json_loadb(bytes, length, JSON_REJECT_DUPLICATES, NULL);
    struct files_identity identity = {0};
    const json_t *epoch = json_object_get(object, "epoch");
    identity.epoch = (int64_t)json_integer_value(epoch);
    bool found = id_read(object, "store", identity.store_id) &&
                 id_read(object, "database", identity.database_id) &&
                 (!epoch || id_read(object, "nonce", identity.nonce));
    json_decref(object);
    if (!found)
        return -1;
    *ret_identity = identity;
    return 0;
}

bool files_identity_equals(const struct files_identity *a, const struct files_identity *b)
{
    return strcmp(a->store_id, b->store_id) == 0 &&
           strcmp(a->database_id, b->database_id) == 0 && a->epoch == b->epoch &&
           strcmp(a->nonce, b->nonce) == 0;
}
