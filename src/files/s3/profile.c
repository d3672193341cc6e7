#include "files/s3/profile.h"

#include <ctype.h>
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

/* Longest line, in bytes, with its end: a token and its name. */
#define LINE_SIZE (S3_TOKEN_SIZE + 64)

#define MEMBER(member)                                                                         \
    offsetof(struct s3_profile, member), sizeof(((struct s3_profile *)0)->member)

static const struct {
    const char *name;
    size_t offset, size;
} settings[] = {
    {"aws_access_key_id", MEMBER(credentials.key_id)},
    {"aws_secret_access_key", MEMBER(credentials.secret)},
    {"aws_session_token", MEMBER(credentials.token)},
    {"region", MEMBER(region)},
    {"role_arn", MEMBER(role_arn)},
    {"role_session_name", MEMBER(session_name)},
    {"web_identity_token_file", MEMBER(web_identity_token_file)},
};

/* Each would need a program of its own, a browser, or somebody else's credentials first. */
static const char *const unknown_ways[] = {"credential_process", "credential_source",
                                           "source_profile", "sso_account_id", "sso_session"};

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

/* Takes one "name = value" of the section. */
static int setting_read(struct s3_profile *profile, char *line, struct error *error)
{
    char *equals = strchr(line, '=');
    if (!equals)
        return 0;
    *equals = '\0';
    const char *name = text_trim(line), *value = text_trim(equals + 1);
    for (size_t i = 0; i < sizeof settings / sizeof *settings; i++) {
        if (strcmp(settings[i].name, name) == 0)
            return s3_credentials_copy((char *)profile + settings[i].offset, settings[i].size,
                                       value, name, error);
    }
    for (size_t i = 0; i < sizeof unknown_ways / sizeof *unknown_ways; i++) {
        if (strcmp(unknown_ways[i], name) == 0)
            profile->unknown_way = unknown_ways[i];
    }
    return 0;
}

/* True for "[section]"; moves past other sections by answering false. */
static bool section_is(char *line, const char *section)
{
    char *end = strchr(line, ']');
    if (!end)
        return false;
    *end = '\0';
    return strcmp(text_trim(line + 1), section) == 0;
}

static int line_read(char *line, const char *section, bool *inside, struct s3_profile *profile,
                     struct error *error)
{
    char *text = text_trim(line);
    if (*text == '[') {
        *inside = section_is(text, section);
        profile->found |= *inside;
        return 0;
    }
    return *inside && *text != '#' && *text != ';' ? setting_read(profile, text, error) : 0;
}

static int lines_read(FILE *file, const char *section, struct s3_profile *profile,
                      struct error *error)
{
    char line[LINE_SIZE];
    bool inside = false;
    int result = 0;
    while (result == 0 && fgets(line, sizeof line, file)) {
        size_t length = strlen(line);
        if (length == sizeof line - 1 && line[length - 1] != '\n')
            result = error_set(error, ERROR_CONFIG, "a line is longer than %zu bytes",
                               sizeof line - 1);
        else
            result = line_read(line, section, &inside, profile, error);
    }
    if (result == 0 && ferror(file))
        result = error_set_errno(error, ERROR_CONFIG, errno, "cannot be read");
    explicit_bzero(line, sizeof line);
    return result;
}

int s3_profile_read(const char *path, const char *section, struct s3_profile *profile,
                    struct error *error)
{
    FILE *file = fopen(path, "re");
    if (!file && (errno == ENOENT || errno == ENOTDIR))
        return 1;
    if (!file)
        return error_set_errno(error, ERROR_CONFIG, errno,
                               "the credentials file '%s' cannot be opened", path);
    char held[1024];
    /* The stream's own buffer would keep the secrets after it is freed. */
    setvbuf(file, held, _IOFBF, sizeof held);
    int result = lines_read(file, section, profile, error);
    fclose(file);
    explicit_bzero(held, sizeof held);
    return result < 0 ? error_wrap(error, "credentials file '%s'", path) : 0;
}

void s3_profile_clear(struct s3_profile *profile)
{
    explicit_bzero(profile, sizeof *profile);
}
