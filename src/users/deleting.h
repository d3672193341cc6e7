/*
 * deleting: a user, or an avatar, goes. The mark or the cleared pointer is committed first; the
 * engine does the rest, and the request waits for it a while.
 */
#ifndef USERS_DELETING_H
#define USERS_DELETING_H

#include "users/flow.h"

/* Sets up a flow that deletes user `id`. Ends DONE, PENDING, NOT_FOUND or UNAVAILABLE. */
void deleting_init_user(struct flow *flow, const struct flow_settings *settings,
                        const char *id);

/*
 * Sets up a flow that takes user `id`'s avatar away. `key` is the avatar's as it was just read:
 * the request waits for that one, and ends PENDING if it was another that went. Ends as above;
 * DONE as well if there is none.
 */
void deleting_init_avatar(struct flow *flow, const struct flow_settings *settings,
                          const char *id, const char *key);

#endif
