/*
 * erasures: what became of a DELETE, and GET /api/deletions/{user id}.
 */
#ifndef HANDLERS_ERASURES_H
#define HANDLERS_ERASURES_H

#include "http/request.h"
#include "users/flow.h"

/* Answers a DELETE of user `id`, or of its avatar: 200 deleted, 202 pending, 404 or 503. */
void erasures_reply(struct request *request, const struct flow *flow, const char *id);

void erasures_get(struct request *request);

#endif
