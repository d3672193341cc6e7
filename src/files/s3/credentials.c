#include "files/s3/credentials.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Longest line of the credentials file, in bytes, with its end: a token and its name. */
#define LINE_SIZE (S3_TOKEN_SIZE + 64)

/* What the file may be called, in bytes, with its end. */
#define PATH_SIZE 4096

static const char *environment(const char *name)
{
    const char *value = getenv(name);
    return value && *value ? value : NULL;
}

/* Printable ASCII only: a line break would write headers of its own. */
static int value_set(char *to, size_t size, const char *value, const char *name,
                     struct error *error)
{
    size_t length = strlen(value);
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

static int environment_read(struct s3_credentials *credentials, struct error *error)
{
    const char *key_id = environment("AWS_ACCESS_KEY_ID");
    const char *secret = environment("AWS_SECRET_ACCESS_KEY");
    const char *token = environment("AWS_SESSION_TOKEN");
    if (!key_id || !secret)
        return error_set(error, ERROR_CONFIG, "%s is set, but %s is not: S3 needs both",
                         key_id ? "AWS_ACCESS_KEY_ID" : "AWS_SECRET_ACCESS_KEY",
                         key_id ? "AWS_SECRET_ACCESS_KEY" : "AWS_ACCESS_KEY_ID");
    if (value_set(credentials->key_id, sizeof credentials->key_id, key_id, "AWS_ACCESS_KEY_ID",
                  error) < 0 ||
        value_set(credentials->secret, sizeof credentials->secret, secret,
                  "AWS_SECRET_ACCESS_KEY", error) < 0)
        return -1;
    return token ? value_set(credentials->token, sizeof credentials->token, token,
                             "AWS_SESSION_TOKEN", error)
                 : 0;
}

/* Cuts blanks at both ends. */
static char *text_trim(char *text)
{
    while (isspace((unsigned char)*text))
        text++;
    size_t length = strlen(text);
    while (length && isspace((unsigned char)text[length - 1]))
        text[--length] = '\0';
    return text;
}

/* Takes one "name = value" of the profile. */
static int setting_read(struct s3_credentials *credentials, char *line, struct error *error)
{
    char *equals = strchr(line, '=');
    if (!equals)
        return 0;
    *equals = '\0';
    const char *name = text_trim(line), *value = text_trim(equals + 1);
    if (strcmp(name, "aws_access_key_id") == 0)
        return value_set(credentials->key_id, sizeof credentials->key_id, value, name, error);
    if (strcmp(name, "aws_secret_access_key") == 0)
        return value_set(credentials->secret, sizeof credentials->secret, value, name, error);
    if (strcmp(name, "aws_session_token") == 0)
        return value_set(credentials->token, sizeof credentials->token, value, name, error);
    return 0;
}

/* True for "[profile]"; moves past other sections by answering false. */
static bool section_is(char *line, const char *profile)
{
    char *end = strchr(line, ']');
    if (!end)
        return false;
    *end = '\0';
    return strcmp(text_trim(line + 1), profile) == 0;
}

static int profile_read(FILE *file, const char *profile, struct s3_credentials *credentials,
                        struct error *error)
{
    char line[LINE_SIZE];
    bool inside = false;
    int result = 0;
    while (result == 0 && fgets(line, sizeof line, file)) {
        size_t length = strlen(line);
        if (length == sizeof line - 1 && line[length - 1] != '\n') {
            result = error_set(error, ERROR_CONFIG, "a line is longer than %zu bytes",
                               sizeof line - 1);
            break;
        }
        char *text = text_trim(line);
        if (*text == '[')
            inside = section_is(text, profile);
        else if (inside && *text != '#' && *text != ';')
            result = setting_read(credentials, text, error);
    }
    if (result == 0 && ferror(file))
        result = error_set_errno(error, ERROR_CONFIG, errno, "cannot be read");
    if (result == 0 && (!credentials->key_id[0] || !credentials->secret[0]))
        result = error_set(error, ERROR_CONFIG,
                           "no aws_access_key_id and aws_secret_access_key in [%s]", profile);
    explicit_bzero(line, sizeof line);
    return result;
}

static int path_find(char ret_path[static PATH_SIZE], struct error *error)
{
    const char *path = environment("AWS_SHARED_CREDENTIALS_FILE");
    const char *home = environment("HOME");
    if (!path && !home)
        return error_set(error, ERROR_CONFIG,
                         "no credentials for S3: set AWS_ACCESS_KEY_ID and "
                         "AWS_SECRET_ACCESS_KEY, or AWS_SHARED_CREDENTIALS_FILE");
    int length = path ? snprintf(ret_path, PATH_SIZE, "%s", path)
                      : snprintf(ret_path, PATH_SIZE, "%s/.aws/credentials", home);
    if (length < 0 || length >= PATH_SIZE)
        return error_set(error, ERROR_CONFIG, "the path of the credentials file is too long");
    return 0;
}

static int file_read(struct s3_credentials *credentials, struct error *error)
{
    char path[PATH_SIZE];
    if (path_find(path, error) < 0)
        return -1;
    FILE *file = fopen(path, "re");
    if (!file)
        return error_set_errno(error, ERROR_CONFIG, errno,
                               "no credentials for S3: AWS_ACCESS_KEY_ID is not set, and the "
                               "credentials file '%s' cannot be opened",
                               path);
    char held[1024];
    /* The stream's own buffer would keep the secrets after it is freed. */
    setvbuf(file, held, _IOFBF, sizeof held);
    const char *profile = environment("AWS_PROFILE");
    int result = profile_read(file, profile ? profile : "default", credentials, error);
    fclose(file);
    explicit_bzero(held, sizeof held);
    return result < 0 ? error_wrap(error, "credentials file '%s'", path) : 0;
}

int s3_credentials_read(struct s3_credentials *ret_credentials, struct error *error)
{
    *ret_credentials = (struct s3_credentials){0};
    int result = environment("AWS_ACCESS_KEY_ID") || environment("AWS_SECRET_ACCESS_KEY")
                     ? environment_read(ret_credentials, error)
                     : file_read(ret_credentials, error);
    if (result < 0)
        s3_credentials_clear(ret_credentials);
    return result;
}

void s3_credentials_clear(struct s3_credentials *credentials)
{
    explicit_bzero(credentials, sizeof *credentials);
}
