#include "judge.h"

#include "database.h"
#include "virtual.h"

#include <stdlib.h>
#include <string.h>

/* What a run of the job takes, from its slot to its end. */
#define RUN_MS SECONDS(30)

/* SQLite's days are fractions: a time may be a millisecond off. */
#define ROUNDING_MS 2

enum look { LOOK_USERS, LOOK_DELETIONS, LOOK_RECEIPTS, LOOK_USER_RECEIPTS, LOOK_COUNT };

static const char *const queries[LOOK_COUNT] = {
    [LOOK_USERS] = "SELECT id, avatar_key, avatar_should_be_deleted FROM users",
    /* clang wants the parentheses: two lines, one text. */
    [LOOK_DELETIONS] =
        ("SELECT key, user_id, claim, not_before, leased_until, look = 'second', "
         "reason = 'upload', state = 'blocked' FROM deletions"),
    [LOOK_RECEIPTS] =
        "SELECT key, kind = 'corrected', id FROM receipts WHERE id > ?1 ORDER BY id",
    [LOOK_USER_RECEIPTS] = "SELECT user_id FROM user_receipts",
};

static struct {
    sqlite3_stmt *statements[LOOK_COUNT];
    sqlite3_int64 changes; /* at the last look */
    sqlite3_int64 receipt; /* the last one that was looked at */
    int64_t healed_at, period_ms;
    bool healed, suspended;
    size_t scheduled, marked;
} judge;

void judge_begin(void)
{
    memset(&judge, 0, sizeof judge);
    judge.changes = -1;
    for (int i = 0; i < LOOK_COUNT; i++) {
        if (sqlite3_prepare_v2(database_handle(), queries[i], -1, &judge.statements[i], NULL) !=
            SQLITE_OK)
            abort();
    }
}

void judge_end(void)
{
    for (int i = 0; i < LOOK_COUNT; i++)
        sqlite3_finalize(judge.statements[i]);
}

static const char *text_of(sqlite3_stmt *row, int column)
{
    const char *text = (const char *)sqlite3_column_text(row, column);
    return text ? text : "";
}

static void users_look(sqlite3_stmt *rows)
{
    for (size_t i = 0; i < ledger.key_count; i++)
        ledger.keys[i].owner = NULL;
    for (size_t i = 0; i < ledger.user_count; i++)
        ledger.users[i].present = false;
    judge.marked = 0;
    while (sqlite3_step(rows) == SQLITE_ROW) {
        struct ledger_user *user = ledger_user(text_of(rows, 0));
        bool marked = sqlite3_column_int(rows, 2);
        if (user->marked && !marked)
            broken("%s is there again, who was being deleted", user->id);
        user->seen = user->present = true;
        user->marked = marked;
        judge.marked += marked;
        if (*text_of(rows, 1)) {
            struct ledger_key *key = ledger_key(text_of(rows, 1));
            if (key->user && key->user != user)
                broken("%s points at %s, which was made for another", user->id, key->name);
            key->owner = user;
            key->attached = key->recorded = true;
        }
    }
    sqlite3_reset(rows);
    for (size_t i = 0; i < ledger.user_count; i++)
        ledger.users[i].marked |= ledger.users[i].seen && !ledger.users[i].present;
}

static void deletions_look(sqlite3_stmt *rows)
{
    bool before[LEDGER_KEYS_MAX];
    for (size_t i = 0; i < ledger.key_count; i++) {
        before[i] = ledger.keys[i].scheduled;
        ledger.keys[i].scheduled = false;
    }
    judge.scheduled = 0;
    while (sqlite3_step(rows) == SQLITE_ROW) {
        struct ledger_key *key = ledger_key(text_of(rows, 0));
        int64_t claim = sqlite3_column_int64(rows, 2);
        /* Also where the row went, and is reopened. */
        if (claim < key->claim)
            broken("R6: the claim of %s fell from %lld to %lld", key->name,
                   (long long)key->claim, (long long)claim);
        int64_t before_claim = before[key - ledger.keys] ? key->claim : 0;
        if (!key->user && *text_of(rows, 1))
            key->user = ledger_user(text_of(rows, 1));
        key->scheduled = key->recorded = true;
        key->claim = claim;
        key->not_before = sqlite3_column_int64(rows, 3);
        key->leased_until = sqlite3_column_int64(rows, 4);
        if (claim > before_claim)
            key->lease_ends = virtual_now() + key->leased_until - database_now();
        key->second_look = sqlite3_column_int(rows, 5);
        key->upload = sqlite3_column_int(rows, 6);
        key->blocked = sqlite3_column_int(rows, 7);
        judge.scheduled++;
    }
    sqlite3_reset(rows);
}

static void receipts_look(sqlite3_stmt *rows)
{
    sqlite3_bind_int64(rows, 1, judge.receipt);
    while (sqlite3_step(rows) == SQLITE_ROW) {
        struct ledger_key *key = ledger_key(text_of(rows, 0));
        if (sqlite3_column_int(rows, 1))
            key->corrected++;
        else
            key->receipts++;
        judge.receipt = sqlite3_column_int64(rows, 2);
    }
    sqlite3_reset(rows);
}

static void user_receipts_look(sqlite3_stmt *rows)
{
    while (sqlite3_step(rows) == SQLITE_ROW)
        ledger_user(text_of(rows, 0))->receipt = true;
    sqlite3_reset(rows);
}

static bool is_live(const struct ledger_key *key)
{
    return key->owner && !key->owner->marked;
}

/* When its row has to be gone, once the faults are over. */
static int64_t due_until(const struct ledger_key *key)
{
    int64_t since = key->not_before - VIRTUAL_EPOCH_MS - virtual_database_offset;
    /* A clock that was set back: dated anew within a minute (P4). */
    int64_t longest = judge.healed_at + MINUTES(1) + (key->upload ? GUARD_MS : 0);
    /* Counted from the first look, which has two periods of its own. */
    if (key->upload && key->second_look)
        longest += 2 * judge.period_ms + RUN_MS + SECOND_LOOK_MS;
    since = since < longest ? since : longest;
    since = since > judge.healed_at ? since : judge.healed_at;
    return since + 2 * judge.period_ms + RUN_MS;
}

/* What another store said is taken back once that is noticed, and done again (M3). */
static bool is_doubtful(const struct ledger_key *key)
{
    return key->doubtful &&
           (!judge.healed || virtual_now() < judge.healed_at + 2 * judge.period_ms + RUN_MS);
}

static void key_judge(const struct ledger_key *key)
{
    if (key->present && !key->owner && !key->scheduled && !is_doubtful(key))
        broken("orphan: %s is there, nobody's, and nothing is going to delete it", key->name);
    if (is_live(key) && !key->present)
        broken("lost: %s points at %s, which is not there", key->owner->id, key->name);
    if (is_live(key) && key->scheduled)
        broken("in use: %s of %s is to be deleted", key->name, key->owner->id);
    if (key->owner && key->owner->marked && !key->scheduled)
        broken("%s is being deleted, and nothing is going to delete %s", key->owner->id,
               key->name);
    if (key->recorded && !key->owner && !key->scheduled && key->receipts == key->corrected)
        broken("forgotten: %s has no pointer, no row and no receipt", key->name);
    if (key->receipts > key->corrected + 1)
        broken("%s has two receipts", key->name);
    if (key->receipts > key->corrected && key->present && !is_doubtful(key))
        broken("untrue: %s has a receipt, and is there", key->name);
    /* But for a receipt that was taken back, since the store was in doubt (M3). */
    if (key->user && key->user->receipt && !key->corrected && (key->scheduled || key->owner))
        broken("untrue: %s has a receipt, but not %s", key->user->id, key->name);
    if (judge.healed && key->scheduled && virtual_now() > due_until(key))
        broken("not finished: %s within two periods after the faults", key->name);
}

static void user_judge(const struct ledger_user *user)
{
    if (user->receipt && user->present)
        broken("untrue: %s has a receipt, and a row", user->id);
    if (user->seen && !user->present && !user->receipt && judge.scheduled == 0)
        broken("%s is gone without a receipt", user->id);
    if (user->told_deleted && user->present)
        broken("%s is there, and a client was told that it is gone", user->id);
}

void judge_suspend(void)
{
    judge.suspended = true;
}

void judge_look(void)
{
    if (judge.suspended)
        return;
    sqlite3_int64 changes = sqlite3_total_changes64(database_handle());
    if (changes != judge.changes) {
        judge.changes = changes;
        users_look(judge.statements[LOOK_USERS]);
        deletions_look(judge.statements[LOOK_DELETIONS]);
        receipts_look(judge.statements[LOOK_RECEIPTS]);
        user_receipts_look(judge.statements[LOOK_USER_RECEIPTS]);
    }
    for (size_t i = 0; i < ledger.key_count; i++)
        key_judge(&ledger.keys[i]);
    for (size_t i = 0; i < ledger.user_count; i++)
        user_judge(&ledger.users[i]);
}

/* A row was claimed: was it anybody's to take (R4, R5)? */
static void claim_judge(const struct claim *claim, const struct deletion *row)
{
    struct ledger_key *key = ledger_key(row->key);
    if (!key->scheduled)
        return;
    if (key->not_before > claim->now + ROUNDING_MS)
        broken("R4: %s was claimed %lld ms before its time", key->name,
               (long long)(key->not_before - claim->now));
    if (key->leased_until > claim->now + ROUNDING_MS &&
        key->leased_until <= claim->now + REPOSITORY_LEASE_MAX_MS)
        broken("R5: %s was claimed under a lease", key->name);
    key->leased_until = claim->now + claim->lease_ms;
}

/* The claims of a batch, up to what may have changed the rows after them. */
static void claims_judge(struct repository_op *const *ops, size_t count)
{
    for (size_t i = 0; i < count && (ops[i]->verb == DELETIONS_CLAIM ||
                                     ops[i]->verb == GUARD_ADD || ops[i]->verb == USER_REPLACE);
         i++) {
        const struct deletions *claimed = &ops[i]->claim.claimed;
        for (size_t j = 0; ops[i]->verb == DELETIONS_CLAIM && j < claimed->count; j++)
            claim_judge(&ops[i]->claim, &claimed->rows[j]);
    }
}

static void ops_describe(struct repository_op *const *ops, size_t count)
{
    static const char *const names[] = {[USER_ADD] = "add",
                                        [USER_REPLACE] = "replace",
                                        [USER_MARK] = "mark",
                                        [AVATAR_CLEAR] = "clear",
                                        [GUARD_ADD] = "guard",
                                        [AVATAR_ATTACH] = "attach",
                                        [GUARD_SETTLE] = "settle",
                                        [DELETIONS_CLAIM] = "claim",
                                        [DELETIONS_CONFIRM] = "confirm",
                                        [DELETIONS_UNBLOCK] = "unblock",
                                        [DELETIONS_RETRY] = "retry",
                                        [DELETION_ADD] = "hand over",
                                        [DELETIONS_REDATE] = "redate",
                                        [MARKED_FINISH] = "finish marked",
                                        [RECEIPTS_REOPEN] = "reopen",
                                        [STORE_ADOPT] = "adopt"};
    for (size_t i = 0; i < count; i++) {
        const struct repository_op *op = ops[i];
        size_t rows = op->verb == DELETIONS_CLAIM     ? op->claim.claimed.count
                      : op->verb == DELETIONS_CONFIRM ? op->confirm.count
                                                      : 0;
        const char *key = op->verb == DELETIONS_CLAIM && rows ? op->claim.claimed.rows[0].key
                          : op->verb == DELETIONS_CONFIRM     ? op->confirm.items[0].row->key
                                                              : op->key;
        bool named = (size_t)op->verb < sizeof names / sizeof *names && names[op->verb];
        trace_say("database: %s %s%s: outcome %d, %zu rows",
                  named ? names[op->verb] : "another", op->id, key, (int)op->outcome, rows);
    }
}

void judge_after(struct repository_op *const *ops, size_t count)
{
    ops_describe(ops, count);
    if (!judge.suspended)
        claims_judge(ops, count);
    judge_look();
}

void judge_asked(const struct repository_op *op)
{
    if (op->verb != GUARD_ADD)
        return;
    struct ledger_key *key = ledger_key(op->key);
    key->asked_at = virtual_now();
    key->user = ledger_user(*op->id ? op->id : op->user.id);
}

static void upload_judge(struct ledger_key *key, int64_t until)
{
    if (++key->puts > 1)
        broken("R14: %s is sent twice", key->name);
    if (!key->recorded)
        broken("%s is sent without a guard", key->name);
    if (until > key->asked_at + GUARD_MS / 2)
        broken("R20: the upload of %s may take longer than half its guard", key->name);
}

void judge_sends(const struct files_op *op, int64_t until)
{
    if (op->verb == FILES_PUT)
        upload_judge(ledger_key(op->key), until);
    if (op->verb != FILES_DELETE)
        return;
    if (judge.suspended) {
        broken("%s is deleted for a database that was restored", op->keys[0]);
        return;
    }
    for (size_t i = 0; i < op->count; i++) {
        const struct ledger_key *key = ledger_key(op->keys[i]);
        if (key->scheduled && key->claim &&
            until > key->lease_ends - LEASE_MS / 2 + ROUNDING_MS)
            broken("R5: the deletion of %s may take longer than half its lease", key->name);
        if (key->scheduled && key->claim == 0)
            broken("R7: %s is being deleted, and nobody has claimed it", key->name);
    }
}

void judge_deletes(const struct ledger_key *key)
{
    if (is_live(key))
        broken("%s of %s is deleted, who lives", key->name, key->owner->id);
}

void judge_told_made(struct ledger_user *user)
{
    if (!user->seen && !user->receipt)
        broken("a client was told that %s is there, who never was", user->id);
    user->told_made = true;
}

void judge_told_pending(const struct ledger_user *user)
{
    if (!user->marked)
        broken("a client was told that %s is being deleted, who is not", user->id);
}

/* Its end was true when it was told; it may have been reopened since (M3). */
static bool is_unfinished(const struct ledger_key *key)
{
    return (key->present || (key->scheduled && !key->corrected)) && !is_doubtful(key);
}

void judge_told_gone(struct ledger_user *user)
{
    user->told_deleted = true;
    if (user->present || !user->receipt)
        broken("a client was told that %s is gone, who is not", user->id);
    for (size_t i = 0; i < ledger.key_count; i++) {
        const struct ledger_key *key = &ledger.keys[i];
        if (key->user == user && is_unfinished(key))
            broken("a client was told that %s is gone, but not %s", user->id, key->name);
    }
}

void judge_told_attached(const struct ledger_key *key)
{
    /* Or it was replaced in the same transaction: then its row is no guard. */
    if (!key->attached && (!key->recorded || key->upload))
        broken("a client was told that %s is stored, which nobody points at", key->name);
}

void judge_told_detached(const struct ledger_key *key)
{
    if (key->owner || is_unfinished(key))
        broken("a client was told that %s is gone, which is not", key->name);
}

void judge_heal(int64_t period_ms)
{
    judge.healed = true;
    judge.healed_at = virtual_now();
    judge.period_ms = period_ms;
}

bool judge_is_content(void)
{
    return judge.scheduled == 0 && judge.marked == 0;
}
