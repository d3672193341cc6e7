/*
 * scrape: GET /metrics, for Prometheus.
 */
#ifndef HANDLERS_SCRAPE_H
#define HANDLERS_SCRAPE_H

#include "handlers/service.h"

/* Sets what is known from the start, so that a rate over it begins at 0. */
void scrape_begin(const struct service *service);

void scrape_get(struct request *request);

#endif
