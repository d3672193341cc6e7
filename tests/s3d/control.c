#include "control.h"

#include <stdlib.h>
#include <string.h>

static void fail(struct reply *reply, int status, const char *text)
{
    reply->status = status;
    buffer_deinit(&reply->body);
    if (buffer_append_text(&reply->body, "{\"error\":") < 0 ||
        buffer_append_json_text(&reply->body, text) < 0 ||
        buffer_append_text(&reply->body, "}\n") < 0)
        buffer_deinit(&reply->body);
}

static void status_answer(struct server *server, struct reply *reply)
{
    struct buffer *out = &reply->body;
    if (buffer_append_text(out, "{") < 0 || counters_append_json(&server->counters, out) < 0 ||
        buffer_printf(out, ",\"hanging\":%llu,\"faults\":",
                      (unsigned long long)room_hanging(server->room)) < 0 ||
        faults_append_json(server->protocol.faults, out) < 0 ||
        buffer_append_text(out, "}\n") < 0)
        fail(reply, 500, "out of memory");
}

struct sum {
    unsigned long long count, bytes;
};

static bool sum_add(void *owner, const char *key, const struct object *object)
{
    struct sum *sum = owner;
    (void)key;
    sum->count++;
    sum->bytes += object->length;
    return true;
}

static void objects_answer(struct server *server, const char *bucket, const char *prefix,
                           struct reply *reply)
{
    struct sum sum = {0};
    if (store_list(server->protocol.store, bucket ? bucket : "", prefix ? prefix : "", "",
                   sum_add, &sum) != STORE_OK)
        fail(reply, 404, "no such bucket");
    else if (buffer_printf(&reply->body, "{\"count\":%llu,\"bytes\":%llu}\n", sum.count,
                           sum.bytes) < 0)
        fail(reply, 500, "out of memory");
}

/* Lays an object under each key in the body, a line each: faster than a PUT for each. */
static void objects_lay(struct server *server, const char *bucket, const struct buffer *body,
                        struct reply *reply)
{
    unsigned long long laid = 0;
    char *rest = NULL, *lines = body->length ? body->bytes : NULL;
    for (char *key = lines ? strtok_r(lines, "\n", &rest) : NULL; key;
         key = strtok_r(NULL, "\n", &rest)) {
        struct object *object = object_create(strdup("x"), 1, "image/png");
        if (!object || !object->bytes ||
            store_put(server->protocol.store, bucket ? bucket : "", key, object, false) !=
                STORE_OK) {
            fail(reply, 500, "not all could be laid");
            return;
        }
        laid++;
    }
    if (buffer_printf(&reply->body, "{\"laid\":%llu}\n", laid) < 0)
        fail(reply, 500, "out of memory");
}

static void faults_answer(struct server *server, const struct buffer *body, struct reply *reply)
{
    struct error error = {0};
    char *lines = strdup(body->length ? body->bytes : "");
    char *rest = NULL;
    int failed = lines ? 0 : error_set(&error, ERROR_NO_MEMORY, "out of memory");
    for (char *line = failed ? NULL : strtok_r(lines, "\r\n", &rest); line && !failed;
         line = strtok_r(NULL, "\r\n", &rest))
        failed = faults_add(server->protocol.faults, line, &error);
    if (failed)
        fail(reply, 400, error.text);
    else
        status_answer(server, reply);
    free(lines);
}

void control_answer(struct server *server, const char *method, const char *path,
                    const char *bucket, const char *prefix, const struct buffer *body,
                    struct reply *reply)
{
    bool is_get = strcmp(method, "GET") == 0;
    reply->content_type = "application/json";
    if (is_get && strcmp(path, "/_control/status") == 0) {
        status_answer(server, reply);
    } else if (is_get && strcmp(path, "/_control/objects") == 0) {
        objects_answer(server, bucket, prefix, reply);
    } else if (strcmp(path, "/_control/objects") == 0 && strcmp(method, "POST") == 0) {
        objects_lay(server, bucket, body, reply);
    } else if (strcmp(path, "/_control/faults") == 0 && strcmp(method, "POST") == 0) {
        faults_answer(server, body, reply);
    } else if (strcmp(path, "/_control/faults") == 0 && strcmp(method, "DELETE") == 0) {
        faults_clear(server->protocol.faults);
        room_release(server->room);
        status_answer(server, reply);
    } else {
        fail(reply, 404, "no such control");
    }
}
