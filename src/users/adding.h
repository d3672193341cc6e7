/*
 * adding: a new user, perhaps with an avatar: one request, one outcome.
 */
#ifndef USERS_ADDING_H
#define USERS_ADDING_H

#include "users/flow.h"

/*
 * Sets up a flow that stores flow->op.user, whose id the caller made, under
 * flow->op.idempotency.
 *
 * `bytes` (borrowed until the end): the image of flow->op.user.avatar, which is described as
 * for uploading_init; NULL: the user has none. Ends DONE, REPEATED, MISMATCHED, BUSY, NOT_FOUND
 * (a repeat after the user's erasure), CONFLICT (the id is taken) or UNAVAILABLE; but for DONE
 * and REPEATED nothing is left of it.
 */
void adding_init(struct flow *flow, const struct flow_settings *settings, const void *bytes);

#endif
