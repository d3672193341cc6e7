/*
 * uploading: a new avatar. The guard is committed before the first byte is sent, so that an
 * object that nobody comes to own is deleted, whatever happens (R1, R8, R9, R14, R20, R21, S1).
 */
#ifndef USERS_UPLOADING_H
#define USERS_UPLOADING_H

#include "users/flow.h"

/*
 * Sets up a flow that stores `bytes` (borrowed until the end) as the avatar of flow->op.id.
 * flow->op.user.avatar has key (new, never used), store_id, content_type, bytes and sha256.
 * Ends DONE (flow->op.keys has the avatar before, if any), NOT_FOUND or UNAVAILABLE.
 */
void uploading_init(struct flow *flow, const struct flow_settings *settings, const void *bytes);

/*
 * What a new user's avatar shares with this flow: the guard's write, the PUT, and whether a
 * PUT's answer is known for good, so that nothing can land after it.
 */
enum flow_step uploading_guard(struct flow *flow, int64_t now);
enum flow_step uploading_put(struct flow *flow, int64_t now);
bool uploading_answer_is_known(const struct files_answer *answer);

#endif
