/*
 * adding: a new user.
 */
#ifndef USERS_ADDING_H
#define USERS_ADDING_H

#include "users/flow.h"

/* Sets up a flow that stores flow->op.user, whose id the caller made. Ends DONE. */
void adding_init(struct flow *flow, const struct flow_settings *settings);

#endif
