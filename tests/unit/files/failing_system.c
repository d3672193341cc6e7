#include "failing_system.h"

#include <errno.h>
#include <sys/stat.h>

struct failing_system fault;

int __real_fsync(int file);
int __wrap_fsync(int file);
ssize_t __real_write(int file, const void *bytes, size_t length);
ssize_t __wrap_write(int file, const void *bytes, size_t length);
int __real_renameat2(int from, const char *old, int to, const char *new, unsigned flags);
int __wrap_renameat2(int from, const char *old, int to, const char *new, unsigned flags);
int __real_faccessat(int folder, const char *path, int mode, int flags);
int __wrap_faccessat(int folder, const char *path, int mode, int flags);
long __real_syscall(long number, ...);
long __wrap_syscall(long number, int folder, const char *path, const void *how, size_t size);

static int failed(int code)
{
    errno = code;
    return -1;
}

int __wrap_fsync(int file)
{
    struct stat status;
    if (fault.fsync_code && fault.fsync_after-- <= 0)
        return failed(fault.fsync_code);
    if (fstat(file, &status) == 0 && fault.synced_count < SYNCED_MAX)
        fault.synced[fault.synced_count++] = status.st_ino;
    return __real_fsync(file);
}

ssize_t __wrap_write(int file, const void *bytes, size_t length)
{
    if (fault.write_code)
        return failed(fault.write_code);
    if (fault.write_most && length > fault.write_most)
        length = fault.write_most;
    return __real_write(file, bytes, length);
}

int __wrap_renameat2(int from, const char *old, int to, const char *new, unsigned flags)
{
    return fault.rename_code ? failed(fault.rename_code)
                             : __real_renameat2(from, old, to, new, flags);
}

int __wrap_faccessat(int folder, const char *path, int mode, int flags)
{
    return fault.access_code ? failed(fault.access_code)
                             : __real_faccessat(folder, path, mode, flags);
}

long __wrap_syscall(long number, int folder, const char *path, const void *how, size_t size)
{
    return fault.openat2_code ? failed(fault.openat2_code)
                              : __real_syscall(number, folder, path, how, size);
}
