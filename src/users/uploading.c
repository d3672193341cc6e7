#include "users/uploading.h"

#include <string.h>

enum {
    UPLOADING_BEGIN,
    UPLOADING_GUARDED,
    UPLOADING_PUT,
    UPLOADING_ATTACHED,
    UPLOADING_HANDED,
    UPLOADING_SETTLED,
};

enum flow_step uploading_guard(struct flow *flow, int64_t now)
{
    flow->begun_at = now;
    flow->op.verb = GUARD_ADD;
    flow->op.guard_ms = flow->settings->guard_ms;
    memcpy(flow->op.key, flow->op.user.avatar.key, sizeof flow->op.key);
    memcpy(flow->op.store_id, flow->op.user.avatar.store_id, sizeof flow->op.store_id);
    return FLOW_WRITE;
}

/* One PUT for the key, ever; it starts and ends under half the guard's time (R14, R20). */
enum flow_step uploading_put(struct flow *flow, int64_t now)
{
    int64_t half_guard = flow->begun_at + flow->settings->guard_ms / 2;
    int64_t deadline = now + flow->settings->put_timeout_ms;
    flow->files.verb = FILES_PUT;
    flow->files.key = flow->op.user.avatar.key;
    flow->files.content_type = flow->op.user.avatar.content_type;
    flow->files.length = (size_t)flow->op.user.avatar.bytes;
    flow->files.deadline_ms = deadline < half_guard ? deadline : half_guard;
    return FLOW_FILES;
}

/* The PUT's answer is known, so nothing can land later: the guard becomes due now (S1). */
static enum flow_step guard_settle(struct flow *flow, enum flow_result result)
{
    flow->result = result;
    flow->stage = UPLOADING_SETTLED;
    flow->op.verb = GUARD_SETTLE;
    return FLOW_WRITE;
}

bool uploading_answer_is_known(const struct files_answer *answer)
{
    return answer->status >= 400 && answer->status < 500 && answer->status != 408;
}

static enum flow_step guard_answered(struct flow *flow, int64_t now)
{
    if (flow->op.outcome == REPOSITORY_NOT_FOUND)
        return flow_end(flow, FLOW_NOT_FOUND);
    if (flow->op.outcome != REPOSITORY_OK)
        return flow_end_failed(flow);
    flow->stage = UPLOADING_PUT;
    return uploading_put(flow, now);
}

static enum flow_step object_answered(struct flow *flow)
{
    const struct files_answer *answer = &flow->files.answer;
    if (files_answer_is_ok(answer)) {
        flow->stage = UPLOADING_ATTACHED;
        flow->op.verb = AVATAR_ATTACH;
        return FLOW_WRITE;
    }
    flow->wakes = true;
    flow->why = "the image could not be stored now; try again";
    /* Silence may still land, and is the guard's. */
    return uploading_answer_is_known(answer) ? guard_settle(flow, FLOW_UNAVAILABLE)
                                             : flow_end(flow, FLOW_UNAVAILABLE);
}

static enum flow_step attach_answered(struct flow *flow)
{
    switch (flow->op.outcome) {
    case REPOSITORY_OK:
        flow->stage = UPLOADING_HANDED;
        flow->result = FLOW_DONE;
        if (flow->op.keys.count == 0)
            return FLOW_END;
        flow->wakes = !flow->settings->hands_over;
        return flow->wakes ? FLOW_END : FLOW_HAND;
    case REPOSITORY_NOT_FOUND:
        flow->wakes = true;
        return guard_settle(flow, FLOW_NOT_FOUND);
    case REPOSITORY_CONFLICT:
        flow->wakes = true;
        flow->why = "the upload took too long and was given up; try again";
        return guard_settle(flow, FLOW_UNAVAILABLE);
    default:
        /* Unknown: whether it is attached or not, the guard knows what to do (R8). */
        return flow_end_failed(flow);
    }
}

static enum flow_step uploading_next(struct flow *flow, int64_t now)
{
    switch (flow->stage) {
    case UPLOADING_BEGIN:
        /* Inserted only if the user exists, unmarked (R9). */
        flow->stage = UPLOADING_GUARDED;
        return uploading_guard(flow, now);
    case UPLOADING_GUARDED:
        return guard_answered(flow, now);
    case UPLOADING_PUT:
        return object_answered(flow);
    case UPLOADING_ATTACHED:
        return attach_answered(flow);
    default:
        return FLOW_END;
    }
}

void uploading_init(struct flow *flow, const struct flow_settings *settings, const void *bytes)
{
    flow->next = uploading_next;
    flow->settings = settings;
    flow->files.bytes = bytes;
}
