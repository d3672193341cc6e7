/*
 * request: one HTTP request from its head to its reply.
 *
 * A handler runs on an HTTP thread and never waits: it replies, or it suspends the request,
 * hands it to others, and names the function that is to go on. Whoever finishes calls
 * request_resume, once; the function then runs on an HTTP thread again.
 */
#ifndef HTTP_REQUEST_H
#define HTTP_REQUEST_H

#include "base/trace.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct request;
struct MHD_Response;

typedef void request_handler(struct request *request);

/* What the server was given as the handlers' context. */
void *request_context(const struct request *request);

/* Whose request it is: taken over from the header traceparent, or begun. */
const struct trace *request_trace(const struct request *request);

const char *request_method(const struct request *request);

/* The value of a `{…}` in the route, by its place from 0; decoded. Never NULL for a place there
 * is. */
const char *request_parameter(const struct request *request, size_t place);

/* The value of `name` in the query, or NULL; "" if it has none. */
const char *request_query(const struct request *request, const char *name);

/*
 * Refuses the request (400) if the query has a name that is not among `names` (ended by NULL),
 * or one twice. True if it did.
 */
bool request_refuse_unknown_query(struct request *request, const char *const *names);

const char *request_header(const struct request *request,
                           const char *name); /* NULL: not there */

/* The whole body; `ret_length` in bytes. */
const unsigned char *request_body(const struct request *request, size_t *ret_length);

/* The same for a handler that works in its place; NULL if it is empty. */
unsigned char *request_edit_body(struct request *request, size_t *ret_length);

/* The cause of what is going to be a 5xx, in words for the log only. The owner's thread. */
void request_explain(struct request *request, const char *cause);

/* Frees the body, of which nothing is needed any more. */
void request_drop_body(struct request *request);

/* What a handler keeps across a suspension; `release` is called with it at the end. */
void request_keep(struct request *request, void *state, void (*release)(void *state));
void *request_state(const struct request *request);

/* Suspends the request before it is handed to others; `next` goes on after request_resume. */
void request_suspend(struct request *request, request_handler *next);

/* Any thread, exactly once after each suspension. */
void request_resume(struct request *request);

/*
 * Replies. One for each request; what comes after the first is ignored. A header is kept until
 * the reply: set it before.
 */
void request_set_header(struct request *request, const char *name, const char *value);

/* Longest JSON text of a short reply, in bytes, with its end. */
#define REQUEST_SHORT_BYTES 256

/* Replies with JSON that is written out here, from what needs no escapes: takes no memory of
 * ours. */
void request_reply_short(struct request *request, int status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* {"status":"ok","data":…}; takes `data`. Without memory the reply is a 500. */
void request_reply_data(struct request *request, int status, json_t *data);

/* The whole body, written already; takes `text`, which malloc made. */
void request_reply_json_text(struct request *request, int status, char *text, size_t length);

/* The whole body as it is; takes `body`. */
void request_reply_json(struct request *request, int status, json_t *body);

/* {"status":"BadRequest","message":…} with the name that goes with `status`; 500 has
 * Retry-After. */
void request_reply_error(struct request *request, int status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* 422 with `fields`: [{"field","message"}]; takes `fields`. */
void request_reply_fields(struct request *request, json_t *fields);

/* 503 with Retry-After: `reason` says what cannot be done now. */
void request_reply_unavailable(struct request *request, const char *reason);

/* The same for want of room: who holds much of it and is slow is cut off sooner for a while. */
void request_reply_crowded(struct request *request, const char *reason);

/* Bytes that were allocated; takes them. */
void request_reply_bytes(struct request *request, int status, void *bytes, size_t length);

/* Bytes that stay as they are for ever. */
void request_reply_constant(struct request *request, int status, const void *bytes,
                            size_t length);

/* The `length` bytes of an open file; takes `file`. */
void request_reply_file(struct request *request, int status, int file, int64_t length);

/* No body. */
void request_reply_empty(struct request *request, int status);

/* Sends whoever asks to `location`, which may be long. */
void request_reply_redirect(struct request *request, int status, const char *location);

/* A response made elsewhere (a stream); takes it. */
void request_reply_response(struct request *request, int status, struct MHD_Response *response);

#endif
