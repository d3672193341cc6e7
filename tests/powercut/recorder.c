/*
 * Loaded into a service by a test: appends to the file RECORDER_FILE what the process changes
 * in files and folders, with the bytes, each sync that succeeded, and each answer to a client,
 * in the order in which they happen. recording.py reads it.
 *
 * One call at a time is made and written down, and an answer is written down before it is sent:
 * whatever a client has heard is in the file behind all that came before it.
 *
 * RECORDER_KILL_AT=N ends the process behind its Nth entry, answers not counted, as SIGKILL
 * would; RECORDER_KILL_BEFORE=N before its Nth rename.
 */
/* The calls have their plain names here, and no checks of the headers in between. */
#undef _FILE_OFFSET_BITS
#undef _FORTIFY_SOURCE

#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

/* As in recording.py. */
enum kind { MAKE_FILE, MAKE_FOLDER, WRITE, CUT, SYNC, RENAME, LINK, REMOVE, ANSWER };

/* Names and bytes follow. Nodes are the numbers that the file system gives to files. */
struct entry {
    uint32_t kind, name_length, other_length, unused;
    uint64_t node, folder, other_folder, length;
    int64_t offset;
};

#define ANSWER_BEGINS "HTTP/1.1 "
#define ANSWER_SHOWN  64

/* What a shell says of a process that SIGKILL ended. */
#define KILLED 137

/* Out of the way of the descriptors that the service counts on. */
#define RECORD_HANDLE 200

static int record = -1;
static long kill_at, entries, kill_before, renames;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static long number_given(const char *name)
{
    const char *text = getenv(name);
    return text ? strtol(text, NULL, 10) : 0;
}

__attribute__((constructor)) static void record_open(void)
{
    const char *path = getenv("RECORDER_FILE");
    long handle = path ? syscall(SYS_openat, AT_FDCWD, path,
                                 O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600)
                       : -1;
    record = handle < 0 ? -1 : fcntl((int)handle, F_DUPFD_CLOEXEC, RECORD_HANDLE);
    if (record < 0)
        abort();
    close((int)handle);
    kill_at = number_given("RECORDER_KILL_AT");
    kill_before = number_given("RECORDER_KILL_BEFORE");
}

static void entry_write(struct entry entry, const char *name, const char *other,
                        const void *bytes)
{
    entry.name_length = (uint32_t)strlen(name);
    entry.other_length = (uint32_t)strlen(other);
    struct iovec parts[] = {{&entry, sizeof entry},
                            {(void *)name, entry.name_length},
                            {(void *)other, entry.other_length},
                            {(void *)bytes, entry.length}};
    size_t whole = sizeof entry + entry.name_length + entry.other_length + entry.length;
    if (syscall(SYS_writev, record, parts, 4) != (long)whole)
        abort();
    if (entry.kind != ANSWER && ++entries == kill_at)
        syscall(SYS_exit_group, KILLED);
}

/* What an open file is, if it is of that kind; 0 for everything else. */
static uint64_t handle_node(int handle, mode_t kind)
{
    struct stat status;
    bool is = fstat(handle, &status) == 0 && (status.st_mode & S_IFMT) == kind;
    return is ? status.st_ino : 0;
}

static uint64_t path_node(int folder, const char *path)
{
    struct stat status;
    return fstatat(folder, path, &status, AT_SYMLINK_NOFOLLOW) == 0 ? status.st_ino : 0;
}

/* The folder that the last part of the path is in; returns that part. */
static const char *path_split(int folder, const char *path, uint64_t *ret_node)
{
    char parent[PATH_MAX];
    const char *slash = strrchr(path, '/');
    size_t length = slash ? (size_t)(slash - path) + 1 : 0;
    if (length + 2 > sizeof parent)
        abort();
    memcpy(parent, path, length);
    memcpy(parent + length, ".", 2);
    *ret_node = path_node(folder, parent);
    return path + length;
}

static int path_open(int folder, const char *path, int flags, mode_t mode)
{
    if (!(flags & (O_CREAT | O_TRUNC)))
        return (int)syscall(SYS_openat, folder, path, flags, mode);
    pthread_mutex_lock(&lock);
    bool was_there = path_node(folder, path) != 0;
    int handle = (int)syscall(SYS_openat, folder, path, flags, mode);
    struct entry entry = {.kind = was_there ? CUT : MAKE_FILE};
    if (handle >= 0)
        entry.node = handle_node(handle, S_IFREG);
    if (entry.node && (!was_there || flags & O_TRUNC))
        entry_write(entry, path_split(folder, path, &entry.folder), "", NULL);
    pthread_mutex_unlock(&lock);
    return handle;
}

static mode_t mode_given(int flags, va_list arguments)
{
    return flags & O_CREAT ? va_arg(arguments, mode_t) : 0;
}

#define OPEN(folder, path, flags)                                                              \
    va_list arguments;                                                                         \
    va_start(arguments, flags);                                                                \
    mode_t mode = mode_given(flags, arguments);                                                \
    va_end(arguments);                                                                         \
    return path_open(folder, path, flags, mode)

int open(const char *path, int flags, ...)
{
    OPEN(AT_FDCWD, path, flags);
}

int open64(const char *path, int flags, ...)
{
    OPEN(AT_FDCWD, path, flags);
}

int openat(int folder, const char *path, int flags, ...)
{
    OPEN(folder, path, flags);
}

int openat64(int folder, const char *path, int flags, ...)
{
    OPEN(folder, path, flags);
}

/* An answer's first bytes tell enough; what else goes to a socket or a pipe is nobody's loss.
 */
static void answer_note(const char *bytes, size_t length)
{
    size_t begins = strlen(ANSWER_BEGINS);
    if (length < begins || memcmp(bytes, ANSWER_BEGINS, begins) != 0)
        return;
    pthread_mutex_lock(&lock);
    size_t shown = length < ANSWER_SHOWN ? length : ANSWER_SHOWN;
    entry_write((struct entry){.kind = ANSWER, .length = shown}, "", "", bytes);
    pthread_mutex_unlock(&lock);
}

/* `offset` -1: where the file stands. */
static ssize_t bytes_write(int handle, const void *bytes, size_t length, off_t offset)
{
    uint64_t node = handle > STDERR_FILENO ? handle_node(handle, S_IFREG) : 0;
    if (!node) {
        answer_note(bytes, length);
        return syscall(SYS_write, handle, bytes, length);
    }
    pthread_mutex_lock(&lock);
    off_t at = offset < 0 ? lseek(handle, 0, SEEK_CUR) : offset;
    ssize_t written = offset < 0 ? syscall(SYS_write, handle, bytes, length)
                                 : syscall(SYS_pwrite64, handle, bytes, length, offset);
    if (written > 0)
        entry_write(
            (struct entry){
                .kind = WRITE, .node = node, .offset = at, .length = (uint64_t)written},
            "", "", bytes);
    pthread_mutex_unlock(&lock);
    return written;
}

ssize_t write(int handle, const void *bytes, size_t length)
{
    return bytes_write(handle, bytes, length, -1);
}

ssize_t pwrite(int handle, const void *bytes, size_t length, off_t offset)
{
    return bytes_write(handle, bytes, length, offset);
}

ssize_t pwrite64(int handle, const void *bytes, size_t length, off64_t offset)
{
    return bytes_write(handle, bytes, length, offset);
}

ssize_t writev(int handle, const struct iovec *parts, int count)
{
    /* Nobody writes files this way; who begins to is found by what recording.py compares. */
    if (count > 0)
        answer_note(parts[0].iov_base, parts[0].iov_len);
    return syscall(SYS_writev, handle, parts, count);
}

ssize_t send(int handle, const void *bytes, size_t length, int flags)
{
    answer_note(bytes, length);
    return syscall(SYS_sendto, handle, bytes, length, flags, NULL, 0);
}

ssize_t sendmsg(int handle, const struct msghdr *message, int flags)
{
    if (message->msg_iovlen > 0)
        answer_note(message->msg_iov[0].iov_base, message->msg_iov[0].iov_len);
    return syscall(SYS_sendmsg, handle, message, flags);
}

static int handle_cut(int handle, off_t length)
{
    pthread_mutex_lock(&lock);
    uint64_t node = handle_node(handle, S_IFREG);
    int result = (int)syscall(SYS_ftruncate, handle, length);
    if (result == 0 && node)
        entry_write((struct entry){.kind = CUT, .node = node, .offset = length}, "", "", NULL);
    pthread_mutex_unlock(&lock);
    return result;
}

int ftruncate(int handle, off_t length)
{
    return handle_cut(handle, length);
}

int ftruncate64(int handle, off64_t length)
{
    return handle_cut(handle, length);
}

/* Nothing may come in between: what is written during a sync need not be in it. */
static int handle_sync(long call, int handle)
{
    pthread_mutex_lock(&lock);
    uint64_t node = handle_node(handle, S_IFREG);
    if (!node)
        node = handle_node(handle, S_IFDIR);
    int result = (int)syscall(call, handle);
    if (result == 0)
        entry_write((struct entry){.kind = SYNC, .node = node}, "", "", NULL);
    pthread_mutex_unlock(&lock);
    return result;
}

int fsync(int handle)
{
    return handle_sync(SYS_fsync, handle);
}

int fdatasync(int handle)
{
    return handle_sync(SYS_fdatasync, handle);
}

int mkdirat(int folder, const char *path, mode_t mode)
{
    pthread_mutex_lock(&lock);
    int result = (int)syscall(SYS_mkdirat, folder, path, mode);
    struct entry entry = {.kind = MAKE_FOLDER};
    if (result == 0) {
        const char *name = path_split(folder, path, &entry.folder);
        entry.node = path_node(folder, path);
        entry_write(entry, name, "", NULL);
    }
    pthread_mutex_unlock(&lock);
    return result;
}

int mkdir(const char *path, mode_t mode)
{
    return mkdirat(AT_FDCWD, path, mode);
}

/* A name of a file that is given to another place, with or without leaving the first. */
static int name_give(enum kind kind, int from, const char *path, int to, const char *other,
                     unsigned flags)
{
    pthread_mutex_lock(&lock);
    if (kind == RENAME && ++renames == kill_before)
        syscall(SYS_exit_group, KILLED);
    struct entry entry = {.kind = kind, .node = path_node(from, path)};
    int result =
        (int)syscall(kind == RENAME ? SYS_renameat2 : SYS_linkat, from, path, to, other, flags);
    if (result == 0) {
        const char *name = path_split(from, path, &entry.folder);
        const char *other_name = path_split(to, other, &entry.other_folder);
        entry_write(entry, name, other_name, NULL);
    }
    pthread_mutex_unlock(&lock);
    return result;
}

int renameat2(int from, const char *path, int to, const char *other, unsigned flags)
{
    return name_give(RENAME, from, path, to, other, flags);
}

int renameat(int from, const char *path, int to, const char *other)
{
    return name_give(RENAME, from, path, to, other, 0);
}

int rename(const char *path, const char *other)
{
    return name_give(RENAME, AT_FDCWD, path, AT_FDCWD, other, 0);
}

int linkat(int from, const char *path, int to, const char *other, int flags)
{
    return name_give(LINK, from, path, to, other, (unsigned)flags);
}

int link(const char *path, const char *other)
{
    return name_give(LINK, AT_FDCWD, path, AT_FDCWD, other, 0);
}

int unlinkat(int folder, const char *path, int flags)
{
    pthread_mutex_lock(&lock);
    struct entry entry = {.kind = REMOVE, .node = path_node(folder, path)};
    int result = (int)syscall(SYS_unlinkat, folder, path, flags);
    if (result == 0) {
        const char *name = path_split(folder, path, &entry.folder);
        entry_write(entry, name, "", NULL);
    }
    pthread_mutex_unlock(&lock);
    return result;
}

int unlink(const char *path)
{
    return unlinkat(AT_FDCWD, path, 0);
}

int rmdir(const char *path)
{
    return unlinkat(AT_FDCWD, path, AT_REMOVEDIR);
}
