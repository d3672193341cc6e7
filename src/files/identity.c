#include "files/driver.h"

#include <jansson.h>
#include <string.h>

int files_identity_format(const struct files_identity *identity, struct buffer *ret_json)
{
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
    struct files_identity identity;
    bool found = id_read(object, "store", identity.store_id) &&
                 id_read(object, "database", identity.database_id);
    json_decref(object);
    if (!found)
        return -1;
    *ret_identity = identity;
    return 0;
}

bool files_identity_equals(const struct files_identity *a, const struct files_identity *b)
{
    return strcmp(a->store_id, b->store_id) == 0 && strcmp(a->database_id, b->database_id) == 0;
}
