#include "programs/service_confinement.h"

#include "files/driver.h"
#include "files/s3/location.h"
#include "files/s3/source.h"
#include "repository/postgres/reach.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PORT_HTTP  80
#define PORT_HTTPS 443
#define PORT_NAMES 53
#define PORT_AMQP  5672
#define PORT_AMQPS 5671

/* What the C library and those for TLS read at any time; no secret is in any of it. */
static const char *const read_by_libraries[] = {
    "/usr",
    "/lib",
    "/lib64",
    "/etc/ssl",
    "/etc/pki",
    "/etc/gnutls",
    "/etc/crypto-policies",
    "/sys/devices/system/cpu",
    "/proc/self",
    "/dev/urandom",
};

/*
 * What is read when a host's name is looked up. The files of /etc are replaced by renames, when
 * the machine moves to another network: only a rule about the whole folder goes on to hold.
 */
static const char *const read_for_names[] = {
    "/etc",
    "/run/systemd/resolve",
    "/run/NetworkManager",
    "/run/resolvconf",
};

#define COUNT(rows) (sizeof(rows) / sizeof *(rows))

static int reads_allow(struct sandbox *sandbox, const char *const *paths, size_t count,
                       struct error *error)
{
    int failed = 0;
    for (size_t i = 0; i < count && !failed; i++)
        failed = sandbox_allow(sandbox, paths[i], SANDBOX_READS, error);
    return failed;
}

static int names_allow(struct sandbox *sandbox, struct error *error)
{
    return reads_allow(sandbox, read_for_names, COUNT(read_for_names), error) < 0
               ? -1
               : sandbox_allow_port(sandbox, PORT_NAMES, error);
}

static int server_allow(struct sandbox *sandbox, const struct reach *reach, struct error *error)
{
    int failed = names_allow(sandbox, error);
    for (size_t i = 0; i < reach->port_count && !failed; i++)
        failed = sandbox_allow_port(sandbox, reach->ports[i], error);
    for (size_t i = 0; i < reach->file_count && !failed; i++)
        failed = sandbox_allow(sandbox, reach->files[i], SANDBOX_READS, error);
    return failed;
}

/* A file's folder, with its log and its lock; or a server. What is neither is refused later. */
static int database_allow(struct sandbox *sandbox, const char *address, struct error *error)
{
    struct reach reach;
    if (strncmp(address, "sqlite:", 7) == 0)
        return sandbox_allow_beside(sandbox, address + 7, SANDBOX_WRITES, error);
    if (strncmp(address, "postgres", 8) != 0)
        return 0;
    int failed =
        reach_find(address, &reach, NULL) < 0 ? 0 : server_allow(sandbox, &reach, error);
    reach_deinit(&reach);
    return failed;
}

/* The store's folder; the one that it will be made in, if it is not there yet. */
static int folder_allow(struct sandbox *sandbox, const char *url, struct error *error)
{
    char path[PATH_MAX];
    size_t scheme = strlen("file://");
    if (strlen(url) < scheme ||
        files_url_decode(url + scheme, strlen(url + scheme), path, sizeof path) < 0)
        return 0;
    return access(path, F_OK) == 0 ? sandbox_allow(sandbox, path, SANDBOX_WRITES, error)
                                   : sandbox_allow_beside(sandbox, path, SANDBOX_WRITES, error);
}

/* The port of HOST[:PORT], which may have a path behind it. */
static int authority_port(const char *authority, int preset)
{
    size_t end = strcspn(authority, "/?#"), host = strcspn(authority, "]");
    host = host < end ? host : 0;
    host += strcspn(authority + host, ":/?#");
    return authority[host] == ':' ? (int)strtol(authority + host + 1, NULL, 10) : preset;
}

/* The files of the AWS tools: what one of them names, or the usual place of both. */
static int shared_files_allow(struct sandbox *sandbox, struct error *error)
{
    static const char *const variables[] = {"AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE",
                                            "AWS_CA_BUNDLE"};
    char path[PATH_MAX];
    const char *home = s3_source_variable("HOME");
    int failed = 0;
    for (size_t i = 0; i < COUNT(variables) && !failed; i++) {
        const char *file = s3_source_variable(variables[i]);
        if (file)
            failed = sandbox_allow_beside(sandbox, file, SANDBOX_READS, error);
    }
    if (!failed && home && snprintf(path, sizeof path, "%s/.aws", home) < (int)sizeof path)
        failed = sandbox_allow(sandbox, path, SANDBOX_READS, error);
    return failed;
}

/* Whoever gives credentials for a time is asked again, with a token that is read again. */
static int giver_allow(struct sandbox *sandbox, const char *region, struct error *error)
{
    struct s3_source source;
    struct s3_credentials credentials;
    if (s3_source_find(region, &source, &credentials, NULL) < 0)
        return 0;
    s3_credentials_clear(&credentials);
    const char *authority = strstr(source.url, "://");
    int failed = 0;
    if (authority)
        failed = sandbox_allow_port(
            sandbox,
            authority_port(authority + 3,
                           strncmp(source.url, "https", 5) == 0 ? PORT_HTTPS : PORT_HTTP),
            error);
    if (!failed && source.token_file[0])
        failed = sandbox_allow_beside(sandbox, source.token_file, SANDBOX_READS, error);
    explicit_bzero(&source, sizeof source);
    return failed;
}

/* A URL that is wrong is refused later, by whoever needs it. */
static int files_allow(struct sandbox *sandbox, const char *url, struct error *error)
{
    struct s3_location location;
    if (strncmp(url, "file:", 5) == 0)
        return folder_allow(sandbox, url, error);
    if (s3_location_parse(url, &location, &(struct error){0}) < 0)
        return 0;
    if (names_allow(sandbox, error) < 0 || shared_files_allow(sandbox, error) < 0 ||
        (location.ca[0] &&
         sandbox_allow_beside(sandbox, location.ca, SANDBOX_READS, error) < 0) ||
        giver_allow(sandbox, location.region, error) < 0)
        return -1;
    int port = authority_port(location.authority, location.tls ? PORT_HTTPS : PORT_HTTP);
    return sandbox_allow_port(sandbox, port, error);
}

/* A broker of messages; the database is allowed already. */
static int queue_allow(struct sandbox *sandbox, const char *url, struct error *error)
{
    static const char authorities[] = "?cacert=";
    bool tls = strncmp(url, "amqps://", 8) == 0;
    if (!tls && strncmp(url, "amqp://", 7) != 0)
        return 0;
    const char *authority = strstr(url, "://") + 3;
    const char *user_end = memrchr(authority, '@', strcspn(authority, "/?"));
    const char *file = strstr(url, authorities);
    int port =
        authority_port(user_end ? user_end + 1 : authority, tls ? PORT_AMQPS : PORT_AMQP);
    if (names_allow(sandbox, error) < 0 || sandbox_allow_port(sandbox, port, error) < 0)
        return -1;
    return file ? sandbox_allow_beside(sandbox, file + sizeof authorities - 1, SANDBOX_READS,
                                       error)
                : 0;
}

/* Files that are read again when they change. */
static int credentials_allow(struct sandbox *sandbox, const struct service_options *options,
                             struct error *error)
{
    const char *const files[] = {options->token_file,
                                 options->api_token_file,
                                 options->tls_certificate,
                                 options->tls_key,
                                 options->private_tls_certificate,
                                 options->private_tls_key,
                                 options->private_client_authority};
    int failed = 0;
    for (size_t i = 0; i < COUNT(files) && !failed; i++) {
        if (files[i])
            failed = sandbox_allow_beside(sandbox, files[i], SANDBOX_READS, error);
    }
    return failed;
}

static int service_allow(struct sandbox *sandbox, const struct service_options *options,
                         struct error *error)
{
    if (reads_allow(sandbox, read_by_libraries, COUNT(read_by_libraries), error) < 0 ||
        sandbox_allow(sandbox, "/dev/null", SANDBOX_WRITES, error) < 0 ||
        database_allow(sandbox, options->database, error) < 0 ||
        files_allow(sandbox, options->files, error) < 0 ||
        queue_allow(sandbox, options->queue, error) < 0)
        return -1;
    for (size_t i = 0; i < options->files_also.count; i++) {
        if (files_allow(sandbox, options->files_also.items[i], error) < 0)
            return -1;
    }
    return credentials_allow(sandbox, options, error);
}

int service_confinement_enter(const struct service_options *options,
                              struct sandbox_report *ret_report, struct error *error)
{
    struct sandbox sandbox;
    *ret_report = (struct sandbox_report){0};
    if (strcmp(options->sandbox, "off") == 0)
        return 0;
    if (sandbox_open(&sandbox, true, SANDBOX_ABI_NEWEST, error) < 0)
        return error_wrap(error, "--sandbox");
    if (service_allow(&sandbox, options, error) < 0) {
        sandbox_close(&sandbox);
        return error_wrap(error, "--sandbox");
    }
    bool required = strcmp(options->sandbox, "required") == 0;
    return sandbox_enter(&sandbox, required, ret_report, error) < 0
               ? error_wrap(error, "--sandbox %s", options->sandbox)
               : 0;
}
