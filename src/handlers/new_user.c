#include "handlers/new_user.h"

#include "config/limits.h"
#include "handlers/fields.h"
#include "handlers/form.h"
#include "handlers/room.h"
#include "handlers/upload.h"
#include "handlers/user_json.h"
#include "users/adding.h"
#include "users/user.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Longest idempotency key. Bytes. */
#define KEY_LENGTH_MAX 255

struct new_user {
    struct service *service;
    struct flow_run run;
    bool is_form;
    struct room room; /* for a form */
    struct form form;
    char sent[SHA256_TEXT_SIZE]; /* digest of the image before it was cleaned; "": none */
};

static void new_user_free(void *data)
{
    struct new_user *state = data;
    repository_op_deinit(&state->run.flow.op);
    if (state->is_form) {
        form_deinit(&state->form);
        room_give(&state->room);
    }
    free(state);
}

void new_user_admit(struct request *request)
{
    struct service *service = request_context(request);
    bool is_form = form_is_sent(request);
    const char *length = request_header(request, "Content-Length");
    if (!is_form && length && strtoull(length, NULL, 10) > LIMIT_JSON_BODY_BYTES) {
        request_reply_error(request, 413, "the body is too large: %d bytes of JSON at most",
                            LIMIT_JSON_BODY_BYTES);
        return;
    }
    struct new_user *state = calloc(1, sizeof *state);
    if (!state) {
        request_reply_error(request, 500, "out of memory; try again");
        return;
    }
    state->service = service;
    state->is_form = is_form;
    request_keep(request, state, new_user_free);
    if (is_form)
        room_take_upload(request, &state->room);
}

static void user_created_reply(struct request *request, const struct user *user)
{
    char location[sizeof "/api/users/" + UUID_TEXT_SIZE];
    snprintf(location, sizeof location, "/api/users/%s", user->id);
    request_set_header(request, "Location", location);
    user_set_tag(request, user);
    user_json_reply(request, 201, user);
}

static void new_user_end(struct request *request)
{
    struct new_user *state = request_state(request);
    const struct flow *flow = &state->run.flow;
    switch (flow->result) {
    case FLOW_DONE:
        user_created_reply(request, &flow->op.user);
        return;
    case FLOW_REPEATED:
        user_created_reply(request, &flow->op.users[0]);
        return;
    case FLOW_MISMATCHED:
        request_reply_fields(
            request, json_pack("[{s:s, s:s}]", "field", "Idempotency-Key", "message",
                               "was used with another body: take a new key for a new request"));
        return;
    case FLOW_BUSY:
        request_set_header(request, "Retry-After", "1");
        request_reply_error(request, 409, "the first request with this key is under way");
        return;
    case FLOW_NOT_FOUND:
        request_reply_error(request, 404, "the user of this request was erased since");
        return;
    case FLOW_UNAVAILABLE:
        request_reply_unavailable(request, flow->why);
        return;
    default:
        request_reply_error(request, 500, "the new id was taken; try again");
    }
}

/* Beside the faults of the user, that of its image. Returns 0, or -1 without memory. */
static int avatar_add_fault(const struct form *form, json_t *faults)
{
    return form->has_avatar ? upload_add_fault((unsigned char *)form->avatar.bytes,
                                               form->avatar.length, faults)
                            : 0;
}

static bool user_read(struct request *request, struct new_user *state)
{
    json_t *object;
    if (state->is_form) {
        if (!form_read(request, state->service->avatar_limit, &state->form))
            return false;
        object = service_parse_object(request, (const unsigned char *)state->form.user.bytes,
                                      state->form.user.length);
    } else {
        object = service_read_object(request);
    }
    if (!object)
        return false;
    json_t *faults = user_json_decode(object, &state->run.flow.op.user);
    json_decref(object);
    if (faults && json_array_size(faults) && avatar_add_fault(&state->form, faults) < 0) {
        json_decref(faults);
        faults = NULL;
    }
    return fields_admit(request, faults);
}

/* HMAC-SHA256 (RFC 2104) keyed with the database's secret, in hexadecimal. */
static bool digest_format(const struct service *service, const struct buffer *bytes,
                          char text[static SHA256_TEXT_SIZE])
{
    unsigned char digest[32];
    const char *secret = runtime_secret(service->runtime);
    if (!HMAC(EVP_sha256(), secret, (int)strlen(secret), (const unsigned char *)bytes->bytes,
              bytes->length, digest, NULL))
        return false;
    for (size_t i = 0; i < sizeof digest; i++)
        snprintf(text + 2 * i, 3, "%02x", digest[i]);
    return true;
}

/* The body by what it says, so that a repeat may write it otherwise: other blanks or
 * boundaries. Of the image, every byte that was sent counts, also what is cleaned away. */
static bool body_append(struct buffer *bytes, const struct new_user *state)
{
    const struct user *user = &state->run.flow.op.user;
    bool whole = true;
    for (size_t i = 0; i < user_fields_count; i++) {
        const char *text = (const char *)user + user_fields[i].offset;
        whole &= buffer_append(bytes, text, strlen(text) + 1) == 0;
    }
    return whole && buffer_append_text(bytes, state->sent) == 0;
}

static bool key_holds(const char *key)
{
    size_t length = strlen(key);
    for (size_t i = 0; i < length; i++) {
        if (key[i] <= ' ' || key[i] >= 0x7f)
            return false;
    }
    return length >= 1 && length <= KEY_LENGTH_MAX;
}

static bool idempotency_read(struct request *request, struct new_user *state)
{
    struct idempotency *idempotency = &state->run.flow.op.idempotency;
    const char *key = request_header(request, "Idempotency-Key");
    if (!key)
        return true;
    if (!key_holds(key)) {
        request_reply_error(request, 400,
                            "Idempotency-Key must be 1 to %d visible ASCII characters",
                            KEY_LENGTH_MAX);
        return false;
    }
    struct buffer bytes;
    buffer_init(&bytes, sizeof(struct user) + KEY_LENGTH_MAX);
    bool made = buffer_append_text(&bytes, key) == 0 &&
                digest_format(state->service, &bytes, idempotency->key);
    bytes.length = 0;
    made = made && body_append(&bytes, state) &&
           digest_format(state->service, &bytes, idempotency->body);
    buffer_deinit(&bytes);
    idempotency->ttl_ms = state->service->idempotency_ttl_ms;
    if (!made)
        request_reply_error(request, 500, "out of memory; try again");
    return made;
}

void new_user_post(struct request *request)
{
    struct new_user *state = request_state(request);
    struct flow *flow = &state->run.flow;
    unsigned char *bytes = NULL;
    if (!user_read(request, state))
        return;
    if (state->form.has_avatar) {
        bytes = (unsigned char *)state->form.avatar.bytes;
        if (!upload_clean(request, bytes, state->form.avatar.length, &flow->op.user.avatar,
                          state->sent))
            return;
    }
    if (!idempotency_read(request, state))
        return;
    uuid_generate(flow->op.user.id);
    adding_init(flow, runtime_flow_settings(state->service->runtime), bytes);
    service_run_flow(request, &state->run, new_user_end);
}
