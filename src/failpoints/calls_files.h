/*
 * The failpoints of the folder driver: what it asks of the file system.
 */
#ifndef FAILPOINTS_CALLS_FILES_H
#define FAILPOINTS_CALLS_FILES_H

#include "failpoints/failpoints.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define close(...)     FAILPOINT_DO(close, __VA_ARGS__)
#define closedir(...)  FAILPOINT_DO(closedir, __VA_ARGS__)
#define faccessat(...) FAILPOINT_CALL(faccessat, -1, EIO, __VA_ARGS__)
#define flock(...)     FAILPOINT_CALL(flock, -1, EWOULDBLOCK, __VA_ARGS__)
#define ftruncate(...) FAILPOINT_CALL(ftruncate, -1, EIO, __VA_ARGS__)
#define fdopendir(...) FAILPOINT_MAKE(fdopendir, NULL, ENOMEM, __VA_ARGS__)
#define fstat(...)     FAILPOINT_CALL(fstat, -1, EIO, __VA_ARGS__)
#define fstatat(...)   FAILPOINT_CALL(fstatat, -1, EIO, __VA_ARGS__)
#define fsync(...)     FAILPOINT_CALL(fsync, -1, EIO, __VA_ARGS__)
#define linkat(...)    FAILPOINT_CALL(linkat, -1, EIO, __VA_ARGS__)
#define mkdir(...)     FAILPOINT_CALL(mkdir, -1, EIO, __VA_ARGS__)
#define mkdirat(...)   FAILPOINT_CALL(mkdirat, -1, EIO, __VA_ARGS__)
#define open(...)      FAILPOINT_MAKE(open, -1, EMFILE, __VA_ARGS__)
#define openat(...)    FAILPOINT_MAKE(openat, -1, EMFILE, __VA_ARGS__)
#define read(...)      FAILPOINT_CALL(read, -1, EIO, __VA_ARGS__)
#define readdir(...)   FAILPOINT_CALL(readdir, NULL, EIO, __VA_ARGS__)
#define renameat2(...) FAILPOINT_CALL(renameat2, -1, EIO, __VA_ARGS__)
#define rmdir(...)     FAILPOINT_CALL(rmdir, -1, EIO, __VA_ARGS__)
#define syscall(...)   FAILPOINT_MAKE(syscall, -1, EMFILE, __VA_ARGS__)
#define unlinkat(...)  FAILPOINT_CALL(unlinkat, -1, EIO, __VA_ARGS__)
#define write(...)     FAILPOINT_CALL(write, -1, EIO, __VA_ARGS__)

#endif
