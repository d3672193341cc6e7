#include "job/credentials.h"

#include "job/token.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Most bytes of a file of headers. */
#define HEADER_FILE_MAX 16384

int credentials_header_check(const char *header, struct error *error)
{
    size_t name = strcspn(header, ":");
    if (!name || !header[name])
        return error_set(error, ERROR_CONFIG, "a header is written \"Name: value\"");
    for (size_t i = 0; i < name; i++) {
        if (!isalnum((unsigned char)header[i]) && !strchr("!#$%&'*+-.^_`|~", header[i]))
            return error_set(error, ERROR_CONFIG, "the name of a header is one plain word");
    }
    for (const char *at = header + name + 1; *at; at++) {
        if (!isprint((unsigned char)*at) && *at != '\t')
            return error_set(error, ERROR_CONFIG,
                             "the value of header %.*s must be printable ASCII",
                             name > 40 ? 40 : (int)name, header);
    }
    return 0;
}

static int header_add(struct credentials *credentials, const char *name, size_t name_length,
                      const char *value, struct error *error)
{
    size_t size = name_length + strlen(value) + 3;
    if (credentials->count == CREDENTIALS_MAX)
        return error_set(error, ERROR_CONFIG, "more than %d secret headers", CREDENTIALS_MAX);
    char *header = malloc(size);
    if (!header)
        return error_set(error, ERROR_NO_MEMORY, "no memory for a header");
    snprintf(header, size, "%.*s: %s", (int)name_length, name, value);
    credentials->headers[credentials->count] = header;
    credentials->secrets[credentials->count] = header + name_length + 2;
    credentials->count++;
    return credentials_header_check(header, error);
}

static int token_add(struct credentials *credentials, const char *token, struct error *error)
{
    char value[TOKEN_SIZE + 8];
    snprintf(value, sizeof value, "Bearer %s", token);
    int result = header_add(credentials, "Authorization", 13, value, error);
    explicit_bzero(value, sizeof value);
    if (result == 0)
        credentials->secrets[credentials->count - 1] += 7; /* behind "Bearer " */
    return result;
}

static int token_file_add(struct credentials *credentials, const char *path,
                          struct error *error)
{
    char token[TOKEN_SIZE];
    int result = token_read(path, token, error);
    if (result == 0)
        result = token_add(credentials, token, error);
    token_forget(token);
    return result;
}

static const char *variable_read(const char *name, struct error *error)
{
    const char *value = getenv(name);
    if (value && *value && strlen(value) < TOKEN_SIZE)
        return value;
    error_set(error, ERROR_CONFIG, "the environment variable %s %s", name,
              value && *value ? "is too long" : "is not set");
    return NULL;
}

static int token_variable_add(struct credentials *credentials, const char *name,
                              struct error *error)
{
    const char *value = variable_read(name, error);
    if (!value)
        return -1;
    for (const char *at = value; *at; at++) {
        if (!isgraph((unsigned char)*at))
            return error_set(error, ERROR_CONFIG,
                             "the environment variable %s: a token is one word of printable "
                             "ASCII",
                             name);
    }
    return token_add(credentials, value, error);
}

/* "Name:VARIABLE". */
static int header_variable_add(struct credentials *credentials, const char *text,
                               struct error *error)
{
    size_t name = strcspn(text, ":");
    if (!name || !text[name] || !text[name + 1])
        return error_set(error, ERROR_CONFIG, "give NAME:VARIABLE, not \"%s\"", text);
    const char *value = variable_read(text + name + 1, error);
    return value ? header_add(credentials, text, name, value, error) : -1;
}

static int header_line_add(struct credentials *credentials, char *line, struct error *error)
{
    size_t length = strlen(line);
    while (length && isspace((unsigned char)line[length - 1]))
        line[--length] = '\0';
    if (!length || *line == '#')
        return 0;
    size_t name = strcspn(line, ":");
    if (!line[name])
        return error_set(error, ERROR_CONFIG, "a header is written \"Name: value\"");
    const char *value = line + name + 1;
    return header_add(credentials, line, name, value + strspn(value, " \t"), error);
}

static int header_file_add(struct credentials *credentials, const char *path,
                           struct error *error)
{
    char *bytes = malloc(HEADER_FILE_MAX + 1);
    size_t length;
    if (!bytes)
        return error_set(error, ERROR_NO_MEMORY, "no memory for a file of headers");
    int result = token_file_read("header", path, bytes, HEADER_FILE_MAX, &length, error);
    if (result == 0) {
        bytes[length] = '\0';
        for (char *line = bytes, *next; line && result == 0; line = next) {
            next = strchr(line, '\n');
            if (next)
                *next++ = '\0';
            if (header_line_add(credentials, line, error) < 0)
                result = error_wrap(error, "header file %s", path);
        }
    }
    explicit_bzero(bytes, HEADER_FILE_MAX + 1);
    free(bytes);
    return result;
}

int credentials_read(const struct credentials_sources *sources,
                     struct credentials *ret_credentials, struct error *error)
{
    const struct option_texts *variables = sources->header_variables;
    int result = 0;
    *ret_credentials = (struct credentials){.count = 0};
    if (sources->token_file)
        result = token_file_add(ret_credentials, sources->token_file, error);
    if (result == 0 && sources->token_variable)
        result = token_variable_add(ret_credentials, sources->token_variable, error);
    if (result == 0 && sources->header_file)
        result = header_file_add(ret_credentials, sources->header_file, error);
    for (size_t i = 0; result == 0 && variables && i < variables->count; i++)
        result = header_variable_add(ret_credentials, variables->items[i], error);
    if (result < 0)
        credentials_forget(ret_credentials);
    return result;
}

void credentials_forget(struct credentials *credentials)
{
    for (size_t i = 0; i < credentials->count; i++) {
        explicit_bzero(credentials->headers[i], strlen(credentials->headers[i]));
        free(credentials->headers[i]);
    }
    *credentials = (struct credentials){.count = 0};
}
