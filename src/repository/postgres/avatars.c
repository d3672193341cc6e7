#include "repository/postgres/operations.h"

#include <string.h>

static int standing_send(struct session *session, const char *id)
{
    struct query query;
    pq_begin(&query, session, STATEMENT_USER_STANDING);
    pq_text(&query, id);
    return pq_send(&query);
}

/* How a user stood: -1 failed, 0 no row, 1 live, 2 marked. `ret_key` gets the avatar's key. */
static int standing_take(struct session *session, char ret_key[static OBJECT_KEY_SIZE])
{
    struct query query;
    if (pq_take(&query, session) < 0)
        return -1;
    int standing = 0;
    if (pq_step(&query)) {
        standing = pq_column_number(&query) ? 2 : 1;
        pq_column_copy(&query, ret_key, OBJECT_KEY_SIZE);
    }
    pq_end(&query);
    return standing;
}

int postgres_avatar_clear_send(struct session *session, struct repository_op *op, int64_t now)
{
    if (standing_send(session, op->id) < 0)
        return -1;
    struct query query;
    pq_begin(&query, session, STATEMENT_AVATAR_CLEAR);
    pq_text(&query, op->id);
    pq_number(&query, now);
    pq_text(&query, op->if_key);
    if (pq_send(&query) < 0)
        return -1;
    return postgres_keys_send(session, STATEMENT_AVATAR_KEYS, op->id);
}

int postgres_avatar_clear_take(struct session *session, struct repository_op *op)
{
    char key[OBJECT_KEY_SIZE];
    int standing = standing_take(session, key);
    int changed = standing < 0 ? -1 : pq_take_change(session);
    if (changed < 0 || (changed && !repository_keys_add(&op->keys, key)))
        return -1;
    /* Asked again, it says no sooner that the image is gone. */
    bool is_met = standing == 1 && (!*op->if_key || strcmp(op->if_key, key) == 0);
    int left = postgres_keys_take(session, is_met && !changed ? &op->keys : NULL);
    op->outcome = !is_met ? REPOSITORY_NOT_FOUND : left ? REPOSITORY_PENDING : REPOSITORY_OK;
    return left < 0 ? -1 : 0;
}

int postgres_avatar_attach_send(struct session *session, struct repository_op *op, int64_t now)
{
    if (standing_send(session, op->id) < 0)
        return -1;
    const struct avatar *avatar = &op->user.avatar;
    struct query query;
    pq_begin(&query, session, STATEMENT_AVATAR_ATTACH);
    pq_text(&query, op->id);
    pq_text(&query, avatar->key);
    pq_text(&query, avatar->store_id);
    pq_text(&query, avatar->content_type);
    pq_number(&query, avatar->bytes);
    pq_text(&query, avatar->sha256);
    pq_number(&query, now);
    pq_number(&query, op->guard_ms);
    pq_text(&query, op->if_key);
    return pq_send(&query);
}

int postgres_avatar_attach_take(struct session *session, struct repository_op *op)
{
    char old_key[OBJECT_KEY_SIZE] = "";
    int standing = standing_take(session, old_key);
    struct query query;
    if (standing < 0 || pq_take(&query, session) < 0 || !pq_step(&query))
        return -1;
    int64_t guards = pq_column_number(&query);
    int64_t pointed = pq_column_number(&query);
    pq_end(&query);
    /* A guard deleted and nothing attached: give the batch up. */
    if (guards != pointed)
        return -1;
    bool is_meant = standing == 1 && (!*op->if_key || strcmp(op->if_key, old_key) == 0);
    op->outcome = pointed    ? REPOSITORY_OK
                  : is_meant ? REPOSITORY_CONFLICT
                             : REPOSITORY_NOT_FOUND;
    return pointed && *old_key && !repository_keys_add(&op->keys, old_key) ? -1 : 0;
}

int postgres_guard_add_send(struct session *session, struct repository_op *op, int64_t now)
{
    struct query query;
    pq_begin(&query, session, STATEMENT_GUARD_INSERT);
    pq_text(&query, op->id);
    pq_text(&query, op->key);
    pq_text(&query, op->store_id);
    pq_number(&query, now);
    pq_number(&query, op->guard_ms);
    return pq_send(&query);
}

int postgres_guard_add_take(struct session *session, struct repository_op *op)
{
    int changed = pq_take_change(session);
    op->outcome = changed > 0 ? REPOSITORY_OK : REPOSITORY_NOT_FOUND;
    return changed < 0 ? -1 : 0;
}

int postgres_guard_add_early(struct session *session, struct repository_op *op, int64_t now)
{
    /* The request is on record as under way as long as the guard. */
    if (postgres_idempotency_meet(session, op, now, now + op->guard_ms) < 0)
        return -1;
    if (op->outcome != REPOSITORY_OK)
        return 0;
    struct query query;
    pq_begin(&query, session, STATEMENT_GUARD_INSERT_EARLY);
    pq_text(&query, op->key);
    pq_text(&query, op->store_id);
    pq_number(&query, now);
    pq_number(&query, op->guard_ms);
    return pq_change(&query) < 0 ? -1 : 0;
}

int postgres_guard_settle_send(struct session *session, struct repository_op *op, int64_t now)
{
    struct query query;
    pq_begin(&query, session, STATEMENT_GUARD_SETTLE);
    pq_text(&query, op->key);
    pq_number(&query, now);
    return pq_send(&query) < 0 ? -1 : postgres_idempotency_forget_send(session, op);
}

int postgres_guard_settle_take(struct session *session, struct repository_op *op)
{
    int settled = pq_take_change(session);
    int forgotten = settled < 0 ? -1 : pq_take_change(session);
    op->outcome = REPOSITORY_OK;
    return forgotten < 0 ? -1 : 0;
}
