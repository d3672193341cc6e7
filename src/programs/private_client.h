/*
 * private_client: what the commands that ask a running service share: the options that say
 * where its private API is, and calls to it, one after another, that a signal can end.
 */
#ifndef PROGRAMS_PRIVATE_CLIENT_H
#define PROGRAMS_PRIVATE_CLIENT_H

#include "base/error.h"
#include "config/options.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

struct private_settings {
    const char *url, *token_file, *ca_file, *client_cert, *client_key, *unix_socket;
};

/* The rows of an option table for a struct whose first member is a `struct private_settings`.
 */
#define PRIVATE_OPTIONS                                                                        \
    {.name = "private",                                                                        \
     .type = OPTION_TEXT,                                                                      \
     .offset = offsetof(struct private_settings, url),                                         \
     .value = "URL",                                                                           \
     .prose = "Where the private API of the running service is: http://127.0.0.1:8081."},      \
        {.name = "token-file",                                                                 \
         .type = OPTION_TEXT,                                                                  \
         .offset = offsetof(struct private_settings, token_file),                              \
         .value = "FILE",                                                                      \
         .prose = "The bearer token for it; nobody but the owner may read the file."},         \
        {.name = "unix-socket",                                                                \
         .type = OPTION_TEXT,                                                                  \
         .offset = offsetof(struct private_settings, unix_socket),                             \
         .value = "PATH",                                                                      \
         .prose = "Connect to this socket, whatever the address says."},                       \
        {.name = "ca-file",                                                                    \
         .type = OPTION_TEXT,                                                                  \
         .offset = offsetof(struct private_settings, ca_file),                                 \
         .value = "FILE",                                                                      \
         .prose = "Certificates that are trusted (PEM), instead of the system's."},            \
        {.name = "client-cert",                                                                \
         .type = OPTION_TEXT,                                                                  \
         .offset = offsetof(struct private_settings, client_cert),                             \
         .value = "FILE",                                                                      \
         .prose = "The certificate that is shown to the service (PEM)."},                      \
    {                                                                                          \
        .name = "client-key", .type = OPTION_TEXT,                                             \
        .offset = offsetof(struct private_settings, client_key), .value = "FILE",              \
        .prose = "Its key (PEM)."                                                              \
    }

struct private_client;

/*
 * Reads the token and blocks SIGINT and SIGTERM, which end a call from here on. `settings` is
 * borrowed. ERROR_USAGE, ERROR_CONFIG.
 */
int private_client_open(const struct private_settings *settings,
                        struct private_client **ret_client, struct error *error);

/* Forgets the token. NULL is allowed. */
void private_client_close(struct private_client *client);

/* True once a signal asked for the end. */
bool private_client_is_stopped(const struct private_client *client);

/* Rests so long, or until a signal. */
void private_client_rest(struct private_client *client, int64_t rest_ms);

/*
 * One call to its end; `path` begins with a slash and may have a query. Returns the answer's
 * data, which the caller frees, or NULL with an error: ERROR_UNAVAILABLE if there was no answer
 * or a 503, ERROR_INVALID for a 404 or 409, else ERROR_CONFIG. Stopped by a signal:
 * ERROR_UNAVAILABLE.
 */
json_t *private_client_call(struct private_client *client, const char *method, const char *path,
                            struct error *error);

/*
 * A GET whose answer, of the type `type`, is written to `out` as it comes, however long it
 * takes. ERROR_IO: it could not be written; else as above.
 */
int private_client_fetch(struct private_client *client, const char *path, const char *type,
                         FILE *out, struct error *error);
#endif
