/*
 * exchange: a request from the inside, for the server that drives it.
 */
#ifndef HTTP_EXCHANGE_H
#define HTTP_EXCHANGE_H

#include "base/buffer.h"
#include "base/trace.h"
#include "http/guard.h"
#include "http/loop.h"
#include "http/request.h"
#include "http/server.h"

#include <microhttpd.h>
#include <stdatomic.h>

#define REQUEST_PARAMETERS_MAX 2
#define REQUEST_HEADERS_MAX    12

struct request {
    struct MHD_Connection *connection;
    struct guard_target target;
    bool begun; /* the handler was called */
    struct trace trace;
    int64_t begun_us; /* boot-time clock */
    int status;       /* of the reply; 0: none yet */
    char why[160];    /* of a 5xx, for the log */
    int refused_with; /* a bad credential's answer, perhaps after a while; 0: none */
    const char *method;
    void *context;
    atomic_size_t *under_way; /* the server's count */
    bool counted;             /* in it: from the first suspension until the reply is out */
    struct loop *loop;
    struct loop_wait wait;
    struct visit *visit;         /* the client's; NULL: no loop drives it */
    atomic_llong *crowded_until; /* the server's */
    atomic_size_t *long_replies; /* the server's: bytes of those on their way */
    size_t long_reply;           /* this one's share of them */
    const struct route *route;
    char *parameters[REQUEST_PARAMETERS_MAX]; /* owned */
    struct buffer body;
    bool body_refused; /* longer than allowed: read on, but not kept */
    bool body_lost;    /* there was no memory for it: the same */

    void *state;
    void (*release)(void *state);
    request_handler *next; /* after a suspension */

    struct {
        const char *name; /* constant text */
        char value[160];
    } headers[REQUEST_HEADERS_MAX];
    size_t header_count;
    size_t reply_length; /* of the body; 0: short */
    bool replied;
    enum MHD_Result queued; /* what queueing the reply said */
};

/* Seconds after which a refusal for want of room or memory is worth another try. */
#define RETRY_AFTER_S "1"

/* The reply for which no memory is needed, a 500. */
#define NO_MEMORY_REPLY                                                                        \
    "{\"status\":\"InternalServer\",\"message\":\"out of memory; try again\"}"

/* Counts a request that others work on as under way until it is completed. */
void request_count(struct request *request);

#endif
