#include "http/auth.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/secret.h"
#include "config/limits.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#define TOKENS_MAX         16
#define TOKEN_LENGTH_LEAST 16
#define DIGEST_BYTES       32

/* Between two looks at whether the file has changed. */
#define LOOK_EVERY_MS 1000

/* Digests, not tokens: comparing them takes the same time however long a guess is. */
struct tokens {
    unsigned char digests[TOKENS_MAX][DIGEST_BYTES];
    size_t count;
};

struct auth {
    const char *path;
    pthread_mutex_t lock; /* of what follows */
    struct tokens tokens;
    struct stat seen; /* the file when it was read */
    int64_t looked_at;
};

static int digest_make(const char *token, size_t length, unsigned char *digest)
{
    return EVP_Digest(token, length, digest, NULL, EVP_sha256(), NULL) == 1 ? 0 : -1;
}

static int token_add(struct tokens *tokens, const char *path, const char *token, size_t length,
                     struct error *error)
{
    if (length < TOKEN_LENGTH_LEAST)
        return error_set(error, ERROR_CONFIG, "%s: a token has at least %d characters", path,
                         TOKEN_LENGTH_LEAST);
    if (tokens->count == TOKENS_MAX)
        return error_set(error, ERROR_CONFIG, "%s: more than %d tokens", path, TOKENS_MAX);
    if (digest_make(token, length, tokens->digests[tokens->count]) < 0)
        return error_set(error, ERROR_INTERNAL, "%s: cannot hash a token", path);
    tokens->count++;
    return 0;
}

static int tokens_parse(struct tokens *tokens, const char *path, char *text,
                        struct error *error)
{
    char *rest = text;
    for (char *line; (line = strsep(&rest, "\n"));) {
        line += strspn(line, " \t\r");
        size_t length = strcspn(line, " \t\r");
        if (length && token_add(tokens, path, line, length, error) < 0)
            return -1;
    }
    if (tokens->count == 0)
        return error_set(error, ERROR_CONFIG,
                         "%s is empty: write a token of %d or more "
                         "characters into it",
                         path, TOKEN_LENGTH_LEAST);
    return 0;
}

static int file_read(const char *path, char text[static LIMIT_TOKEN_BYTES + 1],
                     struct stat *ret_status, struct error *error)
{
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0 && errno == ENOENT)
        return error_set(error, ERROR_CONFIG,
                         "there is no token file %s; this makes one: (umask 077; openssl rand "
                         "-hex 32 >%s)",
                         path, path);
    if (file < 0)
        return error_set_errno(error, ERROR_CONFIG, errno, "cannot read the token file %s",
                               path);
    ssize_t length = fstat(file, ret_status) < 0 ? -1 : read(file, text, LIMIT_TOKEN_BYTES + 1);
    int code = errno;
    close(file);
    if (length < 0)
        return error_set_errno(error, ERROR_CONFIG, code, "cannot read the token file %s",
                               path);
    if (secret_is_exposed(ret_status, geteuid()))
        return error_set(error, ERROR_CONFIG,
                         "the token file %s can be read by others: chmod 600 it", path);
    if (length > LIMIT_TOKEN_BYTES)
        return error_set(error, ERROR_CONFIG, "the token file %s is longer than %d bytes", path,
                         LIMIT_TOKEN_BYTES);
    text[length] = '\0';
    return 0;
}

static int tokens_read(const char *path, struct tokens *ret_tokens, struct stat *ret_seen,
                       struct error *error)
{
    char text[LIMIT_TOKEN_BYTES + 2];
    struct tokens tokens = {0};
    if (file_read(path, text, ret_seen, error) < 0)
        return -1;
    int result = tokens_parse(&tokens, path, text, error);
    OPENSSL_cleanse(text, sizeof text);
    if (result == 0)
        *ret_tokens = tokens;
    return result;
}

int auth_open(const char *path, struct auth **ret_auth, struct error *error)
{
    struct auth *auth = calloc(1, sizeof *auth);
    if (!auth || pthread_mutex_init(&auth->lock, NULL) != 0) {
        free(auth);
        return error_set(error, ERROR_NO_MEMORY, "no memory for tokens");
    }
    auth->path = path;
    auth->looked_at = clock_boot_ms();
    if (tokens_read(path, &auth->tokens, &auth->seen, error) < 0) {
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
    pthread_mutex_destroy(&auth->lock);
    OPENSSL_cleanse(auth, sizeof *auth);
    free(auth);
}

static bool file_changed(const struct stat *seen, const struct stat *now)
{
    return seen->st_ino != now->st_ino || seen->st_size != now->st_size ||
           seen->st_mode != now->st_mode || seen->st_mtim.tv_sec != now->st_mtim.tv_sec ||
           seen->st_mtim.tv_nsec != now->st_mtim.tv_nsec;
}

/* Reads a file that changed; one that cannot be used leaves the tokens as they are. */
static void tokens_refresh(struct auth *auth)
{
    struct stat now;
    struct error error;
    int64_t time = clock_boot_ms();
    if (time - auth->looked_at < LOOK_EVERY_MS)
        return;
    auth->looked_at = time;
    if (stat(auth->path, &now) == 0 && !file_changed(&auth->seen, &now))
        return;
    if (tokens_read(auth->path, &auth->tokens, &auth->seen, &error) == 0)
        log_info("the tokens were read anew");
    else
        log_error("the tokens are kept as they were", log_text("error", error.text));
}

bool auth_admits(struct auth *auth, const char *header)
{
    if (!header || strncasecmp(header, "Bearer ", 7) != 0)
        return false;
    header += 7;
    header += strspn(header, " ");
    unsigned char digest[DIGEST_BYTES];
    if (digest_make(header, strlen(header), digest) < 0)
        return false;
    bool admitted = false;
    pthread_mutex_lock(&auth->lock);
    tokens_refresh(auth);
    for (size_t i = 0; i < auth->tokens.count; i++)
        admitted |= CRYPTO_memcmp(digest, auth->tokens.digests[i], DIGEST_BYTES) == 0;
    pthread_mutex_unlock(&auth->lock);
    return admitted;
}
