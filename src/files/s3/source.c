#include "files/s3/source.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* Fixed addresses: "Container credential provider" and "IMDS credential provider" in the
 * reference guide of the AWS SDKs and tools. */
#define CONTAINER_HOST   "http://169.254.170.2"
#define METADATA_HOST    "http://169.254.169.254"
#define METADATA_HOST_V6 "http://[fd00:ec2::254]"

#define SESSION_NAME "users-service"

const char *s3_source_variable(const char *name)
{
    const char *value = getenv(name);
    return value && *value ? value : NULL;
}

const char *s3_source_name(const struct s3_source *source)
{
    static const char *const names[] = {[S3_SOURCE_VARIABLES] = "environment",
                                        [S3_SOURCE_FILES] = "shared files",
                                        [S3_SOURCE_WEB_IDENTITY] = "web identity",
                                        [S3_SOURCE_CONTAINER] = "container",
                                        [S3_SOURCE_METADATA] = "instance metadata"};
    return names[source->kind];
}

bool s3_source_is_asked(const struct s3_source *source)
{
    return source->kind >= S3_SOURCE_WEB_IDENTITY;
}

static int variables_read(struct s3_credentials *credentials, struct error *error)
{
    static const char *const id = "AWS_ACCESS_KEY_ID", *const secret = "AWS_SECRET_ACCESS_KEY",
                             *const token = "AWS_SESSION_TOKEN";
    const char *id_value = s3_source_variable(id), *secret_value = s3_source_variable(secret);
    const char *token_value = s3_source_variable(token);
    if (!id_value || !secret_value)
        return error_set(error, ERROR_CONFIG, "%s is set, but %s is not: S3 needs both",
                         id_value ? id : secret, id_value ? secret : id);
    if (s3_credentials_copy(credentials->key_id, sizeof credentials->key_id, id_value, id,
                            error) < 0 ||
        s3_credentials_copy(credentials->secret, sizeof credentials->secret, secret_value,
                            secret, error) < 0)
        return -1;
    return token_value ? s3_credentials_copy(credentials->token, sizeof credentials->token,
                                             token_value, token, error)
                       : 0;
}

/* Returns 0, 1 if neither the variable nor a home says where the file is, or -1. */
static int path_find(const char *variable, const char *below_home,
                     char ret_path[static S3_PATH_SIZE], struct error *error)
{
    const char *path = s3_source_variable(variable), *home = s3_source_variable("HOME");
    if (!path && !home)
        return 1;
    int length = path ? snprintf(ret_path, S3_PATH_SIZE, "%s", path)
                      : snprintf(ret_path, S3_PATH_SIZE, "%s/%s", home, below_home);
    if (length < 0 || length >= S3_PATH_SIZE)
        return error_set(error, ERROR_CONFIG, "the path in %s is too long", variable);
    return 0;
}

static const char *profile_name(void)
{
    const char *name = s3_source_variable("AWS_PROFILE");
    return name ? name : "default";
}

/* A file that somebody named must be there; the one at its usual place need not. */
static int shared_file_read(const char *variable, const char *below_home, const char *section,
                            struct s3_profile *profile, struct error *error)
{
    char path[S3_PATH_SIZE];
    int missing = path_find(variable, below_home, path, error);
    if (missing == 0)
        missing = s3_profile_read(path, section, profile, error);
    if (missing == 1 && s3_source_variable(variable))
        return error_set(error, ERROR_CONFIG, "%s names '%s', which is not there", variable,
                         path);
    return missing < 0 ? -1 : 0;
}

/* The profile as both files together have it: the credentials file has the last word. */
static int profile_find(struct s3_profile *ret_profile, struct error *error)
{
    const char *name = profile_name();
    char section[S3_PROFILE_SIZE];
    bool is_default = strcmp(name, "default") == 0;
    int length = snprintf(section, sizeof section, "%s%s", is_default ? "" : "profile ", name);
    if (length < 0 || (size_t)length >= sizeof section)
        return error_set(error, ERROR_CONFIG, "AWS_PROFILE is longer than %zu bytes",
                         sizeof section - 1);
    if (shared_file_read("AWS_CONFIG_FILE", ".aws/config", section, ret_profile, error) < 0)
        return -1;
    struct s3_credentials configured = ret_profile->credentials;
    s3_credentials_clear(&ret_profile->credentials);
    int result = shared_file_read("AWS_SHARED_CREDENTIALS_FILE", ".aws/credentials", name,
                                  ret_profile, error);
    /* Never half of a pair from the one file and half from the other. */
    if (result == 0 && !ret_profile->credentials.key_id[0] &&
        !ret_profile->credentials.secret[0])
        ret_profile->credentials = configured;
    s3_credentials_clear(&configured);
    return result;
}

void s3_source_region(char ret_region[static S3_SESSION_SIZE])
{
    struct s3_profile *profile = calloc(1, sizeof *profile);
    ret_region[0] = '\0';
    /* What is wrong with the files is said when credentials are looked for. */
    if (profile && profile_find(profile, NULL) == 0)
        memcpy(ret_region, profile->region, S3_SESSION_SIZE);
    if (profile)
        s3_profile_clear(profile);
    free(profile);
}

static int url_set(struct s3_source *source, const char *base, const char *path,
                   const char *name, struct error *error)
{
    int length = snprintf(source->url, sizeof source->url, "%s%s", base, path);
    if (length < 0 || (size_t)length >= sizeof source->url)
        return error_set(error, ERROR_CONFIG, "%s is too long", name);
    return 0;
}

/* AWS_ENDPOINT_URL_STS, AWS_ENDPOINT_URL, or Amazon's in the region. */
static int sts_set(struct s3_source *source, const char *region, struct error *error)
{
    const char *named = s3_source_variable("AWS_ENDPOINT_URL_STS");
    if (!named)
        named = s3_source_variable("AWS_ENDPOINT_URL");
    if (named)
        return url_set(source, named, "", "AWS_ENDPOINT_URL_STS or AWS_ENDPOINT_URL", error);
    snprintf(source->url, sizeof source->url, "https://sts.%s.amazonaws.com%s/", region,
             strncmp(region, "cn-", 3) == 0 ? ".cn" : "");
    return 0;
}

static int web_identity_set(struct s3_source *source, const char *region, const char *role,
                            const char *token_file, const char *session, struct error *error)
{
    source->kind = S3_SOURCE_WEB_IDENTITY;
    if (s3_credentials_copy(source->role_arn, sizeof source->role_arn, role, "the role's ARN",
                            error) < 0 ||
        s3_credentials_copy(source->session_name, sizeof source->session_name,
                            session && *session ? session : SESSION_NAME,
                            "the role's session name", error) < 0)
        return -1;
    int length = snprintf(source->token_file, sizeof source->token_file, "%s", token_file);
    if (length < 0 || (size_t)length >= sizeof source->token_file)
        return error_set(error, ERROR_CONFIG, "the path of the web identity token is too long");
    return sts_set(source, region, error);
}

/* Host of an http or https address, brackets included; its length. */
static size_t host_find(const char *url, const char **ret_host)
{
    const char *start = strstr(url, "://");
    *ret_host = start ? start + 3 : url;
    if (**ret_host == '[')
        return strcspn(*ret_host, "]") + 1;
    return strcspn(*ret_host, ":/?#");
}

/* Without TLS a token and credentials go only where nobody else listens. */
static bool container_url_is_allowed(const char *url)
{
    static const char *const hosts[] = {"localhost", "[::1]", "169.254.170.2", "169.254.170.23",
                                        "[fd00:ec2::23]"};
    const char *host;
    if (strncasecmp(url, "https://", 8) == 0)
        return true;
    if (strncasecmp(url, "http://", 7) != 0)
        return false;
    size_t length = host_find(url, &host);
    if (length > 4 && strncmp(host, "127.", 4) == 0 && strspn(host, "0123456789.") == length)
        return true;
    for (size_t i = 0; i < sizeof hosts / sizeof *hosts; i++) {
        if (strlen(hosts[i]) == length && strncasecmp(hosts[i], host, length) == 0)
            return true;
    }
    return false;
}

static int container_token_set(struct s3_source *source, struct error *error)
{
    const char *file = s3_source_variable("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE");
    const char *token = s3_source_variable("AWS_CONTAINER_AUTHORIZATION_TOKEN");
    int length =
        snprintf(source->token_file, sizeof source->token_file, "%s", file ? file : "");
    if (length < 0 || (size_t)length >= sizeof source->token_file)
        return error_set(error, ERROR_CONFIG,
                         "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE is too long");
    length = snprintf(source->authorization, sizeof source->authorization, "%s",
                      token && !file ? token : "");
    if (length < 0 || (size_t)length >= sizeof source->authorization ||
        strpbrk(source->authorization, "\r\n"))
        return error_set(error, ERROR_CONFIG,
                         "AWS_CONTAINER_AUTHORIZATION_TOKEN is too long or has more than one "
                         "line");
    return 0;
}

static int container_set(struct s3_source *source, struct error *error)
{
    static const char *const relative = "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI";
    static const char *const full = "AWS_CONTAINER_CREDENTIALS_FULL_URI";
    const char *path = s3_source_variable(relative), *url = s3_source_variable(full);
    source->kind = S3_SOURCE_CONTAINER;
    if (path && *path != '/')
        return error_set(error, ERROR_CONFIG, "%s must begin with a '/'", relative);
    if (!path && !container_url_is_allowed(url))
        return error_set(error, ERROR_CONFIG,
                         "%s must be https, or http to this machine or to the addresses that "
                         "Amazon's containers have for it",
                         full);
    if (container_token_set(source, error) < 0)
        return -1;
    return path ? url_set(source, CONTAINER_HOST, path, relative, error)
                : url_set(source, url, "", full, error);
}

static int metadata_set(struct s3_source *source, struct error *error)
{
    const char *named = s3_source_variable("AWS_EC2_METADATA_SERVICE_ENDPOINT");
    const char *mode = s3_source_variable("AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE");
    bool is_v6 = mode && strcasecmp(mode, "IPv6") == 0;
    source->kind = S3_SOURCE_METADATA;
    source->implied = !named;
    if (named && strncmp(named, "http://", 7) != 0 && strncmp(named, "https://", 8) != 0)
        return error_set(error, ERROR_CONFIG,
                         "AWS_EC2_METADATA_SERVICE_ENDPOINT must begin with http://");
    if (url_set(source,
                named   ? named
                : is_v6 ? METADATA_HOST_V6
                        : METADATA_HOST,
                "", "AWS_EC2_METADATA_SERVICE_ENDPOINT", error) < 0)
        return -1;
    for (size_t length = strlen(source->url); length && source->url[length - 1] == '/';)
        source->url[--length] = '\0';
    return 0;
}

static int nothing_found(struct error *error)
{
    const char *home = s3_source_variable("HOME");
    return error_set(
        error, ERROR_CONFIG,
        "no credentials for S3: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, "
        "or give the profile [%s] a pair in %s%s, or run where there is a role",
        profile_name(),
        s3_source_variable("AWS_SHARED_CREDENTIALS_FILE") ? "AWS_SHARED_CREDENTIALS_FILE"
        : home                                            ? home
                                                          : "~",
        s3_source_variable("AWS_SHARED_CREDENTIALS_FILE") ? "" : "/.aws/credentials");
}

/* What comes before and after the files; 1 if it is nowhere. */
static int elsewhere_find(const char *region, struct s3_source *source, bool before,
                          struct error *error)
{
    const char *token_file = s3_source_variable("AWS_WEB_IDENTITY_TOKEN_FILE");
    const char *role = s3_source_variable("AWS_ROLE_ARN");
    const char *disabled = s3_source_variable("AWS_EC2_METADATA_DISABLED");
    if (before) {
        if (token_file && !role)
            return error_set(error, ERROR_CONFIG,
                             "AWS_WEB_IDENTITY_TOKEN_FILE is set, but AWS_ROLE_ARN is not");
        return token_file ? web_identity_set(source, region, role, token_file,
                                             s3_source_variable("AWS_ROLE_SESSION_NAME"), error)
                          : 1;
    }
    if (s3_source_variable("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI") ||
        s3_source_variable("AWS_CONTAINER_CREDENTIALS_FULL_URI"))
        return container_set(source, error);
    return disabled && strcasecmp(disabled, "true") == 0 ? 1 : metadata_set(source, error);
}

/* A profile that is asked for and is of no use is an error: the next source would be somebody
 * else. */
static int profile_judge(const struct s3_profile *profile, struct error *error)
{
    const char *name = profile_name();
    if (!profile->found && s3_source_variable("AWS_PROFILE"))
        return error_set(error, ERROR_CONFIG,
                         "AWS_PROFILE names [%s], and no such profile is in the credentials "
                         "file or the config file",
                         name);
    if (profile->unknown_way &&
        (profile->role_arn[0] || !s3_credentials_are_whole(&profile->credentials)))
        return error_set(error, ERROR_CONFIG,
                         "the profile [%s] has %s, which this program does not know: give it a "
                         "pair of keys, or a role_arn with a web_identity_token_file",
                         name, profile->unknown_way);
    if (profile->found &&
        (profile->credentials.key_id[0] || profile->credentials.secret[0] ||
         s3_source_variable("AWS_PROFILE")) &&
        !s3_credentials_are_whole(&profile->credentials))
        return error_set(error, ERROR_CONFIG,
                         "no aws_access_key_id and aws_secret_access_key in [%s] of the "
                         "credentials file",
                         name);
    return 0;
}

static int chain_walk(const char *region, struct s3_profile *profile, struct s3_source *source,
                      struct s3_credentials *credentials, struct error *error)
{
    if (profile_find(profile, error) < 0)
        return -1;
    if (profile->role_arn[0] && profile->web_identity_token_file[0])
        return web_identity_set(source, region, profile->role_arn,
                                profile->web_identity_token_file, profile->session_name, error);
    int missing = elsewhere_find(region, source, true, error);
    if (missing != 1)
        return missing;
    if (profile_judge(profile, error) < 0)
        return -1;
    if (s3_credentials_are_whole(&profile->credentials)) {
        source->kind = S3_SOURCE_FILES;
        *credentials = profile->credentials;
        return 0;
    }
    missing = elsewhere_find(region, source, false, error);
    return missing == 1 ? nothing_found(error) : missing;
}

int s3_source_find(const char *region, struct s3_source *ret_source,
                   struct s3_credentials *ret_credentials, struct error *error)
{
    *ret_source = (struct s3_source){.kind = S3_SOURCE_VARIABLES};
    *ret_credentials = (struct s3_credentials){0};
    int result = -1;
    if (s3_source_variable("AWS_ACCESS_KEY_ID") ||
        s3_source_variable("AWS_SECRET_ACCESS_KEY")) {
        result = variables_read(ret_credentials, error);
    } else {
        struct s3_profile *profile = calloc(1, sizeof *profile);
        if (profile) {
            result = chain_walk(region, profile, ret_source, ret_credentials, error);
            s3_profile_clear(profile);
            free(profile);
        } else {
            error_set(error, ERROR_NO_MEMORY, "no memory for credentials");
        }
    }
    if (result < 0)
        s3_credentials_clear(ret_credentials);
    return result;
}
