/*
 * updating: a user's own columns are written anew; never the mark, never the avatar (R17).
 */
#ifndef USERS_UPDATING_H
#define USERS_UPDATING_H

#include "users/flow.h"

/*
 * Sets up a flow that replaces the columns of flow->op.user. `if_version`: -1 for any.
 * Ends DONE with flow->op.user as it is now, NOT_FOUND, or CONFLICT (another version).
 */
void updating_init(struct flow *flow, const struct flow_settings *settings, int64_t if_version);

#endif
