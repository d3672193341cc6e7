/*
 * sqlite: the repository in one file, for one process.
 *
 * SQLite 3.40.1 can corrupt a WAL database when two connections write or checkpoint at once, so
 * exactly one connection does: the store thread's. Readers are opened read-only and never
 * checkpoint; a copy of the database (copy.h) is made by the one that writes. A lock beside the
 * file keeps a second process off.
 */
#ifndef REPOSITORY_SQLITE_SQLITE_H
#define REPOSITORY_SQLITE_SQLITE_H

#include "repository/repository.h"

/* The schema version that this program reads and writes: how many migrations there are. */
extern const int repository_sqlite_schema_version;

/*
 * Opens or creates the database at `path`, brings its schema up to date, and frees the leases
 * of the process before this one.
 *
 * `readers`: read-only connections to open, one for each thread that reads at a time.
 * Returns 0, or -1: ERROR_CONFIG (folder, rights, a newer version, not ours), ERROR_UNAVAILABLE
 * (another process has it). Nothing is left half-created.
 */
int repository_sqlite_open(const char *path, size_t readers,
                           struct repository_driver **ret_driver, struct error *error);

/* Reads whether the database at `path`, if there is one, could be opened; changes nothing. */
int repository_sqlite_check(const char *path, struct error *error);

#endif
