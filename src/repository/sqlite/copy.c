#include "repository/sqlite/copy.h"

#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Pages in one slice: about a mebibyte, a few milliseconds. */
#define SLICE_PAGES 256

#define PATH_SIZE 4096

static int path_make(const char *database, char path[static PATH_SIZE])
{
    return snprintf(path, PATH_SIZE, "%s.copy", database) < PATH_SIZE ? 0 : -1;
}

void sqlite_copy_clear(const char *path)
{
    char name[PATH_SIZE];
    if (path_make(path, name) == 0 && unlink(name) < 0 && errno != ENOENT)
        log_warning("a copy of the database that was cut off cannot be removed",
                    log_text("path", name), log_text("error", strerror(errno)));
}

static void copy_fail(struct repository_op *op, const char *words)
{
    op->outcome = REPOSITORY_FAILED;
    op->more = false;
    error_set(&op->error, ERROR_UNAVAILABLE, "the database cannot be copied: %s", words);
}

/* The file has nobody's rights but ours before a byte is in it. */
static int file_make(const char *path)
{
    int file = open(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (file < 0)
        return -1;
    close(file);
    return 0;
}

/* Nobody reads the file before it is whole, and after a crash it is thrown away: no journal. */
static int copy_begin(struct sqlite_copy *copy, struct connection *writer, const char *path,
                      struct repository_op *op)
{
    if (file_make(path) < 0) {
        copy_fail(op, strerror(errno));
        return -1;
    }
    int flags = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE | SQLITE_OPEN_READWRITE;
    if (sqlite3_open_v2(path, &copy->to, flags, NULL) == SQLITE_OK &&
        sqlite3_exec(copy->to, "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF", NULL,
                     NULL, NULL) == SQLITE_OK)
        copy->backup = sqlite3_backup_init(copy->to, "main", writer->handle, "main");
    if (copy->backup)
        return 0;
    copy_fail(op, copy->to ? sqlite3_errmsg(copy->to) : "no memory");
    return -1;
}

/* Ends it well or badly; only the descriptor that was handed out still has the file. */
static void copy_end(struct sqlite_copy *copy, const char *path)
{
    if (copy->backup)
        sqlite3_backup_finish(copy->backup);
    if (copy->to)
        sqlite3_close(copy->to);
    unlink(path);
    *copy = (struct sqlite_copy){0};
}

void sqlite_copy_deinit(struct sqlite_copy *copy, const char *path)
{
    char name[PATH_SIZE];
    if (copy->op && path_make(path, name) == 0)
        copy_end(copy, name);
}

static void copy_hand_out(struct sqlite_copy *copy, const char *path, struct repository_op *op)
{
    struct stat about;
    int result = sqlite3_backup_finish(copy->backup);
    copy->backup = NULL;
    if (result != SQLITE_OK) {
        copy_fail(op, sqlite3_errmsg(copy->to));
        return;
    }
    op->file = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (op->file < 0 || fstat(op->file, &about) < 0) {
        copy_fail(op, strerror(errno));
        return;
    }
    op->matched = about.st_size;
    op->more = false;
}

void sqlite_copy_step(struct sqlite_copy *copy, struct connection *writer, const char *path,
                      struct repository_op *op)
{
    char name[PATH_SIZE];
    if (copy->op && copy->op != op) {
        op->outcome = REPOSITORY_BUSY;
        return;
    }
    if (path_make(path, name) < 0) {
        copy_fail(op, "its path is too long");
        return;
    }
    op->outcome = REPOSITORY_OK;
    op->more = true;
    if (!copy->op) {
        copy->op = op;
        copy_begin(copy, writer, name, op);
    }
    if (op->more) {
        int result = sqlite3_backup_step(copy->backup, SLICE_PAGES);
        if (result == SQLITE_DONE)
            copy_hand_out(copy, name, op);
        else if (result != SQLITE_OK)
            copy_fail(op, sqlite3_errstr(result));
    }
    if (!op->more)
        copy_end(copy, name);
    if (op->outcome == REPOSITORY_FAILED)
        log_error("the database was not copied", log_text("error", op->error.text));
}
