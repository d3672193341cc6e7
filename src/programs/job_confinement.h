/*
 * job_confinement: the sandbox of fallback-job, drawn from its jobs.
 */
#ifndef PROGRAMS_JOB_CONFINEMENT_H
#define PROGRAMS_JOB_CONFINEMENT_H

#include "job/roster.h"

/*
 * Confines fallback-job to writing beside its state files, as far as this kernel can. Jobs that
 * start programs are not confined, since those would be too; that is logged. No thread may run
 * yet.
 */
int job_confinement_enter(const struct roster *roster, struct error *error);

#endif
