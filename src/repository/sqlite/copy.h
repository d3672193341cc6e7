/*
 * copy: the whole database in another file, made in slices between the transactions of others.
 *
 * The connection that writes makes it, so that it is the only one still: what is written while
 * a copy is under way is written to both.
 */
#ifndef REPOSITORY_SQLITE_COPY_H
#define REPOSITORY_SQLITE_COPY_H

#include "repository/repository.h"
#include "repository/sqlite/connection.h"

/* The one copy that may be under way; all zero: none is. The store thread's. */
struct sqlite_copy {
    struct repository_op *op; /* whose it is; NULL: none is under way */
    sqlite3 *to;
    sqlite3_backup *backup;
};

/* Removes what a process before this one left half-made beside the database at `path`. */
void sqlite_copy_clear(const char *path);

/* Gives up a copy that is under way, of the database at `path`. */
void sqlite_copy_deinit(struct sqlite_copy *copy, const char *path);

/* The next slice of op's copy of the database at `path`; begins it first. See DATABASE_COPY. */
void sqlite_copy_step(struct sqlite_copy *copy, struct connection *writer, const char *path,
                      struct repository_op *op);

#endif
