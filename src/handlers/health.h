/*
 * health: does the process answer, and can the service work?
 */
#ifndef HANDLERS_HEALTH_H
#define HANDLERS_HEALTH_H

#include "http/request.h"

void health_get(struct request *request);
void ready_get(struct request *request);

#endif
