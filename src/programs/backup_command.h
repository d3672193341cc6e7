/*
 * backup_command: users-service backup, a copy of a running service's SQLite database.
 */
#ifndef PROGRAMS_BACKUP_COMMAND_H
#define PROGRAMS_BACKUP_COMMAND_H

#include "config/options.h"

/* What the command's options are, for the manual and the completion. */
const struct option_table *backup_command_table(void);

/* Carries out the command; the arguments begin behind its word. Returns an exit code. */
int backup_command(int argc, char **argv);

#endif
