#include "handlers/deletions.h"

#include "handlers/service.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static json_t *deletion_encode(const struct deletion *row)
{
    return json_pack(
        "{s:s, s:o, s:s, s:s, s:I, s:o, s:o, s:o, s:o, s:o, s:s}", "key", row->key, "userId",
        service_text(row->user_id), "reason", deletion_reason_name(row->reason), "state",
        deletion_state_name(row->state), "attempts", (json_int_t)row->attempts, "errorClass",
        service_text(row->error_class), "error", service_text(row->error), "createdAt",
        service_time(row->created_at), "dueAt", service_time(row->due_at), "notBefore",
        service_time(row->not_before), "storeId", row->store_id);
}

/* A state's name; false for a name that is none. */
static bool state_parse(const char *name, int *ret_state)
{
    for (int state = DELETION_PENDING; state <= DELETION_BLOCKED; state++) {
        if (strcmp(name, deletion_state_name((enum deletion_state)state)) == 0) {
            *ret_state = state;
            return true;
        }
    }
    return false;
}

static bool list_query_read(struct request *request, struct repository_op *op)
{
    const char *state = request_query(request, "state");
    const char *class = request_query(request, "errorClass");
    const char *cursor = request_query(request, "cursor");
    if (request_refuse_unknown_query(
            request, (const char *const[]){"state", "errorClass", "cursor", "limit", NULL}) ||
        !service_read_limit(request, &op->limit))
        return false;
    if (state && !state_parse(state, &op->filter_state)) {
        request_reply_error(request, 400, "state must be pending or blocked");
        return false;
    }
    if ((class && strlen(class) >= sizeof op->error_class) ||
        (cursor && strlen(cursor) >= sizeof op->cursor)) {
        request_reply_error(request, 400, "errorClass or cursor is too long");
        return false;
    }
    snprintf(op->error_class, sizeof op->error_class, "%s", class ? class : "");
    snprintf(op->cursor, sizeof op->cursor, "%s", cursor ? cursor : "");
    return true;
}

void deletions_list(struct request *request)
{
    struct service *service = request_context(request);
    struct repository_op op = {.verb = DELETION_LIST, .filter_state = -1};
    if (!list_query_read(request, &op))
        return;
    runtime_read(service->runtime, &op);
    if (op.outcome != REPOSITORY_OK) {
        request_reply_unavailable(request, "the database cannot be read now; try again");
    } else {
        json_t *items = json_array();
        for (size_t i = 0; i < op.deletions.count; i++)
            json_array_append_new(items, deletion_encode(&op.deletions.rows[i]));
        json_t *next =
            op.more ? json_string(op.deletions.rows[op.deletions.count - 1].key) : json_null();
        request_reply_data(request, 200, json_pack("{s:o, s:o}", "items", items, "next", next));
    }
    repository_op_deinit(&op);
}

static void op_free(void *state)
{
    repository_op_deinit(state);
    free(state);
}

static void op_done(struct repository_op *op)
{
    request_resume(op->owner);
}

/* Carries out `op`, the request's state, and goes on with `next`. */
static void op_write(struct request *request, struct repository_op *op, request_handler *next)
{
    struct service *service = request_context(request);
    op->done = op_done;
    op->owner = request;
    request_suspend(request, next);
    if (!runtime_write(service->runtime, op)) {
        op->outcome = REPOSITORY_FAILED;
        request_resume(request);
    }
}

static struct repository_op *op_new(struct request *request, enum repository_verb verb)
{
    struct repository_op *op = calloc(1, sizeof *op);
    if (!op) {
        request_reply_error(request, 500, "out of memory; try again");
        return NULL;
    }
    op->verb = verb;
    op->filter_state = -1;
    request_keep(request, op, op_free);
    return op;
}

/* The text of member `name`, NULL if there is none; false, with a reply, if it is no text. */
static bool text_read(struct request *request, const json_t *object, const char *name,
                      size_t size, const char **ret_text)
{
    const json_t *value = json_object_get(object, name);
    *ret_text = json_string_value(value);
    if (!value || (*ret_text && **ret_text && strlen(*ret_text) < size))
        return true;
    char message[80];
    snprintf(message, sizeof message, "must be a text of 1 to %zu bytes", size - 1);
    request_reply_fields(request, json_pack("[{s:s, s:s}]", "field", name, "message", message));
    return false;
}

static void deletions_post_end(struct request *request)
{
    struct service *service = request_context(request);
    struct repository_op *op = request_state(request);
    if (op->outcome != REPOSITORY_OK) {
        request_reply_unavailable(request, "the database cannot be written to now; try again");
        return;
    }
    runtime_wake(service->runtime);
    request_reply_data(request, 202,
                       json_pack("{s:s, s:s}", "key", op->key, "state", "pending"));
}

static bool key_read(struct request *request, const json_t *object, struct repository_op *op)
{
    const char *key;
    if (!text_read(request, object, "key", sizeof op->key, &key))
        return false;
    if (!key || json_object_size(object) != 1) {
        request_reply_error(request, 400, "send exactly {\"key\": \"…\"}");
        return false;
    }
    if (!files_key_is_valid(key)) {
        request_reply_fields(
            request, json_pack("[{s:s, s:s}]", "field", "key", "message",
                               "must be 1 to 512 printable ASCII characters, without empty, "
                               "\".\" or \"..\" parts between the slashes"));
        return false;
    }
    if (files_key_is_ours(key)) {
        request_reply_error(request, 409,
                            "keys like this one are the service's own: only it "
                            "knows when they are not needed");
        return false;
    }
    memcpy(op->key, key, strlen(key) + 1);
    return true;
}

void deletions_post(struct request *request)
{
    struct service *service = request_context(request);
    struct runtime_status status;
    struct repository_op *op = op_new(request, DELETION_ADD);
    json_t *object = op ? service_read_object(request) : NULL;
    bool known = object && key_read(request, object, op);
    json_decref(object);
    if (!known)
        return;
    runtime_status_get(service->runtime, &status);
    if (!*status.store_id) {
        request_reply_unavailable(request, "the file store has not answered yet; try again");
        return;
    }
    memcpy(op->store_id, status.store_id, UUID_TEXT_SIZE);
    op_write(request, op, deletions_post_end);
}

static void deletions_retry_end(struct request *request)
{
    struct service *service = request_context(request);
    const struct repository_op *op = request_state(request);
    if (op->outcome != REPOSITORY_OK) {
        request_reply_unavailable(request, "the database cannot be written to now; try again");
        return;
    }
    runtime_wake(service->runtime);
    request_reply_data(request, 202, json_pack("{s:I}", "matched", (json_int_t)op->matched));
}

static bool filter_read(struct request *request, const json_t *object, struct repository_op *op)
{
    const char *key, *state, *class;
    if (!text_read(request, object, "key", sizeof op->key, &key) ||
        !text_read(request, object, "state", 16, &state) ||
        !text_read(request, object, "errorClass", sizeof op->error_class, &class))
        return false;
    if (json_object_size(object) != 1 || !(key || state || class)) {
        request_reply_error(request, 400, "send exactly one of key, state and errorClass");
        return false;
    }
    if (state && !state_parse(state, &op->filter_state)) {
        request_reply_fields(request, json_pack("[{s:s, s:s}]", "field", "state", "message",
                                                "must be pending or blocked"));
        return false;
    }
    snprintf(op->key, sizeof op->key, "%s", key ? key : "");
    snprintf(op->error_class, sizeof op->error_class, "%s", class ? class : "");
    return true;
}

void deletions_retry(struct request *request)
{
    struct repository_op *op = op_new(request, DELETIONS_RETRY);
    json_t *object = op ? service_read_object(request) : NULL;
    bool known = object && filter_read(request, object, op);
    json_decref(object);
    if (known)
        op_write(request, op, deletions_retry_end);
}
