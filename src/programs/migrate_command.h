/*
 * migrate_command: users-service migrate, which moves a database from SQLite to PostgreSQL.
 *
 * The service does not run meanwhile. The new database comes to be in one transaction, so that
 * a move that was cut off left nothing, and is begun anew.
 */
#ifndef PROGRAMS_MIGRATE_COMMAND_H
#define PROGRAMS_MIGRATE_COMMAND_H

#include "config/options.h"

/* Runs it with the arguments after its word; returns the exit code. */
int migrate_command(int argc, char **argv);

/* Its options. */
const struct option_table *migrate_command_table(void);

#endif
