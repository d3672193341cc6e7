#include "files/s3/request.h"

#include "files/s3/xml.h"

#include <stdio.h>
#include <string.h>

static void call_fill_put(struct s3_request *request, struct s3_call *call)
{
    const struct files_op *op = request->op;
    request->kind = S3_WRITES;
    call->method = "PUT";
    call->key = op->key;
    call->bytes = op->bytes;
    call->length = op->length;
    call->content_type = op->content_type ? op->content_type : "application/octet-stream";
    call->once = true;
}

static void call_fill_get(struct s3_request *request, struct s3_call *call, const char *key,
                          struct buffer *object)
{
    request->kind = S3_READS;
    call->method = "GET";
    call->key = key;
    call->object = object;
}

static int call_fill_identity(struct s3_request *request, struct s3_call *call)
{
    files_identity_key(request->wanted.epoch, request->identity_key);
    if (request->step != S3_STEP_WRITE) {
        call_fill_get(request, call, request->identity_key, &request->object);
        return 0;
    }
    if (files_identity_format(&request->wanted, &request->sent) < 0)
        return -1;
    request->kind = S3_WRITES;
    call->method = "PUT";
    call->key = request->identity_key;
    call->bytes = request->sent.bytes;
    call->length = request->sent.length;
    call->content_type = "application/json";
    call->once = call->only_new = true;
    return 0;
}

/* A lone key gets a request of its own, which says no less and costs less. */
static int call_fill_delete(struct s3_request *request, struct s3_call *call,
                            const char *prefix)
{
    struct files_op *op = request->op;
    size_t open = 0;
    for (size_t i = 0; i < op->count; i++) {
        if (files_key_is_open(op, i)) {
            open++;
            call->key = op->keys[i];
        }
    }
    if (open == 1) {
        request->kind = S3_DELETES_ONE;
        call->method = "DELETE";
        return 0;
    }
    static const struct s3_parameter deletion = {.name = "delete", .value = ""};
    *call->parameters = deletion;
    call->parameter_count = 1;
    if (s3_xml_write_delete(op, prefix, &request->sent) < 0)
        return -1;
    request->kind = S3_DELETES_ALL;
    call->method = "POST";
    call->key = NULL;
    call->bytes = request->sent.bytes;
    call->length = request->sent.length;
    call->content_type = "application/xml";
    return 0;
}

static void call_fill_part(struct s3_request *request, struct s3_call *call)
{
    const struct files_op *op = request->op;
    call_fill_get(request, call, op->key, &request->op->body);
    if (op->range_length == 0)
        return;
    snprintf(request->range, sizeof request->range, "bytes=%zu-%zu", op->range_first,
             op->range_first + op->range_length - 1);
    request->kind = S3_READS_PART;
    call->range = request->range;
}

static void call_fill_versioning(struct s3_request *request, struct s3_call *call)
{
    static const struct s3_parameter versioning = {.name = "versioning", .value = ""};
    call_fill_get(request, call, NULL, NULL);
    *call->parameters = versioning;
    call->parameter_count = 1;
}

int s3_request_fill(struct s3_request *request, struct s3_call *call, const char *prefix)
{
    if (request->erasure)
        return s3_erasing_call(&request->erasing, call, &request->sent);
    if (request->step == S3_STEP_VERSIONING) {
        call_fill_versioning(request, call);
        return 0;
    }
    switch (request->op->verb) {
    case FILES_PUT:
        call_fill_put(request, call);
        return 0;
    case FILES_GET:
        call_fill_part(request, call);
        return 0;
    case FILES_LIST:
        call_fill_get(request, call, NULL, NULL);
        return s3_listing_call(&request->listing, request->op, prefix, call);
    case FILES_VERSIONING:
        call_fill_versioning(request, call);
        return 0;
    case FILES_DELETE:
        return call_fill_delete(request, call, prefix);
    case FILES_IDENTITY_READ:
    case FILES_IDENTITY_CREATE:
        return call_fill_identity(request, call);
    case FILES_LINK:
        break;
    }
    return -1;
}

void s3_request_take_document(struct s3_request *request, const char *prefix)
{
    struct files_op *op = request->op;
    const struct buffer *body = &request->transfer.received;
    struct s3_versioning found = {0};
    if (!files_answer_is_ok(&op->answer))
        return;
    bool good = op->verb == FILES_LIST
                    ? s3_listing_read(body->bytes, body->length, prefix, op) == 0
                    : s3_versioning_read(body->bytes, body->length, &found);
    if (!good)
        files_answer_set(&op->answer, op->answer.status, FILES_CODE_MALFORMED,
                         "the body is not what S3 answers to this");
    op->keeps_versions = found.keeps;
    op->mfa_delete = found.mfa;
}

void s3_request_take_identity(struct s3_request *request)
{
    struct files_op *op = request->op;
    if (files_answer_is_ok(&op->answer) &&
        files_identity_parse(request->object.bytes, request->object.length, &op->identity) < 0)
        files_answer_set(&op->answer, op->answer.status, FILES_CODE_MALFORMED,
                         "the identity object is not one");
}

enum s3_step s3_request_advance(struct s3_request *request)
{
    struct files_answer *answer = &request->op->answer;
    bool ok = files_answer_is_ok(answer);
    switch (request->step) {
    case S3_STEP_LOOK:
        /* Looked for first: a store that does not know If-None-Match would overwrite it. */
        if (answer->status == 404 &&
            (!answer->code[0] || strcmp(answer->code, "NoSuchKey") == 0))
            return S3_STEP_WRITE;
        if (ok)
            files_answer_set(answer, 412, NULL, NULL);
        break;
    case S3_STEP_WRITE:
        request->created = ok;
        if (ok || answer->status == 412)
            return S3_STEP_READ_BACK;
        break;
    case S3_STEP_READ_BACK:
        if (ok && !(request->created &&
                    files_identity_equals(&request->wanted, &request->op->identity)))
            files_answer_set(answer, 412, NULL, NULL);
        break;
    case S3_STEP_ONLY:
    case S3_STEP_VERSIONING:
        break;
    }
    return S3_STEP_ONLY;
}
