#include "http/auth.h"

#include "config/limits.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#define TOKENS_MAX         16
#define TOKEN_LENGTH_LEAST 16
#define DIGEST_BYTES       32

/* Digests, not tokens: comparing them takes the same time however long a guess is. */
struct auth {
    unsigned char digests[TOKENS_MAX][DIGEST_BYTES];
    size_t count;
};

static int digest_make(const char *token, size_t length, unsigned char *digest)
{
    return EVP_Digest(token, length, digest, NULL, EVP_sha256(), NULL) == 1 ? 0 : -1;
}

static int token_add(struct auth *auth, const char *path, const char *token, size_t length,
                     struct error *error)
{
    if (length < TOKEN_LENGTH_LEAST)
        return error_set(error, ERROR_CONFIG, "%s: a token has at least %d characters", path,
                         TOKEN_LENGTH_LEAST);
    if (auth->count == TOKENS_MAX)
        return error_set(error, ERROR_CONFIG, "%s: more than %d tokens", path, TOKENS_MAX);
    if (digest_make(token, length, auth->digests[auth->count]) < 0)
        return error_set(error, ERROR_INTERNAL, "%s: cannot hash a token", path);
    auth->count++;
    return 0;
}

static int tokens_read(struct auth *auth, const char *path, char *text, struct error *error)
{
    char *rest = text;
    for (char *line; (line = strsep(&rest, "\n"));) {
        line += strspn(line, " \t\r");
        size_t length = strcspn(line, " \t\r");
        if (length && token_add(auth, path, line, length, error) < 0)
            return -1;
    }
    if (auth->count == 0)
        return error_set(error, ERROR_CONFIG, "%s is empty: write a token of %d or more "
                         "characters into it", path, TOKEN_LENGTH_LEAST);
    return 0;
}

static int file_read(const char *path, char text[static LIMIT_TOKEN_BYTES + 1],
                     struct error *error)
{
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0)
        return error_set_errno(error, ERROR_CONFIG, errno, "cannot read the token file %s", path);
    struct stat status;
    ssize_t length = fstat(file, &status) < 0 ? -1 : read(file, text, LIMIT_TOKEN_BYTES + 1);
    int code = errno;
    close(file);
    if (length < 0)
        return error_set_errno(error, ERROR_CONFIG, code, "cannot read the token file %s", path);
    if (status.st_mode & 077)
        return error_set(error, ERROR_CONFIG,
                         "the token file %s can be read by others: chmod 600 it", path);
    if (length > LIMIT_TOKEN_BYTES)
        return error_set(error, ERROR_CONFIG, "the token file %s is longer than %d bytes", path,
                         LIMIT_TOKEN_BYTES);
    text[length] = '\0';
    return 0;
}

int auth_open(const char *path, struct auth **ret_auth, struct error *error)
{
    char text[LIMIT_TOKEN_BYTES + 1];
    if (file_read(path, text, error) < 0)
        return -1;
    struct auth *auth = calloc(1, sizeof *auth);
    int result = auth ? tokens_read(auth, path, text, error)
                      : error_set(error, ERROR_NO_MEMORY, "no memory for tokens");
    OPENSSL_cleanse(text, sizeof text);
    if (result < 0) {
        auth_close(auth);
        return -1;
    }
    *ret_auth = auth;
    return 0;
}

void auth_close(struct auth *auth)
{
    if (!auth)
        return;
    OPENSSL_cleanse(auth, sizeof *auth);
    free(auth);
}

bool auth_admits(const struct auth *auth, const char *header)
{
    if (!header || strncasecmp(header, "Bearer ", 7) != 0)
        return false;
    header += 7;
    header += strspn(header, " ");
    unsigned char digest[DIGEST_BYTES];
    if (digest_make(header, strlen(header), digest) < 0)
        return false;
    bool admitted = false;
    for (size_t i = 0; i < auth->count; i++)
        admitted |= CRYPTO_memcmp(digest, auth->digests[i], DIGEST_BYTES) == 0;
    return admitted;
}
