/*
 * fallback: DELETE /api/users/fallback, the sweep that the Fallback Job calls.
 */
#ifndef HANDLERS_FALLBACK_H
#define HANDLERS_FALLBACK_H

#include "http/request.h"

/* The status page sends it with its sweeps, so that they are not taken for the job's. */
#define FALLBACK_PAGE_HEADER "Called-By-Page"

void fallback_delete(struct request *request);

#endif
