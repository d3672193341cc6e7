/*
 * receipts_command: users-service receipts export, verify and prune.
 *
 * What is exported can be verified without a service; only what a verified export has is ever
 * pruned.
 */
#ifndef PROGRAMS_RECEIPTS_COMMAND_H
#define PROGRAMS_RECEIPTS_COMMAND_H

#include "config/options.h"

/* Each runs with the arguments after its two words and returns the exit code; and its options.
 */
int receipts_export_command(int argc, char **argv);
int receipts_verify_command(int argc, char **argv);
int receipts_prune_command(int argc, char **argv);
const struct option_table *receipts_export_table(void);
const struct option_table *receipts_verify_table(void);
const struct option_table *receipts_prune_table(void);

/* Says which words there are, and returns the exit code of a wrong command line. */
int receipts_command(int argc, char **argv);

#endif
