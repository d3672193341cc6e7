/*
 * fallback: DELETE /api/users/fallback, the sweep that the Fallback Job calls.
 */
#ifndef HANDLERS_FALLBACK_H
#define HANDLERS_FALLBACK_H

#include "http/request.h"

void fallback_delete(struct request *request);

#endif
