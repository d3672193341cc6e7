#include "files/s3/link.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define DIGEST_SIZE 32
#define HEX_SIZE    (2 * DIGEST_SIZE + 1)

/* "20260101T000000Z", and the day at its start. */
#define INSTANT_SIZE 17
#define DAY_LENGTH   8

#define PARAMETERS_MAX 8

struct scope {
    char instant[INSTANT_SIZE];
    char text[DAY_LENGTH + S3_REGION_SIZE + 32]; /* day/region/s3/aws4_request */
};

static void hex_write(const unsigned char digest[static DIGEST_SIZE],
                      char ret_hex[static HEX_SIZE])
{
    for (size_t i = 0; i < DIGEST_SIZE; i++)
        snprintf(ret_hex + 2 * i, 3, "%02x", digest[i]);
}

static int sha256_hex(const char *text, size_t length, char ret_hex[static HEX_SIZE])
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    if (EVP_Digest(text, length, digest, NULL, EVP_sha256(), NULL) != 1)
        return -1;
    hex_write(digest, ret_hex);
    return 0;
}

static int hmac(const void *key, size_t key_length, const char *text, size_t length,
                unsigned char ret_digest[static DIGEST_SIZE])
{
    return HMAC(EVP_sha256(), key, (int)key_length, (const unsigned char *)text, length,
                ret_digest, NULL)
               ? 0
               : -1;
}

/* Four rounds lead from the secret to the key of one day, region and service. */
static int signature_write(const struct s3_location *location,
                           const struct s3_credentials *credentials, const struct scope *scope,
                           const struct buffer *text, char ret_hex[static HEX_SIZE])
{
    char secret[S3_SECRET_SIZE + 4];
    unsigned char key[DIGEST_SIZE];
    int length = snprintf(secret, sizeof secret, "AWS4%s", credentials->secret);
    int failed = hmac(secret, (size_t)length, scope->instant, DAY_LENGTH, key) < 0 ||
                 hmac(key, sizeof key, location->region, strlen(location->region), key) < 0 ||
                 hmac(key, sizeof key, "s3", 2, key) < 0 ||
                 hmac(key, sizeof key, "aws4_request", 12, key) < 0 ||
                 hmac(key, sizeof key, text->bytes, text->length, key) < 0;
    hex_write(key, ret_hex);
    explicit_bzero(secret, sizeof secret);
    explicit_bzero(key, sizeof key);
    return failed ? -1 : 0;
}

/* What is signed of the request: nothing but its method, address and host. */
static int request_digest(const char *method, const char *url, char ret_hex[static HEX_SIZE])
{
    const char *host = strstr(url, "://") + 3;
    const char *path = host + strcspn(host, "/");
    size_t path_length = strcspn(path, "?");
    const char *query = path + path_length + (path[path_length] == '?');
    struct buffer request;
    buffer_init(&request, 2 * S3_LINK_BYTES_MAX);
    int failed =
        buffer_printf(&request, "%s\n%.*s\n%s\nhost:%.*s\n\nhost\nUNSIGNED-PAYLOAD", method,
                      (int)path_length, path, query, (int)(path - host), host) < 0 ||
        sha256_hex(request.bytes, request.length, ret_hex) < 0;
    buffer_deinit(&request);
    return failed ? -1 : 0;
}

static int signature_append(const struct s3_location *location,
                            const struct s3_credentials *credentials, const struct scope *scope,
                            const char *method, struct buffer *url)
{
    char digest[HEX_SIZE], signature[HEX_SIZE];
    struct buffer text;
    buffer_init(&text, 1024);
    int failed = request_digest(method, url->bytes, digest) < 0 ||
                 buffer_printf(&text, "AWS4-HMAC-SHA256\n%s\n%s\n%s", scope->instant,
                               scope->text, digest) < 0 ||
                 signature_write(location, credentials, scope, &text, signature) < 0 ||
                 buffer_printf(url, "&X-Amz-Signature=%s", signature) < 0;
    buffer_deinit(&text);
    return failed ? -1 : 0;
}

static int scope_write(struct scope *scope, const struct s3_location *location, int64_t wall_ms)
{
    time_t now = (time_t)(wall_ms / 1000);
    struct tm tm;
    if (!gmtime_r(&now, &tm) ||
        strftime(scope->instant, sizeof scope->instant, "%Y%m%dT%H%M%SZ", &tm) == 0)
        return -1;
    snprintf(scope->text, sizeof scope->text, "%.8s/%s/s3/aws4_request", scope->instant,
             location->region);
    return 0;
}

int s3_link_write(const struct s3_location *location, const struct s3_credentials *credentials,
                  const char *method, const char *key, int64_t seconds, int64_t wall_ms,
                  struct buffer *ret_url)
{
    struct scope scope;
    struct s3_location public = *location;
    char credential[S3_KEY_ID_SIZE + sizeof scope.text], life[24];
    if (scope_write(&scope, location, wall_ms) < 0)
        return -1;
    if (location->public_authority[0]) {
        memcpy(public.authority, location->public_authority, sizeof public.authority);
        public.tls = location->public_tls;
    }
    snprintf(credential, sizeof credential, "%s/%s", credentials->key_id, scope.text);
    snprintf(life, sizeof life, "%lld", (long long)seconds);
    struct s3_parameter parameters[PARAMETERS_MAX] = {
        {"X-Amz-Algorithm", "AWS4-HMAC-SHA256"}, {"X-Amz-Credential", credential},
        {"X-Amz-Date", scope.instant},           {"X-Amz-Expires", life},
        {"X-Amz-SignedHeaders", "host"},
    };
    size_t count = 5;
    if (credentials->token[0])
        parameters[count++] = (struct s3_parameter){"X-Amz-Security-Token", credentials->token};
    if (location->requester_pays)
        parameters[count++] = (struct s3_parameter){"x-amz-request-payer", "requester"};
    return s3_location_url(&public, key, parameters, count, ret_url) < 0
               ? -1
               : signature_append(location, credentials, &scope, method, ret_url);
}
