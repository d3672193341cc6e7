/*
 * service_confinement: the sandbox of users-service, drawn from its options.
 */
#ifndef PROGRAMS_SERVICE_CONFINEMENT_H
#define PROGRAMS_SERVICE_CONFINEMENT_H

#include "config/service_options.h"
#include "job/roster.h"
#include "sandbox/sandbox.h"

/*
 * Confines users-service to its database, its file store and what has to be read again while it
 * runs, as far as this kernel can. Its listeners must be open, and no thread may run yet.
 */
int service_confinement_enter(const struct service_options *options,
                              struct sandbox_report *ret_report, struct error *error);

#endif
