#include "repository/sqlite/operations.h"

#include <stdlib.h>
#include <string.h>

static void user_bind(struct query *query, const struct user *user)
{
    query_text(query, user->id);
    query_text(query, user->first_name);
    query_text(query, user->last_name);
    query_text(query, user->user_name);
    query_text(query, user->email);
    query_text(query, user->country_id);
    query_text(query, user->birth_date);
}

static void user_read(struct query *query, struct user *user)
{
    *user = (struct user){0};
    query_column_copy(query, user->id, sizeof user->id);
    query_column_copy(query, user->first_name, sizeof user->first_name);
    query_column_copy(query, user->last_name, sizeof user->last_name);
    query_column_copy(query, user->user_name, sizeof user->user_name);
    query_column_copy(query, user->email, sizeof user->email);
    query_column_copy(query, user->country_id, sizeof user->country_id);
    query_column_copy(query, user->birth_date, sizeof user->birth_date);
    query_column_copy(query, user->avatar.key, sizeof user->avatar.key);
    query_column_copy(query, user->avatar.store_id, sizeof user->avatar.store_id);
    query_column_copy(query, user->avatar.content_type, sizeof user->avatar.content_type);
    query_column_copy(query, user->avatar.sha256, sizeof user->avatar.sha256);
    user->avatar.bytes = query_column_number(query);
    user->created_at = query_column_number(query);
    user->updated_at = query_column_number(query);
    user->version = query_column_number(query);
}

/* How a user stands: -1 failed, 0 no row, 1 live, 2 marked. `ret_key` gets the avatar's key. */
static int user_standing(struct connection *connection, const char *id,
                         char ret_key[static OBJECT_KEY_SIZE])
{
    struct query query = query_begin(connection, STATEMENT_USER_STANDING);
    query_text(&query, id);
    int found = query_step(&query);
    int standing = found;
    if (found > 0) {
        standing = query_column_number(&query) ? 2 : 1;
        query_column_copy(&query, ret_key, OBJECT_KEY_SIZE);
    }
    query_end(&query);
    return standing;
}

int sqlite_user_get(struct connection *connection, struct repository_op *op)
{
    struct query query = query_begin(connection, STATEMENT_USER_SELECT);
    query_text(&query, op->id);
    int found = query_step(&query);
    if (found > 0)
        user_read(&query, &op->user);
    query_end(&query);
    op->outcome = found > 0 ? REPOSITORY_OK : REPOSITORY_NOT_FOUND;
    return found < 0 ? -1 : 0;
}

int sqlite_user_list(struct connection *connection, struct repository_op *op)
{
    size_t limit = (size_t)op->limit;
    op->users = reallocarray(NULL, limit + 1, sizeof *op->users);
    if (!op->users)
        return -1;
    struct query query = query_begin(connection, STATEMENT_USER_PAGE);
    query_text(&query, op->cursor);
    query_number(&query, op->limit + 1);
    int found;
    while ((found = query_step(&query)) > 0 && op->user_count <= limit)
        user_read(&query, &op->users[op->user_count++]);
    query_end(&query);
    op->more = op->user_count > limit;
    if (op->more)
        op->user_count = limit;
    op->outcome = REPOSITORY_OK;
    return found < 0 ? -1 : 0;
}

/* Takes the guard of the avatar away: 1, or 0 if it was claimed or is near its end (R1, R21).
 */
static int guard_take(struct connection *connection, const struct repository_op *op,
                      int64_t now)
{
    struct query guard = query_begin(connection, STATEMENT_GUARD_DELETE);
    query_text(&guard, op->user.avatar.key);
    query_number(&guard, now);
    query_number(&guard, op->guard_ms);
    return query_change(connection, &guard);
}

static int avatar_set(struct connection *connection, const struct user *user, int64_t now)
{
    struct query set = query_begin(connection, STATEMENT_AVATAR_SET);
    query_text(&set, user->id);
    query_text(&set, user->avatar.key);
    query_text(&set, user->avatar.store_id);
    query_text(&set, user->avatar.content_type);
    query_number(&set, user->avatar.bytes);
    query_text(&set, user->avatar.sha256);
    query_number(&set, now);
    /* No row here would leave a guard taken and nothing attached: give the batch up. */
    return query_change(connection, &set) == 1 ? 0 : -1;
}

/* A user who comes with an avatar: the guard, the row, the pointer. */
static int user_insert(struct connection *connection, struct repository_op *op, int64_t now)
{
    bool has_avatar = *op->user.avatar.key;
    int taken = has_avatar ? guard_take(connection, op, now) : 1;
    if (taken <= 0) {
        op->outcome = REPOSITORY_CONFLICT;
        return taken < 0 ? -1 : sqlite_idempotency_forget(connection, op);
    }
    struct query query = query_begin(connection, STATEMENT_USER_INSERT);
    user_bind(&query, &op->user);
    query_number(&query, now);
    int changed = query_change(connection, &query);
    if (changed <= 0 && has_avatar)
        return -1;
    op->outcome = changed > 0 ? REPOSITORY_OK : REPOSITORY_CONFLICT;
    op->user.created_at = op->user.updated_at = now;
    op->user.version = 1 + has_avatar;
    if (changed > 0 && has_avatar)
        return avatar_set(connection, &op->user, now);
    return changed < 0 ? -1 : 0;
}

int sqlite_user_add(struct connection *connection, struct repository_op *op, int64_t now)
{
    if (sqlite_idempotency_meet(connection, op, now, 0) < 0)
        return -1;
    return op->outcome == REPOSITORY_OK ? user_insert(connection, op, now) : 0;
}

int sqlite_user_replace(struct connection *connection, struct repository_op *op, int64_t now)
{
    struct query query = query_begin(connection, STATEMENT_USER_REPLACE);
    user_bind(&query, &op->user);
    query_number(&query, now);
    query_number(&query, op->if_version);
    int changed = query_change(connection, &query);
    if (changed < 0)
        return -1;
    memcpy(op->id, op->user.id, sizeof op->id);
    if (changed)
        return sqlite_user_get(connection, op);
    /* What was sent is left as it is: the batch may be done again (D3). */
    char key[OBJECT_KEY_SIZE];
    int standing = user_standing(connection, op->id, key);
    op->outcome = standing == 1 ? REPOSITORY_CONFLICT : REPOSITORY_NOT_FOUND;
    return standing < 0 ? -1 : 0;
}

/*
 * Lists what is to be deleted now of a user, as `statement` selects it. Returns how many
 * deletions there are in all, those whose time has not come among them; -1 on failure.
 */
static int keys_list(struct connection *connection, enum statement statement,
                     struct repository_op *op, int64_t now)
{
    struct query query = query_begin(connection, statement);
    query_text(&query, op->id);
    query_number(&query, now);
    query_number(&query, REPOSITORY_KEYS_MAX);
    int count = 0, found;
    while ((found = query_step(&query)) > 0) {
        count++;
        const char *key = query_column_text(&query);
        if (query_column_number(&query) && !repository_keys_add(&op->keys, key)) {
            found = -1;
            break;
        }
    }
    query_end(&query);
    return found < 0 ? -1 : count;
}

/* A user without a row: asked for before (C1), being worked off, or never seen. */
static int user_mark_absent(struct connection *connection, struct repository_op *op,
                            int64_t now)
{
    int count = keys_list(connection, STATEMENT_USER_KEYS, op, now);
    if (count != 0) {
        op->outcome = REPOSITORY_PENDING;
        return count < 0 ? -1 : 0;
    }
    struct query query = query_begin(connection, STATEMENT_USER_RECEIPT_EXISTS);
    query_text(&query, op->id);
    int found = query_step(&query);
    query_end(&query);
    op->outcome = found > 0 ? REPOSITORY_GONE : REPOSITORY_NOT_FOUND;
    return found < 0 ? -1 : 0;
}

/* A marked user of whom nothing seems to be left; a pointer without a row keeps it. */
static int user_remove_marked(struct connection *connection, struct repository_op *op)
{
    struct query remove = query_begin(connection, STATEMENT_USER_DELETE_MARKED);
    query_text(&remove, op->id);
    int removed = query_change(connection, &remove);
    if (removed > 0)
        op->outcome = REPOSITORY_GONE;
    return removed < 0 ? -1 : 0;
}

int sqlite_user_mark(struct connection *connection, struct repository_op *op, int64_t now)
{
    char key[OBJECT_KEY_SIZE];
    struct query mark = query_begin(connection, STATEMENT_USER_MARK);
    query_text(&mark, op->id);
    query_number(&mark, now);
    int marked = query_change(connection, &mark);
    int standing = marked ? marked : user_standing(connection, op->id, key);
    if (standing <= 0)
        return standing < 0 ? -1 : user_mark_absent(connection, op, now);

    /* "None left" is checked in a later statement than the mark (R11). */
    int left = keys_list(connection, STATEMENT_USER_KEYS, op, now);
    if (left < 0)
        return -1;
    op->outcome = REPOSITORY_PENDING;
    return left ? 0 : user_remove_marked(connection, op);
}

int sqlite_avatar_clear(struct connection *connection, struct repository_op *op, int64_t now)
{
    char key[OBJECT_KEY_SIZE];
    int standing = user_standing(connection, op->id, key);
    if (standing != 1 || (*op->if_key && strcmp(op->if_key, key) != 0)) {
        op->outcome = REPOSITORY_NOT_FOUND;
        return standing < 0 ? -1 : 0;
    }
    struct query clear = query_begin(connection, STATEMENT_AVATAR_CLEAR);
    query_text(&clear, op->id);
    query_number(&clear, now);
    int changed = query_change(connection, &clear);
    if (changed < 0 || (changed && !repository_keys_add(&op->keys, key)))
        return -1;
    /* Asked again, it says no sooner that the image is gone. */
    int left = changed ? 1 : keys_list(connection, STATEMENT_AVATAR_KEYS, op, now);
    op->outcome = left ? REPOSITORY_PENDING : REPOSITORY_OK;
    return left < 0 ? -1 : 0;
}

/* For a user who is not there yet; the request is on record as under way as long as the guard.
 */
static int guard_add_early(struct connection *connection, struct repository_op *op, int64_t now)
{
    if (sqlite_idempotency_meet(connection, op, now, now + op->guard_ms) < 0)
        return -1;
    if (op->outcome != REPOSITORY_OK)
        return 0;
    struct query query = query_begin(connection, STATEMENT_GUARD_INSERT_EARLY);
    query_text(&query, op->key);
    query_text(&query, op->store_id);
    query_number(&query, now);
    query_number(&query, op->guard_ms);
    return query_change(connection, &query) < 0 ? -1 : 0;
}

int sqlite_guard_add(struct connection *connection, struct repository_op *op, int64_t now)
{
    if (!*op->id)
        return guard_add_early(connection, op, now);
    struct query query = query_begin(connection, STATEMENT_GUARD_INSERT);
    query_text(&query, op->id);
    query_text(&query, op->key);
    query_text(&query, op->store_id);
    query_number(&query, now);
    query_number(&query, op->guard_ms);
    int changed = query_change(connection, &query);
    op->outcome = changed > 0 ? REPOSITORY_OK : REPOSITORY_NOT_FOUND;
    return changed < 0 ? -1 : 0;
}

int sqlite_guard_settle(struct connection *connection, struct repository_op *op, int64_t now)
{
    struct query query = query_begin(connection, STATEMENT_GUARD_SETTLE);
    query_text(&query, op->key);
    query_number(&query, now);
    op->outcome = REPOSITORY_OK;
    return query_change(connection, &query) < 0 ? -1
                                                : sqlite_idempotency_forget(connection, op);
}

/* The user, then the guard, then the pointer: what meets no row leaves nothing behind (R1). */
int sqlite_avatar_attach(struct connection *connection, struct repository_op *op, int64_t now)
{
    char old_key[OBJECT_KEY_SIZE];
    int standing = user_standing(connection, op->id, old_key);
    if (standing != 1) {
        op->outcome = REPOSITORY_NOT_FOUND;
        return standing < 0 ? -1 : 0;
    }
    if (*op->if_key && strcmp(op->if_key, old_key) != 0) {
        op->outcome = REPOSITORY_NOT_FOUND;
        return 0;
    }
    int taken = guard_take(connection, op, now);
    if (taken <= 0) {
        op->outcome = REPOSITORY_CONFLICT;
        return taken;
    }
    memcpy(op->user.id, op->id, sizeof op->user.id);
    if (avatar_set(connection, &op->user, now) < 0)
        return -1;
    if (*old_key && !repository_keys_add(&op->keys, old_key))
        return -1;
    op->outcome = REPOSITORY_OK;
    return 0;
}
