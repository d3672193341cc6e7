#include "handlers/copy.h"

#include "base/clock.h"
#include "base/log.h"
#include "config/limits.h"
#include "config/options.h"
#include "handlers/service.h"
#include "handlers/upload.h"
#include "users/uploading.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Copied at a time: as many images are in memory. */
#define COPY_SLOTS 8
/* Copied in a call: at most, and unless asked for. */
#define COPY_LIMIT        250
#define COPY_LIMIT_PRESET 50
/* Users looked at in a call, and read at a time. */
#define COPY_SCAN 10000
#define COPY_PAGE 500
/* How long reading an image from an older store may take. Milliseconds. */
#define COPY_FETCH_MS 30000

/* A user with an avatar in an older store. */
struct copy_item {
    char user_id[UUID_TEXT_SIZE];
    struct avatar avatar;
};

struct copy;

/* One copy at a time: read, check, upload. */
struct copy_slot {
    struct copy *copy;
    const struct copy_item *item;
    struct files_op fetch;
    struct flow_run run;
};

/* A call under way. */
struct copy {
    struct request *request;
    struct service *service;
    char store_id[UUID_TEXT_SIZE]; /* where to */
    char cursor[UUID_TEXT_SIZE];   /* the last user looked at */
    char start[UUID_TEXT_SIZE];    /* the cursor that the call came with */
    int64_t scanned, limit;
    int64_t deadline_ms; /* boot-time clock */
    bool more;
    struct copy_item *items;
    size_t count;
    struct copy_slot slots[COPY_SLOTS];

    pthread_mutex_t lock; /* of what follows */
    size_t next;          /* the first item that nobody has begun */
    size_t running;       /* slots at work */
    int64_t copied, skipped, failed;
    char trouble[ERROR_WORDS_SIZE]; /* of one that failed; "": none did */
};

static void copy_free(void *state)
{
    struct copy *copy = state;
    pthread_mutex_destroy(&copy->lock);
    free(copy->items);
    free(copy);
}

static bool query_read(struct request *request, struct copy *copy, bool takes_limit)
{
    static const char *const with_limit[] = {"cursor", "limit", NULL};
    static const char *const without[] = {"cursor", NULL};
    const char *limit = request_query(request, "limit");
    const char *cursor = request_query(request, "cursor");
    if (request_refuse_unknown_query(request, takes_limit ? with_limit : without))
        return false;
    if (limit && (number_parse(limit, &copy->limit) < 0 || copy->limit < 1 ||
                  copy->limit > COPY_LIMIT)) {
        request_reply_error(request, 400, "limit must be a whole number from 1 to %d",
                            COPY_LIMIT);
        return false;
    }
    if (cursor && *cursor && !uuid_parse(cursor, copy->cursor)) {
        request_reply_error(request, 400, "cursor must be the \"cursor\" of the answer before");
        return false;
    }
    memcpy(copy->start, copy->cursor, UUID_TEXT_SIZE);
    return true;
}

static struct copy *copy_new(struct request *request, bool takes_limit)
{
    struct runtime_status status;
    struct copy *copy = calloc(1, sizeof *copy);
    if (copy && pthread_mutex_init(&copy->lock, NULL) != 0) {
        free(copy);
        copy = NULL;
    }
    if (!copy) {
        request_reply_error(request, 500, "out of memory; try again");
        return NULL;
    }
    request_keep(request, copy, copy_free);
    copy->request = request;
    copy->service = request_context(request);
    copy->limit = COPY_LIMIT_PRESET;
    copy->deadline_ms = clock_boot_ms() + LIMIT_SWEEP_TIMEOUT_PRESET_MS;
    if (!query_read(request, copy, takes_limit))
        return NULL;
    runtime_status_get(copy->service->runtime, &status);
    memcpy(copy->store_id, status.store_id, UUID_TEXT_SIZE);
    if (status.takes_uploads)
        return copy;
    request_reply_unavailable(request, "images cannot be stored now; try again");
    return NULL;
}

/* Adds a user whose avatar is elsewhere. `keeps`: the items are wanted, not only their number.
 */
static void item_consider(struct copy *copy, const struct user *user, bool keeps)
{
    if (!*user->avatar.key || strcmp(user->avatar.store_id, copy->store_id) == 0)
        return;
    if (keeps) {
        memcpy(copy->items[copy->count].user_id, user->id, UUID_TEXT_SIZE);
        copy->items[copy->count].avatar = user->avatar;
    }
    copy->count++;
}

/* Looks at users from the cursor on, until there are enough items; false, with a reply. */
static bool users_scan(struct request *request, struct copy *copy, bool keeps)
{
    size_t most = keeps ? (size_t)copy->limit : SIZE_MAX;
    copy->more = true;
    while (copy->more && copy->count < most && copy->scanned < COPY_SCAN) {
        struct repository_op op = {.verb = USER_LIST, .limit = COPY_PAGE};
        memcpy(op.cursor, copy->cursor, UUID_TEXT_SIZE);
        runtime_read(copy->service->runtime, &op);
        bool read = op.outcome == REPOSITORY_OK;
        copy->more = op.more;
        for (size_t i = 0; read && i < op.user_count; i++) {
            if (copy->count == most) {
                copy->more = true;
                break;
            }
            item_consider(copy, &op.users[i], keeps);
            memcpy(copy->cursor, op.users[i].id, UUID_TEXT_SIZE);
            copy->scanned++;
        }
        repository_op_deinit(&op);
        if (!read) {
            request_reply_unavailable(request, "the database cannot be read now; try again");
            return false;
        }
    }
    return true;
}

void copy_get(struct request *request)
{
    struct copy *copy = copy_new(request, false);
    if (!copy || !users_scan(request, copy, false))
        return;
    request_reply_data(request, 200,
                       json_pack("{s:I, s:b, s:o}", "left", (json_int_t)copy->count, "more",
                                 copy->more, "cursor",
                                 copy->more ? json_string(copy->cursor) : json_null()));
}

static void copy_end(struct request *request)
{
    struct copy *copy = request_state(request);
    /* Items that nobody began are met again by the next call. */
    if (copy->next < copy->count) {
        copy->more = true;
        memcpy(copy->cursor, copy->next ? copy->items[copy->next - 1].user_id : copy->start,
               UUID_TEXT_SIZE);
    }
    log_info("avatars copied", log_number("copied", copy->copied),
             log_number("skipped", copy->skipped), log_number("failed", copy->failed));
    request_reply_data(request, 200,
                       json_pack("{s:I, s:I, s:I, s:o, s:b, s:o}", "copied",
                                 (json_int_t)copy->copied, "skipped", (json_int_t)copy->skipped,
                                 "failed", (json_int_t)copy->failed, "trouble",
                                 service_text(copy->trouble), "more", copy->more, "cursor",
                                 copy->more ? json_string(copy->cursor) : json_null()));
}

static void slot_go_on(struct copy_slot *slot);

static void slot_count(struct copy_slot *slot, enum flow_result result, const char *why)
{
    struct copy *copy = slot->copy;
    pthread_mutex_lock(&copy->lock);
    copy->copied += result == FLOW_DONE;
    copy->skipped += result == FLOW_NOT_FOUND;
    copy->failed += result != FLOW_DONE && result != FLOW_NOT_FOUND;
    if (why && !*copy->trouble)
        snprintf(copy->trouble, sizeof copy->trouble, "%s", why);
    pthread_mutex_unlock(&copy->lock);
    slot_go_on(slot);
}

static void slot_uploaded(struct flow_run *run)
{
    struct copy_slot *slot = run->owner;
    enum flow_result result = run->flow.result;
    const char *why = result == FLOW_UNAVAILABLE ? run->flow.why : NULL;
    repository_op_deinit(&run->flow.op);
    buffer_deinit(&slot->fetch.body);
    slot_count(slot, result, why);
}

/* What was read is what was acknowledged when it was stored. */
static bool image_is_whole(const struct copy_slot *slot)
{
    char sha256[SHA256_TEXT_SIZE];
    const struct buffer *body = &slot->fetch.body;
    return upload_digest(body->bytes, body->length, sha256) == 0 &&
           strcmp(sha256, slot->item->avatar.sha256) == 0;
}

static void slot_upload(struct copy_slot *slot)
{
    struct copy *copy = slot->copy;
    struct flow *flow = &slot->run.flow;
    char id[UUID_TEXT_SIZE];
    slot->run = (struct flow_run){.done = slot_uploaded, .owner = slot};
    uploading_init(flow, runtime_flow_settings(copy->service->runtime), slot->fetch.body.bytes);
    memcpy(flow->op.id, slot->item->user_id, UUID_TEXT_SIZE);
    memcpy(flow->op.if_key, slot->item->avatar.key, sizeof flow->op.if_key);
    flow->op.user.avatar = slot->item->avatar;
    uuid_generate(id);
    snprintf(flow->op.user.avatar.key, sizeof flow->op.user.avatar.key,
             FILES_AVATAR_PREFIX "%s", id);
    memcpy(flow->op.user.avatar.store_id, copy->store_id, UUID_TEXT_SIZE);
    if (runtime_run_flow(copy->service->runtime, &slot->run))
        return;
    buffer_deinit(&slot->fetch.body);
    slot_count(slot, FLOW_UNAVAILABLE, "the service has no room now");
}

static void slot_fetched(struct files_op *op)
{
    struct copy_slot *slot = op->owner;
    const struct files_answer *answer = &op->answer;
    if (files_answer_is_ok(answer) && image_is_whole(slot)) {
        slot_upload(slot);
        return;
    }
    bool absent = answer->status == 404 && strcmp(answer->code, "NoSuchBucket") != 0;
    const char *why = files_answer_is_ok(answer) ? "an image is not the one that was stored"
                      : absent                   ? "an image is not there"
                                                 : "an older store cannot be read";
    buffer_deinit(&op->body);
    slot_count(slot, FLOW_UNAVAILABLE, why);
}

static void slot_fetch(struct copy_slot *slot)
{
    slot->fetch = (struct files_op){.verb = FILES_GET,
                                    .key = slot->item->avatar.key,
                                    .deadline_ms = clock_boot_ms() + COPY_FETCH_MS,
                                    .done = slot_fetched,
                                    .owner = slot};
    buffer_init(&slot->fetch.body, LIMIT_AVATAR_OPTION_BYTES);
    if (!runtime_fetch(slot->copy->service->runtime, slot->item->avatar.store_id, &slot->fetch))
        slot_count(slot, FLOW_UNAVAILABLE,
                   "a store that holds images is not given with --files-also, or is busy");
}

/* Begins the next item, or ends; the last slot to end answers. */
static void slot_go_on(struct copy_slot *slot)
{
    struct copy *copy = slot->copy;
    bool late = clock_boot_ms() >= copy->deadline_ms || atomic_load(&copy->service->stopping);
    pthread_mutex_lock(&copy->lock);
    bool goes_on = !late && copy->next < copy->count;
    if (goes_on)
        slot->item = &copy->items[copy->next++];
    else
        copy->running--;
    bool last = copy->running == 0;
    pthread_mutex_unlock(&copy->lock);
    /* A slot that ended, and was not the last, may be gone by now. */
    if (goes_on)
        slot_fetch(slot);
    else if (last)
        request_resume(copy->request);
}

void copy_post(struct request *request)
{
    struct copy *copy = copy_new(request, true);
    if (!copy)
        return;
    copy->items = calloc((size_t)copy->limit, sizeof *copy->items);
    if (!copy->items) {
        request_reply_error(request, 500, "out of memory; try again");
        return;
    }
    if (!users_scan(request, copy, true))
        return;
    copy->running = COPY_SLOTS;
    request_suspend(request, copy_end);
    for (size_t i = 0; i < COPY_SLOTS; i++) {
        copy->slots[i].copy = copy;
        slot_go_on(&copy->slots[i]);
    }
}
