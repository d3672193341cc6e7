#include "handlers/audits.h"

#include "config/options.h"
#include "handlers/service.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* An operation with the place that it reads or writes. */
struct audit_state_request {
    struct repository_op op;
    struct audit_place place;
};

static json_t *counts_encode(const struct audit_place *place)
{
    const int64_t *counts = place->counts;
    return json_pack(
        "{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "objects",
        (json_int_t)counts[AUDIT_OBJECTS], "pointers", (json_int_t)counts[AUDIT_POINTERS],
        "strays", (json_int_t)counts[AUDIT_STRAYS], "young", (json_int_t)counts[AUDIT_YOUNG],
        "scheduled", (json_int_t)counts[AUDIT_SCHEDULED], "missing",
        (json_int_t)counts[AUDIT_MISSING], "oldVersions", (json_int_t)counts[AUDIT_VERSIONS],
        "unknown", (json_int_t)counts[AUDIT_UNKNOWN]);
}

/* Objects a second, from its start to where it is on record. */
static double pace_of(const struct audit_place *place)
{
    int64_t last = place->state == AUDIT_RUNNING ? place->saved_at : place->ended_at;
    int64_t taken_ms = last - place->started_at;
    return 1000.0 * (double)place->counts[AUDIT_OBJECTS] /
           (taken_ms > 0 ? (double)taken_ms : 1);
}

json_t *audit_encode(const struct audit_place *place)
{
    return json_pack("{s:o, s:s, s:b, s:I, s:s, s:f, s:f, s:o, s:o, s:o, s:o, s:o}", "id",
                     service_text(place->id), "state", audit_state_name(place->state), "dryRun",
                     !place->deletes, "maxShare", (json_int_t)place->share, "pass",
                     audit_pass_name(place->pass), "progress", audit_progress(place) / 1000.0,
                     "objectsPerSecond", pace_of(place), "counts", counts_encode(place),
                     "trouble", service_text(place->trouble), "startedAt",
                     service_time(place->started_at), "savedAt", service_time(place->saved_at),
                     "endedAt",
                     service_time(place->state == AUDIT_NEVER ? 0 : place->ended_at));
}

void audit_get(struct request *request)
{
    struct service *service = request_context(request);
    struct audit_place place;
    struct repository_op op = {.verb = AUDIT_GET, .place = &place};
    if (request_refuse_unknown_query(request, (const char *const[]){NULL}))
        return;
    runtime_read(service->runtime, &op);
    if (op.outcome == REPOSITORY_OK)
        request_reply_data(request, 200, audit_encode(&place));
    else
        request_reply_unavailable(request, "the database cannot be read now; try again");
}

static void done(struct repository_op *op)
{
    request_resume(op->owner);
}

static struct audit_state_request *state_new(struct request *request, enum repository_verb verb)
{
    struct audit_state_request *state = calloc(1, sizeof *state);
    if (!state) {
        request_reply_error(request, 500, "out of memory; try again");
        return NULL;
    }
    state->op.verb = verb;
    state->op.place = &state->place;
    state->op.done = done;
    state->op.owner = request;
    request_keep(request, state, free);
    return state;
}

static void state_write(struct request *request, struct audit_state_request *state,
                        request_handler *next)
{
    struct service *service = request_context(request);
    request_suspend(request, next);
    if (!runtime_write(service->runtime, &state->op)) {
        state->op.outcome = REPOSITORY_FAILED;
        request_resume(request);
    }
}

static void post_end(struct request *request)
{
    struct service *service = request_context(request);
    const struct audit_state_request *state = request_state(request);
    if (state->op.outcome == REPOSITORY_CONFLICT) {
        request_reply_error(request, 409, "an audit is under way: wait for it, or stop it");
        return;
    }
    if (state->op.outcome != REPOSITORY_OK) {
        request_reply_unavailable(request, "the database cannot be written to now; try again");
        return;
    }
    auditor_poke(service->auditor);
    request_reply_data(request, 202, audit_encode(&state->place));
}

static bool post_query_read(struct request *request, struct audit_place *place)
{
    const char *deletes = request_query(request, "delete");
    const char *share = request_query(request, "maxShare");
    if (request_refuse_unknown_query(request,
                                     (const char *const[]){"delete", "maxShare", NULL}))
        return false;
    if (deletes && strcmp(deletes, "true") != 0 && strcmp(deletes, "false") != 0) {
        request_reply_error(request, 400, "delete must be true or false");
        return false;
    }
    if (share && (number_parse(share, &place->share) < 0 || place->share > 100)) {
        request_reply_error(request, 400, "maxShare must be a whole number from 0 to 100");
        return false;
    }
    place->deletes = deletes && strcmp(deletes, "true") == 0;
    return true;
}

void audit_post(struct request *request)
{
    const struct service *service = request_context(request);
    struct audit_state_request *state = state_new(request, AUDIT_START);
    if (!state)
        return;
    state->place.share = service->audit_share;
    state->op.since = -1;
    uuid_generate(state->place.id);
    if (post_query_read(request, &state->place))
        state_write(request, state, post_end);
}

static void delete_end(struct request *request)
{
    struct service *service = request_context(request);
    const struct audit_state_request *state = request_state(request);
    if (state->op.outcome == REPOSITORY_NOT_FOUND) {
        request_reply_error(request, 404, "no audit is under way");
        return;
    }
    if (state->op.outcome != REPOSITORY_OK) {
        request_reply_unavailable(request, "the database cannot be written to now; try again");
        return;
    }
    auditor_poke(service->auditor);
    request_reply_data(request, 200, json_pack("{s:s}", "state", "stopped"));
}

void audit_delete(struct request *request)
{
    if (request_refuse_unknown_query(request, (const char *const[]){NULL}))
        return;
    struct audit_state_request *state = state_new(request, AUDIT_STOP);
    if (state)
        state_write(request, state, delete_end);
}

static json_t *finding_encode(const struct audit_finding *finding)
{
    return json_pack("{s:s, s:s, s:o}", "kind", audit_count_name(finding->kind), "key",
                     finding->key, "userId", service_text(finding->user_id));
}

void audit_findings_get(struct request *request)
{
    struct service *service = request_context(request);
    struct repository_op op = {.verb = FINDING_LIST};
    const char *cursor = request_query(request, "cursor");
    if (request_refuse_unknown_query(request, (const char *const[]){"cursor", "limit", NULL}) ||
        !service_read_limit(request, &op.limit))
        return;
    if (cursor && strlen(cursor) >= sizeof op.cursor) {
        request_reply_error(request, 400, "cursor is too long");
        return;
    }
    snprintf(op.cursor, sizeof op.cursor, "%s", cursor ? cursor : "");
    runtime_read(service->runtime, &op);
    if (op.outcome != REPOSITORY_OK) {
        request_reply_unavailable(request, "the database cannot be read now; try again");
    } else {
        json_t *items = json_array();
        for (size_t i = 0; i < op.finding_count; i++)
            items = service_append(items, finding_encode(&op.findings[i]));
        json_t *next =
            op.more ? json_string(op.findings[op.finding_count - 1].key) : json_null();
        request_reply_data(request, 200, json_pack("{s:o, s:o}", "items", items, "next", next));
    }
    repository_op_deinit(&op);
}
