#include "handlers/avatars.h"

#include "base/clock.h"
#include "base/log.h"
#include "config/limits.h"
#include "handlers/erasures.h"
#include "handlers/room.h"
#include "handlers/service.h"
#include "handlers/upload.h"
#include "handlers/user_json.h"
#include "http/condition.h"
#include "images/image.h"
#include "users/deleting.h"
#include "users/uploading.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* How long a reader waits for the provider. Milliseconds. */
#define FETCH_TIMEOUT_MS 10000

struct avatar_state {
    struct service *service;
    struct room room;          /* for the image */
    struct flow_run run;       /* PUT and DELETE */
    struct repository_op look; /* at the user: GET and DELETE */
    struct files_op fetch;     /* GET */
    char missed_key[OBJECT_KEY_SIZE];
    bool fetched_again;
};

static void state_free(void *data)
{
    struct avatar_state *state = data;
    repository_op_deinit(&state->run.flow.op);
    buffer_deinit(&state->fetch.body);
    room_give(&state->room);
    free(state);
}

void avatars_admit(struct request *request)
{
    struct avatar_state *state = calloc(1, sizeof *state);
    if (!state) {
        request_reply_error(request, 500, "out of memory; try again");
        return;
    }
    state->service = request_context(request);
    request_keep(request, state, state_free);
}

void avatars_admit_put(struct request *request)
{
    avatars_admit(request);
    struct avatar_state *state = request_state(request);
    if (state)
        room_take_upload(request, &state->room);
}

static void avatars_put_end(struct request *request)
{
    struct avatar_state *state = request_state(request);
    const struct flow *flow = &state->run.flow;
    switch (flow->result) {
    case FLOW_NOT_FOUND:
        request_reply_error(request, 404, "there is no user with this id");
        return;
    case FLOW_DONE:
        break;
    default:
        request_reply_unavailable(request, flow->why);
        return;
    }
    struct user *user = &state->look.user;
    memcpy(user->id, flow->op.id, sizeof user->id);
    user->avatar = flow->op.user.avatar;
    request_reply_data(request, flow->op.keys.count ? 200 : 201,
                       json_pack("{s:o}", "avatar", user_json_encode_avatar(user)));
}

void avatars_put(struct request *request)
{
    struct avatar_state *state = request_state(request);
    struct flow *flow = &state->run.flow;
    size_t length;
    unsigned char *bytes = request_edit_body(request, &length);
    if (!service_read_id(request, flow->op.id) ||
        !upload_clean(request, bytes, length, &flow->op.user.avatar, NULL))
        return;
    uploading_init(flow, runtime_flow_settings(state->service->runtime), bytes);
    service_run_flow(request, &state->run, avatars_put_end);
}

/* Reads the user into the state, and goes on with `next`. */
static void user_look_up(struct request *request, request_handler *next)
{
    struct avatar_state *state = request_state(request);
    state->look.verb = USER_GET;
    if (service_read_id(request, state->look.id))
        service_look_up(request, &state->look, next);
}

/* What a reply with the image says of it, beside what a 304 says too. */
static void image_set_headers(struct request *request, const struct avatar *avatar)
{
    request_set_header(request, "Content-Type",
                       image_type_is_taken(avatar->content_type) ? avatar->content_type
                                                                 : "application/octet-stream");
    request_set_header(request, "X-Content-Type-Options", "nosniff");
    request_set_header(request, "Content-Security-Policy", "sandbox; default-src 'none'");
    request_set_header(request, "Content-Disposition", "inline; filename=\"avatar\"");
    request_set_header(request, "Accept-Ranges", "bytes");
}

/*
 * Part of the image, as the Range header asks; whole if the image is not the one it was, and to
 * HEAD, for which ranges mean nothing (RFC 9110, section 14.2).
 */
static enum range_verdict range_read(struct request *request, const char *tag, size_t length,
                                     size_t *ret_first, size_t *ret_last)
{
    const char *same = request_header(request, "If-Range");
    if ((same && strcmp(same, tag) != 0) || strcmp(request_method(request), "GET") != 0)
        return RANGE_WHOLE;
    return condition_read_range(request_header(request, "Range"), length, ret_first, ret_last);
}

static void image_reply(struct request *request, struct avatar_state *state)
{
    char tag[SHA256_TEXT_SIZE + 2], range[80];
    size_t length = state->fetch.body.length, first = 0, last = 0;
    snprintf(tag, sizeof tag, "\"%s\"", state->look.user.avatar.sha256);
    const char *known = request_header(request, "If-None-Match");
    bool unchanged = known && condition_lists_tag(known, tag, true);
    enum range_verdict verdict =
        unchanged ? RANGE_WHOLE : range_read(request, tag, length, &first, &last);
    if (verdict == RANGE_UNSATISFIABLE) {
        snprintf(range, sizeof range, "bytes */%zu", length);
        request_set_header(request, "Content-Range", range);
        request_reply_error(request, 416, "the image has %zu bytes", length);
        return;
    }
    request_set_header(request, "ETag", tag);
    request_set_header(request, "Cache-Control", "private, no-cache");
    if (unchanged) {
        request_reply_empty(request, 304);
        return;
    }
    image_set_headers(request, &state->look.user.avatar);
    char *bytes = buffer_take(&state->fetch.body);
    if (verdict == RANGE_PART) {
        snprintf(range, sizeof range, "bytes %zu-%zu/%zu", first, last, length);
        request_set_header(request, "Content-Range", range);
        length = last - first + 1;
        memmove(bytes, bytes + first, length);
    }
    request_reply_bytes(request, verdict == RANGE_PART ? 206 : 200, bytes, length);
}

static void image_fetch(struct request *request, struct avatar_state *state);

/* Replaced while it was read? The pointer was read again, once (C4). */
static void image_missed(struct request *request)
{
    struct avatar_state *state = request_state(request);
    if (service_refuse_lookup(request, &state->look))
        return;
    const char *key = state->look.user.avatar.key;
    bool changed = strcmp(key, state->missed_key) != 0;
    if (changed && *key && !state->fetched_again) {
        state->fetched_again = true;
        image_fetch(request, state);
        return;
    }
    if (!changed)
        log_error("an object that a user points at is not there", log_text("key", key));
    request_reply_error(request, 404, "the user has no avatar");
}

static void image_fetched(struct request *request)
{
    struct avatar_state *state = request_state(request);
    const struct files_answer *answer = &state->fetch.answer;
    if (files_answer_is_ok(answer)) {
        image_reply(request, state);
        return;
    }
    if (answer->status != 404 || strcmp(answer->code, "NoSuchBucket") == 0) {
        request_reply_unavailable(request, "the image cannot be read now; try again");
        return;
    }
    memcpy(state->missed_key, state->look.user.avatar.key, sizeof state->missed_key);
    user_look_up(request, image_missed);
}

static void fetch_done(struct files_op *op)
{
    request_resume(op->owner);
}

/* Asks the store about the user's image, for so many bytes, and goes on with `next`. */
static void state_submit(struct request *request, struct avatar_state *state,
                         enum files_verb verb, size_t limit, request_handler *next)
{
    buffer_deinit(&state->fetch.body);
    state->fetch = (struct files_op){.verb = verb,
                                     .key = state->look.user.avatar.key,
                                     .method = request_method(request),
                                     .link_seconds = state->service->avatar_link_ms / 1000,
                                     .deadline_ms = clock_boot_ms() + FETCH_TIMEOUT_MS,
                                     .trace = *request_trace(request),
                                     .done = fetch_done,
                                     .owner = request};
    buffer_init(&state->fetch.body, limit);
    request_suspend(request, next);
    if (!runtime_fetch(state->service->runtime, state->look.user.avatar.store_id,
                       &state->fetch)) {
        state->fetch.answer.status = 503;
        request_resume(request);
    }
}

static void image_fetch(struct request *request, struct avatar_state *state)
{
    /* Zero: a key that somebody typed into the database. */
    size_t length = state->look.user.avatar.bytes > 0 ? (size_t)state->look.user.avatar.bytes
                                                      : state->service->avatar_limit;
    room_give(&state->room);
    if (room_take_download(request, length, &state->room))
        state_submit(request, state, FILES_GET, length, image_fetched);
}

static void link_made(struct request *request)
{
    struct avatar_state *state = request_state(request);
    /* An older store may be a folder: then its bytes are served. */
    if (state->fetch.answer.status == 501) {
        image_fetch(request, state);
        return;
    }
    if (!files_answer_is_ok(&state->fetch.answer)) {
        request_reply_unavailable(request, "the image cannot be linked to now; try again");
        return;
    }
    /* The link is a credential: nobody in between, and no cache, may keep it. */
    request_set_header(request, "Cache-Control", "private, no-store");
    request_set_header(request, "Referrer-Policy", "no-referrer");
    request_reply_redirect(request, 307, state->fetch.body.bytes);
}

static void avatar_fetch(struct request *request, struct avatar_state *state)
{
    if (state->service->avatar_link_ms)
        state_submit(request, state, FILES_LINK, LIMIT_HEAD_BYTES, link_made);
    else
        image_fetch(request, state);
}

static void avatars_get_found(struct request *request)
{
    struct avatar_state *state = request_state(request);
    if (service_refuse_lookup(request, &state->look))
        return;
    if (*state->look.user.avatar.key)
        avatar_fetch(request, state);
    else
        request_reply_error(request, 404, "the user has no avatar");
}

void avatars_get(struct request *request)
{
    user_look_up(request, avatars_get_found);
}

static void avatars_delete_end(struct request *request)
{
    struct avatar_state *state = request_state(request);
    erasures_reply(request, &state->run.flow, state->run.flow.op.id);
}

static void avatars_delete_found(struct request *request)
{
    struct avatar_state *state = request_state(request);
    if (service_refuse_lookup(request, &state->look))
        return;
    deleting_init_avatar(&state->run.flow, runtime_flow_settings(state->service->runtime),
                         state->look.user.id, state->look.user.avatar.key);
    service_run_flow(request, &state->run, avatars_delete_end);
}

void avatars_delete(struct request *request)
{
    user_look_up(request, avatars_delete_found);
}
