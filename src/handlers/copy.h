/*
 * copy: brings avatars of older stores over to the store that takes new objects, some a call.
 *
 * Each copy is an upload under a key of its own: guard, PUT, attach, on the condition that the
 * user still has the avatar that was read. So what is deleted or replaced on the way stays so,
 * and a copy that ends half-way leaves what its guard removes. The attach schedules the old key
 * in its old store. What is left to copy is told by the users' rows: nothing else is kept.
 */
#ifndef HANDLERS_COPY_H
#define HANDLERS_COPY_H

#include "http/request.h"

/* GET: how many avatars are left to copy, counted over some users a call. */
void copy_get(struct request *request);

/* POST: copies some. */
void copy_post(struct request *request);

#endif
