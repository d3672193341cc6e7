#include "repository/sqlite/operations.h"

#include <stdlib.h>
#include <string.h>

/* What is on record for a key. */
struct record {
    char body[SHA256_TEXT_SIZE];
    char user_id[UUID_TEXT_SIZE];
    bool busy;
};

static int record_find(struct connection *connection, const struct idempotency *idempotency,
                       int64_t now, struct record *record)
{
    struct query query = query_begin(connection, STATEMENT_IDEMPOTENCY_SELECT);
    query_text(&query, idempotency->key);
    query_number(&query, now);
    query_number(&query, idempotency->ttl_ms);
    int found = query_step(&query);
    if (found > 0) {
        query_column_copy(&query, record->body, sizeof record->body);
        query_column_copy(&query, record->user_id, sizeof record->user_id);
        record->busy = query_column_number(&query);
    }
    query_end(&query);
    return found;
}

static int record_put(struct connection *connection, const struct repository_op *op,
                      int64_t now, int64_t busy_until)
{
    struct query expire = query_begin(connection, STATEMENT_IDEMPOTENCY_EXPIRE);
    query_number(&expire, now);
    query_number(&expire, op->idempotency.ttl_ms);
    if (query_change(connection, &expire) < 0)
        return -1;
    struct query put = query_begin(connection, STATEMENT_IDEMPOTENCY_PUT);
    query_text(&put, op->idempotency.key);
    query_text(&put, op->idempotency.body);
    query_text(&put, op->user.id);
    query_number(&put, now);
    query_number(&put, busy_until);
    return query_change(connection, &put) < 0 ? -1 : 0;
}

/* The request was answered before: with the user as it is now, if there still is one (C5). */
static int record_answer(struct connection *connection, struct repository_op *op,
                         const struct record *record)
{
    /* Apart from op->user, which this operation came with and would be redone with. */
    struct repository_op read = {.verb = USER_GET};
    memcpy(read.id, record->user_id, sizeof read.id);
    if (sqlite_user_get(connection, &read) < 0)
        return -1;
    op->outcome = read.outcome;
    if (read.outcome != REPOSITORY_OK)
        return 0;
    op->users = malloc(sizeof *op->users);
    if (!op->users)
        return -1;
    op->users[0] = read.user;
    op->user_count = 1;
    op->outcome = REPOSITORY_REPEATED;
    return 0;
}

int sqlite_idempotency_meet(struct connection *connection, struct repository_op *op,
                            int64_t now, int64_t busy_until)
{
    struct record record;
    op->outcome = REPOSITORY_OK;
    if (!*op->idempotency.key)
        return 0;
    int found = record_find(connection, &op->idempotency, now, &record);
    if (found < 0)
        return -1;
    bool own = found && strcmp(record.user_id, op->user.id) == 0;
    if (!found || own)
        return record_put(connection, op, now, busy_until);
    if (strcmp(record.body, op->idempotency.body) != 0)
        op->outcome = REPOSITORY_MISMATCHED;
    else if (record.busy)
        op->outcome = REPOSITORY_BUSY;
    else
        return record_answer(connection, op, &record);
    return 0;
}

int sqlite_idempotency_forget(struct connection *connection, const struct repository_op *op)
{
    if (!*op->idempotency.key)
        return 0;
    struct query query = query_begin(connection, STATEMENT_IDEMPOTENCY_FORGET);
    query_text(&query, op->idempotency.key);
    query_text(&query, op->user.id);
    return query_change(connection, &query) < 0 ? -1 : 0;
}
