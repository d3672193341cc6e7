#include "files/local/beneath.h"
#include "files/local/object.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The least keys of those that were met, in order: a page and one more, to see that there is.
 */
struct page {
    const char *prefix, *after;
    size_t count;
    char *keys[FILES_LIST_KEYS_MAX + 1];
};

static int page_add(struct page *page, const char *key)
{
    size_t low = 0, high = page->count;
    if ((page->after && strcmp(key, page->after) <= 0) ||
        strncmp(key, page->prefix, strlen(page->prefix)) != 0)
        return 0;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (strcmp(page->keys[middle], key) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    if (low > FILES_LIST_KEYS_MAX)
        return 0;
    char *copy = strdup(key);
    if (!copy)
        return ENOMEM;
    if (page->count > FILES_LIST_KEYS_MAX)
        free(page->keys[--page->count]);
    memmove(page->keys + low + 1, page->keys + low, (page->count - low) * sizeof *page->keys);
    page->keys[low] = copy;
    page->count++;
    return 0;
}

static int folder_walk(const struct local_root *root, const char *path, struct page *page);

/* What is no object, or goes while it is looked at, is passed over. */
static int entry_take(const struct local_root *root, const char *path, const char *name,
                      struct page *page)
{
    char key[FILES_KEY_SIZE];
    struct stat status;
    int length = snprintf(key, sizeof key, "%s%s%s", path, *path ? "/" : "", name);
    if (length < 0 || (size_t)length >= sizeof key || !files_key_is_valid(key) ||
        strcmp(key, ".tmp") == 0)
        return 0;
    if (fstatat(root->folder, key, &status, AT_SYMLINK_NOFOLLOW) < 0)
        return errno == ENOENT ? 0 : errno;
    if (S_ISDIR(status.st_mode))
        return folder_walk(root, key, page);
    return S_ISREG(status.st_mode) ? page_add(page, key) : 0;
}

static int folder_walk(const struct local_root *root, const char *path, struct page *page)
{
    int handle = beneath_open(root->folder, *path ? path : ".", O_RDONLY | O_DIRECTORY, 0);
    if (handle < 0)
        return errno == ENOENT ? 0 : errno;
    DIR *folder = fdopendir(handle);
    if (!folder) {
        int code = errno;
        close(handle);
        return code;
    }
    int code = 0;
    struct dirent *entry;
    while (!code && (errno = 0, entry = readdir(folder))) {
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            code = entry_take(root, path, entry->d_name, page);
    }
    if (!code)
        code = errno;
    closedir(folder);
    return code;
}

/* The folder that all keys with this prefix are in, to walk no further than need be. */
static void folder_of(const char *prefix, char *path, size_t size)
{
    const char *slash = strrchr(prefix, '/');
    size_t length = slash ? (size_t)(slash - prefix) : 0;
    snprintf(path, size, "%.*s", (int)length, prefix);
}

void local_list(const struct local_root *root, struct files_op *op)
{
    char path[FILES_KEY_SIZE];
    struct page *page = calloc(1, sizeof *page);
    folder_of(op->key, path, sizeof path);
    int code = page ? 0 : ENOMEM;
    if (page) {
        page->prefix = op->key;
        page->after = op->after;
        if (!*path || files_key_is_valid(path))
            code = folder_walk(root, path, page);
    }
    for (size_t i = 0; page && i < page->count; i++) {
        if (!code && i < FILES_LIST_KEYS_MAX &&
            (op->with_versions
                 ? buffer_printf(&op->body, "%c%s\n", FILES_KIND_ONLY, page->keys[i])
                 : buffer_printf(&op->body, "%s\n", page->keys[i])) < 0)
            code = ENOMEM;
        free(page->keys[i]);
    }
    op->more = page && page->count > FILES_LIST_KEYS_MAX;
    free(page);
    if (code)
        local_answer_errno(&op->answer, code);
    else
        files_answer_set(&op->answer, 200, NULL, NULL);
}
