#include "http/server.h"

#include "base/clock.h"
#include "base/log.h"
#include "config/limits.h"
#include "http/delay.h"
#include "http/exchange.h"
#include "http/listener.h"
#include "http/loop.h"
#include "http/router.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

struct server {
    struct server_options options;
    struct loop **loops;        /* NULL: not started */
    struct delay *delay;        /* of those without a good credential; NULL: nobody needs one */
    atomic_llong crowded_until; /* boot-time clock: somebody was refused for want of room */
    atomic_size_t long_replies; /* bytes of long answers that are on their way */
    atomic_size_t under_way;
    struct MHD_Response *spare; /* what is left to say when there is no memory for a request */
};

#define STOPPING "the service is stopping; try another or later"

static bool is_stopping(const struct server *server)
{
    return server->options.stopping && atomic_load(server->options.stopping);
}

static void request_free(struct request *request)
{
    if (request->release)
        request->release(request->state);
    if (request->counted)
        atomic_fetch_sub(request->under_way, 1);
    if (request->long_reply)
        atomic_fetch_sub(request->long_replies, request->long_reply);
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

static void credential_refuse(struct request *request)
{
    if (request->refused_with == 403) {
        request_reply_error(request, 403, "this certificate or user is not on the list");
        return;
    }
    request_set_header(request, "WWW-Authenticate", "Bearer");
    request_reply_error(request, 401,
                        "a credential is needed: send Authorization: Bearer TOKEN");
}

/*
 * Answers a bad credential, the later the more of them came from this address. True if the
 * request was suspended.
 */
static bool credential_fail(struct server *server, struct request *request,
                            enum admission_verdict verdict)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(request->connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    int64_t wait = delay_of_failure(server->delay, info ? info->client_addr : NULL);
    request->refused_with = verdict == ADMISSION_FORBIDDEN ? 403 : 401;
    const char *length = request_header(request, "Content-Length");
    bool has_body = length && strcmp(length, "0") != 0;
    log_info("a request without a good credential",
             log_number("status", request->refused_with));
    if (wait == 0 || has_body) {
        credential_refuse(request);
        return false;
    }
    request_suspend(request, credential_refuse);
    if (!delay_hold(server->delay, request, wait))
        request_resume(request);
    return true;
}

/* True if the request was suspended. */
static bool route_find(struct server *server, struct request *request, const char *path)
{
    char allow[64];
    const char *parameters[REQUEST_PARAMETERS_MAX] = {0};
    request->route = router_find(server->options.routes, server->options.route_count,
                                 request->method, path, parameters, allow, sizeof allow);
    /* A stranger learns nothing about the routes behind the credential. */
    bool open = request->route && request->route->open;
    if (server->options.admission && !open) {
        enum admission_verdict verdict =
            admission_judge(server->options.admission, request->connection);
        if (verdict != ADMISSION_GRANTED)
            return credential_fail(server, request, verdict);
    }
    if (!request->route)
        route_refuse(request, allow);
    for (size_t i = 0; request->route && i < REQUEST_PARAMETERS_MAX && parameters[i]; i++) {
        request->parameters[i] = strndup(parameters[i], strcspn(parameters[i], "/"));
        if (!request->parameters[i])
            request_reply_error(request, 500, "out of memory; try again");
    }
    return false;
}

/* Refuses a body that is too long by what its head says, before it is read. */
static void body_admit(struct request *request)
{
    const char *length = request_header(request, "Content-Length");
    size_t limit = request->route->body_limit;
    /* A body where none belongs is read past and ignored, as long as it is short. */
    if (limit == 0)
        limit = LIMIT_JSON_BODY_BYTES;
    unsigned long long bytes = length ? strtoull(length, NULL, 10) : 0;
    buffer_init(&request->body, limit);
    if (bytes > limit) {
        request_reply_error(request, 413, "the body is too large: %zu bytes at most", limit);
        return;
    }
    visit_await_body(request->visit, clock_boot_ms(), (int64_t)bytes);
    if (request->route->admit)
        request->route->admit(request);
}

/* The library shows the target before it decodes it; the request begins here. */
static void *request_announce(void *data, struct loop *loop, struct visit *visit,
                              const char *target, struct MHD_Connection *connection)
{
    struct server *server = data;
    struct request *request = calloc(1, sizeof *request);
    if (!request)
        return NULL;
    request->connection = connection;
    request->context = server->options.context;
    request->under_way = &server->under_way;
    request->loop = loop;
    request->visit = visit;
    request->crowded_until = &server->crowded_until;
    request->long_replies = &server->long_replies;
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

/* True if the request was suspended. */
static bool request_begin(struct server *server, struct request *request, const char *path,
                          const char *method, const char *version)
{
    request->begun = true;
    request->begun_us = clock_boot_us();
    trace_take(request_header(request, "traceparent"), &request->trace);
    log_for(&request->trace);
    request->method = method;
    struct guard_refusal refusal =
        guard_judge(request->connection, &request->target, path, method, version);
    if (refusal.status)
        head_refuse(request, &refusal);
    else if (is_stopping(server))
        request_reply_unavailable(request, STOPPING);
    else if (route_find(server, request, guard_path(path)))
        return true;
    if (!request->replied)
        body_admit(request);
    return false;
}

static void body_append(struct request *request, const char *bytes, size_t length)
{
    if (request->body_refused || request->body_lost)
        return;
    bool fits = length <= request->body.limit - request->body.length;
    if (fits && buffer_append(&request->body, bytes, length) == 0)
        return;
    request->body_refused = !fits;
    request->body_lost = fits;
    buffer_deinit(&request->body);
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
    } else if (request->body_lost) {
        request_reply_error(request, 500, "out of memory; try again");
    } else {
        request->route->handler(request);
    }
}

static enum MHD_Result access_handle(void *data, struct MHD_Connection *connection,
                                     const char *path, const char *method, const char *version,
                                     const char *upload, size_t *upload_length, void **state)
{
    struct server *server = data;
    struct request *request = *state;
    if (!request)
        return MHD_queue_response(connection, 500, server->spare);
    if (!request->begun) {
        bool suspended = request_begin(server, request, path, method, version);
        log_for(NULL);
        /* A suspended request is somebody else's: nothing of it may be read. */
        return suspended || !request->replied ? MHD_YES : request->queued;
    }
    if (request->replied)
        return MHD_YES;
    if (*upload_length) {
        body_append(request, upload, *upload_length);
        visit_advance(request->visit, (int64_t)*upload_length);
        *upload_length = 0;
        return MHD_YES;
    }
    log_for(&request->trace);
    /* A body that ends after the stop is too late: nobody counts what would begin now. */
    if (!request->next && is_stopping(server))
        request_reply_unavailable(request, STOPPING);
    else
        request_handle(request);
    log_for(NULL);
    return request->replied ? request->queued : MHD_YES;
}

static void end_tell(const struct server *server, const struct request *request)
{
    const struct route *route = request->route;
    struct request_end end = {.method = route ? route->method : NULL,
                              .pattern = route ? route->pattern : NULL,
                              .status = request->status,
                              .microseconds = clock_boot_us() - request->begun_us,
                              .trace = &request->trace,
                              .why = request->why};
    server->options.ended(server->options.context, &end);
}

static void request_completed(void *data, struct MHD_Connection *connection, void **state,
                              enum MHD_RequestTerminationCode code)
{
    const struct server *server = data;
    struct request *request = *state;
    (void)connection;
    (void)code;
    if (request && request->begun && server->options.ended)
        end_tell(server, request);
    if (request)
        request_free(request);
    *state = NULL;
}

static void loops_close(struct server *server)
{
    for (unsigned i = 0; server->loops && i < server->options.threads; i++)
        loop_close(server->loops[i]);
    free(server->loops);
}

/* Fewer where the system grants too few open files: a listener that meets none left spins. */
static unsigned connections_allowed(void)
{
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) < 0 || files.rlim_cur >= LIMIT_FILES)
        return LIMIT_CONNECTIONS;
    return (unsigned)(files.rlim_cur / 4);
}

static int loops_open(struct server *server)
{
    const struct loop_options options = {
        .socket = server->options.socket,
        .tls = server->options.tls,
        .connections = connections_allowed() / server->options.threads + 1,
        .patience_ms = server->options.client_timeout_ms,
        .crowded_until = &server->crowded_until,
        .handle = access_handle,
        .announce = request_announce,
        .completed = request_completed,
        .owner = server,
    };
    server->loops = calloc(server->options.threads, sizeof(struct loop *));
    if (!server->loops)
        return -1;
    for (unsigned i = 0; i < server->options.threads; i++) {
        server->loops[i] = loop_open(&options);
        if (!server->loops[i])
            return -1;
    }
    return 0;
}

/* Made while there is memory; the connection that gets it ends with it. */
static struct MHD_Response *spare_make(void)
{
    static char text[] = NO_MEMORY_REPLY;
    struct MHD_Response *spare =
        MHD_create_response_from_buffer(sizeof text - 1, text, MHD_RESPMEM_PERSISTENT);
    if (spare &&
        MHD_add_response_header(spare, "Content-Type", "application/json") == MHD_YES &&
        MHD_add_response_header(spare, "Cache-Control", "no-store") == MHD_YES &&
        MHD_add_response_header(spare, "Retry-After", RETRY_AFTER_S) == MHD_YES &&
        MHD_add_response_header(spare, "Connection", "close") == MHD_YES)
        return spare;
    if (spare)
        MHD_destroy_response(spare);
    return NULL;
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
    if (options->admission)
        server->delay = delay_open();
    server->spare = spare_make();
    if ((options->admission && !server->delay) || !server->spare || loops_open(server) < 0) {
        server_close(server);
        return error_set(
            error, ERROR_UNAVAILABLE,
            "cannot start the HTTP threads: raise the limits of threads and files");
    }
    *ret_server = server;
    return 0;
}

/*
 * The socket is shut, and closed only after the loops: they take it off their epoll sets in
 * their own time, and must not find its number gone or given to another file.
 */
void server_quiesce(struct server *server)
{
    if (!server)
        return;
    delay_release(server->delay);
    for (unsigned i = 0; i < server->options.threads; i++)
        loop_quiesce(server->loops[i]);
    listener_shut(server->options.socket);
}

int64_t server_alive_at(const struct server *server)
{
    int64_t oldest = INT64_MAX;
    for (unsigned i = 0; i < server->options.threads; i++) {
        int64_t at = loop_alive_at(server->loops[i]);
        oldest = at < oldest ? at : oldest;
    }
    return oldest;
}

size_t server_under_way(const struct server *server)
{
    return atomic_load(&server->under_way);
}

void server_close(struct server *server)
{
    if (!server)
        return;
    loops_close(server);
    listener_close(server->options.socket);
    delay_close(server->delay);
    if (server->spare)
        MHD_destroy_response(server->spare);
    free(server);
}
