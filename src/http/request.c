#include "http/request.h"

#include "base/clock.h"
#include "config/limits.h"
#include "http/exchange.h"
#include "http/json_text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Of a file that is read while it is sent. */
#define FILE_BLOCK_SIZE 65536

void *request_context(const struct request *request)
{
    return request->context;
}

const struct trace *request_trace(const struct request *request)
{
    return &request->trace;
}

void request_explain(struct request *request, const char *cause)
{
    snprintf(request->why, sizeof request->why, "%s", cause);
}

const char *request_method(const struct request *request)
{
    return request->method;
}

const char *request_parameter(const struct request *request, size_t place)
{
    return request->parameters[place];
}

const char *request_query(const struct request *request, const char *name)
{
    const char *value = NULL;
    size_t length = 0;
    if (MHD_lookup_connection_value_n(request->connection, MHD_GET_ARGUMENT_KIND, name,
                                      strlen(name), &value, &length) != MHD_YES)
        return NULL;
    return value ? value : "";
}

/* Of a rate: what a person can use. */
#define REAL_DIGITS 6

struct query_check {
    const char *const *names;
    char unknown[64];
    unsigned seen; /* a bit for each name */
};

static enum MHD_Result query_check_one(void *data, enum MHD_ValueKind kind, const char *name,
                                       const char *value)
{
    (void)kind;
    (void)value;
    struct query_check *check = data;
    for (unsigned i = 0; check->names[i]; i++) {
        if (strcmp(check->names[i], name) == 0 && !(check->seen & 1u << i)) {
            check->seen |= 1u << i;
            return MHD_YES;
        }
    }
    snprintf(check->unknown, sizeof check->unknown, "%s", name);
    return MHD_NO;
}

bool request_refuse_unknown_query(struct request *request, const char *const *names)
{
    struct query_check check = {.names = names};
    MHD_get_connection_values(request->connection, MHD_GET_ARGUMENT_KIND, query_check_one,
                              &check);
    if (!*check.unknown)
        return false;
    request_reply_error(request, 400, "the query parameter \"%s\" is unknown or given twice",
                        check.unknown);
    return true;
}

const char *request_header(const struct request *request, const char *name)
{
    return MHD_lookup_connection_value(request->connection, MHD_HEADER_KIND, name);
}

const unsigned char *request_body(const struct request *request, size_t *ret_length)
{
    *ret_length = request->body.length;
    return (const unsigned char *)(request->body.bytes ? request->body.bytes : "");
}

unsigned char *request_edit_body(struct request *request, size_t *ret_length)
{
    *ret_length = request->body.length;
    return (unsigned char *)request->body.bytes;
}

void request_keep(struct request *request, void *state, void (*release)(void *state))
{
    request->state = state;
    request->release = release;
}

void *request_state(const struct request *request)
{
    return request->state;
}

void request_count(struct request *request)
{
    if (!request->counted)
        atomic_fetch_add(request->under_way, 1);
    request->counted = true;
}

void request_suspend(struct request *request, request_handler *next)
{
    request->next = next;
    request_count(request);
    loop_suspend(request->loop, &request->wait, request->connection);
}

void request_resume(struct request *request)
{
    loop_resume(&request->wait);
}

void request_set_header(struct request *request, const char *name, const char *value)
{
    if (request->header_count == REQUEST_HEADERS_MAX)
        return;
    request->headers[request->header_count].name = name;
    snprintf(request->headers[request->header_count].value,
             sizeof request->headers[request->header_count].value, "%s", value);
    request->header_count++;
}

void request_reply_response(struct request *request, int status, struct MHD_Response *response)
{
    if (!response) {
        /* Without memory for a reply, none can be sent: the connection ends. */
        request->replied = true;
        request->queued = MHD_NO;
        return;
    }
    if (!request->replied) {
        request->replied = true;
        request->status = status;
        request->queued = MHD_YES;
        for (size_t i = 0; i < request->header_count; i++) {
            if (MHD_add_response_header(response, request->headers[i].name,
                                        request->headers[i].value) != MHD_YES)
                request->queued = MHD_NO;
        }
        if (request->queued == MHD_YES)
            request->queued =
                MHD_queue_response(request->connection, (unsigned)status, response);
        if (request->visit)
            visit_await_reply(request->visit, clock_boot_ms(), (int64_t)request->reply_length);
    }
    MHD_destroy_response(response);
}

void request_reply_bytes(struct request *request, int status, void *bytes, size_t length)
{
    struct MHD_Response *response =
        MHD_create_response_from_buffer(length, bytes, MHD_RESPMEM_MUST_FREE);
    if (!response)
        free(bytes);
    request->reply_length = length;
    request_reply_response(request, status, response);
}

void request_reply_constant(struct request *request, int status, const void *bytes,
                            size_t length)
{
    request_reply_response(
        request, status,
        MHD_create_response_from_buffer(length, (void *)bytes, MHD_RESPMEM_PERSISTENT));
}

static ssize_t file_read(void *data, uint64_t offset, char *bytes, size_t size)
{
    const int *file = data;
    ssize_t count = pread(*file, bytes, size, (off_t)offset);
    /* Before the length that was promised there is no end: who reads sees that it was cut. */
    return count > 0 ? count : MHD_CONTENT_READER_END_WITH_ERROR;
}

static void file_release(void *data)
{
    int *file = data;
    close(*file);
    free(file);
}

void request_reply_file(struct request *request, int status, int file, int64_t length)
{
    int *kept = malloc(sizeof *kept);
    if (!kept) {
        close(file);
        request_reply_json(request, 500, NULL);
        return;
    }
    *kept = file;
    struct MHD_Response *response = MHD_create_response_from_callback(
        (uint64_t)length, FILE_BLOCK_SIZE, file_read, kept, file_release);
    if (!response)
        file_release(kept);
    request->reply_length = (size_t)length;
    request_reply_response(request, status, response);
}

void request_reply_empty(struct request *request, int status)
{
    request_reply_response(request, status,
                           MHD_create_response_from_buffer(0, "", MHD_RESPMEM_PERSISTENT));
}

void request_reply_redirect(struct request *request, int status, const char *location)
{
    struct MHD_Response *response =
        MHD_create_response_from_buffer(0, "", MHD_RESPMEM_PERSISTENT);
    if (response &&
        MHD_add_response_header(response, MHD_HTTP_HEADER_LOCATION, location) != MHD_YES) {
        MHD_destroy_response(response);
        response = NULL;
    }
    request_reply_response(request, status, response);
}

/* A long answer stays in memory until its client has taken it: there is room for some. */
static bool long_reply_take(struct request *request, size_t bytes)
{
    if (bytes <= LIMIT_LONG_REPLY_BYTES || !request->long_replies)
        return true;
    if (atomic_fetch_add(request->long_replies, bytes) + bytes > LIMIT_LONG_REPLIES_BYTES) {
        atomic_fetch_sub(request->long_replies, bytes);
        return false;
    }
    request->long_reply = bytes;
    return true;
}

static void json_headers_set(struct request *request)
{
    request_set_header(request, "Content-Type", "application/json");
    request_set_header(request, "Cache-Control", "no-store");
}

void request_reply_json_text(struct request *request, int status, char *text, size_t length)
{
    json_headers_set(request);
    request_reply_bytes(request, status, text, length);
}

void request_reply_json(struct request *request, int status, json_t *body)
{
    static char no_memory[] = NO_MEMORY_REPLY;
    json_headers_set(request);
    char *text = json_text_write(body, JSON_COMPACT | JSON_REAL_PRECISION(REAL_DIGITS));
    json_decref(body);
    if (text && !long_reply_take(request, strlen(text))) {
        free(text);
        request_reply_crowded(request, "too many long answers are being read; try again, or "
                                       "ask for a shorter page");
        return;
    }
    if (text) {
        request_reply_bytes(request, status, text, strlen(text));
        return;
    }
    /* Those of the answer that there was no memory for say nothing of this one. */
    request->header_count = 0;
    json_headers_set(request);
    request_set_header(request, "Retry-After", RETRY_AFTER_S);
    request_reply_response(request, 500,
                           MHD_create_response_from_buffer(sizeof no_memory - 1, no_memory,
                                                           MHD_RESPMEM_PERSISTENT));
}

void request_reply_short(struct request *request, int status, const char *format, ...)
{
    char text[REQUEST_SHORT_BYTES];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    request_set_header(request, "Content-Type", "application/json");
    request_set_header(request, "Cache-Control", "no-store");
    request_reply_response(
        request, status,
        MHD_create_response_from_buffer((size_t)length, text, MHD_RESPMEM_MUST_COPY));
}

void request_reply_data(struct request *request, int status, json_t *data)
{
    request_reply_json(request, status, json_pack("{s:s, s:o}", "status", "ok", "data", data));
}

static const char *status_name(int status)
{
    static const struct {
        int status;
        const char *name;
    } names[] = {
        {400, "BadRequest"},
        {401, "Unauthorized"},
        {403, "Forbidden"},
        {404, "NotFound"},
        {405, "MethodNotAllowed"},
        {406, "NotAcceptable"},
        {408, "RequestTimeout"},
        {409, "Conflict"},
        {411, "LengthRequired"},
        {412, "PreconditionFailed"},
        {413, "PayloadTooLarge"},
        {414, "UriTooLong"},
        {415, "UnsupportedMediaType"},
        {416, "RangeNotSatisfiable"},
        {422, "Unprocessable"},
        {429, "TooManyRequests"},
        {431, "HeadersTooLarge"},
        {501, "NotImplemented"},
        {503, "Unavailable"},
    };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (names[i].status == status)
            return names[i].name;
    }
    return "InternalServer";
}

void request_reply_error(struct request *request, int status, const char *format, ...)
{
    char message[400];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    if (status >= 500 && !*request->why)
        request_explain(request, message);
    json_t *text = json_string(message);
    /* What a message quotes of the caller may be no UTF-8, or be cut inside a character. */
    if (!text)
        text = json_string("the request is malformed");
    if (status == 500)
        request_set_header(request, "Retry-After", RETRY_AFTER_S);
    request_reply_json(request, status,
                       json_pack("{s:s, s:o}", "status", status_name(status), "message", text));
}

void request_reply_fields(struct request *request, json_t *fields)
{
    request_reply_json(request, 422,
                       json_pack("{s:s, s:s, s:o}", "status", status_name(422), "message",
                                 "the fields below have to be changed", "fields", fields));
}

void request_reply_unavailable(struct request *request, const char *reason)
{
    request_set_header(request, "Retry-After", RETRY_AFTER_S);
    request_reply_error(request, 503, "%s", reason);
}

void request_reply_crowded(struct request *request, const char *reason)
{
    atomic_store(request->crowded_until, clock_boot_ms() + LIMIT_CROWDED_MS);
    request_reply_unavailable(request, reason);
}

void request_drop_body(struct request *request)
{
    buffer_deinit(&request->body);
}
