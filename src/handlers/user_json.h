/*
 * user_json: a user as JSON, in both directions.
 */
#ifndef HANDLERS_USER_JSON_H
#define HANDLERS_USER_JSON_H

#include "repository/repository.h"

#include <jansson.h>

/* The user for a reply; NULL without memory. */
json_t *user_json_encode(const struct user *user);

/* The avatar for a reply: null if there is none. */
json_t *user_json_encode_avatar(const struct user *user);

/*
 * Reads the fields of `object` into `user`. Returns the faults, [{"field","message"}], an empty
 * array if there is none; NULL without memory. What the service itself sets is ignored, so that
 * what was read can be written back; any other field it does not know is a fault.
 */
json_t *user_json_decode(const json_t *object, struct user *user);

#endif
