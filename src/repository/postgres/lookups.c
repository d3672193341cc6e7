#include "repository/postgres/operations.h"

static int look_ups_send(struct session *session, struct repository_op **ops, size_t count)
{
    struct query settings;
    pq_begin(&settings, session, STATEMENT_LOOK_UP_SETTINGS);
    if (pq_send(&settings) < 0 || postgres_users_get_send(session, ops, count) < 0)
        return -1;
    for (size_t i = 0; i < count; i++) {
        if (ops[i]->verb == ERASURE_GET && postgres_erasure_get_send(session, ops[i]) < 0)
            return -1;
    }
    return session_sync(session);
}

int postgres_look_up(struct session *session, struct repository_op **ops, size_t count)
{
    if (look_ups_send(session, ops, count) < 0 || pq_take_change(session) < 0 ||
        postgres_users_get_take(session, ops, count) < 0)
        return -1;
    for (size_t i = 0; i < count; i++) {
        if (ops[i]->verb == ERASURE_GET && postgres_erasure_get_take(session, ops[i]) < 0)
            return -1;
    }
    return session_settle(session);
}
