/*
 * receipts_fetch: all receipts of a running service, checked as they come.
 */
#ifndef PROGRAMS_RECEIPTS_FETCH_H
#define PROGRAMS_RECEIPTS_FETCH_H

#include "programs/private_client.h"
#include "programs/receipts_check.h"

#include <stdio.h>

/*
 * Reads them to the last, and writes the lines to `out` if it is not NULL, with the lines that
 * an export begins and ends with. Returns 0, or -1: as receipts_check_line,
 * private_client_call; ERROR_IO: `out` cannot be written.
 */
int receipts_fetch(struct private_client *client, struct receipts_check *check, FILE *out,
                   struct error *error);

/* The same into a file, which is there whole and synced, or not at all. */
int receipts_fetch_file(struct private_client *client, struct receipts_check *check,
                        const char *path, struct error *error);

#endif
