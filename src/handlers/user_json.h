/*
 * user_json: a user as JSON, in both directions.
 */
#ifndef HANDLERS_USER_JSON_H
#define HANDLERS_USER_JSON_H

#include "http/request.h"
#include "repository/repository.h"

#include <jansson.h>

/* The user for a reply; NULL without memory. */
json_t *user_json_encode(const struct user *user);

/*
 * The reply's whole text around it, as the tree above would be written, without the tree, which
 * costs more than all the rest of a read. NULL: a text in it has to be escaped or may be no
 * UTF-8, or there is no memory. The caller frees it.
 */
char *user_json_print(const struct user *user);

/* Replies with a user. */
void user_json_reply(struct request *request, int status, const struct user *user);

/* The avatar for a reply: null if there is none. */
json_t *user_json_encode_avatar(const struct user *user);

/*
 * Reads the fields of `object` into `user`. Returns the faults, [{"field","message"}], an empty
 * array if there is none; NULL without memory. What the service itself sets is ignored, so that
 * what was read can be written back; any other field it does not know is a fault.
 */
json_t *user_json_decode(const json_t *object, struct user *user);

/* Reads `object`, which it takes, into `user`; false, with a reply (422), if it is none. */
bool user_json_admit(struct request *request, json_t *object, struct user *user);

/* A user's entity tag: the version in quotes. */
#define USER_TAG_SIZE 32
void user_format_tag(const struct user *user, char ret_tag[static USER_TAG_SIZE]);
void user_set_tag(struct request *request, const struct user *user);

#endif
