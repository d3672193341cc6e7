#include "failpoints/sqlite_files.h"

#include "failpoints/failpoints.h"

#include <pthread.h>
#include <string.h>

enum kind { KIND_DATABASE, KIND_WAL, KIND_OTHER };

enum work {
    WORK_OPEN,
    WORK_DELETE,
    WORK_READ,
    WORK_WRITE,
    WORK_TRUNCATE,
    WORK_SYNC,
    WORK_LOCK,
    WORK_MAP,
    WORK_COUNT
};

#define POINT(kind, work)                                                                      \
    {                                                                                          \
        "src/repository/sqlite/files.", kind, work                                             \
    }
#define POINTS(kind)                                                                           \
    {                                                                                          \
        POINT(kind, "open"), POINT(kind, "delete"), POINT(kind, "read"), POINT(kind, "write"), \
            POINT(kind, "truncate"), POINT(kind, "sync"), POINT(kind, "lock"),                 \
            POINT(kind, "map"),                                                                \
    }

static FAILPOINT_LISTED struct failpoint points[][WORK_COUNT] = {
    [KIND_DATABASE] = POINTS("database"),
    [KIND_WAL] = POINTS("wal"),
    [KIND_OTHER] = POINTS("other"),
};

/* The system's file follows in the same memory. */
struct file {
    sqlite3_file base;
    enum kind kind;
};

static sqlite3_vfs *under;
static sqlite3_vfs over;

/* Where the system's file begins: aligned for anything. */
#define FILE_SIZE ((sizeof(struct file) + 15) / 16 * 16)

static sqlite3_file *under_of(sqlite3_file *file)
{
    return (sqlite3_file *)((char *)file + FILE_SIZE);
}

/* CALL is made between the two sides of a point, and answers CODE if it is to fail. */
#define BETWEEN(of_kind, of_work, failure, call)                                               \
    const struct failpoint *point = &points[of_kind][of_work];                                 \
    if (failpoint_pass(point, FAILPOINT_BEFORE))                                               \
        return failure;                                                                        \
    int result = call;                                                                         \
    return failpoint_pass(point, FAILPOINT_AFTER) ? (failure) : result

static int file_close(sqlite3_file *file)
{
    sqlite3_file *below = under_of(file);
    return below->pMethods ? below->pMethods->xClose(below) : SQLITE_OK;
}

static int file_read(sqlite3_file *file, void *bytes, int length, sqlite3_int64 offset)
{
    sqlite3_file *below = under_of(file);
    BETWEEN(((struct file *)file)->kind, WORK_READ, SQLITE_IOERR_READ,
            below->pMethods->xRead(below, bytes, length, offset));
}

static int file_write(sqlite3_file *file, const void *bytes, int length, sqlite3_int64 offset)
{
    sqlite3_file *below = under_of(file);
    BETWEEN(((struct file *)file)->kind, WORK_WRITE, SQLITE_IOERR_WRITE,
            below->pMethods->xWrite(below, bytes, length, offset));
}

static int file_truncate(sqlite3_file *file, sqlite3_int64 size)
{
    sqlite3_file *below = under_of(file);
    BETWEEN(((struct file *)file)->kind, WORK_TRUNCATE, SQLITE_IOERR_TRUNCATE,
            below->pMethods->xTruncate(below, size));
}

static int file_sync(sqlite3_file *file, int flags)
{
    sqlite3_file *below = under_of(file);
    BETWEEN(((struct file *)file)->kind, WORK_SYNC, SQLITE_IOERR_FSYNC,
            below->pMethods->xSync(below, flags));
}

static int file_size(sqlite3_file *file, sqlite3_int64 *size)
{
    sqlite3_file *below = under_of(file);
    return below->pMethods->xFileSize(below, size);
}

static int file_lock(sqlite3_file *file, int level)
{
    sqlite3_file *below = under_of(file);
    const struct failpoint *point = &points[((struct file *)file)->kind][WORK_LOCK];
    if (failpoint_pass(point, FAILPOINT_BEFORE))
        return SQLITE_IOERR_LOCK;
    int result = below->pMethods->xLock(below, level);
    /* A lock that was taken is not answered as one that was not. */
    failpoint_pass(point, FAILPOINT_AFTER);
    return result;
}

static int file_unlock(sqlite3_file *file, int level)
{
    sqlite3_file *below = under_of(file);
    return below->pMethods->xUnlock(below, level);
}

static int file_check_lock(sqlite3_file *file, int *reserved)
{
    sqlite3_file *below = under_of(file);
    return below->pMethods->xCheckReservedLock(below, reserved);
}

static int file_control(sqlite3_file *file, int what, void *argument)
{
    sqlite3_file *below = under_of(file);
    return below->pMethods->xFileControl(below, what, argument);
}

static int file_sector(sqlite3_file *file)
{
    sqlite3_file *below = under_of(file);
    return below->pMethods->xSectorSize(below);
}

static int file_traits(sqlite3_file *file)
{
    sqlite3_file *below = under_of(file);
    return below->pMethods->xDeviceCharacteristics(below);
}

static int file_map(sqlite3_file *file, int page, int size, int extend, void volatile **memory)
{
    sqlite3_file *below = under_of(file);
    BETWEEN(((struct file *)file)->kind, WORK_MAP, SQLITE_IOERR_SHMMAP,
            below->pMethods->xShmMap(below, page, size, extend, memory));
}

static int file_map_lock(sqlite3_file *file, int offset, int count, int flags)
{
    sqlite3_file *below = under_of(file);
    return below->pMethods->xShmLock(below, offset, count, flags);
}

static void file_map_barrier(sqlite3_file *file)
{
    sqlite3_file *below = under_of(file);
    below->pMethods->xShmBarrier(below);
}

static int file_unmap(sqlite3_file *file, int removes)
{
    sqlite3_file *below = under_of(file);
    return below->pMethods->xShmUnmap(below, removes);
}

/* Version 2: with shared memory, and without pages that are read through it. */
static const sqlite3_io_methods methods = {
    2,           file_close, file_read,     file_write,       file_truncate, file_sync,
    file_size,   file_lock,  file_unlock,   file_check_lock,  file_control,  file_sector,
    file_traits, file_map,   file_map_lock, file_map_barrier, file_unmap,    NULL,
    NULL};

static enum kind kind_of(int flags)
{
    return flags & SQLITE_OPEN_MAIN_DB ? KIND_DATABASE
           : flags & SQLITE_OPEN_WAL   ? KIND_WAL
                                       : KIND_OTHER;
}

static int over_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags,
                     int *ret_flags)
{
    (void)vfs;
    struct file *opened = (struct file *)file;
    opened->kind = kind_of(flags);
    opened->base.pMethods = NULL;
    under_of(file)->pMethods = NULL;
    const struct failpoint *point = &points[opened->kind][WORK_OPEN];
    if (failpoint_pass(point, FAILPOINT_BEFORE))
        return SQLITE_CANTOPEN;
    int result = under->xOpen(under, name, under_of(file), flags, ret_flags);
    failpoint_pass(point, FAILPOINT_AFTER);
    if (under_of(file)->pMethods)
        opened->base.pMethods = &methods;
    return result;
}

static int over_delete(sqlite3_vfs *vfs, const char *name, int sync)
{
    (void)vfs;
    size_t length = strlen(name);
    enum kind kind =
        length > 4 && strcmp(name + length - 4, "-wal") == 0 ? KIND_WAL : KIND_OTHER;
    BETWEEN(kind, WORK_DELETE, SQLITE_IOERR_DELETE, under->xDelete(under, name, sync));
}

static void over_register(void)
{
    under = sqlite3_vfs_find(NULL);
    /* The library could not even begin: who opens a file then is told so. */
    if (!under)
        return;
    over = *under;
    over.zName = "failpoints";
    over.szOsFile += (int)FILE_SIZE;
    over.xOpen = over_open;
    over.xDelete = over_delete;
    sqlite3_vfs_register(&over, 0);
}

int failpoint_sqlite_open(const char *path, sqlite3 **ret_handle, int flags, const char *vfs)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, over_register);
    /* Without the layer, the name is NULL: the library's own. */
    return sqlite3_open_v2(path, ret_handle, flags, vfs ? vfs : over.zName);
}
