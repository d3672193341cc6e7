/*
 * client: HTTP requests, each bounded in time and in bytes.
 *
 * http and https only; no redirect is followed, no proxy asked, no cookie kept, no compression
 * accepted, and every request has a connection of its own. Requests run, any number at a time,
 * while http_client_poll is called, which also watches descriptors of the caller's, so that a
 * signal can end them.
 *
 * One thread at a time.
 */
#ifndef HTTP_CLIENT_H
#define HTTP_CLIENT_H

#include "base/buffer.h"
#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Most bytes of an answer's head. */
#define HTTP_HEAD_BYTES_MAX 65536

#define HTTP_CONTENT_TYPE_NDJSON "application/x-ndjson"

struct http_request {
    const char *method;
    const char *url;
    const char *const *headers; /* `header_count` of "Name: value" */
    size_t header_count;
    const void *body; /* NULL: none */
    size_t length;
    int64_t connect_ms, total_ms;         /* from the start; both more than 0 */
    const char *ca_file;                  /* PEM; NULL: the system's */
    const char *client_cert, *client_key; /* PEM; NULL: none is shown */
    const char *unix_socket; /* connect there, whatever the address says; or NULL */
    size_t body_max;         /* most bytes of the answer's body, or of one of its lines */

    /*
     * Called for each line of a 2xx answer that comes as HTTP_CONTENT_TYPE_NDJSON, as it
     * arrives and without its end. Returns true if it took the line; what it leaves becomes
     * the body. NULL: every answer's body is kept whole.
     */
    bool (*line)(void *owner, const char *line, size_t length);
    /*
     * Called for each piece of a 2xx answer as it arrives; none of it is then in the body.
     * False ends the request, as HTTP_FAILED. NULL: see above.
     */
    bool (*piece)(void *owner, const char *bytes, size_t length);
    void *owner;
};

enum http_outcome {
    HTTP_ANSWERED = 0, /* the whole answer is there */
    HTTP_UNREACHABLE,  /* no connection: name, route, refused */
    HTTP_TIMEOUT,      /* no whole answer in time */
    HTTP_TLS,          /* certificate or handshake refused */
    HTTP_CUT,          /* the connection ended before the answer did */
    HTTP_TOO_LARGE,    /* the answer is over its bounds */
    HTTP_FAILED,       /* anything else: no HTTP, no memory */
};

struct http_response {
    bool done; /* nothing below changes any more */
    enum http_outcome outcome;
    int status;            /* 0 if no answer began */
    int64_t retry_after_s; /* what Retry-After asks for; 0: nothing */
    char content_type[96];
    struct buffer body; /* freed by http_response_deinit */
    char text[256];     /* why there is no whole answer, in words; "" if there is */
};

/* Descriptors of the caller's that a poll can watch. */
#define HTTP_WATCHED_MAX 4

struct http_client;

int http_client_open(struct http_client **ret_client, struct error *error);

/* Breaks off what is under way. NULL is allowed. */
void http_client_close(struct http_client *client);

/*
 * Starts `request`; it and what it points at are borrowed until the request is done or broken
 * off, but texts and headers only for this call. `response`, by which the request is known, is
 * filled step by step. Without memory to start it, it is done at once, as HTTP_FAILED.
 */
void http_client_start(struct http_client *client, const struct http_request *request,
                       struct http_response *response);

/*
 * Goes on with all requests until one is done, one of `count` descriptors in `watched` can be
 * read, or `timeout_ms` have passed.
 */
void http_client_poll(struct http_client *client, int64_t timeout_ms, const int *watched,
                      size_t count);

/* Breaks off the request that fills `response`, if it is under way. */
void http_client_abort(struct http_client *client, const struct http_response *response);

void http_response_deinit(struct http_response *response);

/* True if the answer's content type is `type`, whatever parameters follow it. */
bool http_response_is_type(const struct http_response *response, const char *type);

/* Refuses, as ERROR_USAGE, what is no http or https address, or has a user or a fragment in it.
 */
int http_url_check(const char *url, struct error *error);

#endif
