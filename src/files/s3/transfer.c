#include "files/s3/transfer.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>

/* Room for a digest in hexadecimal, and for any in base64. */
#define SHA256_HEX_SIZE    65
#define DIGEST_BASE64_SIZE 45

/* Longest header line that is sent, in bytes, with its end. */
#define HEADER_SIZE (S3_TOKEN_SIZE + 64)

int s3_transfer_init(struct s3_transfer *transfer)
{
    *transfer = (struct s3_transfer){.easy = curl_easy_init()};
    buffer_init(&transfer->received, S3_ANSWER_BYTES_MAX);
    return transfer->easy ? 0 : -1;
}

void s3_transfer_deinit(struct s3_transfer *transfer)
{
    s3_transfer_clear(transfer);
    curl_easy_cleanup(transfer->easy);
    transfer->easy = NULL;
}

void s3_transfer_clear(struct s3_transfer *transfer)
{
    if (transfer->easy)
        curl_easy_reset(transfer->easy);
    curl_slist_free_all(transfer->headers);
    transfer->headers = NULL;
    buffer_deinit(&transfer->received);
    transfer->object = NULL;
    transfer->header_bytes = 0;
    transfer->too_large = transfer->no_memory = false;
    transfer->error_text[0] = '\0';
}

static size_t on_body(char *bytes, size_t size, size_t count, void *data)
{
    struct s3_transfer *transfer = data;
    size_t length = size * count;
    long status = 0;
    curl_easy_getinfo(transfer->easy, CURLINFO_RESPONSE_CODE, &status);
    struct buffer *body = transfer->object && status == transfer->object_status
                              ? transfer->object
                              : &transfer->received;
    if (length > body->limit - body->length)
        transfer->too_large = true;
    else if (buffer_append(body, bytes, length) < 0)
        transfer->no_memory = true;
    else
        return length;
    return CURL_WRITEFUNC_ERROR;
}

static size_t on_header(char *bytes, size_t size, size_t count, void *data)
{
    struct s3_transfer *transfer = data;
    (void)bytes;
    transfer->header_bytes += size * count;
    transfer->too_large |= transfer->header_bytes > S3_HEADER_BYTES_MAX;
    return transfer->too_large ? CURL_WRITEFUNC_ERROR : size * count;
}

static int sha256_hex(const void *bytes, size_t length, char ret_hex[static SHA256_HEX_SIZE])
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned digest_length = 0;
    if (EVP_Digest(bytes, length, digest, &digest_length, EVP_sha256(), NULL) != 1)
        return -1;
    for (unsigned i = 0; i < digest_length; i++)
        snprintf(ret_hex + 2 * (size_t)i, 3, "%02x", digest[i]);
    return 0;
}

static int digest_base64(const EVP_MD *kind, const void *bytes, size_t length,
                         char ret_text[static DIGEST_BASE64_SIZE])
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned digest_length = 0;
    if (EVP_Digest(bytes, length, digest, &digest_length, kind, NULL) != 1 ||
        digest_length > 32)
        return -1;
    EVP_EncodeBlock((unsigned char *)ret_text, digest, (int)digest_length);
    return 0;
}

/*
 * Adds one header. Its value is never empty: curl would sign the header and not send it, and
 * every answer would be a 403.
 */
static int header_add(struct s3_transfer *transfer, const char *name, const char *value)
{
    char line[HEADER_SIZE];
    int length = snprintf(line, sizeof line, "%s: %s", name, value);
    if (!*value || length < 0 || (size_t)length >= sizeof line)
        return -1;
    struct curl_slist *longer = curl_slist_append(transfer->headers, line);
    if (!longer)
        return -1;
    transfer->headers = longer;
    return 0;
}

/* What a store may want to be sure that a body is whole. */
static int checksums_add(struct s3_transfer *transfer, const struct s3_store *store,
                         const void *bytes, size_t length)
{
    char text[DIGEST_BASE64_SIZE];
    if (digest_base64(EVP_md5(), bytes, length, text) < 0 ||
        header_add(transfer, "Content-MD5", text) < 0)
        return -1;
    if (!store->location.with_sha256)
        return 0;
    return digest_base64(EVP_sha256(), bytes, length, text) < 0
               ? -1
               : header_add(transfer, "x-amz-checksum-sha256", text);
}

/* How objects that are written are encrypted, and who pays. */
static int manner_add(struct s3_transfer *transfer, const struct s3_location *location,
                      const struct s3_call *call)
{
    if (location->requester_pays &&
        header_add(transfer, "x-amz-request-payer", "requester") < 0)
        return -1;
    if (strcmp(call->method, "PUT") != 0)
        return 0;
    if (location->encryption[0] &&
        header_add(transfer, "x-amz-server-side-encryption", location->encryption) < 0)
        return -1;
    return location->encryption_key[0]
               ? header_add(transfer, "x-amz-server-side-encryption-aws-kms-key-id",
                            location->encryption_key)
               : 0;
}

/* What we are doing is a part of what a caller does, who may see it through the store. */
static int trace_add(struct s3_transfer *transfer, const struct trace *trace)
{
    char parent[TRACE_PARENT_SIZE];
    if (!trace || !trace->given)
        return 0;
    trace_format(trace, parent);
    return header_add(transfer, "traceparent", parent);
}

static int headers_build(struct s3_transfer *transfer, const struct s3_store *store,
                         const struct s3_call *call, const void *bytes, size_t length)
{
    char sha256[SHA256_HEX_SIZE];
    if (sha256_hex(bytes, length, sha256) < 0 ||
        header_add(transfer, "x-amz-content-sha256", sha256) < 0 ||
        manner_add(transfer, &store->location, call) < 0 ||
        trace_add(transfer, call->trace) < 0)
        return -1;
    if (call->content_type && (header_add(transfer, "Content-Type", call->content_type) < 0 ||
                               checksums_add(transfer, store, bytes, length) < 0))
        return -1;
    if (call->range && header_add(transfer, "Range", call->range) < 0)
        return -1;
    if (call->only_new && header_add(transfer, "If-None-Match", "*") < 0)
        return -1;
    return store->credentials.token[0]
               ? header_add(transfer, "x-amz-security-token", store->credentials.token)
               : 0;
}

static bool url_set(CURL *easy, const struct s3_store *store, const struct s3_call *call)
{
    struct buffer url;
    buffer_init(&url, S3_URL_BYTES_MAX);
    bool set = s3_location_url(&store->location, call->key, call->parameters,
                               call->parameter_count, &url) == 0 &&
               curl_easy_setopt(easy, CURLOPT_URL, url.bytes) == CURLE_OK;
    buffer_deinit(&url);
    return set;
}

static bool signing_set(CURL *easy, const struct s3_store *store)
{
    return curl_easy_setopt(easy, CURLOPT_AWS_SIGV4, store->signing) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_USERNAME, store->credentials.key_id) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_PASSWORD, store->credentials.secret) == CURLE_OK;
}

static bool limits_set(CURL *easy, int64_t timeout_ms)
{
    long total = timeout_ms > INT32_MAX ? INT32_MAX : (long)timeout_ms;
    long connecting = total < S3_CONNECT_MS ? total : S3_CONNECT_MS;
    return curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, total) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, connecting) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_EXPECT_100_TIMEOUT_MS, (long)S3_EXPECT_MS) ==
               CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L) == CURLE_OK;
}

/* Nobody but the server in the URL is asked, by nothing but HTTP/1.1. */
static bool way_set(CURL *easy, const struct s3_store *store, bool once)
{
    return curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https") == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1) ==
               CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_PROXY, "") == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_PATH_AS_IS, 1L) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, once ? 1L : 0L) == CURLE_OK &&
           (!store->trusted ||
            curl_easy_setopt(easy, CURLOPT_CAINFO, store->trusted) == CURLE_OK);
}

static bool body_set(CURL *easy, const struct s3_call *call, const void *bytes, size_t length)
{
    if (call->content_type &&
        (curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)length) != CURLE_OK ||
         curl_easy_setopt(easy, CURLOPT_POSTFIELDS, bytes) != CURLE_OK))
        return false;
    /* Told by its name alone, curl would wait for the body of a HEAD. */
    if (strcmp(call->method, "HEAD") == 0)
        return curl_easy_setopt(easy, CURLOPT_NOBODY, 1L) == CURLE_OK;
    return curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, call->method) == CURLE_OK;
}

static bool callbacks_set(struct s3_transfer *transfer)
{
    CURL *easy = transfer->easy;
    return curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_WRITEDATA, transfer) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_HEADERDATA, transfer) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, transfer->error_text) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_HTTPHEADER, transfer->headers) == CURLE_OK;
}

int s3_transfer_prepare(struct s3_transfer *transfer, const struct s3_store *store,
                        const struct s3_call *call)
{
    const void *bytes = call->length ? call->bytes : "";
    s3_transfer_clear(transfer);
    transfer->object = call->object;
    transfer->object_status = call->range ? 206 : 200;
    bool ready = headers_build(transfer, store, call, bytes, call->length) == 0 &&
                 url_set(transfer->easy, store, call) && signing_set(transfer->easy, store) &&
                 limits_set(transfer->easy, call->timeout_ms) &&
                 way_set(transfer->easy, store, call->once) &&
                 body_set(transfer->easy, call, bytes, call->length) && callbacks_set(transfer);
    return ready ? 0 : -1;
}
