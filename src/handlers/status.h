/*
 * status: /api/status, the numbers of a page for people.
 */
#ifndef HANDLERS_STATUS_H
#define HANDLERS_STATUS_H

#include "http/request.h"

void status_get(struct request *request);

/* The last hour, and the present: GET /api/status/history. */
void status_history_get(struct request *request);

#endif
