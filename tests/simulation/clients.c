#include "clients.h"

#include "judge.h"
#include "replica.h"
#include "users/adding.h"
#include "users/deleting.h"
#include "users/updating.h"
#include "users/uploading.h"
#include "virtual.h"

#include "base/uuid.h"

#include <stdio.h>
#include <string.h>

#define USERS_MAX 8

enum wish {
    WISH_ADD,
    WISH_ADD_WITH_AVATAR,
    WISH_UPLOAD,
    WISH_UPDATE,
    WISH_DELETE_AVATAR,
    WISH_DELETE,
    WISH_COUNT
};

struct client {
    struct flow_run run;
    struct replica *replica;
    enum wish wish;
    struct ledger_user *user;
    struct ledger_key *key; /* that it uploads, or saw before it went */
    bool known;             /* somebody had been told of the user when it asked */
    bool over;
    struct client *next;
};

static struct ledger_user *users[USERS_MAX];
static struct client *clients;
static int64_t user_count, busy_until;

static const char *const names[WISH_COUNT] = {
    [WISH_ADD] = "add",       [WISH_ADD_WITH_AVATAR] = "add with avatar",
    [WISH_UPLOAD] = "upload", [WISH_UPDATE] = "update",
    [WISH_DELETE] = "delete", [WISH_DELETE_AVATAR] = "delete avatar",
};

static void told(const struct client *client)
{
    enum flow_result result = client->run.flow.result;
    bool done = result == FLOW_DONE;
    switch (client->wish) {
    case WISH_ADD:
    case WISH_ADD_WITH_AVATAR:
        if (done)
            judge_told_made(client->user);
        if (done && client->key)
            judge_told_attached(client->key);
        break;
    case WISH_UPLOAD:
        if (done)
            judge_told_attached(client->key);
        break;
    case WISH_DELETE_AVATAR:
        /* Who comes second finds no avatar, while the first still waits for its end. */
        if (done && client->run.flow.op.outcome == REPOSITORY_PENDING)
            judge_told_detached(client->key);
        break;
    case WISH_DELETE:
        if (done)
            judge_told_gone(client->user);
        if (result == FLOW_PENDING)
            judge_told_pending(client->user);
        if (result == FLOW_NOT_FOUND && client->known)
            broken("a client was told that %s never was", client->user->id);
        break;
    default:
        break;
    }
}

static void client_answered(struct flow_run *run)
{
    static const char *const results[] = {
        [FLOW_DONE] = "done",           [FLOW_PENDING] = "pending",
        [FLOW_NOT_FOUND] = "not found", [FLOW_CONFLICT] = "conflict",
        [FLOW_REPEATED] = "repeated",   [FLOW_MISMATCHED] = "mismatched",
        [FLOW_BUSY] = "busy",           [FLOW_UNAVAILABLE] = "unavailable",
    };
    struct client *client = run->owner;
    client->over = true;
    trace_say("client: %s %s: %s", names[client->wish], client->user->id,
              results[run->flow.result]);
    told(client);
}

/* A key is used once, ever; the store that it goes to is known, or there is no upload. */
static bool avatar_describe(struct client *client)
{
    struct runtime_status status;
    struct avatar *avatar = &client->run.flow.op.user.avatar;
    char id[UUID_TEXT_SIZE];
    runtime_status_get(client->replica->runtime, &status);
    if (!status.takes_uploads)
        return false;
    uuid_generate(id);
    snprintf(avatar->key, sizeof avatar->key, FILES_AVATAR_PREFIX "%s", id);
    memcpy(avatar->store_id, status.store_id, sizeof avatar->store_id);
    snprintf(avatar->content_type, sizeof avatar->content_type, "image/png");
    snprintf(avatar->sha256, sizeof avatar->sha256, "%064d", 1);
    avatar->bytes = 1;
    client->key = ledger_key(avatar->key);
    return true;
}

static void user_describe(struct user *user, const char *id)
{
    snprintf(user->id, sizeof user->id, "%s", id);
    snprintf(user->first_name, sizeof user->first_name, "Ada");
    snprintf(user->last_name, sizeof user->last_name, "Byron");
    snprintf(user->user_name, sizeof user->user_name, "ada");
    snprintf(user->email, sizeof user->email, "ada@example.org");
}

/* What the client sees before it deletes an avatar. */
static struct ledger_key *avatar_seen(struct client *client)
{
    struct repository_op op = {.verb = USER_GET};
    struct ledger_key *key = NULL;
    memcpy(op.id, client->user->id, sizeof op.id);
    runtime_read(client->replica->runtime, &op);
    if (op.outcome == REPOSITORY_OK && *op.user.avatar.key)
        key = ledger_key(op.user.avatar.key);
    repository_op_deinit(&op);
    return key;
}

/* Sets the flow up; false if the service would refuse it at once. */
static bool wish_prepare(struct client *client)
{
    struct flow *flow = &client->run.flow;
    const struct flow_settings *settings = runtime_flow_settings(client->replica->runtime);
    switch (client->wish) {
    case WISH_ADD:
        adding_init(flow, settings, NULL);
        user_describe(&flow->op.user, client->user->id);
        return true;
    case WISH_ADD_WITH_AVATAR:
        adding_init(flow, settings, "x");
        user_describe(&flow->op.user, client->user->id);
        return avatar_describe(client);
    case WISH_UPLOAD:
        uploading_init(flow, settings, "x");
        memcpy(flow->op.id, client->user->id, UUID_TEXT_SIZE);
        return avatar_describe(client);
    case WISH_UPDATE:
        updating_init(flow, settings, -1);
        user_describe(&flow->op.user, client->user->id);
        return true;
    case WISH_DELETE_AVATAR:
        client->key = avatar_seen(client);
        if (client->key)
            deleting_init_avatar(flow, settings, client->user->id, client->key->name);
        return client->key;
    default:
        deleting_init_user(flow, settings, client->user->id);
        return true;
    }
}

static void client_come(void *owner)
{
    struct client *client = owner;
    struct replica *replica = replica_any();
    if (!replica)
        return;
    client->replica = replica;
    client->known = client->user->told_made;
    replica_enter(replica);
    bool sent = wish_prepare(client);
    client->run.owner = client;
    client->run.done = client_answered;
    client->over = !sent;
    trace_say("client: %s %s by replica %d%s", names[client->wish], client->user->id,
              replica->index, sent ? "" : ": refused at once");
    if (sent)
        client->over = !runtime_run_flow(replica->runtime, &client->run);
    replica_leave();
    replica_poke(replica);
}

static void client_plan(enum wish wish, struct ledger_user *user, int64_t at_ms)
{
    struct client *client = virtual_take(sizeof *client);
    client->wish = wish;
    client->user = user;
    client->over = true;
    client->next = clients;
    clients = client;
    agenda_add(at_ms, client_come, client);
}

static enum wish wish_draw(void)
{
    int64_t drawn = chance_between(0, 99);
    if (drawn < 45)
        return WISH_UPLOAD;
    if (drawn < 60)
        return WISH_DELETE_AVATAR;
    return drawn < 70 ? WISH_UPDATE : WISH_DELETE;
}

void clients_begin(int64_t until_ms)
{
    int64_t wishes = chance_between(4, 30);
    user_count = chance_between(2, USERS_MAX);
    busy_until = until_ms;
    clients = NULL;
    for (int64_t i = 0; i < user_count; i++) {
        char id[UUID_TEXT_SIZE];
        uuid_generate(id);
        users[i] = ledger_user(id);
        client_plan(chance_of(400) ? WISH_ADD_WITH_AVATAR : WISH_ADD, users[i],
                    chance_between(100, SECONDS(20)));
    }
    /* Sometimes everybody goes at once, and is finished together. */
    int64_t exodus = chance_of(150) ? chance_between(SECONDS(20), until_ms) : 0;
    for (int64_t i = 0; i < user_count && exodus; i++)
        client_plan(WISH_DELETE, users[i], exodus + chance_between(0, 2));
    /* Many wishes come close to one another, and meet. */
    for (int64_t at = 0; wishes-- > 0;) {
        at = chance_of(400) ? at + chance_between(0, 200) : chance_between(0, until_ms);
        client_plan(wish_draw(), users[chance_between(0, user_count - 1)], at);
    }
}

void clients_gather(void)
{
    if (virtual_now() > busy_until)
        return;
    for (int64_t more = chance_between(2, 8); more-- > 0;)
        client_plan(wish_draw(), users[chance_between(0, user_count - 1)],
                    chance_between(0, 400));
}

void clients_end(void)
{
    for (struct client *client = clients; client; client = client->next)
        repository_op_deinit(&client->run.flow.op);
}

void clients_abandon(const struct replica *replica)
{
    for (struct client *client = clients; client; client = client->next) {
        if (client->replica == replica && !client->over) {
            trace_say("client: %s %s: no answer", names[client->wish], client->user->id);
            client->over = true;
        }
    }
}

bool clients_rest(void)
{
    for (const struct client *client = clients; client; client = client->next) {
        if (!client->over)
            return false;
    }
    return true;
}
