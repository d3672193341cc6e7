#include "http/server.h"

#include "base/log.h"
#include "config/limits.h"
#include "http/exchange.h"
#include "http/listener.h"
#include "http/router.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct server {
    struct server_options options;
    struct MHD_Daemon *daemon;
    atomic_size_t suspended;
};

static void request_free(struct request *request)
{
    if (request->release)
        request->release(request->state);
    for (size_t i = 0; i < REQUEST_PARAMETERS_MAX; i++)
        free(request->parameters[i]);
    buffer_deinit(&request->body);
    free(request);
}

static void route_refuse(struct request *request, const char *allow)
{
    if (*allow) {
        request_set_header(request, "Allow", allow);
        request_reply_error(request, 405, "%s is not allowed here: use %s", request->method,
                            allow);
        return;
    }
    request_reply_error(request, 404, "there is nothing at this path");
}

static void route_find(const struct server *server, struct request *request, const char *path)
{
    char allow[64];
    const char *parameters[REQUEST_PARAMETERS_MAX] = {0};
    request->route = router_find(server->options.routes, server->options.route_count,
                                 request->method, path, parameters, allow, sizeof allow);
    /* A stranger learns nothing about the routes behind the credential. */
    bool open = request->route && request->route->open;
    if (server->options.auth && !open &&
        !auth_admits(server->options.auth, request_header(request, "Authorization"))) {
        request_set_header(request, "WWW-Authenticate", "Bearer");
        request_reply_error(request, 401,
                            "a bearer token is needed: send Authorization: Bearer TOKEN");
        return;
    }
    if (!request->route) {
        route_refuse(request, allow);
        return;
    }
    for (size_t i = 0; i < REQUEST_PARAMETERS_MAX && parameters[i]; i++) {
        request->parameters[i] = strndup(parameters[i], strcspn(parameters[i], "/"));
        if (!request->parameters[i])
            request_reply_error(request, 500, "out of memory; try again");
    }
}

/* Refuses a body that is too long by what its head says, before it is read. */
static void body_admit(struct request *request)
{
    const char *length = request_header(request, "Content-Length");
    size_t limit = request->route->body_limit;
    /* A body where none belongs is read past and ignored, as long as it is short. */
    if (limit == 0)
        limit = LIMIT_JSON_BODY_BYTES;
    buffer_init(&request->body, limit);
    if (length && strtoull(length, NULL, 10) > limit) {
        request_reply_error(request, 413, "the body is too large: %zu bytes at most", limit);
        return;
    }
    if (request->route->admit)
        request->route->admit(request);
}

/* The library shows the target before it decodes it; the request begins here. */
static void *request_announce(void *data, const char *target, struct MHD_Connection *connection)
{
    struct server *server = data;
    struct request *request = calloc(1, sizeof *request);
    if (!request)
        return NULL;
    request->connection = connection;
    request->context = server->options.context;
    request->suspended = &server->suspended;
    guard_look_at_target(target, &request->target);
    return request;
}

/* Refuses what cannot be trusted to be one request, and lets nothing follow on the connection.
 */
static void head_refuse(struct request *request, const struct guard_refusal *refusal)
{
    request_set_header(request, "Connection", "close");
    request_reply_error(request, refusal->status, "%s", refusal->fault);
}

static void request_begin(struct server *server, struct request *request, const char *path,
                          const char *method, const char *version)
{
    request->begun = true;
    request->method = method;
    struct guard_refusal refusal =
        guard_judge(request->connection, &request->target, path, method, version);
    if (refusal.status)
        head_refuse(request, &refusal);
    else
        route_find(server, request, path);
    if (!request->replied && server->options.stopping && atomic_load(server->options.stopping))
        request_reply_unavailable(request, "the service is stopping; try another or later");
    if (!request->replied)
        body_admit(request);
}

static void body_append(struct request *request, const char *bytes, size_t length)
{
    if (!request->body_refused && buffer_append(&request->body, bytes, length) < 0) {
        request->body_refused = true;
        buffer_deinit(&request->body);
    }
}

static void request_handle(struct request *request)
{
    request_handler *next = request->next;
    if (next) {
        request->next = NULL;
        next(request);
    } else if (request->body_refused) {
        request_reply_error(request, 413, "the body is too large: %zu bytes at most",
                            request->body.limit);
    } else {
        request->route->handler(request);
    }
}

static enum MHD_Result access_handle(void *data, struct MHD_Connection *connection,
                                     const char *path, const char *method, const char *version,
                                     const char *upload, size_t *upload_length, void **state)
{
    (void)connection;
    struct request *request = *state;
    if (!request)
        return MHD_NO;
    if (!request->begun) {
        request_begin(data, request, path, method, version);
        return request->replied ? request->queued : MHD_YES;
    }
    if (request->replied)
        return MHD_YES;
    if (*upload_length) {
        body_append(request, upload, *upload_length);
        *upload_length = 0;
        return MHD_YES;
    }
    request_handle(request);
    return request->replied ? request->queued : MHD_YES;
}

static void request_completed(void *data, struct MHD_Connection *connection, void **state,
                              enum MHD_RequestTerminationCode code)
{
    (void)data;
    (void)connection;
    (void)code;
    if (*state)
        request_free(*state);
    *state = NULL;
}

static void library_log(void *data, const char *format, va_list arguments)
    __attribute__((format(printf, 2, 0)));

static void library_log(void *data, const char *format, va_list arguments)
{
    (void)data;
    char words[256];
    vsnprintf(words, sizeof words, format, arguments);
    words[strcspn(words, "\n")] = '\0';
    log_debug("libmicrohttpd", log_text("words", words));
}

static struct MHD_Daemon *daemon_start(struct server *server)
{
    unsigned threads = server->options.threads;
    return MHD_start_daemon(
        MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG, 0, NULL,
        NULL, access_handle, server, MHD_OPTION_EXTERNAL_LOGGER, library_log, NULL,
        MHD_OPTION_LISTEN_SOCKET, server->options.socket, MHD_OPTION_CONNECTION_LIMIT,
        (unsigned)LIMIT_CONNECTIONS, MHD_OPTION_CONNECTION_TIMEOUT,
        (unsigned)LIMIT_CONNECTION_IDLE_S, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
        (size_t)LIMIT_HEAD_BYTES, MHD_OPTION_STRICT_FOR_CLIENT, -1, MHD_OPTION_NOTIFY_COMPLETED,
        request_completed, NULL, MHD_OPTION_URI_LOG_CALLBACK, request_announce, server,
        threads > 1 ? MHD_OPTION_THREAD_POOL_SIZE : MHD_OPTION_END, threads, MHD_OPTION_END);
}

int server_open(const struct server_options *options, struct server **ret_server,
                struct error *error)
{
    struct server *server = calloc(1, sizeof *server);
    if (!server) {
        listener_close(options->socket);
        return error_set(error, ERROR_NO_MEMORY, "no memory for a listener");
    }
    server->options = *options;
    server->daemon = daemon_start(server);
    if (!server->daemon) {
        listener_close(options->socket);
        free(server);
        return error_set(error, ERROR_UNAVAILABLE,
                         "cannot start the HTTP threads: raise the limit of threads");
    }
    *ret_server = server;
    return 0;
}

void server_quiesce(struct server *server)
{
    if (!server)
        return;
    int socket = MHD_quiesce_daemon(server->daemon);
    if (socket != MHD_INVALID_SOCKET)
        listener_close(socket);
}

size_t server_suspended(const struct server *server)
{
    return atomic_load(&server->suspended);
}

void server_close(struct server *server)
{
    if (!server)
        return;
    MHD_stop_daemon(server->daemon);
    free(server);
}
