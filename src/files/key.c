#include "files/files.h"

#include <string.h>
#include <strings.h>

static bool part_is_valid(const char *part, size_t length)
{
    if (length == 0)
        return false;
    return !(length <= 2 && strncmp(part, "..", length) == 0);
}

bool files_key_is_valid(const char *key)
{
    size_t length = strnlen(key, FILES_KEY_SIZE);
    if (length == 0 || length >= FILES_KEY_SIZE)
        return false;
    const char *part = key;
    for (const char *at = key;; at++) {
        if (*at == '/' || *at == '\0') {
            if (!part_is_valid(part, (size_t)(at - part)))
                return false;
            part = at + 1;
        }
        if (*at == '\0')
            return true;
        if (*at < ' ' || *at > '~')
            return false;
    }
}

/* `name` itself or something below it, in any case: a folder may lie on a system that folds it.
 */
static bool key_is_at(const char *key, const char *name)
{
    size_t length = strcspn(name, "/");
    return strncasecmp(key, name, length) == 0 && (key[length] == '\0' || key[length] == '/');
}

bool files_key_is_ours(const char *key)
{
    return key_is_at(key, FILES_AVATAR_PREFIX) || key_is_at(key, FILES_IDENTITY_KEY) ||
           key_is_at(key, FILES_TEMPORARY_PREFIX) ||
           strncasecmp(key, FILES_EPOCH_PREFIX, sizeof FILES_EPOCH_PREFIX - 1) == 0;
}
