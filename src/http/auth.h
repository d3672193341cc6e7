/*
 * auth: who may use a listener. Bearer tokens (RFC 6750), compared in constant time.
 */
#ifndef HTTP_AUTH_H
#define HTTP_AUTH_H

#include "base/error.h"

#include <stdbool.h>

struct auth;

/*
 * Reads the tokens of `path`, one a line. ERROR_CONFIG if the file is missing or empty, if
 * others than its owner can read it, or if a token is shorter than 16 characters. `path` is
 * borrowed: the file is read again when it changes, and the tokens stay as they are if it
 * cannot be used.
 */
int auth_open(const char *path, struct auth **ret_auth, struct error *error);
void auth_close(struct auth *auth);

/* True if `header`, the value of Authorization (NULL: there was none), carries a known token.
 */
bool auth_admits(struct auth *auth, const char *header);

#endif
