#include "contract/repository_support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COPY(to, from) snprintf((to), sizeof(to), "%s", (from))

struct repository_op *user_op(enum repository_verb verb, const char *id)
{
    struct repository_op *op = op_new(verb);
    COPY(op->id, id);
    COPY(op->user.id, id);
    COPY(op->user.first_name, "Ada");
    COPY(op->user.last_name, "Lovelace");
    COPY(op->user.user_name, "ada");
    COPY(op->user.email, "ada@example.org");
    COPY(op->user.country_id, "GB");
    COPY(op->user.birth_date, "1815-12-10");
    return op;
}

struct repository_op *guard_op(const char *id, const char *key)
{
    struct repository_op *op = user_op(GUARD_ADD, id);
    COPY(op->key, key);
    COPY(op->store_id, STORE);
    op->guard_ms = GUARD_MS;
    return op;
}

struct repository_op *attach_op(const char *id, const char *key)
{
    struct repository_op *op = user_op(AVATAR_ATTACH, id);
    COPY(op->user.avatar.key, key);
    COPY(op->user.avatar.store_id, STORE);
    COPY(op->user.avatar.content_type, "image/png");
    COPY(op->user.avatar.sha256, "00ff");
    op->user.avatar.bytes = 7;
    op->guard_ms = GUARD_MS;
    return op;
}

void user_add(const char *id)
{
    assert_int_equal(op_apply(user_op(USER_ADD, id)), REPOSITORY_OK);
}

enum repository_outcome guard_add(const char *id, const char *key)
{
    return op_apply(guard_op(id, key));
}

enum repository_outcome attach(const char *id, const char *key)
{
    return op_apply(attach_op(id, key));
}

enum repository_outcome settle(const char *key)
{
    struct repository_op *op = op_new(GUARD_SETTLE);
    COPY(op->key, key);
    return op_apply(op);
}

enum repository_outcome mark(const char *id)
{
    return op_apply(user_op(USER_MARK, id));
}

enum repository_outcome clear(const char *id)
{
    return op_apply(user_op(AVATAR_CLEAR, id));
}

void avatar_give(const char *id, const char *key)
{
    assert_int_equal(guard_add(id, key), REPOSITORY_OK);
    assert_int_equal(attach(id, key), REPOSITORY_OK);
}

void user_add_with_avatar(const char *id, const char *key)
{
    user_add(id);
    avatar_give(id, key);
}

void deletion_leave(const char *user_id, const char *key)
{
    sql("INSERT INTO deletions (key, store_id, user_id, reason, created_at, not_before, "
        "due_at) "
        "VALUES ('%s', '%s', '%s', 'user', 1, 1, 1)",
        key, STORE, user_id);
}

const struct claim *claim(struct claim wanted)
{
    struct repository_op *op = op_new(DELETIONS_CLAIM);
    op->claim = wanted;
    if (!op->claim.limit)
        op->claim.limit = 100;
    if (!op->claim.lease_ms)
        op->claim.lease_ms = LEASE_MS;
    if (!op->claim.after_key)
        op->claim.after_key = "";
    assert_int_equal(op_apply(op), REPOSITORY_OK);
    return &op->claim;
}

const struct claim *claim_key(const char *key)
{
    return claim((struct claim){.kind = CLAIM_KEYS, .keys = &key, .key_count = 1});
}

bool claim_has(const struct claim *taken, const char *key)
{
    for (size_t i = 0; i < taken->claimed.count; i++) {
        if (strcmp(taken->claimed.rows[i].key, key) == 0)
            return true;
    }
    return false;
}

const struct deletion *row_claim(const char *key)
{
    const struct claim *taken = claim_key(key);
    assert_int_equal(taken->claimed.count, 1);
    return &taken->claimed.rows[0];
}

static struct confirmation item_confirm(struct confirmation item)
{
    struct repository_op *op = op_new(DELETIONS_CONFIRM);
    op->confirm =
        (struct confirm){.items = &item, .count = 1, .second_look_ms = SECOND_LOOK_MS};
    assert_int_equal(op_apply(op), REPOSITORY_OK);
    op->confirm.items = NULL;
    return item;
}

struct confirmation confirm(const struct deletion *row, enum confirm_outcome outcome)
{
    struct confirmation item = {
        .row = row, .outcome = outcome, .spend = true, .delay_ms = DELAY_MS, .status = 204};
    if (outcome != CONFIRM_DONE) {
        item.status = 503;
        COPY(item.error_class, outcome == CONFIRM_RETRY ? "timeout" : "AccessDenied");
        COPY(item.error, "the provider's words");
    }
    return item_confirm(item);
}

struct confirmation confirm_blocked(const struct deletion *row, const char *error_class)
{
    struct confirmation item = {.row = row,
                                .outcome = CONFIRM_BLOCKED,
                                .spend = true,
                                .delay_ms = DELAY_MS,
                                .status = 403};
    COPY(item.error_class, error_class);
    return item_confirm(item);
}

struct confirmation finish(const char *key)
{
    struct confirmation item = confirm(row_claim(key), CONFIRM_DONE);
    assert_true(item.applied);
    return item;
}

struct erasure erasure_get(const char *id)
{
    return op_read(user_op(ERASURE_GET, id))->erasure;
}

struct backlog backlog_get(void)
{
    return op_read(op_new(BACKLOG_GET))->backlog;
}
