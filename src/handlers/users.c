#include "handlers/users.h"

#include "handlers/erasures.h"
#include "handlers/service.h"
#include "handlers/user_json.h"
#include "http/condition.h"
#include "users/deleting.h"
#include "users/updating.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void run_free(void *state)
{
    struct flow_run *run = state;
    repository_op_deinit(&run->flow.op);
    free(run);
}

/* The state of a request that runs a flow; NULL, with a reply, without memory. */
static struct flow_run *run_new(struct request *request)
{
    struct flow_run *run = calloc(1, sizeof *run);
    if (run)
        request_keep(request, run, run_free);
    else
        request_reply_error(request, 500, "out of memory; try again");
    return run;
}

/* Reads the user in the body; false, with a reply, if it is not one. */
static bool user_read(struct request *request, struct user *user)
{
    json_t *object = service_read_object(request);
    return object && user_json_admit(request, object, user);
}

void users_list(struct request *request)
{
    struct service *service = request_context(request);
    struct repository_op op = {.verb = USER_LIST};
    const char *cursor = request_query(request, "cursor");
    if (request_refuse_unknown_query(request, (const char *const[]){"limit", "cursor", NULL}) ||
        !service_read_limit(request, &op.limit))
        return;
    if (cursor && *cursor && !uuid_parse(cursor, op.cursor)) {
        request_reply_error(request, 400, "cursor must be the \"next\" of the page before");
        return;
    }
    runtime_read(service->runtime, &op);
    if (op.outcome != REPOSITORY_OK) {
        request_reply_unavailable(request, "the database cannot be read now; try again");
    } else {
        json_t *items = json_array();
        for (size_t i = 0; i < op.user_count; i++)
            items = service_append(items, user_json_encode(&op.users[i]));
        json_t *next = op.more ? json_string(op.users[op.user_count - 1].id) : json_null();
        request_reply_data(request, 200, json_pack("{s:o, s:o}", "items", items, "next", next));
    }
    repository_op_deinit(&op);
}

static void user_reply(struct request *request, const struct user *user)
{
    char tag[USER_TAG_SIZE];
    user_format_tag(user, tag);
    request_set_header(request, "ETag", tag);
    const char *known = request_header(request, "If-None-Match");
    if (known && condition_lists_tag(known, tag, true))
        request_reply_empty(request, 304);
    else
        user_json_reply(request, 200, user);
}

static void users_get_end(struct request *request)
{
    const struct repository_op *op = request_state(request);
    if (!service_refuse_lookup(request, op))
        user_reply(request, &op->user);
}

void users_get(struct request *request)
{
    struct repository_op *op = service_keep_lookup(request, USER_GET);
    if (op && service_read_id(request, op->id))
        service_look_up(request, op, users_get_end);
}

/* A change, and what If-Match is compared with. */
struct users_put {
    struct flow_run run;
    struct repository_op look;
};

static void users_put_free(void *state)
{
    struct users_put *put = state;
    repository_op_deinit(&put->run.flow.op);
    repository_op_deinit(&put->look);
    free(put);
}

static void users_put_end(struct request *request)
{
    const struct users_put *put = request_state(request);
    const struct flow_run *run = &put->run;
    switch (run->flow.result) {
    case FLOW_NOT_FOUND:
        request_reply_error(request, 404, "there is no user with this id");
        break;
    case FLOW_CONFLICT:
        request_reply_error(request, 412, "the user was changed since; read it again");
        break;
    case FLOW_UNAVAILABLE:
        request_reply_unavailable(request, run->flow.why);
        break;
    default:
        user_set_tag(request, &run->flow.op.user);
        user_json_reply(request, 200, &run->flow.op.user);
    }
}

/* `version`: the one to change; -1 for any. */
static void users_put_run(struct request *request, int64_t version)
{
    struct service *service = request_context(request);
    struct users_put *put = request_state(request);
    updating_init(&put->run.flow, runtime_flow_settings(service->runtime), version);
    service_run_flow(request, &put->run, users_put_end);
}

/*
 * What If-Match lists is compared with the user as it is now, and the change with that version:
 * whoever comes between makes it fail.
 */
static void users_put_match(struct request *request)
{
    const struct users_put *put = request_state(request);
    char tag[USER_TAG_SIZE];
    if (put->look.outcome == REPOSITORY_FAILED) {
        service_refuse_lookup(request, &put->look);
        return;
    }
    user_format_tag(&put->look.user, tag);
    /* No user has version 0: the change then finds none, and says which way. */
    bool listed = condition_lists_tag(request_header(request, "If-Match"), tag, false);
    users_put_run(request, listed ? put->look.user.version : 0);
}

void users_put(struct request *request)
{
    struct users_put *put = calloc(1, sizeof *put);
    if (!put) {
        request_reply_error(request, 500, "out of memory; try again");
        return;
    }
    request_keep(request, put, users_put_free);
    struct user *user = &put->run.flow.op.user;
    if (!service_read_id(request, user->id) || !user_read(request, user))
        return;
    const char *condition = request_header(request, "If-Match");
    if (!condition || strcmp(condition, "*") == 0) {
        users_put_run(request, -1);
        return;
    }
    put->look.verb = USER_GET;
    memcpy(put->look.id, user->id, sizeof put->look.id);
    service_look_up(request, &put->look, users_put_match);
}

static void users_delete_end(struct request *request)
{
    struct flow_run *run = request_state(request);
    erasures_reply(request, &run->flow, run->flow.op.id);
}

void users_delete(struct request *request)
{
    struct service *service = request_context(request);
    char id[UUID_TEXT_SIZE];
    struct flow_run *run = run_new(request);
    if (!run || !service_read_id(request, id))
        return;
    deleting_init_user(&run->flow, runtime_flow_settings(service->runtime), id);
    service_run_flow(request, run, users_delete_end);
}
