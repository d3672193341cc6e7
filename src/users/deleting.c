#include "users/deleting.h"

#include <stdio.h>
#include <string.h>

enum { DELETING_BEGIN, DELETING_COMMITTED, DELETING_WAITED };

/* Another avatar may have come since the one was read whose end the request waits for. */
static bool deleting_waits_for_it(const struct flow *flow)
{
    if (flow->op.verb != AVATAR_CLEAR)
        return true;
    for (size_t i = 0; i < flow->op.keys.count; i++) {
        if (strcmp(flow->waiter.subject, flow->op.keys.items[i]) == 0)
            return true;
    }
    return false;
}

static enum flow_step deleting_committed(struct flow *flow)
{
    switch (flow->op.outcome) {
    case REPOSITORY_OK:
    case REPOSITORY_GONE:
        return flow_end(flow, FLOW_DONE);
    case REPOSITORY_NOT_FOUND:
        return flow_end(flow, FLOW_NOT_FOUND);
    case REPOSITORY_PENDING:
        break;
    default:
        return flow_end_failed(flow);
    }
    /* Nothing may be tried yet (a guard's time, a second look), or nobody is to wait for it. */
    if (!flow->waits || flow->op.keys.count == 0 || !deleting_waits_for_it(flow)) {
        flow->wakes = true;
        return flow_end(flow, FLOW_PENDING);
    }
    flow->stage = DELETING_WAITED;
    return FLOW_WAIT;
}

static enum flow_step deleting_next(struct flow *flow, int64_t now)
{
    (void)now;
    switch (flow->stage) {
    case DELETING_BEGIN:
        flow->stage = DELETING_COMMITTED;
        return FLOW_WRITE;
    case DELETING_COMMITTED:
        return deleting_committed(flow);
    default:
        return flow_end(flow, flow->waiter.outcome == WAITER_DONE ? FLOW_DONE : FLOW_PENDING);
    }
}

static void deleting_init(struct flow *flow, const struct flow_settings *settings,
                          const char *id, const char *subject)
{
    flow->next = deleting_next;
    flow->settings = settings;
    flow->waits = settings->hands_over;
    snprintf(flow->op.id, sizeof flow->op.id, "%s", id);
    snprintf(flow->waiter.subject, sizeof flow->waiter.subject, "%s", subject);
}

void deleting_init_user(struct flow *flow, const struct flow_settings *settings, const char *id)
{
    deleting_init(flow, settings, id, id);
    flow->op.verb = USER_MARK;
}

void deleting_init_avatar(struct flow *flow, const struct flow_settings *settings,
                          const char *id, const char *key)
{
    deleting_init(flow, settings, id, key);
    flow->op.verb = AVATAR_CLEAR;
}
