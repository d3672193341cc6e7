/*
 * users: /api/users and /api/users/{id}; a new one is in new_user.h.
 */
#ifndef HANDLERS_USERS_H
#define HANDLERS_USERS_H

#include "http/request.h"

void users_list(struct request *request);
void users_get(struct request *request);
void users_put(struct request *request);
void users_delete(struct request *request);

#endif
