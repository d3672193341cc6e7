#include "files/local/beneath.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* How often a lookup is repeated that a rename elsewhere made uncertain. */
#define LOOKUPS_MAX 16

static void close_keeping_errno(int handle)
{
    int code = errno;
    close(handle);
    errno = code;
}

/* Moves `*at` past its first part, which is copied to `part`; false if it does not fit. */
static bool part_take(const char **at, char *part, size_t size)
{
    size_t length = strcspn(*at, "/");
    if (length >= size) {
        errno = ENAMETOOLONG;
        return false;
    }
    memcpy(part, *at, length);
    part[length] = '\0';
    *at += length;
    if (**at == '/')
        (*at)++;
    return true;
}

/* openat of one name. A link is ELOOP, also where the kernel says only that it is no folder. */
static int part_open(int folder, const char *part, int flags, mode_t mode)
{
    int handle = openat(folder, part, flags | O_NOFOLLOW | O_CLOEXEC, mode);
    if (handle < 0 && errno == ENOTDIR) {
        struct stat status;
        bool is_link =
            fstatat(folder, part, &status, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(status.st_mode);
        errno = is_link ? ELOOP : ENOTDIR;
    }
    return handle;
}

int beneath_open_walk(int root, const char *path, int flags, mode_t mode)
{
    char part[NAME_MAX + 1];
    int folder = fcntl(root, F_DUPFD_CLOEXEC, 0);
    while (folder >= 0) {
        if (!part_take(&path, part, sizeof part))
            break;
        bool last = *path == '\0';
        int next = last ? part_open(folder, part, flags, mode)
                        : part_open(folder, part, O_RDONLY | O_DIRECTORY, 0);
        close_keeping_errno(folder);
        if (last)
            return next;
        folder = next;
    }
    if (folder >= 0)
        close_keeping_errno(folder);
    return -1;
}

int beneath_open(int root, const char *path, int flags, mode_t mode)
{
    struct open_how how = {
        .flags = (unsigned)(flags | O_CLOEXEC),
        .mode = flags & O_CREAT ? mode : 0,
        .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS,
    };
    long handle = -1;
    for (int i = 0; i < LOOKUPS_MAX; i++) {
        handle = syscall(SYS_openat2, root, path, &how, sizeof how);
        if (handle >= 0 || errno != EAGAIN)
            break;
    }
    /* Some system call filters answer EPERM for what they do not know. */
    if (handle < 0 && (errno == ENOSYS || errno == EPERM))
        return beneath_open_walk(root, path, flags, mode);
    return (int)handle;
}

static int folder_enter(int folder, const char *name)
{
    bool made = mkdirat(folder, name, 0700) == 0;
    if (!made && errno != EEXIST)
        return -1;
    if (made && fsync(folder) < 0) {
        /* Left there, it would pass for durable the next time. */
        int code = errno;
        unlinkat(folder, name, AT_REMOVEDIR);
        errno = code;
        return -1;
    }
    return part_open(folder, name, O_RDONLY | O_DIRECTORY, 0);
}

int beneath_make_folder(int root, const char *path)
{
    char part[NAME_MAX + 1];
    int folder = fcntl(root, F_DUPFD_CLOEXEC, 0);
    while (folder >= 0 && *path) {
        int next = part_take(&path, part, sizeof part) ? folder_enter(folder, part) : -1;
        close_keeping_errno(folder);
        folder = next;
    }
    return folder;
}
