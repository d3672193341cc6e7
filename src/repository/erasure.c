#include "repository/erasure.h"

static enum erasure_state state_of_rows(const struct erasure_rows *rows)
{
    if (rows->is_there && !rows->is_marked)
        return ERASURE_NONE;
    if (rows->blocked)
        return ERASURE_BLOCKED;
    if (rows->left || rows->is_marked)
        return ERASURE_PENDING;
    return rows->receipt_at ? ERASURE_DELETED : ERASURE_NONE;
}

static int64_t asked_at(const struct erasure_rows *rows)
{
    if (rows->receipt_asked_at)
        return rows->receipt_asked_at;
    return rows->marked_at ? rows->marked_at : rows->oldest_at;
}

struct erasure erasure_of_rows(const struct erasure_rows *rows)
{
    enum erasure_state state = state_of_rows(rows);
    return (struct erasure){.state = state,
                            .requested_at = asked_at(rows),
                            .deleted_at = state == ERASURE_DELETED ? rows->receipt_at : 0,
                            .attempts = rows->attempts};
}
