#include "repository/postgres/operations.h"

static int look_up_send(struct session *session, struct repository_op *op)
{
    return op->verb == USER_GET ? postgres_user_get_send(session, op)
                                : postgres_erasure_get_send(session, op);
}

static int look_up_take(struct session *session, struct repository_op *op)
{
    return op->verb == USER_GET ? postgres_user_get_take(session, op)
                                : postgres_erasure_get_take(session, op);
}

int postgres_look_up(struct session *session, struct repository_op **ops, size_t count)
{
    struct query settings;
    pq_begin(&settings, session, STATEMENT_LOOK_UP_SETTINGS);
    if (pq_send(&settings) < 0)
        return -1;
    for (size_t i = 0; i < count; i++) {
        if (look_up_send(session, ops[i]) < 0)
            return -1;
    }
    if (session_sync(session) < 0 || pq_take_change(session) < 0)
        return -1;
    for (size_t i = 0; i < count; i++) {
        if (look_up_take(session, ops[i]) < 0)
            return -1;
    }
    return session_settle(session);
}
