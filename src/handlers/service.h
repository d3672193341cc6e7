/*
 * service: what all handlers share.
 */
#ifndef HANDLERS_SERVICE_H
#define HANDLERS_SERVICE_H

#include "handlers/trend.h"
#include "http/server.h"
#include "runtime/auditor.h"
#include "runtime/runtime.h"
#include "runtime/sealer.h"
#include "sandbox/sandbox.h"

#include <stdatomic.h>

struct service {
    struct runtime *runtime;
    struct sealer *sealer;   /* NULL: others seal receipts */
    struct auditor *auditor; /* NULL: others do that work */
    int64_t audit_share;     /* in percent, unless an audit is asked for with another one */
    size_t avatar_limit;     /* bytes of an image */
    bool serves_users;       /* a worker does not */
    int64_t idempotency_ttl_ms;
    int64_t avatar_link_ms; /* life of a link to an avatar; 0: its bytes are served */
    int64_t job_late_after_ms;
    struct sandbox_report sandbox;
    atomic_size_t upload_bytes, download_bytes; /* of images in memory: handlers/room.h */
    atomic_bool stopping;                       /* every request is answered 503 */
    struct trend trend;
    _Atomic int64_t job_called_at;  /* wall clock; 0: not since the start */
    _Atomic int64_t sweeps_in_vain; /* in a row */
};

/* Routes a listener can have at most. */
#define ROUTES_MAX 24

/* Fill `routes` with those of a listener; return their number. */
size_t routes_public(const struct service *service, struct route routes[static ROUTES_MAX]);
size_t routes_private(const struct service *service, struct route routes[static ROUTES_MAX]);

/*
 * Runs a flow that was set up in `run`, a member of the request's state, and goes on with
 * `next` when it has ended; its result is FLOW_UNAVAILABLE if there is no room now.
 */
void service_run_flow(struct request *request, struct flow_run *run, request_handler *next);

/*
 * A look-up that the request keeps, and looks up later; NULL, with a reply, without memory.
 */
struct repository_op *service_keep_lookup(struct request *request, enum repository_verb verb);

/*
 * Looks something up (USER_GET, ERASURE_GET) in an operation of the request's, and goes on with
 * `next`: at once, or, where the database takes a while, when it has answered.
 */
void service_look_up(struct request *request, struct repository_op *op, request_handler *next);

/* Answers a look-up of a user that failed, or found none; false, with no reply, if it did. */
bool service_refuse_lookup(struct request *request, const struct repository_op *op);

/* Reads `{id}`; an id that is no UUID is answered 404, and false returned. */
bool service_read_id(struct request *request, char ret_id[static UUID_TEXT_SIZE]);

/* Reads the query's `limit` (1 to 1000, 100 if absent); 400 and false if it is anything else.
 */
bool service_read_limit(struct request *request, int64_t *ret_limit);

/* Parses the body as a JSON object, refusing (400, 415) what is none; NULL then. */
json_t *service_read_object(struct request *request);

/* The same of bytes that are known to be JSON by where they were found. */
json_t *service_parse_object(struct request *request, const unsigned char *bytes,
                             size_t length);

/* Milliseconds since 1970 as RFC 3339; null for 0. */
json_t *service_time(int64_t time);

/* The same of any instant. */
json_t *service_instant(int64_t time);

/* A text, or null for "". */
json_t *service_text(const char *text);

/*
 * `list` with one more item, which it owns. NULL without memory, also if either is NULL; the
 * list is freed then: half of one is no answer.
 */
json_t *service_append(json_t *list, json_t *item);

/* The same of an object and one of its members. */
json_t *service_set(json_t *object, const char *name, json_t *value);

#endif
