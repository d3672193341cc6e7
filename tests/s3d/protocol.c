#include "protocol.h"

#include "base/clock.h"
#include "config/options.h"
#include "digest.h"
#include "versions.h"
#include "xml.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define REPLY_BODY_MAX (8u << 20)
#define LIST_KEYS_MAX  1000

void reply_init(struct reply *reply)
{
    *reply = (struct reply){.status = 200, .code = "", .content_type = "application/xml"};
    buffer_init(&reply->body, REPLY_BODY_MAX);
}

void reply_deinit(struct reply *reply)
{
    buffer_deinit(&reply->body);
    if (reply->object)
        object_release(reply->object);
    reply->object = NULL;
}

void reply_fail(struct reply *reply, int status, const char *code, const char *text)
{
    reply->status = status;
    reply->code = code;
    buffer_deinit(&reply->body);
    /* A document that does not fit into memory is left out: the status says enough. */
    if (buffer_append_text(&reply->body, XML_HEAD "<Error>") < 0 ||
        xml_append_element(&reply->body, "Code", code) < 0 ||
        xml_append_element(&reply->body, "Message", text) < 0 ||
        buffer_append_text(&reply->body, "</Error>") < 0)
        buffer_deinit(&reply->body);
}

void reply_no_memory(struct reply *reply)
{
    reply_fail(reply, 500, "InternalError", "out of memory");
}

bool reply_no_bucket(struct reply *reply)
{
    reply_fail(reply, 404, "NoSuchBucket", "The bucket does not exist");
    return false;
}

static bool reply_not_implemented(struct reply *reply)
{
    reply_fail(reply, 501, "NotImplemented", "This stand-in does not speak that part of S3");
    return false;
}

static bool bucket_name_is_valid(const char *name, size_t length)
{
    return length >= 3 && length < BUCKET_NAME_SIZE &&
           strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789.-") >= length;
}

static bool path_split(struct request *request, const char *path, struct reply *reply)
{
    size_t length = strcspn(path + 1, "/");
    const char *key = path[1 + length] ? path + 2 + length : "";
    if (!bucket_name_is_valid(path + 1, length)) {
        reply_fail(reply, 400, "InvalidBucketName", "The bucket's name is not valid");
        return false;
    }
    if (strlen(key) >= KEY_SIZE) {
        reply_fail(reply, 400, "KeyTooLongError", "The key is too long");
        return false;
    }
    memcpy(request->bucket, path + 1, length);
    request->bucket[length] = '\0';
    memcpy(request->key, key, strlen(key) + 1);
    return true;
}

bool request_classify(struct request *request, const char *method, const char *path,
                      bool is_batch, bool extra, struct reply *reply)
{
    static const struct {
        const char *method;
        bool has_key;
        enum verb verb;
    } verbs[] = {{"PUT", true, VERB_PUT},     {"GET", true, VERB_GET},
                 {"HEAD", true, VERB_HEAD},   {"DELETE", true, VERB_DELETE},
                 {"POST", false, VERB_BATCH}, {"GET", false, VERB_LIST},
                 {"PUT", false, VERB_BUCKET}, {"HEAD", false, VERB_BUCKET}};
    if (path[0] != '/' || !path[1] || extra)
        return reply_not_implemented(reply);
    if (!path_split(request, path, reply))
        return false;
    request->head = strcmp(method, "HEAD") == 0;
    for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++) {
        if (strcmp(verbs[i].method, method) == 0 && verbs[i].has_key == (*request->key != 0) &&
            (verbs[i].verb == VERB_BATCH) == is_batch) {
            request->verb = verbs[i].verb;
            return true;
        }
    }
    return reply_not_implemented(reply);
}

/* A link that is whole and has not expired; its signature has the right form, and no more. */
static bool link_is_good(const struct request *request)
{
    struct tm tm = {0};
    int64_t seconds;
    const char *rest =
        request->link_date ? strptime(request->link_date, "%Y%m%dT%H%M%SZ", &tm) : NULL;
    if (!rest || *rest || !request->link_expires || !request->link_signature ||
        strspn(request->link_signature, "0123456789abcdef") != 64 ||
        strlen(request->link_signature) != 64 ||
        number_parse(request->link_expires, &seconds) < 0)
        return false;
    return clock_wall_ms() < ((int64_t)timegm(&tm) + seconds) * 1000;
}

bool protocol_admit(const struct protocol *protocol, const struct request *request,
                    struct reply *reply)
{
    static const char scheme[] = "AWS4-HMAC-SHA256 ";
    const char *given = request->authorization;
    bool is_link = !given && request->link_credential;
    if (is_link && !link_is_good(request)) {
        reply_fail(reply, 403, "AccessDenied", "The link is malformed or has expired");
        return false;
    }
    if (!is_link && (!given || strncmp(given, scheme, sizeof scheme - 1) != 0)) {
        reply_fail(reply, 403, "AccessDenied", "A signature is needed");
        return false;
    }
    const char *credential = is_link ? NULL : strstr(given, "Credential=");
    const char *name = is_link      ? request->link_credential
                       : credential ? credential + strlen("Credential=")
                                    : "";
    size_t length = strcspn(name, "/");
    if (protocol->access_key && (strlen(protocol->access_key) != length ||
                                 strncmp(protocol->access_key, name, length) != 0)) {
        reply_fail(reply, 403, "InvalidAccessKeyId", "The access key is not known");
        return false;
    }
    return true;
}

/* True if the checksums that came with the body are of this body. */
static bool body_is_intact(const struct request *request, struct reply *reply)
{
    char md5[MD5_BASE64_SIZE], sha256[SHA256_HEX_SIZE];
    if (request->content_md5 && (!digest_md5_base64(request->body, request->length, md5) ||
                                 strcmp(md5, request->content_md5) != 0)) {
        reply_fail(reply, 400, "BadDigest", "Content-MD5 is not that of the body");
        return false;
    }
    if (request->sha256 && strcmp(request->sha256, "UNSIGNED-PAYLOAD") != 0 &&
        (!digest_sha256_hex(request->body, request->length, sha256) ||
         strcmp(sha256, request->sha256) != 0)) {
        reply_fail(reply, 400, "XAmzContentSHA256Mismatch",
                   "x-amz-content-sha256 is not that of the body");
        return false;
    }
    return true;
}

static struct object *object_from(const struct request *request)
{
    char *bytes = malloc(request->length ? request->length : 1);
    if (!bytes)
        return NULL;
    if (request->length)
        memcpy(bytes, request->body, request->length);
    struct object *object =
        object_create(bytes, request->length,
                      request->content_type ? request->content_type : "binary/octet-stream");
    if (object && !digest_md5_hex(bytes, request->length, object->etag)) {
        object_release(object);
        return NULL;
    }
    return object;
}

static void object_put(const struct protocol *protocol, const struct request *request,
                       struct reply *reply)
{
    if (!body_is_intact(request, reply))
        return;
    if (request->retention || request->legal_hold) {
        versions_lock(protocol, request, reply);
        return;
    }
    struct object *object = object_from(request);
    if (!object) {
        reply_no_memory(reply);
        return;
    }
    bool only_new = request->if_none_match && strcmp(request->if_none_match, "*") == 0;
    atomic_fetch_add(&object->references, 1);
    switch (store_put(protocol->store, request->bucket, request->key, object, only_new)) {
    case STORE_OK:
        reply->object = object;
        return;
    case STORE_EXISTS:
        reply_fail(reply, 412, "PreconditionFailed", "The key exists");
        break;
    case STORE_NO_BUCKET:
        reply_no_bucket(reply);
        break;
    case STORE_NO_KEY:
    case STORE_MARKER:
    case STORE_LOCKED:
    case STORE_NO_MEMORY:
        reply_no_memory(reply);
        break;
    }
    object_release(object);
    object_release(object);
}

/* Reads "bytes=FIRST-LAST", "bytes=FIRST-" or "bytes=-COUNT"; -1: not one of these. */
static int range_parse(const char *text, size_t length, size_t *ret_from, size_t *ret_to)
{
    uint64_t from = 0, to = 0;
    char after;
    if (sscanf(text, "bytes=%" SCNu64 "-%" SCNu64 "%c", &from, &to, &after) == 2) {
        *ret_from = (size_t)from;
        *ret_to = to < length ? (size_t)to : length - 1;
    } else if (sscanf(text, "bytes=-%" SCNu64 "%c", &to, &after) == 1) {
        *ret_from = to < length ? length - (size_t)to : 0;
        *ret_to = length - 1;
    } else if (sscanf(text, "bytes=%" SCNu64 "%c%c", &from, &after, &after) == 2 &&
               after == '-') {
        *ret_from = (size_t)from;
        *ret_to = length - 1;
    } else {
        return -1;
    }
    return 0;
}

static void object_get(const struct protocol *protocol, const struct request *request,
                       struct reply *reply)
{
    enum store_outcome outcome = store_get(protocol->store, request->bucket, request->key,
                                           request->version, &reply->object, &reply->version);
    if (outcome == STORE_NO_BUCKET) {
        reply_no_bucket(reply);
    } else if (outcome != STORE_OK) {
        reply_fail(reply, 404, "NoSuchKey", "The key does not exist");
    } else {
        size_t from = 0, to = 0, length = reply->object->length;
        reply->length = length;
        if (!request->range || range_parse(request->range, length, &from, &to) < 0)
            return;
        if (from >= length || to < from) {
            object_release(reply->object);
            reply->object = NULL;
            reply_fail(reply, 416, "InvalidRange", "The range cannot be satisfied");
            return;
        }
        reply->status = 206;
        reply->offset = from;
        reply->length = to - from + 1;
    }
}

static void object_delete(const struct protocol *protocol, const struct request *request,
                          struct reply *reply)
{
    reply->asked = 1;
    enum store_outcome outcome = store_delete(protocol->store, request->bucket, request->key,
                                              request->version, &reply->version);
    if (outcome == STORE_NO_BUCKET) {
        reply_no_bucket(reply);
    } else if (outcome == STORE_LOCKED) {
        reply_fail(reply, 403, "AccessDenied", VERSIONS_LOCKED);
    } else {
        reply->deleted = outcome == STORE_OK;
        reply->status = 204;
    }
}

/* A DeleteObjects call under way: keys first, effects only once the whole body made sense. */
struct batch {
    struct buffer keys; /* each key and its version NUL-terminated, one after the other */
};

static bool batch_collect(void *owner, const char *key, const char *version)
{
    struct batch *batch = owner;
    return buffer_append(&batch->keys, key, strlen(key) + 1) == 0 &&
           buffer_append(&batch->keys, version, strlen(version) + 1) == 0;
}

static int batch_refuse_key(const char *key, const char *version, const char *code,
                            const char *text, struct buffer *out)
{
    return buffer_append_text(out, "<Error>") < 0 || xml_append_element(out, "Key", key) < 0 ||
                   (*version && xml_append_element(out, "VersionId", version) < 0) ||
                   xml_append_element(out, "Code", code) < 0 ||
                   xml_append_element(out, "Message", text) < 0 ||
                   buffer_append_text(out, "</Error>") < 0
               ? -1
               : 0;
}

static int batch_delete_key(const struct protocol *protocol, const struct request *request,
                            const char *key, const char *version, bool quiet,
                            struct reply *reply)
{
    struct fault fault;
    struct version found = {.id = ""};
    struct buffer *out = &reply->body;
    reply->asked++;
    faults_judge_key(protocol->faults, key, &fault);
    if (fault.kind == FAULT_UNLIST)
        return 0;
    if (fault.kind == FAULT_KEY_ERROR)
        return batch_refuse_key(key, version, fault.code, "refused on purpose", out);
    enum store_outcome outcome =
        store_delete(protocol->store, request->bucket, key, *version ? version : NULL, &found);
    if (outcome == STORE_LOCKED)
        return batch_refuse_key(key, version, "AccessDenied", VERSIONS_LOCKED, out);
    reply->deleted += outcome == STORE_OK;
    if (quiet)
        return 0;
    return buffer_append_text(out, "<Deleted>") < 0 ||
                   xml_append_element(out, "Key", key) < 0 ||
                   (*version && xml_append_element(out, "VersionId", version) < 0) ||
                   (found.marker && buffer_printf(out,
                                                  "<DeleteMarker>true</DeleteMarker>"
                                                  "<DeleteMarkerVersionId>%s"
                                                  "</DeleteMarkerVersionId>",
                                                  found.id) < 0) ||
                   buffer_append_text(out, "</Deleted>") < 0
               ? -1
               : 0;
}

static int batch_delete(const struct protocol *protocol, const struct request *request,
                        const struct batch *batch, bool quiet, struct reply *reply)
{
    if (buffer_append_text(&reply->body, XML_HEAD "<DeleteResult" XML_NAMESPACE ">") < 0)
        return -1;
    const char *end = batch->keys.bytes + batch->keys.length;
    const char *version;
    for (const char *key = batch->keys.bytes; key < end; key = version + strlen(version) + 1) {
        version = key + strlen(key) + 1;
        if (batch_delete_key(protocol, request, key, version, quiet, reply) < 0)
            return -1;
    }
    return buffer_append_text(&reply->body, "</DeleteResult>");
}

static void batch_answer(const struct protocol *protocol, const struct request *request,
                         struct reply *reply)
{
    if (!store_bucket_exists(protocol->store, request->bucket)) {
        reply_no_bucket(reply);
        return;
    }
    if (!request->content_md5) {
        reply_fail(reply, 400, "InvalidRequest", "Content-MD5 is needed");
        return;
    }
    if (!body_is_intact(request, reply))
        return;
    struct batch batch;
    bool quiet;
    buffer_init(&batch.keys, REQUEST_BODY_MAX);
    switch (xml_read_delete(request->body, request->length, &quiet, batch_collect, &batch)) {
    case XML_OK:
        if (batch_delete(protocol, request, &batch, quiet, reply) < 0)
            reply_no_memory(reply);
        break;
    case XML_MALFORMED:
        reply_fail(reply, 400, "MalformedXML", "The body is not a list of keys to delete");
        break;
    case XML_NO_MEMORY:
        reply_no_memory(reply);
        break;
    }
    buffer_deinit(&batch.keys);
}

/* A page of a listing under way. */
struct page {
    struct buffer *out;
    size_t limit, count;
    char last[KEY_SIZE];
    bool truncated, failed;
};

static bool page_add(void *owner, const char *key, const struct object *object)
{
    struct page *page = owner;
    if (page->count == page->limit) {
        page->truncated = true;
        return false;
    }
    char modified[CLOCK_TEXT_SIZE];
    clock_format_utc(object->modified_ms, modified);
    page->failed = buffer_append_text(page->out, "<Contents>") < 0 ||
                   xml_append_element(page->out, "Key", key) < 0 ||
                   buffer_printf(page->out,
                                 "<LastModified>%s</LastModified><ETag>&quot;%s&quot;</ETag>"
                                 "<Size>%zu</Size><StorageClass>STANDARD</StorageClass>"
                                 "</Contents>",
                                 modified, object->etag, object->length) < 0;
    memcpy(page->last, key, strlen(key) + 1);
    page->count++;
    return !page->failed;
}

static int page_write(const struct protocol *protocol, const struct request *request,
                      size_t limit, struct buffer *out)
{
    const char *prefix = request->prefix ? request->prefix : "";
    const char *after = request->token         ? request->token
                        : request->start_after ? request->start_after
                                               : "";
    struct page page = {.out = out, .limit = limit};
    if (buffer_append_text(out, XML_HEAD "<ListBucketResult" XML_NAMESPACE ">") < 0 ||
        xml_append_element(out, "Name", request->bucket) < 0 ||
        xml_append_element(out, "Prefix", prefix) < 0)
        return -1;
    store_list(protocol->store, request->bucket, prefix, after, page_add, &page);
    if (page.failed || (page.truncated && page.count &&
                        xml_append_element(out, "NextContinuationToken", page.last) < 0))
        return -1;
    return buffer_printf(out,
                         "<KeyCount>%zu</KeyCount><MaxKeys>%zu</MaxKeys>"
                         "<IsTruncated>%s</IsTruncated></ListBucketResult>",
                         page.count, limit, page.truncated ? "true" : "false");
}

static void bucket_list(const struct protocol *protocol, const struct request *request,
                        struct reply *reply)
{
    int64_t limit = LIST_KEYS_MAX;
    if (!store_bucket_exists(protocol->store, request->bucket)) {
        reply_no_bucket(reply);
        return;
    }
    if (request->location) {
        if (buffer_append_text(&reply->body,
                               XML_HEAD "<LocationConstraint" XML_NAMESPACE "/>") < 0)
            reply_no_memory(reply);
        return;
    }
    if (request->versioning) {
        versions_tell_keeping(protocol, request, reply);
        return;
    }
    if (request->max_keys && number_parse(request->max_keys, &limit) < 0) {
        reply_fail(reply, 400, "InvalidArgument", "max-keys is not a number");
        return;
    }
    if (limit > LIST_KEYS_MAX)
        limit = LIST_KEYS_MAX;
    if (request->versions) {
        versions_list(protocol, request, (size_t)limit, reply);
        return;
    }
    if (page_write(protocol, request, (size_t)limit, &reply->body) < 0)
        reply_no_memory(reply);
}

static void bucket_answer(const struct protocol *protocol, const struct request *request,
                          struct reply *reply)
{
    if (request->head) {
        if (!store_bucket_exists(protocol->store, request->bucket))
            reply_no_bucket(reply);
        return;
    }
    if (request->versioning) {
        versions_keep(protocol, request, reply);
        return;
    }
    enum store_outcome outcome = store_bucket_add(protocol->store, request->bucket);
    if (outcome == STORE_EXISTS)
        reply_fail(reply, 409, "BucketAlreadyOwnedByYou", "The bucket exists");
    else if (outcome != STORE_OK)
        reply_no_memory(reply);
}

void protocol_answer(const struct protocol *protocol, const struct request *request,
                     struct reply *reply)
{
    static void (*const answers[VERB_COUNT])(const struct protocol *, const struct request *,
                                             struct reply *) = {
        [VERB_PUT] = object_put,       [VERB_GET] = object_get,     [VERB_HEAD] = object_get,
        [VERB_DELETE] = object_delete, [VERB_BATCH] = batch_answer, [VERB_LIST] = bucket_list,
        [VERB_BUCKET] = bucket_answer,
    };
    answers[request->verb](protocol, request, reply);
}
