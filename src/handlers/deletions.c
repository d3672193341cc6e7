#include "handlers/deletions.h"

#include "handlers/fields.h"
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
            items = service_append(items, deletion_encode(&op.deletions.rows[i]));
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

/* What the bodies of both routes hold. */
struct deletion_body {
    char key[OBJECT_KEY_SIZE];
    char state[sizeof "blocked"];
    char error_class[ERROR_CLASS_SIZE];
};

static bool text_is_there(const char *text)
{
    return *text;
}

static bool state_holds(const char *text)
{
    int state;
    return state_parse(text, &state);
}

static const struct field added_fields[] = {
    {"key", FIELD_TEXT(struct deletion_body, key), true, OBJECT_KEY_SIZE - 1,
     files_key_is_valid,
     "1 to 512 printable ASCII characters, without empty, \".\" or \"..\" parts between the "
     "slashes"},
};

static const struct field retried_fields[] = {
    {"key", FIELD_TEXT(struct deletion_body, key), false, OBJECT_KEY_SIZE - 1, text_is_there,
     "a text of 1 to 512 bytes"},
    {"state", FIELD_TEXT(struct deletion_body, state), false, sizeof "blocked", state_holds,
     "pending or blocked"},
    {"errorClass", FIELD_TEXT(struct deletion_body, error_class), false, ERROR_CLASS_SIZE - 1,
     text_is_there, "a text of 1 to 47 bytes"},
};

static const struct fields added = {.table = added_fields,
                                    .count = sizeof added_fields / sizeof *added_fields,
                                    .resource = "a deletion"};
static const struct fields retried = {.table = retried_fields,
                                      .count = sizeof retried_fields / sizeof *retried_fields,
                                      .resource = "a retry"};

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
    struct deletion_body body = {0};
    if (!fields_admit(request, fields_decode(&added, object, &body)))
        return false;
    if (files_key_is_ours(body.key)) {
        request_reply_error(request, 409,
                            "keys like this one are the service's own: only it "
                            "knows when they are not needed");
        return false;
    }
    memcpy(op->key, body.key, sizeof op->key);
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

/* One of the fields, whatever it holds, and no more. */
static bool one_is_given(const json_t *object)
{
    size_t given = 0;
    for (size_t i = 0; i < retried.count; i++) {
        const json_t *value = json_object_get(object, retried.table[i].name);
        given += value && !json_is_null(value);
    }
    return given == 1;
}

static bool filter_read(struct request *request, const json_t *object, struct repository_op *op)
{
    struct deletion_body body = {0};
    json_t *faults = fields_decode(&retried, object, &body);
    if (faults && !one_is_given(object) &&
        fields_add_fault(faults, "key", "is needed, or state, or errorClass: ",
                         "exactly one of the three") < 0) {
        json_decref(faults);
        faults = NULL;
    }
    if (!fields_admit(request, faults))
        return false;
    if (*body.state)
        state_parse(body.state, &op->filter_state);
    memcpy(op->key, body.key, sizeof op->key);
    memcpy(op->error_class, body.error_class, sizeof op->error_class);
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
