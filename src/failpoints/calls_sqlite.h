/*
 * The failpoints of the SQLite driver: what it asks of the library. What the library asks of
 * the file system is in sqlite_files.h.
 */
#ifndef FAILPOINTS_CALLS_SQLITE_H
#define FAILPOINTS_CALLS_SQLITE_H

#include "failpoints/failpoints.h"
#include "failpoints/sqlite_files.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define access(...)                FAILPOINT_CALL(access, -1, EIO, __VA_ARGS__)
#define close(...)                 FAILPOINT_DO(close, __VA_ARGS__)
#define fstat(...)                 FAILPOINT_CALL(fstat, -1, EIO, __VA_ARGS__)
#define flock(...)                 FAILPOINT_CALL(flock, -1, EWOULDBLOCK, __VA_ARGS__)
#define open(...)                  FAILPOINT_MAKE(open, -1, EMFILE, __VA_ARGS__)
#define sqlite3_backup_finish(...) FAILPOINT_DO(sqlite3_backup_finish, __VA_ARGS__)
#define sqlite3_backup_init(...)   FAILPOINT_MAKE(sqlite3_backup_init, NULL, 0, __VA_ARGS__)
#define sqlite3_backup_step(...)                                                               \
    FAILPOINT_MAKE(sqlite3_backup_step, SQLITE_IOERR, 0, __VA_ARGS__)
#define sqlite3_close(...)      FAILPOINT_DO(sqlite3_close, __VA_ARGS__)
#define sqlite3_exec(...)       FAILPOINT_MAKE(sqlite3_exec, SQLITE_IOERR, 0, __VA_ARGS__)
#define sqlite3_finalize(...)   FAILPOINT_DO(sqlite3_finalize, __VA_ARGS__)
#define sqlite3_open_v2(...)    FAILPOINT_MAKE(failpoint_sqlite_open, SQLITE_IOERR, 0, __VA_ARGS__)
#define sqlite3_prepare_v2(...) FAILPOINT_MAKE(sqlite3_prepare_v2, SQLITE_NOMEM, 0, __VA_ARGS__)
#define sqlite3_prepare_v3(...) FAILPOINT_MAKE(sqlite3_prepare_v3, SQLITE_NOMEM, 0, __VA_ARGS__)
#define sqlite3_reset(...)      FAILPOINT_DO(sqlite3_reset, __VA_ARGS__)
/* Made, a step is never unmade: only the files below it lose what they were told. */
#define sqlite3_step(...) FAILPOINT_MAKE(sqlite3_step, SQLITE_IOERR, 0, __VA_ARGS__)
#define stat(...)         FAILPOINT_CALL(stat, -1, EIO, __VA_ARGS__)
#define unlink(...)       FAILPOINT_CALL(unlink, -1, EIO, __VA_ARGS__)

#endif
