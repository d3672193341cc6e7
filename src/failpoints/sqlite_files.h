/*
 * sqlite_files: failpoints around what SQLite asks of the file system, below the driver: a
 * layer over the system's own, so that a COMMIT can be cut between two of its writes.
 *
 *     repository/sqlite/files.wal.write.before
 *
 * The middle part is the kind of file: database, wal, other.
 */
#ifndef FAILPOINTS_SQLITE_FILES_H
#define FAILPOINTS_SQLITE_FILES_H

#include <sqlite3.h>

/* sqlite3_open_v2, on files with failpoints. */
int failpoint_sqlite_open(const char *path, sqlite3 **ret_handle, int flags, const char *vfs);

#endif
