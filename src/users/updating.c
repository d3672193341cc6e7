#include "users/updating.h"

enum { UPDATING_BEGIN, UPDATING_WRITTEN };

static enum flow_step updating_next(struct flow *flow, int64_t now)
{
    (void)now;
    if (flow->stage == UPDATING_BEGIN) {
        flow->stage = UPDATING_WRITTEN;
        flow->op.verb = USER_REPLACE;
        return FLOW_WRITE;
    }
    switch (flow->op.outcome) {
    case REPOSITORY_OK:
        return flow_end(flow, FLOW_DONE);
    case REPOSITORY_NOT_FOUND:
        return flow_end(flow, FLOW_NOT_FOUND);
    case REPOSITORY_CONFLICT:
        return flow_end(flow, FLOW_CONFLICT);
    default:
        return flow_end_failed(flow);
    }
}

void updating_init(struct flow *flow, const struct flow_settings *settings, int64_t if_version)
{
    flow->next = updating_next;
    flow->settings = settings;
    flow->op.if_version = if_version;
}
