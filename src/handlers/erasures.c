#include "handlers/erasures.h"

#include "handlers/service.h"

#include <stdio.h>

/* After the COMMIT the answer is no error, also without memory for more than this (M1). */
static void state_reply(struct request *request, int status, const char *id, const char *state)
{
    request_reply_short(request, status,
                        "{\"status\":\"ok\",\"data\":{\"id\":\"%s\",\"state\":\"%s\"}}", id,
                        state);
}

void erasures_reply(struct request *request, const struct flow *flow, const char *id)
{
    switch (flow->result) {
    case FLOW_NOT_FOUND:
        request_reply_error(request, 404, "there is no user with this id");
        return;
    case FLOW_DONE:
        state_reply(request, 200, id, "deleted");
        return;
    case FLOW_PENDING: {
        char location[sizeof "/api/deletions/" + UUID_TEXT_SIZE];
        snprintf(location, sizeof location, "/api/deletions/%s", id);
        request_set_header(request, "Location", location);
        state_reply(request, 202, id, "pending");
        return;
    }
    default:
        request_reply_unavailable(request, flow->why);
    }
}

static void erasures_get_end(struct request *request)
{
    static const char *const names[] = {[ERASURE_PENDING] = "pending",
                                        [ERASURE_BLOCKED] = "blocked",
                                        [ERASURE_DELETED] = "deleted"};
    const struct repository_op *op = request_state(request);
    if (op->outcome != REPOSITORY_OK) {
        request_reply_unavailable(request, "the database cannot be read now; try again");
        return;
    }
    if (op->erasure.state == ERASURE_NONE) {
        request_reply_error(request, 404, "no deletion of a user with this id was asked for");
        return;
    }
    request_reply_data(request, 200,
                       json_pack("{s:s, s:s, s:o, s:o, s:I}", "id", op->id, "state",
                                 names[op->erasure.state], "requestedAt",
                                 service_time(op->erasure.requested_at), "deletedAt",
                                 service_time(op->erasure.deleted_at), "attempts",
                                 (json_int_t)op->erasure.attempts));
}

void erasures_get(struct request *request)
{
    struct repository_op *op = service_keep_lookup(request, ERASURE_GET);
    if (op && service_read_id(request, op->id))
        service_look_up(request, op, erasures_get_end);
}
