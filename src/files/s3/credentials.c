#include "files/s3/credentials.h"

#include <string.h>

int s3_credentials_copy(char *to, size_t size, const char *value, const char *name,
                        struct error *error)
{
    size_t length = strlen(value);
    /* A line break would write headers of its own. */
    for (size_t i = 0; i < length; i++) {
        if (value[i] <= ' ' || value[i] > '~')
            return error_set(error, ERROR_CONFIG,
                             "%s holds a blank or an unprintable character", name);
    }
    if (length == 0 || length >= size)
        return error_set(error, ERROR_CONFIG, "%s is empty or longer than %zu bytes", name,
                         size - 1);
    memcpy(to, value, length + 1);
    return 0;
}

bool s3_credentials_are_whole(const struct s3_credentials *credentials)
{
    return credentials->key_id[0] && credentials->secret[0];
}

void s3_credentials_clear(struct s3_credentials *credentials)
{
    explicit_bzero(credentials, sizeof *credentials);
}
