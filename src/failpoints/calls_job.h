/*
 * The failpoints of the job: its files, its clock's and signals' descriptors, and the programs
 * that it starts. What it asks of a service is in calls_curl.h.
 */
#ifndef FAILPOINTS_CALLS_JOB_H
#define FAILPOINTS_CALLS_JOB_H

#include "failpoints/failpoints.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <unistd.h>

#define access(...)          FAILPOINT_CALL(access, -1, EACCES, __VA_ARGS__)
#define close(...)           FAILPOINT_DO(close, __VA_ARGS__)
#define fclose(...)          FAILPOINT_DO(fclose, __VA_ARGS__)
#define fopen(...)           FAILPOINT_MAKE(fopen, NULL, EMFILE, __VA_ARGS__)
#define fread(...)           FAILPOINT_CALL(fread, 0, EIO, __VA_ARGS__)
#define fstat(...)           FAILPOINT_CALL(fstat, -1, EIO, __VA_ARGS__)
#define fsync(...)           FAILPOINT_CALL(fsync, -1, EIO, __VA_ARGS__)
#define kill(...)            FAILPOINT_DO(kill, __VA_ARGS__)
#define open(...)            FAILPOINT_MAKE(open, -1, EMFILE, __VA_ARGS__)
#define posix_spawn(...)     FAILPOINT_MAKE(posix_spawn, EAGAIN, 0, __VA_ARGS__)
#define read(...)            FAILPOINT_CALL(read, -1, EIO, __VA_ARGS__)
#define rename(...)          FAILPOINT_CALL(rename, -1, EIO, __VA_ARGS__)
#define signalfd(...)        FAILPOINT_MAKE(signalfd, -1, EMFILE, __VA_ARGS__)
#define stat(...)            FAILPOINT_CALL(stat, -1, EIO, __VA_ARGS__)
#define timerfd_create(...)  FAILPOINT_MAKE(timerfd_create, -1, EMFILE, __VA_ARGS__)
#define timerfd_settime(...) FAILPOINT_CALL(timerfd_settime, -1, EINVAL, __VA_ARGS__)
#define waitpid(...)         FAILPOINT_DO(waitpid, __VA_ARGS__)
#define write(...)           FAILPOINT_CALL(write, -1, EIO, __VA_ARGS__)

#endif
