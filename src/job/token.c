#include "job/token.h"

#include "base/secret.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int file_check(int file, const char *kind, const char *path, struct error *error)
{
    struct stat status;
    if (fstat(file, &status) < 0)
        return error_set_errno(error, ERROR_CONFIG, errno, "%s file %s", kind, path);
    if (!S_ISREG(status.st_mode))
        return error_set(error, ERROR_CONFIG, "%s file %s: not a regular file", kind, path);
    if (secret_is_exposed(&status, geteuid()))
        return error_set(error, ERROR_CONFIG,
                         "%s file %s: others than its user have access (mode %04o): chmod 600",
                         kind, path, (unsigned)(status.st_mode & 07777));
    return 0;
}

static int bytes_read(int file, char *bytes, size_t size, size_t *ret_length)
{
    *ret_length = 0;
    while (*ret_length < size) {
        ssize_t got = read(file, bytes + *ret_length, size - *ret_length);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return (int)got;
        *ret_length += (size_t)got;
    }
    return 0;
}

int token_file_read(const char *kind, const char *path, char *ret_bytes, size_t size,
                    size_t *ret_length, struct error *error)
{
    *ret_length = 0;
    int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (file < 0)
        return error_set_errno(error, ERROR_CONFIG, errno, "%s file %s: cannot be opened", kind,
                               path);
    int result = file_check(file, kind, path, error);
    if (result == 0 && bytes_read(file, ret_bytes, size, ret_length) < 0)
        result = error_set_errno(error, ERROR_CONFIG, errno, "%s file %s: cannot be read", kind,
                                 path);
    else if (result == 0 && *ret_length == size)
        result = error_set(error, ERROR_CONFIG, "%s file %s: larger than %zu bytes", kind, path,
                           size - 1);
    close(file);
    if (result < 0)
        explicit_bzero(ret_bytes, size);
    return result;
}

/* Cuts the blanks around the token off; false if what is left cannot be one. */
static bool token_trim(char *token, size_t length)
{
    size_t start = 0;
    while (length && isspace((unsigned char)token[length - 1]))
        length--;
    while (start < length && isspace((unsigned char)token[start]))
        start++;
    memmove(token, token + start, length - start);
    token[length - start] = '\0';
    for (size_t i = 0; i < length - start; i++) {
        if (!isgraph((unsigned char)token[i]))
            return false;
    }
    return true;
}

int token_read(const char *path, char ret_token[static TOKEN_SIZE], struct error *error)
{
    size_t length;
    if (token_file_read("token", path, ret_token, TOKEN_SIZE, &length, error) < 0)
        return -1;
    int result = 0;
    if (!token_trim(ret_token, length))
        result = error_set(error, ERROR_CONFIG,
                           "token file %s: a token is one word of printable ASCII", path);
    else if (!*ret_token)
        result = error_set(error, ERROR_CONFIG, "token file %s: empty", path);
    if (result < 0)
        token_forget(ret_token);
    return result;
}

void token_forget(char token[static TOKEN_SIZE])
{
    explicit_bzero(token, TOKEN_SIZE);
}
