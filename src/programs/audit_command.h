/*
 * audit_command: `users-service audit`: has a running service compare its file store with its
 * users, shows how far it is, and says what was found.
 */
#ifndef PROGRAMS_AUDIT_COMMAND_H
#define PROGRAMS_AUDIT_COMMAND_H

#include "config/options.h"

/* Takes the arguments behind "audit"; returns the exit code. */
int audit_command(int argc, char **argv);

/* Its options. */
const struct option_table *audit_command_table(void);

#endif
