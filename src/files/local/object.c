#include "files/local/object.h"

#include "base/clock.h"
#include "files/local/beneath.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

void local_answer_errno(struct files_answer *answer, int code)
{
    char words[128];
    const char *text = strerror_r(code, words, sizeof words);
    switch (code) {
    case ENOENT:
    case ENOTDIR:
        files_answer_set(answer, 404, "NoSuchKey", text);
        break;
    case EEXIST:
        files_answer_set(answer, 412, "PreconditionFailed", text);
        break;
    case ENAMETOOLONG:
        files_answer_set(answer, 400, "KeyTooLongError", text);
        break;
    case EACCES:
    case EPERM:
    case EROFS:
    case ELOOP: /* a link, or a way out: somebody laid it there */
    case EXDEV:
        files_answer_set(answer, 403, "AccessDenied", text);
        break;
    case ENOSPC:
    case EDQUOT:
        files_answer_set(answer, 507, FILES_CODE_NO_SPACE, text);
        break;
    case ENOMEM:
        files_answer_set(answer, 0, FILES_CODE_NO_MEMORY, text);
        break;
    case EMSGSIZE: /* ours, of a file that exceeds the caller's buffer */
        files_answer_set(answer, 0, FILES_CODE_TOO_LARGE, text);
        break;
    default:
        files_answer_set(answer, 500, FILES_CODE_IO, text);
    }
}

int local_temporary_name(const char *key, char ret_name[static LOCAL_TEMPORARY_SIZE])
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned length = 0;
    if (EVP_Digest(key, strlen(key), digest, &length, EVP_sha256(), NULL) != 1)
        return -1;
    for (unsigned i = 0; i < length; i++)
        snprintf(ret_name + 2 * (size_t)i, 3, "%02x", digest[i]);
    return 0;
}

/* The functions below return 0, or the errno value of what failed. */

static int bytes_write(int file, const char *bytes, size_t length)
{
    while (length) {
        ssize_t written = write(file, bytes, length);
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return written < 0 ? errno : EIO;
        bytes += written;
        length -= (size_t)written;
    }
    return 0;
}

/* A file that is there already is another write of the same key: it is left alone. */
static int temporary_write(const struct local_root *root, const char *name, const void *bytes,
                           size_t length)
{
    int file = openat(root->temporary, name,
                      O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (file < 0)
        return errno;
    int code = bytes_write(file, bytes, length);
    if (!code && fsync(file) < 0)
        code = errno;
    if (close(file) < 0 && !code)
        code = errno;
    if (code)
        unlinkat(root->temporary, name, 0);
    return code;
}

/* Gives the temporary file its name, unless that is taken. */
static int temporary_name(const struct local_root *root, const char *temporary, int folder,
                          const char *name)
{
    if (renameat2(root->temporary, temporary, folder, name, RENAME_NOREPLACE) == 0)
        return 0;
    if (errno != EINVAL && errno != ENOSYS)
        return errno;
    /* A file system that cannot promise NOREPLACE can still refuse a second link. */
    if (linkat(root->temporary, temporary, folder, name, 0) < 0)
        return errno;
    return unlinkat(root->temporary, temporary, 0) < 0 ? errno : 0;
}

/* Splits a key at its last slash. */
static const char *key_split(const char *key, char ret_folder[static FILES_KEY_SIZE])
{
    const char *slash = strrchr(key, '/');
    size_t length = slash ? (size_t)(slash - key) : 0;
    memcpy(ret_folder, key, length);
    ret_folder[length] = '\0';
    return slash ? slash + 1 : key;
}

static int object_store(const struct local_root *root, const char *key, const char *temporary,
                        const void *bytes, size_t length)
{
    char path[FILES_KEY_SIZE];
    const char *name = key_split(key, path);
    int folder = beneath_make_folder(root->folder, path);
    if (folder < 0)
        return errno;
    int code = temporary_write(root, temporary, bytes, length);
    if (!code) {
        code = temporary_name(root, temporary, folder, name);
        if (code)
            unlinkat(root->temporary, temporary, 0);
        else if (fsync(folder) < 0)
            code = errno;
    }
    close(folder);
    return code;
}

void local_put(const struct local_root *root, struct files_op *op)
{
    char temporary[LOCAL_TEMPORARY_SIZE];
    int code = local_temporary_name(op->key, temporary) < 0
                   ? ENOMEM
                   : object_store(root, op->key, temporary, op->bytes, op->length);
    /* Something on the way to the object is missing or in its way: not an answer about the key.
     */
    if (code == ENOENT || code == ENOTDIR)
        files_answer_set(&op->answer, 500, FILES_CODE_IO, "the way to the object is cut");
    else if (code)
        local_answer_errno(&op->answer, code);
    else
        files_answer_set(&op->answer, 200, NULL, NULL);
}

static int file_read(int file, struct buffer *body)
{
    struct stat status;
    if (fstat(file, &status) < 0)
        return errno;
    if (!S_ISREG(status.st_mode))
        return ENOENT;
    size_t size = (size_t)status.st_size;
    if (size > body->limit - body->length)
        return EMSGSIZE;
    if (buffer_reserve(body, body->length + size) < 0)
        return ENOMEM;
    for (size_t left = size; left;) {
        ssize_t got = read(file, body->bytes + body->length, left);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return got < 0 ? errno : EIO;
        body->length += (size_t)got;
        left -= (size_t)got;
    }
    body->bytes[body->length] = '\0';
    return 0;
}

static int object_read(const struct local_root *root, const char *key, struct buffer *body)
{
    /* Not to wait should it be a pipe. */
    int file = beneath_open(root->folder, key, O_RDONLY | O_NONBLOCK, 0);
    if (file < 0)
        return errno;
    int code = file_read(file, body);
    close(file);
    return code;
}

/* Leaves the part of the object that is wanted. */
static void body_cut(struct files_op *op)
{
    struct buffer *body = &op->body;
    size_t rest = body->length - op->range_first;
    size_t length = rest < op->range_length ? rest : op->range_length;
    memmove(body->bytes, body->bytes + op->range_first, length);
    body->bytes[length] = '\0';
    body->length = length;
    files_answer_set(&op->answer, 206, NULL, NULL);
}

void local_get(const struct local_root *root, struct files_op *op)
{
    int code = object_read(root, op->key, &op->body);
    if (code)
        local_answer_errno(&op->answer, code);
    else if (op->range_length == 0)
        files_answer_set(&op->answer, 200, NULL, NULL);
    else if (op->range_first >= op->body.length)
        files_answer_set(&op->answer, 416, "InvalidRange", "the object is shorter than that");
    else
        body_cut(op);
}

void local_identity_read(const struct local_root *root, struct files_op *op)
{
    struct buffer json;
    char key[FILES_IDENTITY_KEY_SIZE];
    files_identity_key(op->identity.epoch, key);
    buffer_init(&json, FILES_IDENTITY_BYTES_MAX);
    int code = object_read(root, key, &json);
    if (code)
        local_answer_errno(&op->answer, code);
    else if (files_identity_parse(json.bytes, json.length, &op->identity) < 0)
        files_answer_set(&op->answer, 200, FILES_CODE_MALFORMED,
                         "the identity object is not one");
    else
        files_answer_set(&op->answer, 200, NULL, NULL);
    buffer_deinit(&json);
}

/* True if the open file still has the name, and is this process's alone until it is closed. */
static bool identity_lock(const struct local_root *root, int file, const char *name)
{
    struct stat opened, named;
    return flock(file, LOCK_EX | LOCK_NB) == 0 && fstat(file, &opened) == 0 &&
           fstatat(root->temporary, name, &named, AT_SYMLINK_NOFOLLOW) == 0 &&
           opened.st_dev == named.st_dev && opened.st_ino == named.st_ino;
}

/*
 * The temporary file has one name for all: what a process left that was killed is written anew
 * by the next one. Two may be at it at once; a lock keeps them apart, and who comes too late
 * finds that the file has another name.
 */
static int identity_store(const struct local_root *root, const char *key,
                          const struct buffer *json)
{
    char temporary[LOCAL_TEMPORARY_SIZE];
    if (local_temporary_name(key, temporary) < 0)
        return ENOMEM;
    int file =
        openat(root->temporary, temporary, O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (file < 0)
        return errno;
    if (!identity_lock(root, file, temporary)) {
        close(file);
        return EEXIST;
    }
    int code = ftruncate(file, 0) < 0 ? errno : bytes_write(file, json->bytes, json->length);
    if (!code && fsync(file) < 0)
        code = errno;
    if (!code)
        code = temporary_name(root, temporary, root->folder, key);
    if (code)
        unlinkat(root->temporary, temporary, 0);
    else if (fsync(root->folder) < 0)
        code = errno;
    close(file);
    return code;
}

void local_identity_create(const struct local_root *root, struct files_op *op)
{
    struct files_identity wanted = op->identity;
    struct buffer json;
    char key[FILES_IDENTITY_KEY_SIZE];
    /* Begun beside one that is there, and cut short, a file would be left that nobody ends. */
    local_identity_read(root, op);
    if (files_answer_is_ok(&op->answer))
        files_answer_set(&op->answer, 412, NULL, NULL);
    if (op->answer.status != 404)
        return;
    files_identity_key(wanted.epoch, key);
    buffer_init(&json, FILES_IDENTITY_BYTES_MAX);
    int code =
        files_identity_format(&wanted, &json) < 0 ? ENOMEM : identity_store(root, key, &json);
    buffer_deinit(&json);
    if (code && code != EEXIST) {
        local_answer_errno(&op->answer, code);
        return;
    }
    local_identity_read(root, op);
    if (files_answer_is_ok(&op->answer) &&
        (code == EEXIST || !files_identity_equals(&wanted, &op->identity)))
        files_answer_set(&op->answer, 412, NULL, NULL);
    /* Somebody is at it, or gave up: to be tried again. */
    else if (op->answer.status == 404)
        local_answer_errno(&op->answer, EAGAIN);
}
