/*
 * account: counts requests and sweeps.
 */
#ifndef HANDLERS_ACCOUNT_H
#define HANDLERS_ACCOUNT_H

#include "handlers/service.h"

/* For struct server_options of each listener. */
void account_public_end(void *context, const struct request_end *end);
void account_private_end(void *context, const struct request_end *end);

/* A sweep has ended; `by_page`: a person asked for it, and not the job. */
void account_sweep(struct service *service, const struct sweep *sweep, bool by_page);

#endif
