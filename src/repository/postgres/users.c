#include "repository/postgres/array.h"
#include "repository/postgres/operations.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define USER_TEXTS 7

/* The texts of a user in the order of its columns. */
static void user_texts(const struct user *user, const char *ret_texts[static USER_TEXTS])
{
    const char *const texts[USER_TEXTS] = {user->id,        user->first_name, user->last_name,
                                           user->user_name, user->email,      user->country_id,
                                           user->birth_date};
    memcpy(ret_texts, texts, sizeof texts);
}

static void user_read(struct query *query, struct user *user)
{
    *user = (struct user){0};
    pq_column_copy(query, user->id, sizeof user->id);
    pq_column_copy(query, user->first_name, sizeof user->first_name);
    pq_column_copy(query, user->last_name, sizeof user->last_name);
    pq_column_copy(query, user->user_name, sizeof user->user_name);
    pq_column_copy(query, user->email, sizeof user->email);
    pq_column_copy(query, user->country_id, sizeof user->country_id);
    pq_column_copy(query, user->birth_date, sizeof user->birth_date);
    pq_column_copy(query, user->avatar.key, sizeof user->avatar.key);
    pq_column_copy(query, user->avatar.store_id, sizeof user->avatar.store_id);
    pq_column_copy(query, user->avatar.content_type, sizeof user->avatar.content_type);
    pq_column_copy(query, user->avatar.sha256, sizeof user->avatar.sha256);
    user->avatar.bytes = pq_column_number(query);
    user->created_at = pq_column_number(query);
    user->updated_at = pq_column_number(query);
    user->version = pq_column_number(query);
}

int postgres_users_get_send(struct session *session, struct repository_op **ops, size_t count)
{
    struct array ids;
    struct query query;
    int failed = -1;
    array_init(&ids);
    for (size_t i = 0; i < count; i++)
        array_add_text(&ids, ops[i]->verb == USER_GET ? ops[i]->id : "");
    const char *text = array_text(&ids);
    if (text) {
        pq_begin(&query, session, STATEMENT_USERS_SELECT);
        pq_text(&query, text);
        failed = pq_send(&query);
    }
    array_deinit(&ids);
    return failed;
}

int postgres_users_get_take(struct session *session, struct repository_op **ops, size_t count)
{
    struct query query;
    if (pq_take(&query, session) < 0)
        return -1;
    for (size_t i = 0; i < count; i++) {
        if (ops[i]->verb == USER_GET)
            ops[i]->outcome = REPOSITORY_NOT_FOUND;
    }
    while (pq_step(&query)) {
        struct repository_op *op = ops[pq_column_number(&query) - 1];
        user_read(&query, &op->user);
        op->outcome = REPOSITORY_OK;
    }
    pq_end(&query);
    return 0;
}

int postgres_user_list(struct session *session, struct repository_op *op)
{
    size_t limit = (size_t)op->limit;
    op->users = reallocarray(NULL, limit + 1, sizeof *op->users);
    if (!op->users)
        return -1;
    struct query query;
    pq_begin(&query, session, STATEMENT_USER_PAGE);
    pq_text(&query, op->cursor);
    pq_number(&query, op->limit + 1);
    if (pq_run(&query) < 0)
        return -1;
    while (pq_step(&query) && op->user_count <= limit)
        user_read(&query, &op->users[op->user_count++]);
    pq_end(&query);
    op->more = op->user_count > limit;
    if (op->more)
        op->user_count = limit;
    op->outcome = REPOSITORY_OK;
    return 0;
}

bool postgres_user_is_plain(const struct repository_op *op)
{
    return op->verb == USER_ADD && !*op->user.avatar.key && !*op->idempotency.key;
}

/* Looks from `*from` on: ids mostly come back in the order in which they were given. */
static struct repository_op *user_find_unanswered(struct repository_op **ops, size_t count,
                                                  const char *id, size_t *from)
{
    for (size_t i = 0; i < count; i++) {
        struct repository_op *op = ops[(*from + i) % count];
        if (op->verb == USER_ADD && op->outcome == REPOSITORY_CONFLICT &&
            strcmp(op->user.id, id) == 0) {
            *from += i + 1;
            return op;
        }
    }
    return NULL;
}

/* What was inserted comes back by its id; whoever is left over met an id that exists. */
static int users_insert(struct session *session, struct repository_op **ops, size_t count,
                        struct array *texts, int64_t now)
{
    struct query query;
    pq_begin(&query, session, STATEMENT_USERS_INSERT);
    for (size_t i = 0; i < USER_TEXTS; i++)
        pq_text(&query, texts[i].text.bytes);
    pq_number(&query, now);
    if (pq_run(&query) < 0)
        return -1;
    size_t from = 0;
    while (pq_step(&query)) {
        struct repository_op *op =
            user_find_unanswered(ops, count, pq_column_text(&query), &from);
        if (op)
            op->outcome = REPOSITORY_OK;
    }
    pq_end(&query);
    return 0;
}

int postgres_users_add(struct session *session, struct repository_op **ops, size_t count,
                       int64_t now)
{
    struct array texts[USER_TEXTS];
    for (size_t i = 0; i < USER_TEXTS; i++)
        array_init(&texts[i]);
    for (size_t i = 0; i < count; i++) {
        if (!postgres_user_is_plain(ops[i]))
            continue;
        const char *values[USER_TEXTS];
        user_texts(&ops[i]->user, values);
        for (size_t column = 0; column < USER_TEXTS; column++)
            array_add_text(&texts[column], values[column]);
        ops[i]->outcome = REPOSITORY_CONFLICT;
        ops[i]->user.created_at = ops[i]->user.updated_at = now;
        ops[i]->user.version = 1;
    }
    int failed = 0;
    if (texts[0].count > 0)
        failed = array_end_all(texts, USER_TEXTS)
                     ? users_insert(session, ops, count, texts, now)
                     : -1;
    for (size_t i = 0; i < USER_TEXTS; i++)
        array_deinit(&texts[i]);
    return failed;
}

/* A user who comes with an avatar: the guard, the row, the pointer. */
static int user_insert_with_avatar(struct session *session, struct repository_op *op,
                                   int64_t now)
{
    const struct avatar *avatar = &op->user.avatar;
    const char *values[USER_TEXTS];
    user_texts(&op->user, values);
    struct query query;
    pq_begin(&query, session, STATEMENT_USER_INSERT_WITH_AVATAR);
    for (size_t i = 0; i < USER_TEXTS; i++)
        pq_text(&query, values[i]);
    pq_text(&query, avatar->key);
    pq_text(&query, avatar->store_id);
    pq_text(&query, avatar->content_type);
    pq_number(&query, avatar->bytes);
    pq_text(&query, avatar->sha256);
    pq_number(&query, now);
    pq_number(&query, op->guard_ms);
    if (pq_run(&query) < 0)
        return -1;
    pq_step(&query);
    int64_t guards = pq_column_number(&query);
    int64_t made = pq_column_number(&query);
    pq_end(&query);
    /* A guard deleted and nothing attached: give the batch up. */
    if (guards != made)
        return -1;
    op->user.created_at = op->user.updated_at = now;
    op->user.version = 2;
    op->outcome = made ? REPOSITORY_OK : REPOSITORY_CONFLICT;
    return made ? 0 : postgres_idempotency_forget(session, op);
}

/* Without an avatar: as a plain one, once it is on record. */
static int user_insert(struct session *session, struct repository_op *op, int64_t now)
{
    struct array texts[USER_TEXTS];
    const char *values[USER_TEXTS];
    user_texts(&op->user, values);
    for (size_t i = 0; i < USER_TEXTS; i++) {
        array_init(&texts[i]);
        array_add_text(&texts[i], values[i]);
    }
    op->outcome = REPOSITORY_CONFLICT;
    op->user.created_at = op->user.updated_at = now;
    op->user.version = 1;
    int failed = -1;
    if (array_end_all(texts, USER_TEXTS))
        failed = users_insert(session, &op, 1, texts, now);
    for (size_t i = 0; i < USER_TEXTS; i++)
        array_deinit(&texts[i]);
    return failed;
}

int postgres_user_add(struct session *session, struct repository_op *op, int64_t now)
{
    if (postgres_idempotency_meet(session, op, now, 0) < 0)
        return -1;
    if (op->outcome != REPOSITORY_OK)
        return 0;
    return *op->user.avatar.key ? user_insert_with_avatar(session, op, now)
                                : user_insert(session, op, now);
}

int postgres_user_replace_send(struct session *session, struct repository_op *op, int64_t now)
{
    struct query query;
    const char *values[USER_TEXTS];
    user_texts(&op->user, values);
    pq_begin(&query, session, STATEMENT_USER_REPLACE);
    for (size_t i = 0; i < USER_TEXTS; i++)
        pq_text(&query, values[i]);
    pq_number(&query, now);
    pq_number(&query, op->if_version);
    if (pq_send(&query) < 0)
        return -1;
    pq_begin(&query, session, STATEMENT_USER_STANDING);
    pq_text(&query, op->user.id);
    return pq_send(&query);
}

int postgres_user_replace_take(struct session *session, struct repository_op *op)
{
    struct query query;
    if (pq_take(&query, session) < 0)
        return -1;
    bool replaced = pq_step(&query);
    if (replaced)
        user_read(&query, &op->user);
    pq_end(&query);
    memcpy(op->id, op->user.id, sizeof op->id);
    if (pq_take(&query, session) < 0)
        return -1;
    bool is_live = pq_step(&query) && !pq_column_number(&query);
    pq_end(&query);
    op->outcome = replaced  ? REPOSITORY_OK
                  : is_live ? REPOSITORY_CONFLICT
                            : REPOSITORY_NOT_FOUND;
    return 0;
}

int postgres_keys_send(struct session *session, enum statement statement, const char *id)
{
    struct query query;
    pq_begin(&query, session, statement);
    pq_text(&query, id);
    pq_number(&query, REPOSITORY_KEYS_MAX);
    return pq_send(&query);
}

int postgres_keys_take(struct session *session, struct repository_keys *ret_keys)
{
    struct query query;
    if (pq_take(&query, session) < 0)
        return -1;
    int count = 0;
    while (count >= 0 && pq_step(&query)) {
        const char *key = pq_column_text(&query);
        count++;
        if (ret_keys && pq_column_number(&query) && !repository_keys_add(ret_keys, key))
            count = -1;
    }
    pq_end(&query);
    return count;
}
