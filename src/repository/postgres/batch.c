#include "repository/postgres/batch.h"

#include "repository/postgres/array.h"
#include "repository/postgres/operations.h"

#include <string.h>

/* Small verbs: a whole batch of them is sent, then taken. */
static const struct {
    int (*send)(struct session *session, struct repository_op *op, int64_t now);
    int (*take)(struct session *session, struct repository_op *op);
} small[] = {
    [USER_REPLACE] = {postgres_user_replace_send, postgres_user_replace_take},
    [AVATAR_CLEAR] = {postgres_avatar_clear_send, postgres_avatar_clear_take},
    [GUARD_ADD] = {postgres_guard_add_send, postgres_guard_add_take},
    [AVATAR_ATTACH] = {postgres_avatar_attach_send, postgres_avatar_attach_take},
    [GUARD_SETTLE] = {postgres_guard_settle_send, postgres_guard_settle_take},
    [RECEIPTS_READ] = {NULL, NULL},
};

/* Large verbs: each takes round trips of its own. */
static int (*const large[])(struct session *session, struct repository_op *op, int64_t now) = {
    [USER_ADD] = postgres_user_add,
    [GUARD_ADD] = postgres_guard_add_early,
    [DELETIONS_CLAIM] = postgres_deletions_claim,
    [DELETIONS_UNBLOCK] = postgres_deletions_unblock,
    [DELETIONS_RETRY] = postgres_deletions_retry,
    [DELETION_ADD] = postgres_deletion_add,
    [DELETIONS_REDATE] = postgres_deletions_redate,
    [MARKED_FINISH] = postgres_marked_finish,
    [RECEIPTS_REOPEN] = postgres_receipts_reopen,
    [RECEIPTS_SEAL] = postgres_receipts_seal,
    [RECEIPTS_PRUNE] = postgres_receipts_prune,
    [EPOCH_MEET] = postgres_epoch_meet,
    [EPOCH_TAKE] = postgres_epoch_take,
    [RESTORE_BEGIN] = postgres_restore_begin,
    [RESTORE_END] = postgres_restore_end,
    [STORE_ADOPT] = postgres_store_adopt,
    [AUDIT_START] = postgres_audit_start,
    [AUDIT_CLAIM] = postgres_audit_claim,
    [AUDIT_SAVE] = postgres_audit_save,
    [AUDIT_STOP] = postgres_audit_stop,
    [RECEIPTS_READ] = NULL,
};

/* Clears what an operation put out, so that it can be carried out again. */
static void outputs_clear(struct repository_op *op)
{
    repository_op_deinit(op);
    op->matched = 0;
    op->more = false;
    op->claim.live_users = 0;
    op->claim.next_due_at = 0;
}

void batch_fail(const struct batch *batch, const char *words)
{
    for (size_t i = 0; i < batch->count; i++) {
        struct repository_op *op = batch->ops[i];
        outputs_clear(op);
        op->outcome = REPOSITORY_FAILED;
        error_set(&op->error, ERROR_UNAVAILABLE, "the database failed: %s",
                  *words ? words : "no memory");
    }
}

static bool item_has_user(const struct confirmation *item)
{
    return *item->row->user_id && item->outcome == CONFIRM_DONE;
}

/* The keys of all items, or those of the users alone. */
static void confirm_lock(const struct confirm *confirm, struct array *users, struct array *keys,
                         bool users_alone)
{
    for (size_t i = 0; i < confirm->count; i++) {
        const struct confirmation *item = &confirm->items[i];
        if (item_has_user(item))
            array_add_text(users, item->row->user_id);
        if (!users_alone || item_has_user(item))
            array_add_text(keys, item->row->key);
    }
}

/* The users and the keys that a batch is about. */
static void locks_collect(const struct batch *batch, struct array *users, struct array *keys)
{
    for (size_t i = 0; i < batch->count; i++) {
        const struct repository_op *op = batch->ops[i];
        switch (op->verb) {
        case USER_REPLACE:
            array_add_text(users, op->user.id);
            break;
        case USER_ADD:
            if (*op->user.avatar.key)
                array_add_text(keys, op->user.avatar.key);
            break;
        case USER_MARK:
        case AVATAR_CLEAR:
        case GUARD_ADD:
            array_add_text(users, op->id);
            break;
        case AVATAR_ATTACH:
            array_add_text(users, op->id);
            array_add_text(keys, op->user.avatar.key);
            break;
        case GUARD_SETTLE:
            array_add_text(keys, op->key);
            break;
        case DELETIONS_CONFIRM:
            confirm_lock(&op->confirm, users, keys, false);
            break;
        default:
            break;
        }
    }
}

static int statement_send(struct session *session, enum statement statement)
{
    struct query query;
    pq_begin(&query, session, statement);
    return pq_send(&query);
}

static int locks_send(struct session *session, struct array *users, struct array *keys)
{
    struct query query;
    const char *ids = array_text(users), *names = array_text(keys);
    if (!ids || !names)
        return -1;
    if (users->count > 0) {
        pq_begin(&query, session, STATEMENT_LOCK_USERS);
        pq_text(&query, ids);
        if (pq_send(&query) < 0)
            return -1;
    }
    if (keys->count == 0)
        return 0;
    pq_begin(&query, session, STATEMENT_LOCK_DELETIONS);
    pq_text(&query, names);
    return pq_send(&query);
}

/*
 * What was confirmed is reopened with what the other writer confirmed, whose last transaction
 * may still be under way although nobody waits for its end any more.
 */
static bool batch_waits_beside(const struct batch *batch)
{
    for (size_t i = 0; i < batch->count; i++) {
        if (batch->ops[i]->verb == RECEIPTS_REOPEN)
            return true;
    }
    return false;
}

static int writers_send(struct session *session, const struct batch *batch)
{
    struct query query;
    pq_begin(&query, session, STATEMENT_WRITER);
    pq_text(&query, batch->writer_id);
    pq_number(&query, batch->number);
    if (pq_send(&query) < 0)
        return -1;
    if (!batch_waits_beside(batch))
        return 0;
    pq_begin(&query, session, STATEMENT_WRITER_BESIDE);
    pq_text(&query, batch->beside_id);
    return pq_send(&query);
}

static int beginning_send(struct session *session, const struct batch *batch,
                          struct array *users, struct array *keys)
{
    if (statement_send(session, STATEMENT_BEGIN) < 0 ||
        statement_send(session, STATEMENT_SETTINGS) < 0 || writers_send(session, batch) < 0 ||
        locks_send(session, users, keys) < 0 || statement_send(session, STATEMENT_NOW) < 0)
        return -1;
    return session_sync(session);
}

/* Takes the answers to statements whose rows do not matter. */
static int changes_take(struct session *session, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (pq_take_change(session) < 0)
            return -1;
    }
    return 0;
}

static int number_take(struct session *session, int64_t *ret_number)
{
    struct query query;
    if (pq_take(&query, session) < 0)
        return -1;
    if (pq_step(&query))
        *ret_number = pq_column_number(&query);
    pq_end(&query);
    return 0;
}

/* What the first round trip of a transaction tells. */
struct beginning {
    int64_t now;
    int64_t users; /* how many were there to be locked */
};

static int beginning_take(struct session *session, const struct batch *batch,
                          const struct array *users, const struct array *keys,
                          struct beginning *beginning)
{
    int written = -1;
    if (changes_take(session, 2) < 0 || (written = pq_take_change(session)) < 0 ||
        changes_take(session, batch_waits_beside(batch)) < 0 ||
        (users->count > 0 && number_take(session, &beginning->users) < 0) ||
        changes_take(session, keys->count > 0) < 0 || number_take(session, &beginning->now) < 0)
        return -1;
    return session_settle(session) < 0 ? -1 : written > 0;
}

/* Locks what stands for users whose row is gone, and looks at the time once more. */
static int gone_lock(struct session *session, const struct batch *batch, int64_t *ret_now)
{
    enum { OWNERS, KEYS, COLUMNS };
    struct array columns[COLUMNS];
    struct query query;
    array_init(&columns[OWNERS]);
    array_init(&columns[KEYS]);
    for (size_t i = 0; i < batch->count; i++) {
        if (batch->ops[i]->verb == DELETIONS_CONFIRM)
            confirm_lock(&batch->ops[i]->confirm, &columns[OWNERS], &columns[KEYS], true);
    }
    int failed = -1;
    pq_begin(&query, session, STATEMENT_LOCK_GONE);
    if (array_end_all(columns, COLUMNS)) {
        pq_text(&query, columns[OWNERS].text.bytes);
        pq_text(&query, columns[KEYS].text.bytes);
        failed = pq_send(&query);
    }
    if (!failed)
        failed = statement_send(session, STATEMENT_NOW) < 0 || session_sync(session) < 0 ||
                 changes_take(session, 1) < 0 || number_take(session, ret_now) < 0;
    array_deinit(&columns[OWNERS]);
    array_deinit(&columns[KEYS]);
    return failed ? -1 : session_settle(session);
}

/*
 * One round trip, or two where a user is not there: 1: begun and locked; 0: this batch was
 * committed before; -1: failed.
 */
static int transaction_begin(struct session *session, const struct batch *batch,
                             int64_t *ret_now)
{
    struct beginning beginning = {0};
    struct array users, keys;
    array_init(&users);
    array_init(&keys);
    locks_collect(batch, &users, &keys);
    int begun = beginning_send(session, batch, &users, &keys);
    if (begun == 0)
        begun = beginning_take(session, batch, &users, &keys, &beginning);
    if (begun > 0 && beginning.users < (int64_t)users.count && keys.count > 0 &&
        gone_lock(session, batch, &beginning.now) < 0)
        begun = -1;
    array_deinit(&users);
    array_deinit(&keys);
    *ret_now = beginning.now;
    return begun;
}

static bool op_is_small(const struct repository_op *op)
{
    return small[op->verb].send && (op->verb != GUARD_ADD || *op->id);
}

/* The small verbs, in one round trip. */
static int small_carry_out(struct session *session, const struct batch *batch, int64_t now)
{
    bool any = false;
    for (size_t i = 0; i < batch->count; i++) {
        struct repository_op *op = batch->ops[i];
        if (!op_is_small(op))
            continue;
        any = true;
        if (small[op->verb].send(session, op, now) < 0)
            return -1;
    }
    if (!any)
        return 0;
    if (session_sync(session) < 0)
        return -1;
    for (size_t i = 0; i < batch->count; i++) {
        struct repository_op *op = batch->ops[i];
        if (op_is_small(op) && small[op->verb].take(session, op) < 0)
            return -1;
    }
    return session_settle(session);
}

/*
 * Nobody was answered yet, so nobody's operation builds on another's of this batch, and the
 * kinds may go one after the other; among the small and among the large, first come, first
 * served.
 */
static int batch_carry_out(struct session *session, const struct batch *batch, int64_t now)
{
    if (postgres_users_add(session, batch->ops, batch->count, now) < 0 ||
        postgres_users_mark(session, batch->ops, batch->count, now) < 0 ||
        small_carry_out(session, batch, now) < 0 ||
        postgres_deletions_confirm(session, batch->ops, batch->count, now) < 0 ||
        postgres_claims_due(session, batch->ops, batch->count, now) < 0)
        return -1;
    for (size_t i = 0; i < batch->count; i++) {
        struct repository_op *op = batch->ops[i];
        bool done = postgres_user_is_plain(op) || op->verb == USER_MARK || op_is_small(op) ||
                    op->verb == DELETIONS_CONFIRM || postgres_claim_is_due(op);
        if (!done && (!large[op->verb] || large[op->verb](session, op, now) < 0))
            return -1;
    }
    return 0;
}

/* Ends what is under way, so that the connection can be used again, or closes it. */
static void transaction_give_up(struct session *session)
{
    struct query rollback;
    if (session_is_lost(session) || session_settle(session) < 0) {
        session_close(session);
        return;
    }
    pq_begin(&rollback, session, STATEMENT_ROLLBACK);
    if (pq_change(&rollback) < 0)
        session_close(session);
}

static enum batch_end batch_give_up(struct session *session)
{
    char sqlstate[sizeof session->sqlstate];
    transaction_give_up(session);
    memcpy(sqlstate, session->sqlstate, sizeof sqlstate);
    if (!session->handle)
        return BATCH_LOST;
    if (strcmp(sqlstate, "40001") == 0 || strcmp(sqlstate, "40P01") == 0)
        return BATCH_AGAIN;
    return strcmp(sqlstate, "55P03") == 0 ? BATCH_LOCKED : BATCH_REFUSED;
}

static enum batch_end batch_commit(struct session *session)
{
    struct query commit;
    pq_begin(&commit, session, STATEMENT_COMMIT);
    if (pq_run(&commit) == 0) {
        bool kept = strcmp(PQcmdStatus(commit.result), "COMMIT") == 0;
        pq_end(&commit);
        return kept ? BATCH_KEPT : BATCH_REFUSED;
    }
    /* Not every end of the connection comes before the end of the transaction. */
    return batch_give_up(session) == BATCH_LOST ? BATCH_UNKNOWN : BATCH_REFUSED;
}

/*
 * What is found committed may be on this server alone, if that died before its standby had it.
 * This COMMIT comes after it in the log, and waits for whomever the database waits for.
 */
static enum batch_end batch_prove(struct session *session)
{
    return batch_commit(session) == BATCH_KEPT ? BATCH_KEPT : BATCH_UNKNOWN;
}

enum batch_end batch_run(struct session *session, const struct batch *batch)
{
    int64_t now = 0;
    session_begin(session);
    int begun = transaction_begin(session, batch, &now);
    if (begun == 0)
        return batch_prove(session);
    if (begun < 0) {
        enum batch_end end = batch_give_up(session);
        return batch->is_unknown && session->handle ? BATCH_UNKNOWN : end;
    }
    for (size_t i = 0; i < batch->count; i++)
        outputs_clear(batch->ops[i]);
    if (batch_carry_out(session, batch, now) < 0)
        return batch_give_up(session);
    return batch_commit(session);
}
