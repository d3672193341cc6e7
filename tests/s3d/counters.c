#include "counters.h"

void counters_begin(struct counters *counters)
{
    long long now = atomic_fetch_add(&counters->in_flight, 1) + 1;
    long long most = atomic_load(&counters->most_in_flight);
    while (now > most && !atomic_compare_exchange_weak(&counters->most_in_flight, &most, now))
        ;
}

void counters_end(struct counters *counters)
{
    atomic_fetch_sub(&counters->in_flight, 1);
}

void counters_request(struct counters *counters, const struct request *request,
                      const struct fault *fault)
{
    atomic_fetch_add(&counters->requests[request->verb], 1);
    atomic_fetch_add(&counters->bytes_in, request->length);
    if (fault->kind != FAULT_NONE)
        atomic_fetch_add(&counters->faults, 1);
}

void counters_reply(struct counters *counters, const struct reply *reply)
{
    if (reply->status >= 400)
        atomic_fetch_add(&counters->refused, 1);
    atomic_fetch_add(&counters->asked, reply->asked);
    atomic_fetch_add(&counters->deleted, reply->deleted);
    atomic_fetch_add(&counters->bytes_out, reply->body.length + reply->length);
}

int counters_append_json(struct counters *counters, struct buffer *out)
{
    if (buffer_append_text(out, "\"requests\":{") < 0)
        return -1;
    for (int verb = 0; verb < VERB_COUNT; verb++) {
        if (buffer_printf(out, "%s\"%s\":%llu", verb ? "," : "", verb_name((enum verb)verb),
                          atomic_load(&counters->requests[verb])) < 0)
            return -1;
    }
    return buffer_printf(out,
                         "},\"refused\":%llu,\"faulted\":%llu,\"keysAsked\":%llu,"
                         "\"keysDeleted\":%llu,\"bytesIn\":%llu,"
                         "\"bytesOut\":%llu,\"inFlight\":%lld,\"mostInFlight\":%lld",
                         atomic_load(&counters->refused), atomic_load(&counters->faults),
                         atomic_load(&counters->asked), atomic_load(&counters->deleted),
                         atomic_load(&counters->bytes_in), atomic_load(&counters->bytes_out),
                         atomic_load(&counters->in_flight),
                         atomic_load(&counters->most_in_flight));
}
