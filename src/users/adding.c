#include "users/adding.h"

enum { ADDING_BEGIN, ADDING_WRITTEN };

static enum flow_step adding_next(struct flow *flow, int64_t now)
{
    (void)now;
    if (flow->stage == ADDING_BEGIN) {
        flow->stage = ADDING_WRITTEN;
        flow->op.verb = USER_ADD;
        return FLOW_WRITE;
    }
    switch (flow->op.outcome) {
    case REPOSITORY_OK:
        return flow_end(flow, FLOW_DONE);
    case REPOSITORY_CONFLICT:
        return flow_end(flow, FLOW_CONFLICT);
    default:
        return flow_end_failed(flow);
    }
}

void adding_init(struct flow *flow, const struct flow_settings *settings)
{
    flow->next = adding_next;
    flow->settings = settings;
}
