/*
 * server: one listener with its routes, on libmicrohttpd.
 */
#ifndef HTTP_SERVER_H
#define HTTP_SERVER_H

#include "base/error.h"
#include "http/admission.h"
#include "http/request.h"
#include "http/tls.h"

#include <stdatomic.h>

struct route {
    const char *method;  /* "GET" answers HEAD too */
    const char *pattern; /* "/api/users/{id}"; a part in braces matches one path segment */
    request_handler *handler;
    size_t body_limit; /* bytes; 0: the route has no use for a body */
    bool open;         /* no credential is asked for */
    /* Called before the body is read; a reply refuses it. NULL: nothing to check. */
    request_handler *admit;
};

/* What became of a request. */
struct request_end {
    const char *method, *pattern; /* of the route; NULL: none took it */
    int status;                   /* 0: it ended without an answer */
    int64_t microseconds;         /* from its head to the end of the answer */
    const struct trace *trace;
    const char *why; /* of a 5xx; "": no reason is known */
};

struct server_options {
    int socket; /* a listening one (http/listener.h); the server's from here on, also on failure
                 */
    const struct route *routes;
    size_t route_count;
    struct admission *admission; /* NULL: nobody is asked for a credential */
    const struct tls *tls;       /* NULL: plain HTTP */
    void *context;
    unsigned threads;
    int64_t client_timeout_ms;   /* above 0: see http/visit.h */
    const atomic_bool *stopping; /* while true every request is answered 503; may be NULL */
    /* Called at the end of each request, on an HTTP thread; may be NULL. */
    void (*ended)(void *context, const struct request_end *end);
};

struct server;

/* Serves what comes in on the socket. ERROR_UNAVAILABLE without threads. */
int server_open(const struct server_options *options, struct server **ret_server,
                struct error *error);

/* No new connection is accepted from here on. NULL is allowed. */
void server_quiesce(struct server *server);

/* When the thread that was at work longest ago was so, by the boot-time clock. */
int64_t server_alive_at(const struct server *server);

/* Requests that were suspended, and whose replies are not out yet. */
size_t server_under_way(const struct server *server);

/* Ends all connections; no request may be suspended. NULL is allowed. */
void server_close(struct server *server);

#endif
