#include "files/local/object.h"

#include "base/clock.h"
#include "files/local/beneath.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/*
 * A batch is carried out in two passes: first the temporary files, so that a write under way
 * elsewhere cannot give one its name afterwards; then the objects, folder by folder. Folders
 * are synced whether or not something was found: what is missing may have been removed by a
 * process that was killed before it could sync.
 */

struct item {
    const char *key;
    size_t folder_length; /* bytes of the key before its last slash; 0: none */
    size_t index;
};

static int item_compare(const void *left, const void *right)
{
    const struct item *a = left, *b = right;
    if (a->folder_length != b->folder_length)
        return a->folder_length < b->folder_length ? -1 : 1;
    return memcmp(a->key, b->key, a->folder_length);
}

/* True for what unlinkat says of an object that is not there; a folder is not an object. */
static bool is_absent(int code)
{
    return code == ENOENT || code == ENOTDIR || code == EISDIR;
}

static void answer_unlink(struct files_answer *answer, int code)
{
    if (code == 0)
        files_answer_set(answer, 204, NULL, NULL);
    else if (is_absent(code))
        files_answer_set(answer, 404, NULL, NULL);
    else
        local_answer_errno(answer, code);
}

static bool answer_is_done(const struct files_answer *answer)
{
    return answer->status && answer->code[0] == '\0';
}

static void temporaries_delete(const struct local_root *root, struct files_op *op)
{
    for (size_t i = 0; i < op->count; i++) {
        char name[LOCAL_TEMPORARY_SIZE];
        if (!files_key_is_open(op, i))
            continue;
        if (local_temporary_name(op->keys[i], name) < 0)
            local_answer_errno(&op->answers[i], ENOMEM);
        else if (unlinkat(root->temporary, name, 0) < 0 && errno != ENOENT)
            local_answer_errno(&op->answers[i], errno);
    }
    if (fsync(root->temporary) == 0)
        return;
    int code = errno;
    for (size_t i = 0; i < op->count; i++) {
        if (files_key_is_open(op, i))
            local_answer_errno(&op->answers[i], code);
    }
}

static int folder_open(const struct local_root *root, const struct item *item)
{
    if (item->folder_length == 0)
        return fcntl(root->folder, F_DUPFD_CLOEXEC, 0);
    char path[FILES_KEY_SIZE];
    memcpy(path, item->key, item->folder_length);
    path[item->folder_length] = '\0';
    return beneath_open(root->folder, path, O_RDONLY | O_DIRECTORY, 0);
}

/* Deletes `count` objects of one folder. */
static void folder_delete(const struct local_root *root, struct files_op *op,
                          const struct item *items, size_t count)
{
    int folder = folder_open(root, items);
    int failed = folder < 0 ? errno : 0;
    for (size_t i = 0; i < count; i++) {
        struct files_answer *answer = &op->answers[items[i].index];
        const char *slash = strrchr(items[i].key, '/');
        if (failed)
            answer_unlink(answer, failed);
        else if (clock_boot_ms() >= op->deadline_ms)
            files_answer_set(answer, 0, FILES_CODE_NOT_SENT, "the deadline passed before it");
        else
            answer_unlink(
                answer, unlinkat(folder, slash ? slash + 1 : items[i].key, 0) < 0 ? errno : 0);
    }
    if (failed)
        return;
    if (fsync(folder) < 0) {
        failed = errno;
        for (size_t i = 0; i < count; i++) {
            if (answer_is_done(&op->answers[items[i].index]))
                local_answer_errno(&op->answers[items[i].index], failed);
        }
    }
    close(folder);
}

void local_delete(const struct local_root *root, struct files_op *op)
{
    struct item *items = calloc(op->count, sizeof *items);
    if (!items) {
        local_answer_errno(&op->answer, ENOMEM);
        return;
    }
    temporaries_delete(root, op);
    size_t count = 0;
    for (size_t i = 0; i < op->count; i++) {
        const char *slash = strrchr(op->keys[i], '/');
        if (files_key_is_open(op, i))
            items[count++] =
                (struct item){.key = op->keys[i],
                              .folder_length = slash ? (size_t)(slash - op->keys[i]) : 0,
                              .index = i};
    }
    qsort(items, count, sizeof *items, item_compare);
    for (size_t first = 0, next; first < count; first = next) {
        for (next = first + 1; next < count && item_compare(&items[first], &items[next]) == 0;)
            next++;
        folder_delete(root, op, items + first, next - first);
    }
    free(items);
    files_answer_set(&op->answer, 200, NULL, NULL);
}
