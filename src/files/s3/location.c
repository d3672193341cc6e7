#include "files/s3/location.h"

#include "files/driver.h"
#include "files/s3/source.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SCHEME         "s3://"
#define DEFAULT_REGION "us-east-1"

static bool text_consists_of(const char *text, const char *others)
{
    for (; *text; text++) {
        if (!isalnum((unsigned char)*text) && !strchr(others, *text))
            return false;
    }
    return true;
}

static int region_set(struct s3_location *location, const char *value, struct error *error)
{
    if (!*value || strlen(value) >= sizeof location->region || !text_consists_of(value, "-"))
        return error_set(error, ERROR_USAGE,
                         "'%s' is not a region: letters, digits and '-', like eu-west-1",
                         value);
    strcpy(location->region, value);
    return 0;
}

static int authority_read(const char *value, bool *ret_tls,
                          char ret_authority[static S3_AUTHORITY_SIZE], struct error *error)
{
    bool tls = strncmp(value, "https://", 8) == 0;
    if (tls || strncmp(value, "http://", 7) == 0) {
        const char *authority = value + (tls ? 8 : 7);
        size_t length = strlen(authority);
        if (length && authority[length - 1] == '/')
            length--;
        char copy[S3_AUTHORITY_SIZE];
        if (length && length < sizeof copy) {
            memcpy(copy, authority, length);
            copy[length] = '\0';
            if (text_consists_of(copy, "-._:[]")) {
                *ret_tls = tls;
                strcpy(ret_authority, copy);
                return 0;
            }
        }
    }
    return error_set(error, ERROR_USAGE,
                     "the endpoint must be http://HOST[:PORT] or https://HOST[:PORT], with no "
                     "user, path or query");
}

static int endpoint_set(struct s3_location *location, const char *value, struct error *error)
{
    return authority_read(value, &location->tls, location->authority, error);
}

static int public_endpoint_set(struct s3_location *location, const char *value,
                               struct error *error)
{
    return authority_read(value, &location->public_tls, location->public_authority, error);
}

static int switch_set(bool *on, const char *name, const char *value, struct error *error)
{
    if (strcmp(value, "on") != 0 && strcmp(value, "off") != 0)
        return error_set(error, ERROR_USAGE, "%s is 'on' or 'off', not '%s'", name, value);
    *on = strcmp(value, "on") == 0;
    return 0;
}

static int path_style_set(struct s3_location *location, const char *value, struct error *error)
{
    return switch_set(&location->path_style, "path-style", value, error);
}

static int requester_pays_set(struct s3_location *location, const char *value,
                              struct error *error)
{
    return switch_set(&location->requester_pays, "requester-pays", value, error);
}

static int bulk_delete_set(struct s3_location *location, const char *value, struct error *error)
{
    bool on = true;
    int result = switch_set(&on, "bulk-delete", value, error);
    location->single_deletes = !on;
    return result;
}

static int checksum_set(struct s3_location *location, const char *value, struct error *error)
{
    location->with_sha256 = strcmp(value, "sha256") == 0;
    if (!location->with_sha256 && strcmp(value, "md5") != 0)
        return error_set(error, ERROR_USAGE, "checksum is 'md5' or 'sha256', not '%s'", value);
    return 0;
}

static int ca_set(struct s3_location *location, const char *value, struct error *error)
{
    if (value[0] != '/')
        return error_set(error, ERROR_USAGE, "ca is a file's whole path, not '%s'", value);
    strcpy(location->ca, value);
    return 0;
}

static int encryption_set(struct s3_location *location, const char *value, struct error *error)
{
    static const char *const ways[] = {"AES256", "aws:kms", "aws:kms:dsse"};
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        if (strcmp(ways[i], value) == 0) {
            strcpy(location->encryption, value);
            return 0;
        }
    }
    return error_set(error, ERROR_USAGE, "sse is AES256, aws:kms or aws:kms:dsse, not '%s'",
                     value);
}

static int encryption_key_set(struct s3_location *location, const char *value,
                              struct error *error)
{
    if (!*value || !text_consists_of(value, ":/_-."))
        return error_set(error, ERROR_USAGE, "sse-kms-key is a key's id or ARN");
    strcpy(location->encryption_key, value);
    return 0;
}

static const struct {
    const char *name;
    int (*set)(struct s3_location *location, const char *value, struct error *error);
} parameters_known[] = {
    {"bulk-delete", bulk_delete_set}, {"ca", ca_set},
    {"checksum", checksum_set},       {"endpoint", endpoint_set},
    {"path-style", path_style_set},   {"public-endpoint", public_endpoint_set},
    {"region", region_set},           {"requester-pays", requester_pays_set},
    {"sse", encryption_set},          {"sse-kms-key", encryption_key_set},
};

#define PARAMETERS_KNOWN (sizeof parameters_known / sizeof *parameters_known)

static int parameter_read(struct s3_location *location, const char *text, size_t length,
                          bool *seen, struct error *error)
{
    const char *equals = memchr(text, '=', length);
    size_t name = equals ? (size_t)(equals - text) : length;
    char value[S3_VALUE_SIZE] = "";
    for (size_t i = 0; i < PARAMETERS_KNOWN; i++) {
        if (strlen(parameters_known[i].name) != name ||
            strncmp(parameters_known[i].name, text, name) != 0)
            continue;
        if (seen[i])
            return error_set(error, ERROR_USAGE, "'%.*s' is given twice", (int)name, text);
        seen[i] = true;
        if (equals && files_url_decode(equals + 1, length - name - 1, value, sizeof value) < 0)
            return error_set(error, ERROR_USAGE, "the value of '%.*s' is malformed", (int)name,
                             text);
        return parameters_known[i].set(location, value, error);
    }
    return error_set(error, ERROR_USAGE,
                     "'%.*s' is not known: bulk-delete, ca, checksum, endpoint, path-style, "
                     "public-endpoint, "
                     "region, requester-pays, sse and sse-kms-key are",
                     (int)(name > 64 ? 64 : name), text);
}

static int query_read(struct s3_location *location, const char *query, struct error *error)
{
    bool seen[PARAMETERS_KNOWN] = {false};
    while (*query) {
        size_t length = strcspn(query, "&");
        if (parameter_read(location, query, length, seen, error) < 0)
            return -1;
        query += length;
        query += *query == '&';
    }
    return 0;
}

static int bucket_read(struct s3_location *location, const char *text, size_t length,
                       struct error *error)
{
    if (length == 0)
        return error_set(error, ERROR_USAGE, "the bucket is missing: write s3://BUCKET/PREFIX");
    if (length < 3 || length >= sizeof location->bucket)
        return error_set(error, ERROR_USAGE, "a bucket's name has 3 to 255 characters");
    memcpy(location->bucket, text, length);
    location->bucket[length] = '\0';
    if (!text_consists_of(location->bucket, "-._") ||
        !isalnum((unsigned char)location->bucket[0]))
        return error_set(error, ERROR_USAGE,
                         "a bucket's name has letters, digits, '-', '.' and '_' only");
    return 0;
}

static int prefix_read(struct s3_location *location, const char *text, size_t length,
                       struct error *error)
{
    while (length && text[length - 1] == '/')
        length--;
    if (length == 0)
        return 0;
    char *prefix = location->prefix;
    /* One byte is kept for the slash. */
    if (files_url_decode(text, length, prefix, sizeof location->prefix - 1) < 0 ||
        !files_key_is_valid(prefix))
        return error_set(
            error, ERROR_USAGE,
            "the prefix must be up to %d printable ASCII characters, without empty, "
            "'.' or '..' parts",
            S3_PREFIX_SIZE - 2);
    strcat(prefix, "/");
    return 0;
}

/* What the parameters say together. */
static int contradictions_check(const struct s3_location *location, struct error *error)
{
    if (location->encryption_key[0] && strncmp(location->encryption, "aws:kms", 7) != 0)
        return error_set(error, ERROR_USAGE, "sse-kms-key is nothing without sse=aws:kms");
    /* A host's name has no capitals, and a certificate's star stands for one part of it. */
    for (const char *at = location->bucket; !location->path_style && *at; at++) {
        if (isupper((unsigned char)*at) || *at == '_' || (*at == '.' && location->tls))
            return error_set(error, ERROR_USAGE,
                             "the bucket's name cannot be part of a host's: path-style=on");
    }
    return 0;
}

static const char *environment_first(const char *const names[2])
{
    for (int i = 0; i < 2; i++) {
        const char *value = getenv(names[i]);
        if (value && *value)
            return value;
    }
    return NULL;
}

/* Fills what the address left out. */
static int environment_read(struct s3_location *location, struct error *error)
{
    static const char *const regions[] = {"AWS_REGION", "AWS_DEFAULT_REGION"};
    static const char *const endpoints[] = {"AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"};
    const char *region = environment_first(regions), *endpoint = environment_first(endpoints);
    char of_profile[S3_SESSION_SIZE] = "";
    if (!location->region[0] && !region) {
        s3_source_region(of_profile);
        region = of_profile[0] ? of_profile : NULL;
    }
    if (!location->region[0] &&
        region_set(location, region ? region : DEFAULT_REGION, error) < 0)
        return error_wrap(error, "AWS_REGION or AWS_DEFAULT_REGION");
    if (location->authority[0])
        return 0;
    if (endpoint)
        return endpoint_set(location, endpoint, error) < 0
                   ? error_wrap(error, "AWS_ENDPOINT_URL_S3 or AWS_ENDPOINT_URL")
                   : 0;
    location->tls = true;
    snprintf(location->authority, sizeof location->authority, "s3.%s.amazonaws.com%s",
             location->region, strncmp(location->region, "cn-", 3) == 0 ? ".cn" : "");
    return 0;
}

int s3_location_parse(const char *url, struct s3_location *ret_location, struct error *error)
{
    if (strncmp(url, SCHEME, strlen(SCHEME)) != 0)
        return error_set(error, ERROR_USAGE, "an S3 address begins with s3://BUCKET");
    struct s3_location location = {.path_style = true};
    const char *bucket = url + strlen(SCHEME);
    size_t bucket_length = strcspn(bucket, "/?#");
    const char *prefix = bucket + bucket_length;
    prefix += *prefix == '/';
    size_t prefix_length = strcspn(prefix, "?#");
    const char *query = prefix + prefix_length;
    if (strchr(url, '#'))
        error_set(error, ERROR_USAGE, "a '#' has no place in it; in a prefix write %%23");
    else if (bucket_read(&location, bucket, bucket_length, error) == 0 &&
             prefix_read(&location, prefix, prefix_length, error) == 0 &&
             query_read(&location, *query ? query + 1 : query, error) == 0 &&
             environment_read(&location, error) == 0 &&
             contradictions_check(&location, error) == 0) {
        *ret_location = location;
        return 0;
    }
    /* Without the address itself: it is where people put passwords. */
    return error_wrap(error, "S3 address");
}

static int encoded_append(struct buffer *url, const char *text, const char *kept)
{
    for (; *text; text++) {
        unsigned char byte = (unsigned char)*text;
        bool plain = isalnum(byte) || strchr("-._~", byte) || strchr(kept, byte);
        if ((plain ? buffer_append(url, text, 1) : buffer_printf(url, "%%%02X", byte)) < 0)
            return -1;
    }
    return 0;
}

static int parameter_compare(const void *left, const void *right)
{
    const struct s3_parameter *a = left, *b = right;
    return strcmp(a->name, b->name);
}

static int host_append(const struct s3_location *location, struct buffer *url)
{
    const char *scheme = location->tls ? "https" : "http";
    return location->path_style
               ? buffer_printf(url, "%s://%s/%s", scheme, location->authority, location->bucket)
               : buffer_printf(url, "%s://%s.%s", scheme, location->bucket,
                               location->authority);
}

int s3_location_url(const struct s3_location *location, const char *key,
                    struct s3_parameter *parameters, size_t count, struct buffer *ret_url)
{
    if (host_append(location, ret_url) < 0)
        return -1;
    if (key || !location->path_style) {
        if (buffer_append_text(ret_url, "/") < 0 ||
            (key && (encoded_append(ret_url, location->prefix, "/") < 0 ||
                     encoded_append(ret_url, key, "/") < 0)))
            return -1;
    }
    if (count)
        qsort(parameters, count, sizeof *parameters, parameter_compare);
    for (size_t i = 0; i < count; i++) {
        if (buffer_append_text(ret_url, i ? "&" : "?") < 0 ||
            encoded_append(ret_url, parameters[i].name, "") < 0 ||
            buffer_append_text(ret_url, "=") < 0 ||
            encoded_append(ret_url, parameters[i].value, "") < 0)
            return -1;
    }
    return 0;
}
