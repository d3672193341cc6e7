/*
 * receipts_command: users-service receipts export, verify and prune.
 *
 * What is exported can be verified without a service; only what a verified export has is ever
 * pruned.
 */
#ifndef PROGRAMS_RECEIPTS_COMMAND_H
#define PROGRAMS_RECEIPTS_COMMAND_H

/* Runs it with the arguments after its first word; returns the exit code. */
int receipts_command(int argc, char **argv);

#endif
