#include "users/flow.h"

enum flow_step flow_end(struct flow *flow, enum flow_result result)
{
    flow->result = result;
    return FLOW_END;
}

enum flow_step flow_end_failed(struct flow *flow)
{
    flow->why = "the database cannot be written to now; try again";
    return flow_end(flow, FLOW_UNAVAILABLE);
}
