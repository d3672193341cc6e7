#include "users/adding.h"

#include "users/uploading.h"

enum {
    ADDING_BEGIN,
    ADDING_GUARDED,
    ADDING_PUT,
    ADDING_WRITTEN,
    ADDING_FORGOTTEN,
};

static enum flow_step user_write(struct flow *flow)
{
    flow->stage = ADDING_WRITTEN;
    flow->op.verb = USER_ADD;
    return FLOW_WRITE;
}

/* Ends a flow whose first write met a repeat, or failed. */
static enum flow_step outcome_end(struct flow *flow)
{
    switch (flow->op.outcome) {
    case REPOSITORY_REPEATED:
        return flow_end(flow, FLOW_REPEATED);
    case REPOSITORY_MISMATCHED:
        return flow_end(flow, FLOW_MISMATCHED);
    case REPOSITORY_BUSY:
        return flow_end(flow, FLOW_BUSY);
    case REPOSITORY_NOT_FOUND:
        return flow_end(flow, FLOW_NOT_FOUND);
    case REPOSITORY_CONFLICT:
        return flow_end(flow, FLOW_CONFLICT);
    default:
        return flow_end_failed(flow);
    }
}

static enum flow_step adding_begun(struct flow *flow, int64_t now)
{
    if (!flow->files.bytes)
        return user_write(flow);
    flow->stage = ADDING_GUARDED;
    return uploading_guard(flow, now);
}

/* Nothing came of it: the request may be repeated at once, and the object goes by its guard. */
static enum flow_step adding_give_up(struct flow *flow, const char *why, bool answer_known)
{
    flow->why = why;
    flow->wakes = true;
    flow->result = FLOW_UNAVAILABLE;
    flow->stage = ADDING_FORGOTTEN;
    flow->op.verb = GUARD_SETTLE;
    /* Without an answer the PUT may still land: the guard keeps its time (S1). */
    if (!answer_known)
        *flow->op.key = '\0';
    return FLOW_WRITE;
}

static enum flow_step adding_put(struct flow *flow)
{
    if (files_answer_is_ok(&flow->files.answer))
        return user_write(flow);
    return adding_give_up(flow, "the image could not be stored now; try again",
                          uploading_answer_is_known(&flow->files.answer));
}

static enum flow_step adding_written(struct flow *flow)
{
    if (flow->op.outcome == REPOSITORY_OK)
        return flow_end(flow, FLOW_DONE);
    if (flow->op.outcome == REPOSITORY_CONFLICT && flow->files.bytes)
        return adding_give_up(flow, "the upload took too long and was given up; try again",
                              true);
    return outcome_end(flow);
}

static enum flow_step adding_next(struct flow *flow, int64_t now)
{
    switch (flow->stage) {
    case ADDING_BEGIN:
        return adding_begun(flow, now);
    case ADDING_GUARDED:
        if (flow->op.outcome != REPOSITORY_OK)
            return outcome_end(flow);
        flow->stage = ADDING_PUT;
        return uploading_put(flow, now);
    case ADDING_PUT:
        return adding_put(flow);
    case ADDING_WRITTEN:
        return adding_written(flow);
    default:
        return FLOW_END;
    }
}

void adding_init(struct flow *flow, const struct flow_settings *settings, const void *bytes)
{
    flow->next = adding_next;
    flow->settings = settings;
    flow->files.bytes = bytes;
}
