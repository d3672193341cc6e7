/*
 * counters: what was asked and what was done, since the start.
 */
#ifndef S3D_COUNTERS_H
#define S3D_COUNTERS_H

#include "protocol.h"

#include <stdatomic.h>

struct counters {
    atomic_ullong requests[VERB_COUNT];
    atomic_ullong refused; /* requests that were answered 400 to 599 */
    atomic_ullong faults;  /* requests that met a fault other than latency */
    atomic_ullong asked;   /* keys in the deletes that were carried out */
    atomic_ullong deleted; /* keys that were there and were deleted */
    atomic_ullong bytes_in, bytes_out;
    atomic_llong in_flight, most_in_flight;
};

/* A request begins; counters_end belongs to each. */
void counters_begin(struct counters *counters);
void counters_end(struct counters *counters);

/* A request was read: it is of `verb` and meets `fault`. */
void counters_request(struct counters *counters, const struct request *request,
                      const struct fault *fault);
void counters_reply(struct counters *counters, const struct reply *reply);

/* Appends the members of a JSON object, without its braces. */
int counters_append_json(struct counters *counters, struct buffer *out);

#endif
