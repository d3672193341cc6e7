/*
 * source: all rows of a SQLite database, for a transfer to another one.
 */
#ifndef REPOSITORY_SQLITE_SOURCE_H
#define REPOSITORY_SQLITE_SOURCE_H

#include "repository/transfer.h"

#include <stdint.h>

struct sqlite_source;

/*
 * Opens the database at `path` as a start of the service would: takes its lock, brings its
 * schema up to date and frees the leases of the process before. What is read from here on is of
 * one moment.
 *
 * Returns 0, or -1: ERROR_CONFIG (none there, a newer version, not ours), ERROR_UNAVAILABLE
 * (another process has it).
 */
int sqlite_source_open(const char *path, struct sqlite_source **ret_source,
                       struct error *error);

/* NULL is allowed. */
void sqlite_source_close(struct sqlite_source *source);

/* How many rows the table has. */
int sqlite_source_count(struct sqlite_source *source, const struct transfer_table *table,
                        int64_t *ret_count, struct error *error);

/* Hands out every row of the table; the values are borrowed until `put` returns. */
int sqlite_source_read(struct sqlite_source *source, const struct transfer_table *table,
                       transfer_put *put, void *context, struct error *error);

#endif
