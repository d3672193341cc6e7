#include "server.h"

#include "base/clock.h"
#include "control.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define CONTROL_PREFIX "/_control/"
/* Large enough for any request head that the tests send. */
#define CONNECTION_MEMORY 16384
#define CONNECTIONS_MAX   4096

/* Where a request is on its way. */
enum step { STEP_READ, STEP_WAITED, STEP_NEVER };

/* One request, from its first byte to its last. */
struct exchange {
    struct guest guest;
    enum step step;
    struct buffer body;
    bool too_large;
    struct request request;
    struct reply reply;
    struct fault fault;
    bool admitted; /* the reply is the protocol's to make */
};

/* A body of which only a part is sent before the connection closes. */
struct cut {
    char *bytes;
    size_t length;
};

static ssize_t cut_read(void *data, uint64_t position, char *out, size_t room)
{
    const struct cut *cut = data;
    if (position >= cut->length)
        return MHD_CONTENT_READER_END_WITH_ERROR;
    size_t left = cut->length - (size_t)position;
    size_t length = left < room ? left : room;
    memcpy(out, cut->bytes + position, length);
    return (ssize_t)length;
}

static void cut_free(void *data)
{
    struct cut *cut = data;
    free(cut->bytes);
    free(cut);
}

static struct MHD_Response *response_cut(const char *bytes, size_t length)
{
    struct cut *cut = calloc(1, sizeof *cut);
    if (!cut)
        return NULL;
    cut->length = length / 2;
    cut->bytes = malloc(cut->length + 1);
    if (!cut->bytes) {
        free(cut);
        return NULL;
    }
    memcpy(cut->bytes, bytes, cut->length);
    struct MHD_Response *response =
        MHD_create_response_from_callback(length, CONNECTION_MEMORY, cut_read, cut, cut_free);
    if (!response)
        cut_free(cut);
    return response;
}

static void object_unref(void *object)
{
    object_release(object);
}

/* A response whose body is the reply's; takes the reply's body or object over. */
static struct MHD_Response *response_create(struct exchange *exchange)
{
    struct reply *reply = &exchange->reply;
    bool of_object = reply->object && exchange->request.verb != VERB_PUT;
    const char *bytes = of_object ? reply->object->bytes + reply->offset : reply->body.bytes;
    size_t length = of_object ? reply->length : reply->body.length;
    if (exchange->fault.kind == FAULT_CUT)
        return response_cut(bytes, length);
    if (!of_object) {
        char *own = buffer_take(&reply->body);
        struct MHD_Response *response =
            MHD_create_response_from_buffer_with_free_callback(length, own ? own : NULL, free);
        if (!response)
            free(own);
        return response;
    }
    atomic_fetch_add(&reply->object->references, 1);
    struct MHD_Response *response = MHD_create_response_from_buffer_with_free_callback_cls(
        length, (void *)bytes, object_unref, reply->object);
    if (!response)
        object_release(reply->object);
    return response;
}

static void object_headers_add(struct MHD_Response *response, const struct reply *reply)
{
    char text[96];
    const struct object *object = reply->object;
    time_t modified = (time_t)(object->modified_ms / 1000);
    struct tm parts;
    snprintf(text, sizeof text, "\"%s\"", object->etag);
    MHD_add_response_header(response, MHD_HTTP_HEADER_ETAG, text);
    if (gmtime_r(&modified, &parts) &&
        strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S GMT", &parts) > 0)
        MHD_add_response_header(response, MHD_HTTP_HEADER_LAST_MODIFIED, text);
    MHD_add_response_header(response, MHD_HTTP_HEADER_ACCEPT_RANGES, "bytes");
    if (reply->status == 206) {
        snprintf(text, sizeof text, "bytes %zu-%zu/%zu", reply->offset,
                 reply->offset + reply->length - 1, object->length);
        MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_RANGE, text);
    }
}

static void version_headers_add(struct MHD_Response *response, const struct version *version)
{
    const struct lock *lock = &version->lock;
    if (*version->id)
        MHD_add_response_header(response, "x-amz-version-id", version->id);
    if (version->marker)
        MHD_add_response_header(response, "x-amz-delete-marker", "true");
    if (*lock->mode) {
        MHD_add_response_header(response, "x-amz-object-lock-mode", lock->mode);
        MHD_add_response_header(response, "x-amz-object-lock-retain-until-date", lock->until);
    }
    if (lock->hold)
        MHD_add_response_header(response, "x-amz-object-lock-legal-hold", "ON");
}

static enum MHD_Result reply_send(struct MHD_Connection *connection, struct exchange *exchange)
{
    struct reply *reply = &exchange->reply;
    bool has_body = reply->body.length > 0;
    struct MHD_Response *response = response_create(exchange);
    if (!response)
        return MHD_NO;
    if (reply->object && exchange->request.verb != VERB_PUT)
        MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE,
                                reply->object->content_type);
    else if (has_body)
        MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, reply->content_type);
    if (reply->object)
        object_headers_add(response, reply);
    version_headers_add(response, &reply->version);
    if (reply->retry_after) {
        char seconds[16];
        snprintf(seconds, sizeof seconds, "%d", reply->retry_after);
        MHD_add_response_header(response, MHD_HTTP_HEADER_RETRY_AFTER, seconds);
    }
    enum MHD_Result queued = MHD_queue_response(connection, (unsigned)reply->status, response);
    MHD_destroy_response(response);
    return queued;
}

static void exchange_log(struct server *server, const struct exchange *exchange)
{
    const struct request *request = &exchange->request;
    if (server->log)
        fprintf(server->log, "%s %s/%s %d %s %s\n", verb_name(request->verb), request->bucket,
                request->key, exchange->reply.status,
                *exchange->reply.code ? exchange->reply.code : "-",
                fault_name(exchange->fault.kind));
}

static const char *query_find(struct MHD_Connection *connection, const char *name)
{
    return MHD_lookup_connection_value(connection, MHD_GET_ARGUMENT_KIND, name);
}

static const char *header_find(struct MHD_Connection *connection, const char *name)
{
    return MHD_lookup_connection_value(connection, MHD_HEADER_KIND, name);
}

/* Which parts of the query were seen; those that are not spoken here are `extra`. */
struct query {
    bool is_delete, extra;
    struct request *request;
};

/* A parameter of a URL that is signed itself. */
static bool link_visit(struct request *request, const char *name, const char *text)
{
    if (strcmp(name, "X-Amz-Credential") == 0)
        request->link_credential = text;
    else if (strcmp(name, "X-Amz-Date") == 0)
        request->link_date = text;
    else if (strcmp(name, "X-Amz-Expires") == 0)
        request->link_expires = text;
    else if (strcmp(name, "X-Amz-Signature") == 0)
        request->link_signature = text;
    else
        return strncmp(name, "X-Amz-", 6) == 0;
    return true;
}

static enum MHD_Result query_visit(void *data, enum MHD_ValueKind kind, const char *name,
                                   const char *value)
{
    struct query *query = data;
    struct request *request = query->request;
    (void)kind;
    const char *text = value ? value : "";
    if (strcmp(name, "delete") == 0)
        query->is_delete = true;
    else if (strcmp(name, "prefix") == 0)
        request->prefix = text;
    else if (strcmp(name, "continuation-token") == 0)
        request->token = text;
    else if (strcmp(name, "start-after") == 0)
        request->start_after = text;
    else if (strcmp(name, "max-keys") == 0)
        request->max_keys = text;
    else if (strcmp(name, "location") == 0)
        request->location = true;
    else if (strcmp(name, "versioning") == 0)
        request->versioning = true;
    else if (strcmp(name, "versions") == 0)
        request->versions = true;
    else if (strcmp(name, "retention") == 0)
        request->retention = true;
    else if (strcmp(name, "legal-hold") == 0)
        request->legal_hold = true;
    else if (strcmp(name, "versionId") == 0)
        request->version = text;
    else if (strcmp(name, "key-marker") == 0)
        request->key_marker = text;
    else if (strcmp(name, "version-id-marker") == 0)
        request->version_marker = text;
    else if (!link_visit(request, name, text) && strcmp(name, "list-type") != 0 &&
             strcmp(name, "encoding-type") != 0 && strcmp(name, "x-id") != 0)
        query->extra = true;
    return MHD_YES;
}

/* Reads the head; false if the request is refused already, with the reply made. */
static bool exchange_classify(struct server *server, struct MHD_Connection *connection,
                              struct exchange *exchange, const char *method, const char *path)
{
    struct request *request = &exchange->request;
    struct query query = {.request = request};
    MHD_get_connection_values(connection, MHD_GET_ARGUMENT_KIND, query_visit, &query);
    request->body = exchange->body.length ? exchange->body.bytes : "";
    request->length = exchange->body.length;
    request->authorization = header_find(connection, MHD_HTTP_HEADER_AUTHORIZATION);
    request->range = header_find(connection, MHD_HTTP_HEADER_RANGE);
    request->if_none_match = header_find(connection, MHD_HTTP_HEADER_IF_NONE_MATCH);
    request->content_type = header_find(connection, MHD_HTTP_HEADER_CONTENT_TYPE);
    request->content_md5 = header_find(connection, MHD_HTTP_HEADER_CONTENT_MD5);
    request->sha256 = header_find(connection, "x-amz-content-sha256");
    if (!request_classify(request, method, path, query.is_delete, query.extra,
                          &exchange->reply))
        return false;
    if (exchange->too_large) {
        reply_fail(&exchange->reply, 400, "EntityTooLarge", "The body is too large");
        return false;
    }
    return protocol_admit(&server->protocol, request, &exchange->reply);
}

static void reply_text(struct reply *reply, const char *text)
{
    if (buffer_append_text(&reply->body, text) < 0)
        reply_fail(reply, 500, "InternalError", "out of memory");
}

/* Makes the reply, with or without an effect, as the fault wants it. */
static void exchange_perform(struct server *server, struct exchange *exchange)
{
    struct reply *reply = &exchange->reply;
    const struct fault *fault = &exchange->fault;
    switch (fault->kind) {
    case FAULT_REFUSE:
    case FAULT_KEY_ERROR:
        reply_fail(reply, fault->status, fault->code, "refused on purpose");
        reply->retry_after = fault->retry_after;
        break;
    case FAULT_GARBAGE:
        reply_text(reply, "\x01<html>It works!</htm");
        break;
    case FAULT_EMPTY:
        break;
    case FAULT_ERROR_BODY:
        reply_fail(reply, 200, fault->code, "failed on purpose, after the status was sent");
        break;
    case FAULT_NONE:
    case FAULT_LATENCY:
    case FAULT_HANG:
    case FAULT_LOSE:
    case FAULT_CUT:
    case FAULT_UNLIST:
    case FAULT_OFF:
        protocol_answer(&server->protocol, &exchange->request, reply);
        break;
    }
    counters_reply(&server->counters, reply);
    exchange_log(server, exchange);
}

/* The request's time has come: what is to happen happens. */
static enum MHD_Result exchange_finish(struct server *server, struct MHD_Connection *connection,
                                       struct exchange *exchange)
{
    const struct fault *fault = &exchange->fault;
    if (exchange->admitted && fault->kind != FAULT_OFF &&
        (fault->kind != FAULT_HANG || fault->effect))
        exchange_perform(server, exchange);
    switch (fault->kind) {
    case FAULT_HANG:
        exchange->step = STEP_NEVER;
        return (enum MHD_Result)room_enter(server->room, &exchange->guest, connection,
                                           ROOM_FOREVER);
    case FAULT_OFF:
    case FAULT_LOSE:
        return MHD_NO;
    case FAULT_CUT:
        /* Half of nothing would be a whole answer. */
        return exchange->reply.body.length + exchange->reply.length
                   ? reply_send(connection, exchange)
                   : MHD_NO;
    default:
        return reply_send(connection, exchange);
    }
}

static enum MHD_Result exchange_begin(struct server *server, struct MHD_Connection *connection,
                                      struct exchange *exchange, const char *method,
                                      const char *path)
{
    if (strncmp(path, CONTROL_PREFIX, strlen(CONTROL_PREFIX)) == 0) {
        control_answer(server, method, path, query_find(connection, "bucket"),
                       query_find(connection, "prefix"), &exchange->body, &exchange->reply);
        return reply_send(connection, exchange);
    }
    exchange->admitted = exchange_classify(server, connection, exchange, method, path);
    if (exchange->admitted)
        faults_judge(server->protocol.faults, exchange->request.verb, exchange->request.key,
                     &exchange->fault);
    else
        counters_reply(&server->counters, &exchange->reply);
    counters_request(&server->counters, &exchange->request, &exchange->fault);
    if (exchange->fault.latency_ms == 0)
        return exchange_finish(server, connection, exchange);
    exchange->step = STEP_WAITED;
    return (enum MHD_Result)room_enter(server->room, &exchange->guest, connection,
                                       clock_boot_ms() + exchange->fault.latency_ms);
}

static struct exchange *exchange_create(struct server *server)
{
    struct exchange *exchange = calloc(1, sizeof *exchange);
    if (!exchange)
        return NULL;
    buffer_init(&exchange->body, REQUEST_BODY_MAX);
    reply_init(&exchange->reply);
    counters_begin(&server->counters);
    return exchange;
}

static enum MHD_Result handle(void *data, struct MHD_Connection *connection, const char *path,
                              const char *method, const char *version, const char *upload,
                              size_t *upload_size, void **state)
{
    struct server *server = data;
    struct exchange *exchange = *state;
    (void)version;
    if (!exchange) {
        *state = exchange_create(server);
        return *state ? MHD_YES : MHD_NO;
    }
    if (*upload_size) {
        if (buffer_append(&exchange->body, upload, *upload_size) < 0)
            exchange->too_large = true;
        *upload_size = 0;
        return MHD_YES;
    }
    switch (exchange->step) {
    case STEP_READ:
        return exchange_begin(server, connection, exchange, method, path);
    case STEP_WAITED:
        return exchange_finish(server, connection, exchange);
    case STEP_NEVER:
        break;
    }
    return MHD_NO;
}

static void completed(void *data, struct MHD_Connection *connection, void **state,
                      enum MHD_RequestTerminationCode code)
{
    struct server *server = data;
    struct exchange *exchange = *state;
    (void)connection;
    (void)code;
    if (!exchange)
        return;
    counters_end(&server->counters);
    reply_deinit(&exchange->reply);
    buffer_deinit(&exchange->body);
    free(exchange);
    *state = NULL;
}

int server_open(struct server *server, const char *host, uint16_t *port, unsigned threads,
                struct error *error)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(*port)};
    if (inet_pton(AF_INET, host, &address.sin_addr) != 1)
        return error_set(error, ERROR_USAGE, "--host: %s is no IPv4 address", host);
    server->room = room_create();
    if (!server->room)
        return error_set(error, ERROR_NO_MEMORY, "no thread for waiting requests");
    errno = 0;
    server->daemon = MHD_start_daemon(
        MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_TURBO, *port, NULL,
        NULL, handle, server, MHD_OPTION_SOCK_ADDR, &address, MHD_OPTION_NOTIFY_COMPLETED,
        completed, server, MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_MEMORY,
        MHD_OPTION_CONNECTION_LIMIT, (unsigned)CONNECTIONS_MAX,
        threads > 1 ? MHD_OPTION_THREAD_POOL_SIZE : MHD_OPTION_END, threads, MHD_OPTION_END);
    const union MHD_DaemonInfo *info =
        server->daemon ? MHD_get_daemon_info(server->daemon, MHD_DAEMON_INFO_BIND_PORT) : NULL;
    if (!info) {
        int code = errno;
        server_close(server);
        return error_set_errno(error, ERROR_UNAVAILABLE, code, "cannot listen on %s:%u", host,
                               *port);
    }
    *port = info->port;
    return 0;
}

void server_close(struct server *server)
{
    /* A daemon must not be stopped while a connection is suspended. */
    room_close(server->room);
    if (server->daemon)
        MHD_stop_daemon(server->daemon);
    room_free(server->room);
    server->room = NULL;
    server->daemon = NULL;
}
