/*
 * copy_command: users-service files copy, which moves avatars to the store of --files.
 *
 * It asks the private API of the running service for some at a time, and shows how far it is.
 * It keeps nothing: stopped at any point, it goes on where the users' rows say it was.
 */
#ifndef PROGRAMS_COPY_COMMAND_H
#define PROGRAMS_COPY_COMMAND_H

#include "config/options.h"

/* Runs it with the arguments after its two words; returns the exit code. */
int copy_command(int argc, char **argv);

/* Its options. */
const struct option_table *copy_command_table(void);

#endif
