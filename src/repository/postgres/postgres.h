/*
 * postgres: the repository in a PostgreSQL database, for any number of processes at a time.
 *
 * Two connections write, one for each store thread, the second from when it is first wanted:
 * what has queued up goes into one transaction, in few round trips. A few others read; libpq is
 * waited for on the caller's thread, which therefore stands still for as long as the database
 * does, up to a time-out, and fails at once for a while after that.
 *
 * A connection that breaks is made anew. Where it broke at COMMIT, the transaction's own row
 * says whether that took effect, before anything is answered or done again (D4).
 */
#ifndef REPOSITORY_POSTGRES_POSTGRES_H
#define REPOSITORY_POSTGRES_POSTGRES_H

#include "repository/repository.h"

/* The schema version that this program reads and writes: how many migrations there are. */
extern const int repository_postgres_schema_version;

/*
 * Opens the database at `url` (libpq's own form; `prepared=off` for a pooler that gives each
 * transaction another connection) and brings its schema up to date. While it does not answer,
 * tries again for `startup_timeout_ms`.
 *
 * Returns 0, or -1: ERROR_USAGE (not understood), ERROR_CONFIG (refused for good, a newer
 * version, not ours), ERROR_UNAVAILABLE (no answer).
 */
int repository_postgres_open(const char *url, int64_t startup_timeout_ms,
                             struct repository_driver **ret_driver, struct error *error);

/* True if the database answers, and none of our tables is in it. */
bool repository_postgres_is_empty(const char *url);

/* Reads once whether the database could be opened; changes nothing. */
int repository_postgres_check(const char *url, struct error *error);

#endif
