#include "handlers/service.h"

#include "base/clock.h"
#include "config/limits.h"
#include "config/options.h"
#include "http/json_text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static void flow_done(struct flow_run *run)
{
    if (run->flow.result == FLOW_UNAVAILABLE && *run->cause) {
        char cause[128];
        snprintf(cause, sizeof cause, "the file store answered %s", run->cause);
        request_explain(run->owner, cause);
    }
    request_resume(run->owner);
}

void service_run_flow(struct request *request, struct flow_run *run, request_handler *next)
{
    struct service *service = request_context(request);
    run->done = flow_done;
    run->owner = request;
    run->trace = *request_trace(request);
    /* Suspended first: the flow may have ended before runtime_run_flow returns. */
    request_suspend(request, next);
    if (!runtime_run_flow(service->runtime, run)) {
        run->flow.result = FLOW_UNAVAILABLE;
        run->flow.why = "too many requests are under way; try again";
        request_resume(request);
    }
}

static void lookup_free(void *state)
{
    repository_op_deinit(state);
    free(state);
}

struct repository_op *service_keep_lookup(struct request *request, enum repository_verb verb)
{
    struct repository_op *op = calloc(1, sizeof *op);
    if (!op) {
        request_reply_error(request, 500, "out of memory; try again");
        return NULL;
    }
    op->verb = verb;
    request_keep(request, op, lookup_free);
    return op;
}

static void look_up_done(struct repository_op *op)
{
    request_resume(op->owner);
}

void service_look_up(struct request *request, struct repository_op *op, request_handler *next)
{
    struct service *service = request_context(request);
    if (runtime_reads_at_once(service->runtime)) {
        runtime_read(service->runtime, op);
        next(request);
        return;
    }
    op->done = look_up_done;
    op->owner = request;
    /* Suspended first: it may be answered before runtime_look_up returns. */
    request_suspend(request, next);
    if (!runtime_look_up(service->runtime, op)) {
        op->outcome = REPOSITORY_FAILED;
        request_explain(request, "more reads wait for the database than there is room for");
        request_resume(request);
    }
}

bool service_refuse_lookup(struct request *request, const struct repository_op *op)
{
    if (op->outcome == REPOSITORY_OK)
        return false;
    if (op->outcome == REPOSITORY_NOT_FOUND)
        request_reply_error(request, 404, "there is no user with this id");
    else
        request_reply_unavailable(request, "the database cannot be read now; try again");
    return true;
}

bool service_read_id(struct request *request, char ret_id[static UUID_TEXT_SIZE])
{
    if (uuid_parse(request_parameter(request, 0), ret_id))
        return true;
    request_reply_error(request, 404, "there is no user with this id");
    return false;
}

bool service_read_limit(struct request *request, int64_t *ret_limit)
{
    const char *text = request_query(request, "limit");
    *ret_limit = LIMIT_PAGE_ITEMS_PRESET;
    if (!text || (number_parse(text, ret_limit) == 0 && *ret_limit >= 1 &&
                  *ret_limit <= LIMIT_PAGE_ITEMS))
        return true;
    request_reply_error(request, 400, "limit must be a whole number from 1 to %d",
                        LIMIT_PAGE_ITEMS);
    return false;
}

/* Refuses deep nesting before the parser recurses into it. */
static bool depth_holds(const unsigned char *bytes, size_t length)
{
    int depth = 0;
    bool quoted = false;
    for (size_t i = 0; i < length; i++) {
        if (quoted && bytes[i] == '\\')
            i++;
        else if (bytes[i] == '"')
            quoted = !quoted;
        else if (!quoted && (bytes[i] == '{' || bytes[i] == '['))
            depth++;
        else if (!quoted && (bytes[i] == '}' || bytes[i] == ']'))
            depth--;
        if (depth > LIMIT_JSON_DEPTH)
            return false;
    }
    return true;
}

static bool type_is_json(const char *type)
{
    static const char json[] = "application/json";
    size_t length = sizeof json - 1;
    return !type || (strncasecmp(type, json, length) == 0 &&
                     (type[length] == '\0' || type[length] == ';' || type[length] == ' '));
}

json_t *service_read_object(struct request *request)
{
    size_t length;
    const unsigned char *bytes = request_body(request, &length);
    if (!type_is_json(request_header(request, "Content-Type"))) {
        request_reply_error(request, 415, "send JSON with Content-Type: application/json");
        return NULL;
    }
    return service_parse_object(request, bytes, length);
}

json_t *service_parse_object(struct request *request, const unsigned char *bytes, size_t length)
{
    if (!depth_holds(bytes, length)) {
        request_reply_error(request, 400, "the JSON is nested deeper than %d levels",
                            LIMIT_JSON_DEPTH);
        return NULL;
    }
    json_error_t fault;
    json_t *object =
        json_text_read((const char *)bytes, length, JSON_REJECT_DUPLICATES, &fault);
    if (!object && !*fault.text) {
        request_reply_error(request, 500, "out of memory; try again");
        return NULL;
    }
    if (!object) {
        request_reply_error(request, 400, "the body is not valid JSON: line %d, column %d: %s",
                            fault.line, fault.column, fault.text);
        return NULL;
    }
    if (!json_is_object(object)) {
        json_decref(object);
        request_reply_error(request, 400, "the body must be a JSON object");
        return NULL;
    }
    return object;
}

json_t *service_instant(int64_t time)
{
    char text[CLOCK_TEXT_SIZE];
    clock_format_utc(time, text);
    return json_string(text);
}

json_t *service_time(int64_t time)
{
    return time ? service_instant(time) : json_null();
}

json_t *service_text(const char *text)
{
    return *text ? json_string(text) : json_null();
}

json_t *service_append(json_t *list, json_t *item)
{
    if (json_array_append_new(list, item) == 0)
        return list;
    json_decref(list);
    return NULL;
}

json_t *service_set(json_t *object, const char *name, json_t *value)
{
    if (json_object_set_new(object, name, value) == 0)
        return object;
    json_decref(object);
    return NULL;
}
