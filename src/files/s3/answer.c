#include "files/s3/answer.h"

#include "files/s3/redirect.h"
#include "files/s3/xml.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

static bool body_is_empty(const struct buffer *body)
{
    for (size_t i = 0; i < body->length; i++) {
        if (!isspace((unsigned char)body->bytes[i]))
            return false;
    }
    return true;
}

static void answer_malformed(struct files_answer *answer, int status)
{
    files_answer_set(answer, status, FILES_CODE_MALFORMED,
                     "the body is not what S3 answers to this");
}

/* An <Error> without a code says no more than that something is wrong. */
static void answer_error(struct files_answer *answer, int status, const struct s3_error *error)
{
    files_answer_set(answer, status, error->code, error->message);
    if (!answer->code[0])
        answer_malformed(answer, status);
}

/* Reads a body in which only an <Error>, or nothing, has a place. */
static void answer_plain(struct files_answer *answer, const struct s3_transfer *transfer,
                         int status)
{
    struct s3_error error;
    const struct buffer *body = &transfer->received;
    if (body_is_empty(body))
        files_answer_set(answer, status, NULL, NULL);
    else if (s3_xml_read(body->bytes, body->length, &error, NULL, NULL) == S3_DOCUMENT_ERROR) {
        answer_error(answer, status, &error);
        s3_redirect_explain(answer, transfer, &error);
    } else {
        answer_malformed(answer, status);
    }
}

static void answer_marker(struct files_answer *answer, int status)
{
    files_answer_set(answer, status, S3_CODE_MARKER,
                     "the bucket keeps versions: the object is hidden, not deleted");
}

bool s3_code_is_absence(const char *code)
{
    return strcmp(code, "NoSuchKey") == 0 || strcmp(code, "NoSuchVersion") == 0;
}

struct batch {
    struct files_op *op;
    const char *prefix;
    int status;
    size_t next; /* answers come in the order of the keys, as a rule */
    bool answered[FILES_DELETE_KEYS_MAX];
    struct files_answer answers[FILES_DELETE_KEYS_MAX];
};

/* Finds the key that an entry is about; op->count if there is none. */
static size_t batch_find(const struct batch *batch, const char *key)
{
    const struct files_op *op = batch->op;
    size_t prefix = strlen(batch->prefix);
    if (strncmp(key, batch->prefix, prefix) != 0)
        return op->count;
    for (size_t i = 0; i < op->count; i++) {
        size_t at = (batch->next + i) % op->count;
        if (strcmp(op->keys[at], key + prefix) == 0)
            return at;
    }
    return op->count;
}

/* A key with several versions may have several entries: one that failed outweighs the others.
 */
static void batch_take(void *owner, const struct s3_deleted *deleted)
{
    struct batch *batch = owner;
    size_t at = batch_find(batch, deleted->key);
    if (at == batch->op->count)
        return;
    struct files_answer *answer = &batch->answers[at];
    bool absent = deleted->failed && s3_code_is_absence(deleted->error.code);
    if (deleted->failed && !absent)
        answer_error(answer, batch->status, &deleted->error);
    else if (deleted->marker)
        answer_marker(answer, batch->status);
    else if (!batch->answered[at])
        files_answer_set(answer, absent ? 404 : batch->status, NULL, NULL);
    batch->answered[at] = true;
    batch->next = at + 1;
}

static void answer_batch(struct files_op *op, const struct s3_transfer *transfer,
                         const char *prefix, int status)
{
    struct s3_error error;
    struct batch batch = {.op = op, .prefix = prefix, .status = status};
    enum s3_document document = s3_xml_read(transfer->received.bytes, transfer->received.length,
                                            &error, batch_take, &batch);
    if (document == S3_DOCUMENT_ERROR)
        answer_error(&op->answer, status, &error);
    else if (document == S3_DOCUMENT_MALFORMED)
        answer_malformed(&op->answer, status);
    else
        files_answer_set(&op->answer, status, NULL, NULL);
    if (document != S3_DOCUMENT_DELETED)
        return;
    for (size_t i = 0; i < op->count; i++) {
        if (!files_key_is_open(op, i))
            continue;
        if (batch.answered[i])
            op->answers[i] = batch.answers[i];
        else
            files_answer_set(&op->answers[i], status, FILES_CODE_UNANSWERED,
                             "the answer does not name this key");
    }
}

static bool is_tls_failure(CURLcode result)
{
    switch (result) {
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CIPHER:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_SSL_INVALIDCERTSTATUS:
    case CURLE_SSL_SHUTDOWN_FAILED:
    case CURLE_USE_SSL_FAILED:
        return true;
    default:
        return false;
    }
}

static const char *timeout_code(CURL *easy)
{
    curl_off_t ready_us = 0;
    curl_easy_getinfo(easy, CURLINFO_PRETRANSFER_TIME_T, &ready_us);
    return ready_us ? FILES_CODE_TIMEOUT : FILES_CODE_UNREACHABLE;
}

static bool is_unsound_answer(const struct s3_transfer *transfer, CURLcode result)
{
    return transfer->too_large || result == CURLE_PARTIAL_FILE ||
           result == CURLE_WEIRD_SERVER_REPLY || result == CURLE_UNSUPPORTED_PROTOCOL;
}

/* No whole answer came: says why. */
static void answer_failure(struct files_answer *answer, struct s3_transfer *transfer,
                           CURLcode result, int status)
{
    const char *code = FILES_CODE_RESET;
    bool unsound = is_unsound_answer(transfer, result);
    if (transfer->no_memory || result == CURLE_OUT_OF_MEMORY)
        code = FILES_CODE_NO_MEMORY;
    else if (unsound)
        code = transfer->object && status == transfer->object_status && transfer->too_large
                   ? FILES_CODE_TOO_LARGE
                   : FILES_CODE_MALFORMED;
    else if (result == CURLE_OPERATION_TIMEDOUT)
        code = timeout_code(transfer->easy);
    else if (result == CURLE_COULDNT_CONNECT || result == CURLE_COULDNT_RESOLVE_HOST)
        code = FILES_CODE_UNREACHABLE;
    else if (is_tls_failure(result))
        code = FILES_CODE_TLS;
    files_answer_set(answer, unsound ? status : 0, code,
                     transfer->error_text[0] ? transfer->error_text
                                             : curl_easy_strerror(result));
}

static bool has_marker(CURL *easy)
{
    struct curl_header *marker;
    return curl_easy_header(easy, "x-amz-delete-marker", 0, CURLH_HEADER, -1, &marker) ==
               CURLHE_OK &&
           strcmp(marker->value, "true") == 0;
}

/* Reads a 2xx answer. */
static void answer_success(struct files_op *op, enum s3_kind kind,
                           const struct s3_transfer *transfer, const char *prefix, int status)
{
    bool is_plain = kind == S3_WRITES || kind == S3_DELETES_ONE;
    if (kind == S3_DELETES_ONE && has_marker(transfer->easy))
        answer_marker(&op->answer, status);
    else if (is_plain)
        answer_plain(&op->answer, transfer, status);
    else if (status != (kind == S3_READS_PART ? 206 : 200))
        answer_malformed(&op->answer, status);
    else if (kind == S3_READS || kind == S3_READS_PART)
        files_answer_set(&op->answer, status, NULL, NULL);
    else
        answer_batch(op, transfer, prefix, status);
}

static int64_t retry_after_ms(CURL *easy)
{
    curl_off_t seconds = 0;
    curl_easy_getinfo(easy, CURLINFO_RETRY_AFTER, &seconds);
    int64_t most = S3_RETRY_AFTER_MS_MAX / 1000;
    return (seconds > most ? most : seconds) * 1000;
}

void s3_answer_read(struct files_op *op, enum s3_kind kind, struct s3_transfer *transfer,
                    CURLcode result, const char *prefix)
{
    long status = 0;
    curl_easy_getinfo(transfer->easy, CURLINFO_RESPONSE_CODE, &status);
    struct files_answer *answer = &op->answer;
    if (result != CURLE_OK) {
        answer_failure(answer, transfer, result, (int)status);
        return;
    }
    if (status >= 200 && status < 300) {
        answer_success(op, kind, transfer, prefix, (int)status);
    } else if (status >= 300 && status < 400) {
        s3_redirect_read(answer, transfer, (int)status);
    } else {
        answer_plain(answer, transfer, (int)status);
        if (kind == S3_DELETES_ONE && status == 404 && s3_code_is_absence(answer->code))
            files_answer_set(answer, 404, NULL, NULL);
        /* "Not found" alone says nothing about the keys inside. */
        if (kind == S3_DELETES_ALL && status == 404 && !answer->code[0])
            answer_malformed(answer, 404);
    }
    answer->retry_after_ms = retry_after_ms(transfer->easy);
}
