#include "files/local/local.h"

#include "files/local/beneath.h"
#include "files/local/object.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#define SCHEME "file://"

/* The folder of temporary files, as a name. */
#define TEMPORARY_NAME ".tmp"

struct local {
    struct files_driver driver;
    struct local_root root;
    int woken; /* eventfd: a wake stays until the next poll */
};

static struct local *local_of(struct files_driver *driver)
{
    return (struct local *)driver;
}

static void local_start(struct files_driver *driver, struct files_op *op)
{
    const struct local_root *root = &local_of(driver)->root;
    if (!files_op_begin(op))
        return;
    switch (op->verb) {
    case FILES_PUT:
        local_put(root, op);
        break;
    case FILES_GET:
        local_get(root, op);
        break;
    case FILES_DELETE:
        local_delete(root, op);
        break;
    case FILES_LIST:
        local_list(root, op);
        break;
    case FILES_VERSIONING:
        files_answer_set(&op->answer, 200, NULL, NULL);
        break;
    case FILES_LINK:
        files_answer_set(&op->answer, 501, "NotImplemented", "a folder has no addresses");
        break;
    case FILES_IDENTITY_READ:
        local_identity_read(root, op);
        break;
    case FILES_IDENTITY_CREATE:
        local_identity_create(root, op);
        break;
    }
    files_op_finish(op);
}

static void local_poll(struct files_driver *driver, int64_t timeout_ms)
{
    struct local *local = local_of(driver);
    struct pollfd waiting = {.fd = local->woken, .events = POLLIN};
    int timeout = timeout_ms > INT_MAX ? INT_MAX : (int)timeout_ms;
    eventfd_t count;
    if (poll(&waiting, 1, timeout) > 0)
        eventfd_read(local->woken, &count);
}

static void local_wake(struct files_driver *driver)
{
    /* Fails only while more wakes than anybody counts are waiting already. */
    eventfd_write(local_of(driver)->woken, 1);
}

static void handle_close(int handle)
{
    if (handle >= 0)
        close(handle);
}

static void local_close(struct files_driver *driver)
{
    struct local *local = local_of(driver);
    handle_close(local->root.temporary);
    handle_close(local->root.folder);
    handle_close(local->woken);
    free(local);
}

static int url_read(const char *url, char ret_path[static PATH_MAX], struct error *error)
{
    size_t scheme = strlen(SCHEME);
    if (strncmp(url, SCHEME, scheme) != 0 || url[scheme] != '/')
        return error_set(
            error, ERROR_USAGE,
            "'%s' is not a folder's address: write file:///DIR, with the whole path", url);
    if (files_url_decode(url + scheme, strlen(url + scheme), ret_path, PATH_MAX) < 0)
        return error_set(error, ERROR_USAGE,
                         "'%s' has a malformed '%%', which stands before two digits", url);
    size_t length = strlen(ret_path);
    while (length > 1 && ret_path[length - 1] == '/')
        ret_path[--length] = '\0';
    return 0;
}

/* Syncs the folder that `path` is in. */
static int parent_sync(const char *path)
{
    char copy[PATH_MAX];
    memccpy(copy, path, '\0', sizeof copy);
    int parent = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (parent < 0)
        return -1;
    int result = fsync(parent);
    int code = errno;
    close(parent);
    errno = code;
    return result;
}

/* A folder that the process may list, enter and write in. */
static int folder_check(int folder)
{
    return faccessat(folder, ".", R_OK | W_OK | X_OK, AT_EACCESS);
}

/* Opens the store's folders; -1 with errno. */
static int root_open(struct local_root *root, const char *path, bool *ret_made_temporary)
{
    root->folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (root->folder < 0 || folder_check(root->folder) < 0)
        return -1;
    *ret_made_temporary = mkdirat(root->folder, TEMPORARY_NAME, 0700) == 0;
    if (!*ret_made_temporary && errno != EEXIST)
        return -1;
    root->temporary = beneath_open(root->folder, TEMPORARY_NAME, O_RDONLY | O_DIRECTORY, 0);
    if (root->temporary < 0 || folder_check(root->temporary) < 0)
        return -1;
    /* Also for folders in it that an earlier process had no time to sync. */
    return fsync(root->folder);
}

/* root_open, and the folder itself if it is missing; leaves nothing new behind if it fails. */
static int root_make(struct local_root *root, const char *path)
{
    bool made = mkdir(path, 0700) == 0, made_temporary = false;
    if (!made && errno != EEXIST)
        return -1;
    if (root_open(root, path, &made_temporary) == 0 && (!made || parent_sync(path) == 0))
        return 0;
    int code = errno;
    if (made_temporary)
        unlinkat(root->folder, TEMPORARY_NAME, AT_REMOVEDIR);
    if (made)
        rmdir(path);
    errno = code;
    return -1;
}

int files_local_settle(const char *url, struct error *error)
{
    char path[PATH_MAX];
    if (url_read(url, path, &(struct error){0}) < 0 || parent_sync(path) == 0 || errno != EIO)
        return 0;
    return error_set_errno(error, ERROR_UNAVAILABLE, EIO, "cannot sync the folder of '%s'",
                           path);
}

int files_local_open(const struct files_local_options *options,
                     struct files_driver **ret_driver, struct error *error)
{
    char path[PATH_MAX];
    if (url_read(options->url, path, error) < 0)
        return -1;
    struct local *local = calloc(1, sizeof *local);
    if (!local)
        return error_set(error, ERROR_NO_MEMORY, "no memory for the file store");
    *local = (struct local){
        .driver = {"local", local_start, local_poll, local_wake, local_close},
        .root = {.folder = -1, .temporary = -1},
        .woken = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK),
    };
    if (local->woken < 0)
        error_set_errno(error, ERROR_UNAVAILABLE, errno, "cannot open the file store");
    else if (root_make(&local->root, path) < 0)
        error_set_errno(error, error_class_of(errno), errno,
                        "the folder '%s' cannot be used: it must be a folder that this process "
                        "may read and write, or be missing from one",
                        path);
    else {
        *ret_driver = &local->driver;
        return 0;
    }
    local_close(&local->driver);
    return -1;
}
