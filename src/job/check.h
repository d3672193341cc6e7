/*
 * check: tries a service before a job depends on it.
 */
#ifndef JOB_CHECK_H
#define JOB_CHECK_H

#include "base/error.h"
#include "job/roster.h"

#include <stdio.h>

/*
 * Asks every service of the roster whether it keeps the contract: is it healthy, does it refuse
 * a call without credentials, does it answer twice alike, does it report counts. Prints a line
 * for each question. It does the services' work, as runs would. Returns the exit code, or -1.
 */
int check_contract(const struct roster *roster, FILE *out, struct error *error);

/* Prints what each job would call and when, and asks for health; calls nothing. As above. */
int check_dry_run(const struct roster *roster, FILE *out, struct error *error);

#endif
