#include "repository/sqlite/statements.h"

#include "repository/repository.h"

/* Milliseconds since 1970 by the database's clock; the same all through one statement. */
#define NOW "CAST((julianday('now') - 2440587.5) * 86400000.0 AS INTEGER)"

#define USER_COLUMNS                                                                           \
    "id, first_name, last_name, user_name, email, country_id, birth_date, avatar_key, "        \
    "avatar_store_id, avatar_content_type, avatar_sha256, avatar_bytes, created_at, "          \
    "updated_at, version"

#define DELETION_COLUMNS                                                                       \
    "key, store_id, user_id, reason, state, look, claim, attempts, created_at, not_before, "   \
    "due_at, error_class, error"

#define AUDIT_COLUMNS                                                                          \
    "id, state, deletes, share, pass, store_id, cursor, first_ms, store_objects, "             \
    "store_strays, store_scheduled, objects, pointers, strays, young, scheduled, missing, "    \
    "versions, unknown, started_at, saved_at, ended_at, trouble"

/* ?1 key, ?2 settled since: nobody's, and not gone only a while ago. */
#define POINTED_AT "EXISTS (SELECT 1 FROM users WHERE avatar_key = ?1)"
#define SETTLED    "EXISTS (SELECT 1 FROM receipts WHERE key = ?1 AND finished_at > ?2)"

/*
 * A live user's object: never to be deleted, whatever a row says (D6). No two users have one
 * key, so that one look-up answers for nearly all: it is that of the marked user it names.
 */
#define LIVE                                                                                   \
    "CASE WHEN reason = 'user' AND EXISTS (SELECT 1 FROM users WHERE id = deletions.user_id "  \
    "AND avatar_key = deletions.key AND avatar_should_be_deleted = 1) THEN 0 ELSE "            \
    "EXISTS (SELECT 1 FROM users WHERE avatar_key = deletions.key AND "                        \
    "avatar_should_be_deleted = 0) END"

/* What a claim finds, to be taken in the same transaction: there is one writer. */
#define CLAIM "SELECT " DELETION_COLUMNS ", " LIVE " FROM deletions WHERE "

#define TEXT_OF(number) #number
#define DIGITS(number)  TEXT_OF(number)
#define LEASE_MAX       DIGITS(REPOSITORY_LEASE_MAX_MS)

/*
 * ?1 now, ?2 untouched since: what any claim may take (R4, R5). What is leased for longer than
 * any lease may be was taken before the clock was set back (P4).
 */
#define CLAIMABLE                                                                              \
    "not_before <= ?1 AND (leased_until <= ?2 OR leased_until > ?1 + " LEASE_MAX ")"

/* Where a backoff may be ignored, a blocked row's rest may not. */
#define DUE "(state = 'pending' OR due_at <= ?1) AND " CLAIMABLE

/* ?2 guard, ?3 second look, ?4 retry, ?5 blocked: the longest that a row may wait (P4). */
#define LONGEST_HARD                                                                           \
    "CASE WHEN reason <> 'upload' THEN 0 WHEN look = 'second' THEN ?3 ELSE ?2 END"
#define LONGEST_SOFT "CASE state WHEN 'blocked' THEN ?5 ELSE ?4 END"

/* ?1 store, ?2 since: receipts that nothing has taken back (M3). */
#define STANDING                                                                               \
    "store_id = ?1 AND finished_at >= ?2 AND kind = 'done' AND NOT EXISTS "                    \
    "(SELECT 1 FROM receipts AS later WHERE later.key = receipts.key AND later.id > "          \
    "receipts.id)"

/* A seal with what it takes from the one before. */
#define SEAL_COLUMNS                                                                           \
    "this.number, this.sealed_at, coalesce(before.receipts_last, 0), this.receipts_last, "     \
    "this.receipts, coalesce(before.users_last, 0), this.users_last, this.users, "             \
    "this.content, before.digest, this.digest, this.pruned_at "                                \
    "FROM receipt_seals AS this LEFT JOIN receipt_seals AS before "                            \
    "ON before.number = this.number - 1 "

/* STATEMENT_ROWS_MAX times. */
#define TIMES_8(text)  text ", " text ", " text ", " text ", " text ", " text ", " text ", " text
#define TIMES_64(text) TIMES_8(TIMES_8(text))

static const char *const texts[STATEMENT_COUNT] = {
    [STATEMENT_BEGIN] = "BEGIN IMMEDIATE",
    [STATEMENT_COMMIT] = "COMMIT",
    [STATEMENT_NOW] = "SELECT " NOW,

    [STATEMENT_USER_INSERT] =
        "INSERT INTO users (id, first_name, last_name, user_name, email, country_id, "
        "birth_date, created_at, updated_at) "
        "SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?8 "
        "WHERE NOT EXISTS (SELECT 1 FROM users WHERE id = ?1)",
    /* Names its columns: never the mark, never the key (R17). */
    [STATEMENT_USER_REPLACE] =
        "UPDATE users SET first_name = ?2, last_name = ?3, user_name = ?4, email = ?5, "
        "country_id = ?6, birth_date = ?7, updated_at = ?8, version = version + 1 "
        "WHERE id = ?1 AND avatar_should_be_deleted = 0 AND (?9 < 0 OR version = ?9)",
    [STATEMENT_USER_SELECT] = "SELECT " USER_COLUMNS " FROM users "
                              "WHERE id = ?1 AND avatar_should_be_deleted = 0",
    [STATEMENT_USER_PAGE] =
        "SELECT " USER_COLUMNS " FROM users "
        "WHERE id > ?1 AND avatar_should_be_deleted = 0 ORDER BY id LIMIT ?2",
    [STATEMENT_USER_STANDING] =
        "SELECT avatar_should_be_deleted, avatar_key FROM users WHERE id = ?1",
    [STATEMENT_USER_MARK] =
        "UPDATE users SET avatar_should_be_deleted = 1, deletion_requested_at = ?2, "
        "updated_at = ?2, version = version + 1 WHERE id = ?1 AND avatar_should_be_deleted = 0",
    [STATEMENT_USER_RECEIPT_EXISTS] = "SELECT 1 FROM user_receipts WHERE user_id = ?1",
    /* The trigger reads the clock itself: its rows may be younger than this batch's ?2. */
    [STATEMENT_USER_KEYS] = "SELECT key, not_before <= max(?2, " NOW ") FROM deletions "
                            "WHERE user_id = ?1 ORDER BY key LIMIT ?3",
    /* A pointer that is still there has work of its own, whoever the row is said to belong to.
     */
    [STATEMENT_USER_DELETE_MARKED] =
        "DELETE FROM users WHERE id = ?1 AND avatar_should_be_deleted = 1 "
        "AND avatar_key IS NULL AND NOT EXISTS (SELECT 1 FROM deletions WHERE user_id = ?1)",
    [STATEMENT_AVATAR_CLEAR] =
        "UPDATE users SET avatar_key = NULL, avatar_store_id = NULL, avatar_content_type = "
        "NULL, "
        "avatar_bytes = NULL, avatar_sha256 = NULL, updated_at = ?2, version = version + 1 "
        "WHERE id = ?1 AND avatar_should_be_deleted = 0 AND avatar_key IS NOT NULL",
    /* An upload's row is no avatar that anybody ever had. */
    [STATEMENT_AVATAR_KEYS] = "SELECT key, not_before <= max(?2, " NOW ") FROM deletions "
                              "WHERE user_id = ?1 AND reason <> 'upload' "
                              "ORDER BY key LIMIT ?3",
    [STATEMENT_AVATAR_SET] =
        "UPDATE users SET avatar_key = ?2, avatar_store_id = ?3, avatar_content_type = ?4, "
        "avatar_bytes = ?5, avatar_sha256 = ?6, updated_at = ?7, version = version + 1 "
        "WHERE id = ?1 AND avatar_should_be_deleted = 0",

    [STATEMENT_GUARD_INSERT] =
        "INSERT INTO deletions (key, store_id, user_id, reason, created_at, not_before, "
        "due_at) "
        "SELECT ?2, ?3, ?1, 'upload', ?4, ?4 + ?5, ?4 + ?5 "
        "WHERE EXISTS (SELECT 1 FROM users WHERE id = ?1 AND avatar_should_be_deleted = 0)",
    /* For a user who is not there yet: nobody's, until the user comes with it. */
    [STATEMENT_GUARD_INSERT_EARLY] =
        "INSERT INTO deletions (key, store_id, reason, created_at, not_before, due_at) "
        "VALUES (?1, ?2, 'upload', ?3, ?3 + ?4, ?3 + ?4)",
    /* The compare-and-delete: never claimed, and not near its end (R1, R21). */
    [STATEMENT_GUARD_DELETE] = "DELETE FROM deletions WHERE key = ?1 AND reason = 'upload' "
                               "AND claim = 0 AND not_before - ?3 / 15 > ?2",
    /* The PUT's answer is known: no second look, but under a new token (S1). */
    [STATEMENT_GUARD_SETTLE] = "UPDATE deletions SET claim = claim + 1, look = 'second', "
                               "not_before = ?2, due_at = ?2, "
                               "leased_until = 0 WHERE key = ?1 AND reason = 'upload'",

    [STATEMENT_IDEMPOTENCY_SELECT] = "SELECT body, user_id, busy_until > ?2 FROM idempotency "
                                     "WHERE key = ?1 AND created_at > ?2 - ?3",
    [STATEMENT_IDEMPOTENCY_PUT] =
        "INSERT INTO idempotency (key, body, user_id, created_at, busy_until) "
        "VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (key) DO UPDATE SET body = ?2, user_id = ?3, "
        "created_at = ?4, busy_until = ?5",
    [STATEMENT_IDEMPOTENCY_FORGET] = "DELETE FROM idempotency WHERE key = ?1 AND user_id = ?2",
    /* A few with each new one: the table never outgrows what is alive by much. */
    [STATEMENT_IDEMPOTENCY_EXPIRE] =
        "DELETE FROM idempotency WHERE key IN (SELECT key FROM idempotency "
        "WHERE created_at <= ?1 - ?2 ORDER BY created_at LIMIT 4)",
    /* One process: what was under way when it ended is under way no more. */
    [STATEMENT_IDEMPOTENCY_CLEAR_BUSY] = "DELETE FROM idempotency WHERE busy_until > 0",

    [STATEMENT_CLAIM_DUE] =
        CLAIM "due_at <= ?1 + ?3 AND due_at >= ?5 AND " DUE " ORDER BY due_at, key LIMIT ?4",
    [STATEMENT_CLAIM_KEY] = CLAIM "key = ?3 AND " CLAIMABLE,
    [STATEMENT_CLAIM_SWEEP] = CLAIM "key > ?3 AND state = 'pending' AND created_at <= ?5 "
                                    "AND " CLAIMABLE " ORDER BY key LIMIT ?4",
    [STATEMENT_CLAIM_PROBE] = CLAIM "state = 'blocked' AND store_id = ?3 AND error_class = ?4 "
                                    "AND " CLAIMABLE " ORDER BY tried_at LIMIT 1",
    /* A claim raises the token and takes the lease (R5, R6). */
    [STATEMENT_CLAIM_TAKE] =
        "UPDATE deletions SET claim = claim + 1, leased_until = ?2 WHERE key = ?1",
    /* What CLAIM_DUE has found, up to its last row (?5, ?6): the same conditions, in its order.
     */
    [STATEMENT_CLAIM_TAKE_DUE] =
        "UPDATE OR FAIL deletions SET claim = claim + 1, leased_until = ?3 WHERE due_at >= ?4 "
        "AND due_at <= ?5 AND (due_at < ?5 OR key <= ?6) AND " DUE,
    [STATEMENT_CLASS_NEXT] =
        "SELECT store_id, error_class FROM deletions WHERE state = 'blocked' "
        "AND (store_id, error_class) > (?1, ?2) ORDER BY store_id, error_class LIMIT 1",
    [STATEMENT_LIVE_BLOCK] =
        "UPDATE deletions SET state = 'blocked', error_class = 'live-user', "
        "error = 'a live user points at this object', tried_at = ?2, leased_until = ?2, "
        "due_at = ?2 + 86400000 WHERE key = ?1",
    [STATEMENT_NEXT_DUE] =
        "SELECT due_at FROM deletions WHERE due_at > ?1 ORDER BY due_at LIMIT 1",

    /* The trigger still meets the row itself (R2), and leaves the receipt to who finishes it.
     */
    [STATEMENT_USER_REMOVE] = "DELETE FROM users WHERE id = ?1",
    [STATEMENT_USERS_REMOVE] = "DELETE FROM users WHERE id IN (" TIMES_64("?") ")",
    /* The confirm clears the pointer first: the trigger then meets the row itself (R2). */
    [STATEMENT_POINTER_CLEAR] = "UPDATE users SET avatar_key = NULL, avatar_store_id = NULL, "
                                "avatar_content_type = NULL, "
                                "avatar_bytes = NULL, avatar_sha256 = NULL "
                                "WHERE avatar_key = ?1 AND avatar_should_be_deleted = 1",
    /*
     * Final: absence of a once-used key ends the row, whoever has the claim now (R5). With the
     * user whose last deletion it is, if that one is marked.
     */
    [STATEMENT_FINAL] =
        "SELECT store_id, user_id, reason, attempts, deletions.created_at, id IS NOT NULL, "
        "avatar_key IS NOT NULL, deletion_requested_at FROM deletions LEFT JOIN users "
        "ON id = user_id AND avatar_should_be_deleted = 1 AND length(user_id) = 36 "
        "AND (avatar_key = key OR avatar_key IS NULL) AND NOT EXISTS (SELECT 1 FROM deletions "
        "AS other WHERE other.user_id = deletions.user_id AND other.key <> deletions.key) "
        "WHERE key = ?1 AND (reason <> 'upload' OR look = 'second')",
    [STATEMENT_FINISH] = "DELETE FROM deletions WHERE key = ?1",
    [STATEMENT_FINISH_ROWS] = "DELETE FROM deletions WHERE key IN (" TIMES_64("?") ")",
    [STATEMENT_LOOK_AGAIN] =
        "UPDATE deletions SET look = 'second', state = 'pending', not_before = ?3 + ?4, "
        "due_at = ?3 + ?4, leased_until = ?3, tried_at = ?3, attempts = attempts + 1, "
        "error_class = NULL, error = NULL "
        "WHERE key = ?1 AND claim = ?2 AND look = 'first' AND reason = 'upload'",
    /* Its hard time had come when it was claimed, whatever the clock was set to since (P4). */
    [STATEMENT_PUT_OFF] =
        "UPDATE deletions SET state = ?4, not_before = min(not_before, ?3), due_at = ?3 + ?5, "
        "leased_until = ?3, tried_at = ?3, "
        "attempts = attempts + ?6, error_class = ?7, error = ?8 "
        "WHERE key = ?1 AND claim = ?2 AND look = ?9",
    [STATEMENT_RECEIPT_INSERT] =
        "INSERT INTO receipts (key, store_id, user_id, reason, kind, attempts, status, "
        "requested_at, finished_at) VALUES (?1, ?2, ?3, ?4, 'done', ?5, ?6, ?7, ?8)",
    /* A failure ends the transaction anyway: no copies are kept for taking back half of it. */
    [STATEMENT_RECEIPTS_INSERT] =
        "INSERT OR FAIL INTO receipts (key, store_id, user_id, reason, kind, attempts, status, "
        "requested_at, finished_at) SELECT column1, column2, column3, column4, 'done', "
        "column5, "
        "column6, column7, column8 FROM (VALUES " TIMES_64(
            "(?, ?, ?, ?, ?, ?, ?, ?)") ") "
                                        "WHERE column1 IS NOT NULL",
    [STATEMENT_USER_RECEIPTS_INSERT] =
        "INSERT OR FAIL INTO user_receipts (user_id, requested_at, deleted_at) SELECT column1, "
        "column2, column3 FROM (VALUES " TIMES_64(
            "(?, ?, ?)") ") WHERE column1 IS NOT NULL "
                         "ON CONFLICT (user_id) DO UPDATE SET corrected_at = "
                         "excluded.deleted_at",
    /* Of a user whose row went ahead of the last of its deletions (C6, M3). */
    [STATEMENT_USER_RECEIPT_LAST] =
        "INSERT INTO user_receipts (user_id, requested_at, deleted_at) VALUES (?1, ?2, ?3) "
        "ON CONFLICT (user_id) DO UPDATE SET corrected_at = ?3",
    /* Of whoever's row is gone already, if no other deletion is left. */
    [STATEMENT_USER_RECEIPT_INSERT] =
        "INSERT INTO user_receipts (user_id, requested_at, deleted_at) SELECT ?1, ?2, ?3 "
        "WHERE NOT EXISTS (SELECT 1 FROM users WHERE id = ?1) "
        "AND NOT EXISTS (SELECT 1 FROM deletions WHERE user_id = ?1) "
        "ON CONFLICT (user_id) DO UPDATE SET corrected_at = ?3",

    [STATEMENT_UNBLOCK] =
        "UPDATE deletions SET state = 'pending', due_at = max(?3, not_before) "
        "WHERE state = 'blocked' AND store_id = ?1 AND error_class = ?2",
    [STATEMENT_RETRY_KEY] =
        "UPDATE deletions SET state = 'pending', due_at = max(?2, not_before) WHERE key = ?1",
    [STATEMENT_RETRY] = "UPDATE deletions SET state = 'pending', due_at = max(?3, not_before) "
                        "WHERE (?1 IS NULL OR state = ?1) AND (?2 IS NULL OR error_class = ?2)",
    [STATEMENT_EXTERNAL_INSERT] =
        "INSERT INTO deletions (key, store_id, reason, created_at, not_before, due_at) "
        "SELECT ?1, ?2, 'external', ?3, ?3, ?3 "
        "WHERE NOT EXISTS (SELECT 1 FROM receipts WHERE key = ?1 AND kind = 'done') "
        "ON CONFLICT (key) DO NOTHING",
    [STATEMENT_REDATE] =
        "UPDATE deletions SET not_before = min(not_before, ?1 + " LONGEST_HARD "), "
        "due_at = CASE WHEN not_before > ?1 THEN min(not_before, ?1 + " LONGEST_HARD ") "
        "ELSE ?1 END WHERE due_at > ?1 + min(?2, ?4) AND (not_before > ?1 + " LONGEST_HARD
        " OR (not_before <= ?1 AND due_at > ?1 + " LONGEST_SOFT "))",
    [STATEMENT_MARKED_NEXT] =
        "SELECT max(id), count(*) FROM (SELECT id FROM users INDEXED BY users_marked "
        "WHERE avatar_should_be_deleted = 1 AND id > ?1 ORDER BY id LIMIT ?2)",
    /* A marked user whose intent was lost by hand: clearing the pointer writes it again. */
    [STATEMENT_MARKED_REVIVE] =
        "UPDATE users INDEXED BY users_marked SET avatar_key = NULL, avatar_store_id = NULL "
        "WHERE avatar_should_be_deleted = 1 AND id > ?1 AND id <= ?2 AND avatar_key IS NOT "
        "NULL "
        "AND NOT EXISTS (SELECT 1 FROM deletions WHERE key = users.avatar_key)",
    [STATEMENT_MARKED_DELETE] =
        "DELETE FROM users INDEXED BY users_marked "
        "WHERE avatar_should_be_deleted = 1 AND id > ?1 AND id <= ?2 AND avatar_key IS NULL "
        "AND NOT EXISTS (SELECT 1 FROM deletions WHERE user_id = users.id)",
    /*
     * Its claims go on above all that were given before (R6), whatever the clock was set to
     * since: the numbers of receipts rise, and no time from which they went on is so large.
     */
    [STATEMENT_REOPEN_DELETIONS] =
        "INSERT INTO deletions (key, store_id, user_id, reason, look, claim, created_at, "
        "not_before, due_at) "
        "SELECT key, store_id, user_id, reason, 'second', (1 << 44) + (max(id) << 24), "
        "min(requested_at), ?3, ?3 "
        "FROM receipts WHERE " STANDING " GROUP BY key ON CONFLICT (key) DO NOTHING",
    [STATEMENT_REOPEN_RECEIPTS] =
        "INSERT INTO receipts (key, store_id, user_id, reason, kind, attempts, status, "
        "requested_at, finished_at) "
        "SELECT key, store_id, user_id, reason, 'corrected', 0, 0, requested_at, ?3 "
        "FROM receipts WHERE " STANDING,
    [STATEMENT_SEAL_SELECT] = "SELECT " SEAL_COLUMNS "WHERE this.number = ?1",
    [STATEMENT_SEAL_LAST] =
        "SELECT " SEAL_COLUMNS "WHERE this.number = (SELECT max(number) FROM receipt_seals)",
    [STATEMENT_SEAL_INSERT] =
        "INSERT INTO receipt_seals (number, sealed_at, receipts_last, receipts, users_last, "
        "users, content, digest) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
    [STATEMENT_SEAL_PRUNE] = "UPDATE receipt_seals SET pruned_at = ?2 WHERE number = ?1 "
                             "AND pruned_at IS NULL",
    /* ?1 behind, ?2 up to, ?3 so many. */
    [STATEMENT_RECEIPTS] =
        "SELECT id, key, store_id, user_id, reason, kind, attempts, status, requested_at, "
        "finished_at FROM receipts WHERE id > ?1 AND id <= ?2 ORDER BY id LIMIT ?3",
    [STATEMENT_USER_RECEIPTS] = "SELECT id, user_id, requested_at, deleted_at "
                                "FROM user_receipts WHERE id > ?1 AND id <= ?2 ORDER BY id "
                                "LIMIT ?3",
    /* Only by who knows the last one. */
    [STATEMENT_EPOCH_RAISE] =
        "INSERT INTO epochs (number, nonce, raised_at) SELECT ?1 + 1, ?2, ?3 "
        "WHERE ?1 = (SELECT coalesce(max(number), 0) FROM epochs)",
    [STATEMENT_EPOCH_TAKE] = "INSERT INTO epochs (number, nonce, raised_at) "
                             "VALUES (?1, ?2, ?3) ON CONFLICT (number) DO UPDATE "
                             "SET nonce = excluded.nonce, raised_at = excluded.raised_at",
    [STATEMENT_EPOCH_LAST] = "SELECT number, nonce FROM epochs ORDER BY number DESC LIMIT 1",
    [STATEMENT_RESTORE_BEGIN] = "INSERT INTO about (name, value) VALUES ('restoring', ?1) "
                                "ON CONFLICT (name) DO UPDATE SET value = excluded.value",
    [STATEMENT_RESTORE_END] = "DELETE FROM about WHERE name = 'restoring' AND value = ?1",
    [STATEMENT_RESTORE_IS] = "SELECT 1 FROM about WHERE name = 'restoring'",
    /* The last one stays: its number would be given again. */
    [STATEMENT_RECEIPTS_PRUNE] = "DELETE FROM receipts WHERE id > ?1 AND id <= ?2 "
                                 "AND id < (SELECT max(id) FROM receipts)",
    [STATEMENT_USER_RECEIPTS_PRUNE] = "DELETE FROM user_receipts WHERE id > ?1 AND id <= ?2 "
                                      "AND id < (SELECT max(id) FROM user_receipts)",
    /* Later than every other, whatever the clock did in between. */
    [STATEMENT_STORE_INSERT] =
        "INSERT INTO stores (id, adopted_at) "
        "SELECT ?1, max(?2, 1 + coalesce((SELECT max(adopted_at) FROM stores), 0)) "
        "WHERE coalesce((SELECT id FROM stores ORDER BY adopted_at DESC LIMIT 1), '') = ?3 "
        "ON CONFLICT (id) DO UPDATE SET adopted_at = excluded.adopted_at",
    [STATEMENT_STORE_EXISTS] =
        "SELECT 1 WHERE ?1 = (SELECT id FROM stores ORDER BY adopted_at DESC LIMIT 1)",
    /* One process: a lease that is there at start belongs to one that is no more. */
    [STATEMENT_LEASES_CLEAR] = "UPDATE deletions SET leased_until = 0 WHERE leased_until > ?1",

    [STATEMENT_AUDIT_START] =
        "UPDATE audit SET id = ?1, state = 'running', deletes = ?2, share = ?3, "
        "pass = 'counting', store_id = '', cursor = '', first_ms = 0, store_objects = 0, "
        "store_strays = 0, store_scheduled = 0, objects = 0, pointers = 0, strays = 0, "
        "young = 0, scheduled = 0, missing = 0, versions = 0, unknown = 0, owner = '', "
        "leased_until = 0, started_at = ?4, saved_at = ?4, ended_at = 0, trouble = '' "
        "WHERE state <> 'running' AND (?5 < 0 OR started_at = ?5)",
    /* A lease that is longer than any was taken before the clock was set back (P4). */
    [STATEMENT_AUDIT_CLAIM] =
        "UPDATE audit SET owner = ?1, leased_until = ?2 + ?3 WHERE state = 'running' "
        "AND (owner = ?1 OR leased_until <= ?2 OR leased_until > ?2 + " LEASE_MAX ")",
    [STATEMENT_AUDIT_HOLD] = "UPDATE audit SET leased_until = ?3 + ?4 "
                             "WHERE id = ?1 AND owner = ?2 AND state = 'running'",
    [STATEMENT_AUDIT_WRITE] =
        "UPDATE audit SET state = ?2, trouble = ?3, pass = ?4, store_id = ?5, cursor = ?6, "
        "first_ms = ?7, store_objects = ?8, store_strays = ?9, store_scheduled = ?10, "
        "objects = ?11, pointers = ?12, strays = ?13, young = ?14, scheduled = ?15, "
        "missing = ?16, versions = ?17, unknown = ?18, saved_at = ?1, "
        "ended_at = CASE ?2 WHEN 'running' THEN 0 ELSE ?1 END",
    [STATEMENT_AUDIT_STOP] = "UPDATE audit SET state = 'stopped', ended_at = ?1 "
                             "WHERE state = 'running'",
    /* One process: nobody is at it when that starts. */
    [STATEMENT_AUDIT_LEASE_CLEAR] = "UPDATE audit SET leased_until = 0 WHERE leased_until > 0",
    [STATEMENT_FINDINGS_CLEAR] = "DELETE FROM audit_findings",
    [STATEMENT_FINDING_INSERT] =
        "INSERT INTO audit_findings (key, kind, user_id) SELECT ?1, ?2, ?3 "
        "WHERE (SELECT count(*) FROM audit_findings) < " DIGITS(
            AUDIT_FINDINGS_MAX) " ON CONFLICT (key) DO NOTHING",
    /* Looks again, in the deleting transaction itself (D6). An object of somebody whose erasure
     * was on record is that person's once more. */
    [STATEMENT_STRAY_INSERT] =
        "INSERT INTO deletions (key, store_id, user_id, reason, created_at, not_before, "
        "due_at) SELECT ?1, ?3, (SELECT user_id FROM receipts WHERE key = ?1 ORDER BY id DESC "
        "LIMIT 1), 'external', ?4, ?4, ?4 WHERE NOT " POINTED_AT " AND NOT " SETTLED
        " ON CONFLICT (key) DO NOTHING",
    [STATEMENT_STRAY_CORRECT] =
        "INSERT INTO receipts (key, store_id, user_id, reason, kind, attempts, status, "
        "requested_at, finished_at) SELECT key, store_id, user_id, reason, 'corrected', 0, 0, "
        "requested_at, ?2 FROM (SELECT * FROM receipts WHERE key = ?1 ORDER BY id DESC LIMIT "
        "1) "
        "WHERE kind = 'done'",
    [STATEMENT_AUDIT] = "SELECT " AUDIT_COLUMNS ", leased_until > " NOW ", " NOW " FROM audit",
    [STATEMENT_FINDING_PAGE] = "SELECT key, kind, user_id FROM audit_findings WHERE key > ?1 "
                               "ORDER BY key LIMIT ?2",
    [STATEMENT_POINTER_PAGE] =
        "SELECT avatar_key, id, avatar_should_be_deleted FROM users WHERE avatar_key > ?2 "
        "AND avatar_store_id = ?1 ORDER BY avatar_key LIMIT ?3",
    [STATEMENT_STRAY] = "SELECT NOT " POINTED_AT " AND NOT " SETTLED
                        " AND NOT EXISTS (SELECT 1 FROM deletions WHERE key = ?1)",

    [STATEMENT_ERASURE] =
        "SELECT (SELECT avatar_should_be_deleted FROM users WHERE id = ?1), "
        "(SELECT deletion_requested_at FROM users WHERE id = ?1), "
        "(SELECT count(*) FROM deletions WHERE user_id = ?1), "
        "(SELECT count(*) FROM deletions WHERE user_id = ?1 AND state = 'blocked'), "
        "(SELECT coalesce(min(CASE reason WHEN 'user' THEN created_at END), min(created_at)) "
        "FROM deletions WHERE user_id = ?1), "
        "(SELECT coalesce(sum(attempts), 0) FROM deletions WHERE user_id = ?1) + "
        "(SELECT coalesce(sum(attempts), 0) FROM receipts WHERE user_id = ?1), "
        "(SELECT requested_at FROM user_receipts WHERE user_id = ?1), "
        "(SELECT coalesce(corrected_at, deleted_at) FROM user_receipts WHERE user_id = ?1)",
    [STATEMENT_DELETION_PAGE] =
        "SELECT " DELETION_COLUMNS " FROM deletions WHERE key > ?1 "
        "AND (?2 IS NULL OR state = ?2) AND (?3 IS NULL OR error_class = ?3) "
        "ORDER BY key LIMIT ?4",
    [STATEMENT_UNFINISHED] = "SELECT 1 FROM users WHERE id = ?1 "
                             "UNION ALL SELECT 1 FROM deletions WHERE user_id = ?1 "
                             "UNION ALL SELECT 1 FROM deletions WHERE key = ?1 LIMIT 1",
    [STATEMENT_BACKLOG] =
        "SELECT coalesce(sum(state = 'pending' AND not_before <= t), 0), "
        "coalesce(sum(state = 'blocked'), 0), "
        "coalesce(sum(state = 'pending' AND not_before > t), 0), "
        "coalesce(t - min(CASE WHEN not_before <= t THEN max(created_at, not_before) END), 0), "
        "coalesce(min(due_at), 0), "
        "(SELECT count(*) FROM users WHERE avatar_should_be_deleted = 1), t "
        "FROM (SELECT " NOW " AS t) LEFT JOIN deletions ON true",
};

const char *statement_sql(enum statement statement)
{
    return texts[statement];
}
