#include "repository/postgres/statements.h"

#include "repository/repository.h"

/* Milliseconds since 1970 by the database's clock, not by the transaction's start. */
#define NOW "floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint"

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

/*
 * Plans are kept. One that was made while a table was small, while no pointer was NULL or
 * nobody marked, may prefer another index than the one that a statement means, or a join with
 * all of another table, and reads all of it for good. So columns are named here as no index has
 * them, and OFFSET 0 keeps a look for each row from becoming a join.
 */
#define MARKED     "coalesce(avatar_should_be_deleted::text, '') = 'true'"
#define POINTER    "coalesce(avatar_key, '')"
#define SORTED_KEY "coalesce(key, '')"

/*
 * The row of each item, looked up by its key whatever the planner takes the table for. The
 * batch has locked it: it is at that place until the end.
 */
#define ROW_OF_ITEM                                                                            \
    "LATERAL (SELECT ctid AS row FROM deletions WHERE deletions.key = item.key OFFSET 0) "     \
    "AS found OFFSET 0"

/* Of a key: somebody's; gone only a while ago, $4 being the time that this is. */
#define POINTED_AT(key) "EXISTS (SELECT 1 FROM users WHERE avatar_key = " key ")"
#define SETTLED(key, since)                                                                    \
    "EXISTS (SELECT 1 FROM receipts WHERE receipts.key = " key " AND finished_at > " since     \
    "::bigint)"

/* A live user's object: never to be deleted, whatever a row says (D6). */
#define LIVE                                                                                   \
    "EXISTS (SELECT 1 FROM users WHERE avatar_key = deletions.key AND "                        \
    "NOT avatar_should_be_deleted)"

#define TEXT_OF(number) #number
#define DIGITS(number)  TEXT_OF(number)
#define LEASE_MAX       DIGITS(REPOSITORY_LEASE_MAX_MS)

/* $1 now, $3 untouched since: what any claim may take (R4, R5). */
#define CLAIMABLE                                                                              \
    "not_before <= $1::bigint AND (leased_until <= $3::bigint OR "                             \
    "leased_until > $1::bigint + " LEASE_MAX ")"

/* $2 guard, $3 second look, $4 retry, $5 blocked: the longest that a row may wait (P4). */
#define LONGEST_HARD                                                                           \
    "CASE WHEN reason <> 'upload' THEN 0 WHEN look = 'second' THEN $3::bigint "                \
    "ELSE $2::bigint END"
#define LONGEST_SOFT "CASE state WHEN 'blocked' THEN $5::bigint ELSE $4::bigint END"

/*
 * $1 now, $2 lease: a claim raises the token and takes the lease (R5, R6). What another worker
 * has its hands on is passed over, not waited for; the rows found are locked, so their places
 * hold.
 */
#define CLAIM(rows, order)                                                                     \
    "WITH claimed AS (UPDATE deletions SET claim = claim + 1, "                                \
    "leased_until = $1::bigint + $2::bigint WHERE ctid = ANY (ARRAY(" rows                     \
    " FOR UPDATE SKIP LOCKED)) RETURNING " DELETION_COLUMNS ", " LIVE " AS live) "             \
    "SELECT * FROM claimed ORDER BY " order

/* $1 store, $2 since: receipts that nothing has taken back (M3). */
#define STANDING                                                                               \
    "store_id = $1 AND finished_at >= $2::bigint AND kind = 'done' AND NOT EXISTS "            \
    "(SELECT 1 FROM receipts AS later WHERE later.key = receipts.key AND later.id > "          \
    "receipts.id)"

#define POINTER_NONE                                                                           \
    "avatar_key = NULL, avatar_store_id = NULL, avatar_content_type = NULL, "                  \
    "avatar_bytes = NULL, avatar_sha256 = NULL"

/* A seal with what it takes from the one before. */
#define SEAL_COLUMNS                                                                           \
    "this.number, this.sealed_at, coalesce(before.receipts_last, 0), this.receipts_last, "     \
    "this.receipts, coalesce(before.users_last, 0), this.users_last, this.users, "             \
    "this.content, before.digest, this.digest, this.pruned_at "                                \
    "FROM receipt_seals AS this LEFT JOIN receipt_seals AS before "                            \
    "ON before.number = this.number - 1 "

static const char *const texts[STATEMENT_COUNT] = {
    [STATEMENT_BEGIN] = "BEGIN ISOLATION LEVEL READ COMMITTED, READ WRITE",
    [STATEMENT_COMMIT] = "COMMIT",
    [STATEMENT_ROLLBACK] = "ROLLBACK",
    /*
     * Of this transaction: a lock that somebody sits on fails one operation, not all; what a
     * dead connection left open ends by itself; and a commit that was answered is durable (D9).
     */
    /*
     * Plans are kept: one that was made while the table was empty would read all of it for
     * every row, for as long as nobody analyses. All that is written goes by an index.
     */
    [STATEMENT_SETTINGS] =
        "SELECT set_config('lock_timeout', '2s', true), "
        "set_config('idle_in_transaction_session_timeout', '10s', true), "
        "set_config('synchronous_commit', CASE current_setting('synchronous_commit') "
        "WHEN 'off' THEN 'on' ELSE current_setting('synchronous_commit') END, true), "
        "set_config('enable_seqscan', 'off', true), "
        "set_config('enable_hashjoin', 'off', true), "
        "set_config('enable_mergejoin', 'off', true), set_config('jit', 'off', true)",
    /* The same of a look-up, whose statements are one transaction up to their sync. */
    [STATEMENT_LOOK_UP_SETTINGS] = "SELECT set_config('enable_seqscan', 'off', true)",
    /*
     * No row: this very batch was committed before. The row of a transaction whose end is not
     * known yet is waited for.
     */
    [STATEMENT_WRITER] =
        "INSERT INTO writers (id, batch, written_at) VALUES ($1, $2::bigint, " NOW ") "
        "ON CONFLICT (id) DO UPDATE SET batch = excluded.batch, written_at = "
        "excluded.written_at "
        "WHERE writers.batch < excluded.batch",
    /* Waits for that writer's transaction to end, also for the first that it ever began. */
    [STATEMENT_WRITER_BESIDE] =
        "INSERT INTO writers (id, batch, written_at) VALUES ($1, 0, " NOW ") "
        "ON CONFLICT (id) DO UPDATE SET batch = writers.batch",
    /* In the order of their keys everywhere, users before deletions (D8, R11). */
    [STATEMENT_LOCK_USERS] = "SELECT count(*) FROM (SELECT 1 FROM users "
                             "WHERE id = ANY ($1::text[]) ORDER BY id FOR UPDATE) AS locked",
    /*
     * Of users who are not there to be locked, and have more than the row that is finished: who
     * finishes one of the last must see whether another is left. Their other rows stay free for
     * whoever claims them.
     */
    [STATEMENT_LOCK_GONE] =
        "SELECT count(pg_advisory_xact_lock(1180846692, number)) FROM (SELECT DISTINCT "
        "hashtext(owner.id) % 1024 AS number FROM unnest($1::text[], $2::text[]) "
        "AS owner (id, key) WHERE NOT EXISTS (SELECT 1 FROM users WHERE users.id = owner.id "
        "OFFSET 0) AND EXISTS (SELECT 1 FROM deletions WHERE user_id = owner.id "
        "AND deletions.key <> owner.key OFFSET 0) ORDER BY number) AS gone",
    [STATEMENT_LOCK_DELETIONS] =
        "SELECT count(*) FROM (SELECT 1 FROM deletions WHERE key = ANY ($1::text[]) "
        "ORDER BY key FOR UPDATE) AS locked",
    /* One process at a time makes tables or adopts a store: "FbJb" as a number. */
    [STATEMENT_LOCK_SCHEMA] = "SELECT pg_advisory_xact_lock(1180846690)",
    [STATEMENT_NOW] = "SELECT " NOW,

    [STATEMENT_USERS_INSERT] =
        "INSERT INTO users (id, first_name, last_name, user_name, email, country_id, "
        "birth_date, created_at, updated_at) "
        "SELECT a, b, c, d, e, f, g, $8::bigint, $8::bigint FROM unnest($1::text[], "
        "$2::text[], "
        "$3::text[], $4::text[], $5::text[], $6::text[], $7::text[]) AS added (a, b, c, d, e, "
        "f, "
        "g) ORDER BY a ON CONFLICT (id) DO NOTHING RETURNING id",
    /* A user who comes with an avatar: as of an attach, the guard goes with the pointer. */
    [STATEMENT_USER_INSERT_WITH_AVATAR] =
        "WITH guard AS (DELETE FROM deletions WHERE key = $8 AND reason = 'upload' AND claim = "
        "0 "
        "AND not_before - $14::bigint / 15 > $13::bigint RETURNING key), "
        "made AS (INSERT INTO users (id, first_name, last_name, user_name, email, country_id, "
        "birth_date, avatar_key, avatar_store_id, avatar_content_type, avatar_bytes, "
        "avatar_sha256, created_at, updated_at, version) SELECT $1, $2, $3, $4, $5, $6, $7, "
        "guard.key, $9, $10, $11::bigint, $12, $13::bigint, $13::bigint, 2 FROM guard "
        "ON CONFLICT (id) DO NOTHING RETURNING 1) "
        "SELECT (SELECT count(*) FROM guard), (SELECT count(*) FROM made)",
    /* Names its columns: never the mark, never the key (R17). */
    [STATEMENT_USER_REPLACE] =
        "UPDATE users SET first_name = $2, last_name = $3, user_name = $4, email = $5, "
        "country_id = $6, birth_date = $7, updated_at = $8::bigint, version = version + 1 "
        "WHERE id = $1 AND NOT avatar_should_be_deleted "
        "AND ($9::bigint < 0 OR version = $9::bigint) RETURNING " USER_COLUMNS,
    [STATEMENT_USER_STANDING] =
        "SELECT avatar_should_be_deleted::int, avatar_key FROM users WHERE id = $1",
    [STATEMENT_USERS_MARK] =
        "UPDATE users SET avatar_should_be_deleted = true, deletion_requested_at = $2::bigint, "
        "updated_at = $2::bigint, version = version + 1 "
        "WHERE id = ANY ($1::text[]) AND NOT avatar_should_be_deleted RETURNING id",
    [STATEMENT_USERS_KNOWN] =
        "SELECT asked.id, EXISTS (SELECT 1 FROM users WHERE users.id = asked.id)::int, "
        "EXISTS (SELECT 1 FROM user_receipts WHERE user_id = asked.id)::int "
        "FROM unnest($1::text[]) AS asked (id)",
    /* Due by the clock as it is now: the trigger looked at it after the batch did. */
    [STATEMENT_USERS_KEYS] =
        "SELECT asked.id, key, (not_before <= " NOW ")::int FROM unnest($1::text[]) "
        "AS asked (id), LATERAL (SELECT key, not_before FROM deletions "
        "WHERE user_id = asked.id ORDER BY " SORTED_KEY " LIMIT $2::bigint) AS found",
    /* A pointer that is still there has work of its own, whoever the row is said to belong to.
     */
    [STATEMENT_USERS_REMOVE] =
        "DELETE FROM users WHERE id = ANY ($1::text[]) AND " MARKED " AND " POINTER " = '' "
        "AND NOT EXISTS (SELECT 1 FROM deletions WHERE user_id = users.id OFFSET 0) "
        "RETURNING id",
    [STATEMENT_AVATAR_CLEAR] =
        "UPDATE users SET " POINTER_NONE ", updated_at = $2::bigint, version = version + 1 "
        "WHERE id = $1 AND NOT avatar_should_be_deleted AND avatar_key IS NOT NULL "
        "AND ($3 = '' OR avatar_key = $3)",
    /* An upload's row is no avatar that anybody ever had. */
    [STATEMENT_AVATAR_KEYS] = "SELECT key, (not_before <= " NOW ")::int FROM deletions "
                              "WHERE user_id = $1 AND reason <> 'upload' "
                              "ORDER BY " SORTED_KEY " LIMIT $2::bigint",
    /*
     * The compare-and-delete: never claimed, and not near its end (R1, R21). The user is locked
     * by then; the pointer is set only where the guard was taken away.
     */
    [STATEMENT_AVATAR_ATTACH] =
        "WITH guard AS (DELETE FROM deletions WHERE key = $2 AND reason = 'upload' AND claim = "
        "0 "
        "AND not_before - $8::bigint / 15 > $7::bigint AND EXISTS (SELECT 1 FROM users "
        "WHERE id = $1 AND NOT avatar_should_be_deleted "
        "AND ($9 = '' OR avatar_key = $9)) RETURNING key), "
        "pointed AS (UPDATE users SET avatar_key = guard.key, avatar_store_id = $3, "
        "avatar_content_type = $4, avatar_bytes = $5::bigint, avatar_sha256 = $6, "
        "updated_at = $7::bigint, version = version + 1 "
        "FROM guard WHERE users.id = $1 AND NOT avatar_should_be_deleted RETURNING 1) "
        "SELECT (SELECT count(*) FROM guard), (SELECT count(*) FROM pointed)",

    [STATEMENT_GUARD_INSERT] =
        "INSERT INTO deletions (key, store_id, user_id, reason, created_at, not_before, "
        "due_at) "
        "SELECT $2, $3, $1, 'upload', $4::bigint, $4::bigint + $5::bigint, "
        "$4::bigint + $5::bigint "
        "WHERE EXISTS (SELECT 1 FROM users WHERE id = $1 AND NOT avatar_should_be_deleted)",
    /* Of a user who is not there yet. */
    [STATEMENT_GUARD_INSERT_EARLY] =
        "INSERT INTO deletions (key, store_id, reason, created_at, not_before, due_at) "
        "VALUES ($1, $2, 'upload', $3::bigint, $3::bigint + $4::bigint, "
        "$3::bigint + $4::bigint)",
    /* The PUT's answer is known: no second look, but under a new token (S1). */
    [STATEMENT_GUARD_SETTLE] =
        "UPDATE deletions SET claim = claim + 1, look = 'second', not_before = $2::bigint, "
        "due_at = $2::bigint, leased_until = 0 WHERE key = $1 AND reason = 'upload'",

    /*
     * No row: the key is on record for another request. One that is just being written, by
     * whomever, is waited for, so that of two at once only one goes on.
     */
    [STATEMENT_IDEMPOTENCY_PUT] =
        "INSERT INTO idempotency (key, body, user_id, created_at, busy_until) "
        "VALUES ($1, $2, $3, $4::bigint, $5::bigint) ON CONFLICT (key) DO UPDATE "
        "SET body = excluded.body, user_id = excluded.user_id, "
        "created_at = excluded.created_at, busy_until = excluded.busy_until "
        "WHERE idempotency.user_id = excluded.user_id "
        "OR idempotency.created_at <= $4::bigint - $6::bigint",
    [STATEMENT_IDEMPOTENCY_SELECT] = "SELECT body, user_id, (busy_until > $2::bigint)::int "
                                     "FROM idempotency WHERE key = $1",
    [STATEMENT_IDEMPOTENCY_FORGET] = "DELETE FROM idempotency WHERE key = $1 AND user_id = $2",
    /* A few with each new one: the table never outgrows what is alive by much. */
    [STATEMENT_IDEMPOTENCY_EXPIRE] =
        "DELETE FROM idempotency WHERE key = ANY (ARRAY(SELECT key FROM idempotency "
        "WHERE created_at <= $1::bigint - $2::bigint ORDER BY created_at LIMIT 4 "
        "FOR UPDATE SKIP LOCKED))",

    [STATEMENT_CLAIM_DUE] =
        CLAIM("SELECT ctid FROM deletions WHERE due_at <= $1::bigint + $4::bigint "
              "AND due_at >= $6::bigint "
              "AND (state = 'pending' OR due_at <= $1::bigint) AND " CLAIMABLE
              " ORDER BY due_at LIMIT $5::bigint",
              "due_at"),
    [STATEMENT_CLAIM_KEYS] =
        CLAIM("SELECT ctid FROM deletions WHERE key = ANY ($4::text[]) AND " CLAIMABLE, "key"),
    [STATEMENT_CLAIM_SWEEP] =
        CLAIM("SELECT ctid FROM deletions WHERE key > $4 AND state = 'pending' "
              "AND created_at <= $6::bigint AND " CLAIMABLE " ORDER BY key LIMIT $5::bigint",
              "key"),
    /* Steps over the classes by index: one look-up a class, however many rows it has. */
    [STATEMENT_CLAIM_PROBES] =
        "WITH RECURSIVE classes AS ("
        "(SELECT store_id, error_class FROM deletions WHERE state = 'blocked' "
        "AND (store_id, error_class) > ('', '') ORDER BY store_id, error_class LIMIT 1) "
        "UNION ALL SELECT after.store_id, after.error_class FROM classes, LATERAL "
        "(SELECT store_id, error_class FROM deletions WHERE state = 'blocked' "
        "AND (store_id, error_class) > (classes.store_id, classes.error_class) "
        "ORDER BY store_id, error_class LIMIT 1) AS after), "
        "claimed AS (UPDATE deletions SET claim = claim + 1, "
        "leased_until = $1::bigint + $2::bigint WHERE ctid = ANY (ARRAY("
        "SELECT probe.ctid FROM (SELECT * FROM classes LIMIT $4::bigint) AS class, LATERAL "
        "(SELECT ctid FROM deletions WHERE state = 'blocked' AND store_id = class.store_id "
        "AND error_class = class.error_class AND " CLAIMABLE
        " ORDER BY tried_at LIMIT 1 FOR UPDATE SKIP LOCKED) AS probe)) "
        "RETURNING " DELETION_COLUMNS ", " LIVE " AS live) SELECT * FROM claimed ORDER BY key",
    [STATEMENT_LIVE_BLOCK] =
        "UPDATE deletions SET state = 'blocked', error_class = 'live-user', "
        "error = 'a live user points at this object', tried_at = $2::bigint, "
        "leased_until = $2::bigint, due_at = $2::bigint + 86400000 WHERE key = ANY "
        "($1::text[])",
    /*
     * What another process holds comes back when its lease ends, if that process has died. That
     * is of interest only where nothing else is left to claim, and dear where much is ($3).
     */
    [STATEMENT_NEXT_DUE] =
        "SELECT coalesce(least("
        "(SELECT due_at FROM deletions WHERE due_at > $1::bigint ORDER BY due_at LIMIT 1), "
        "CASE WHEN $3::bigint > 0 THEN "
        "(SELECT leased_until FROM deletions WHERE due_at <= $1::bigint "
        "AND leased_until > $1::bigint AND leased_until <> $1::bigint + $2::bigint "
        "ORDER BY due_at LIMIT 1) END), 0)",

    /*
     * Users whose last deletion is about to be finished: the trigger still meets the row itself
     * (R2), and leaves the receipt to whoever finishes it.
     */
    [STATEMENT_USERS_REMOVE_LAST] =
        "DELETE FROM users USING (SELECT item.key, found.row "
        "FROM unnest($1::text[], $2::text[]) AS item (id, key), "
        "LATERAL (SELECT ctid AS row FROM users WHERE id = item.id OFFSET 0) AS found OFFSET "
        "0) "
        "AS item WHERE users.ctid = item.row AND " MARKED " AND " POINTER " IN (item.key, '') "
        "AND NOT EXISTS (SELECT 1 FROM deletions WHERE user_id = users.id "
        "AND deletions.key <> item.key OFFSET 0) "
        "RETURNING users.id, deletion_requested_at, "
        "(avatar_key IS NOT NULL)::int",
    /* The confirm clears the pointer first: the trigger then meets the row itself (R2). */
    [STATEMENT_POINTERS_CLEAR] =
        "UPDATE users SET " POINTER_NONE " WHERE avatar_key = ANY ($1::text[]) AND " MARKED,
    /* Final: absence of a once-used key ends the row, whoever has the claim now (R5, D5). */
    [STATEMENT_FINISH] =
        "WITH gone AS (DELETE FROM deletions USING (SELECT item.*, found.row FROM "
        "(SELECT DISTINCT ON (key COLLATE \"C\") * FROM unnest($1::text[], $2::bigint[], "
        "$3::text[], $4::bigint[]) WITH ORDINALITY AS given (key, status, going, asked, place) "
        "ORDER BY key COLLATE \"C\", place) AS item, " ROW_OF_ITEM ") AS item "
        "WHERE deletions.ctid = item.row AND (reason <> 'upload' OR look = 'second') "
        "RETURNING deletions.*, item.status, item.asked, item.place, "
        "coalesce(user_id, '') = nullif(item.going, '') AS goes), "
        "receipt AS (INSERT INTO receipts (key, store_id, user_id, reason, kind, attempts, "
        "status, requested_at, finished_at) SELECT key, store_id, user_id, reason, 'done', "
        "attempts + 1, status, created_at, $5::bigint FROM gone), "
        "person AS (INSERT INTO user_receipts (user_id, requested_at, deleted_at) "
        "SELECT DISTINCT ON (user_id) user_id, coalesce(nullif(asked, 0), created_at), "
        "$5::bigint FROM gone WHERE goes ORDER BY user_id "
        "ON CONFLICT (user_id) DO UPDATE SET corrected_at = excluded.deleted_at) "
        "SELECT place, user_id, created_at, coalesce(goes, false)::int FROM gone",
    [STATEMENT_LOOK_AGAIN] =
        "UPDATE deletions SET look = 'second', state = 'pending', "
        "not_before = $3::bigint + $4::bigint, due_at = $3::bigint + $4::bigint, "
        "leased_until = $3::bigint, tried_at = $3::bigint, attempts = attempts + 1, "
        "error_class = NULL, error = NULL "
        "FROM (SELECT item.*, found.row FROM unnest($1::text[], $2::bigint[]) "
        "WITH ORDINALITY AS item (key, claim, place), " ROW_OF_ITEM ") AS item "
        "WHERE deletions.ctid = item.row AND deletions.claim = item.claim "
        "AND deletions.look = 'first' AND reason = 'upload' RETURNING item.place",
    /* Its hard time had come when it was claimed, whatever the clock was set to since (P4). */
    [STATEMENT_PUT_OFF] =
        "UPDATE deletions SET state = item.state, "
        "not_before = least(not_before, $9::bigint), due_at = $9::bigint + item.delay, "
        "leased_until = $9::bigint, tried_at = $9::bigint, attempts = attempts + item.spend, "
        "error_class = nullif(item.error_class, ''), error = nullif(item.error, '') "
        "FROM (SELECT item.*, found.row FROM unnest($1::text[], $2::bigint[], $3::text[], "
        "$4::text[], $5::bigint[], $6::bigint[], $7::text[], $8::text[]) WITH ORDINALITY "
        "AS item (key, claim, look, state, delay, spend, error_class, error, "
        "place), " ROW_OF_ITEM ") AS item "
        "WHERE deletions.ctid = item.row AND deletions.claim = item.claim "
        "AND deletions.look = item.look RETURNING item.place",
    /* Of users whose rows are gone already, with the last of their deletions (C6, M3). */
    [STATEMENT_USER_RECEIPTS_INSERT] =
        "INSERT INTO user_receipts (user_id, requested_at, deleted_at) "
        "SELECT id, asked, $3::bigint FROM unnest($1::text[], $2::bigint[]) AS gone (id, "
        "asked) "
        "WHERE NOT EXISTS (SELECT 1 FROM users WHERE users.id = gone.id OFFSET 0) "
        "AND NOT EXISTS (SELECT 1 FROM deletions WHERE user_id = gone.id OFFSET 0) "
        "ORDER BY id "
        "ON CONFLICT (user_id) DO UPDATE SET corrected_at = excluded.deleted_at "
        "RETURNING user_id",

    [STATEMENT_UNBLOCK] =
        "UPDATE deletions SET state = 'pending', due_at = greatest($3::bigint, not_before) "
        "WHERE key = ANY (ARRAY(SELECT key FROM deletions WHERE state = 'blocked' "
        "AND store_id = $1 AND error_class = $2 ORDER BY key FOR UPDATE))",
    [STATEMENT_RETRY_KEY] =
        "UPDATE deletions SET state = 'pending', due_at = greatest($2::bigint, not_before) "
        "WHERE key = $1",
    [STATEMENT_RETRY] =
        "UPDATE deletions SET state = 'pending', due_at = greatest($3::bigint, not_before) "
        "WHERE key = ANY (ARRAY(SELECT key FROM deletions WHERE ($1::text IS NULL OR state = "
        "$1) "
        "AND ($2::text IS NULL OR error_class = $2) ORDER BY key FOR UPDATE))",
    [STATEMENT_EXTERNAL_INSERT] =
        "INSERT INTO deletions (key, store_id, reason, created_at, not_before, due_at) "
        "SELECT $1, $2, 'external', $3::bigint, $3::bigint, $3::bigint "
        "WHERE NOT EXISTS (SELECT 1 FROM receipts WHERE key = $1 AND kind = 'done') "
        "ON CONFLICT (key) DO NOTHING",
    /* The insert may have waited for an attach of this very key: looks again (D6). */
    [STATEMENT_EXTERNAL_LIVE] = "DELETE FROM deletions WHERE key = $1 AND reason = 'external' "
                                "AND claim = 0 AND created_at = $2::bigint AND " LIVE,
    [STATEMENT_REDATE] =
        "UPDATE deletions SET not_before = least(not_before, $1::bigint + " LONGEST_HARD "), "
        "due_at = CASE WHEN not_before > $1::bigint "
        "THEN least(not_before, $1::bigint + " LONGEST_HARD ") ELSE $1::bigint END "
        "WHERE key = ANY (ARRAY(SELECT key FROM deletions "
        "WHERE due_at > $1::bigint + least($2::bigint, $4::bigint) "
        "AND (not_before > $1::bigint + " LONGEST_HARD
        " OR (not_before <= $1::bigint AND due_at > $1::bigint + " LONGEST_SOFT ")) "
        "ORDER BY key FOR UPDATE SKIP LOCKED))",
    [STATEMENT_MARKED_NEXT] = "SELECT id FROM users WHERE avatar_should_be_deleted "
                              "AND id > $1 ORDER BY id LIMIT $2::bigint",
    /* A marked user whose intent was lost by hand: clearing the pointer writes it again. */
    [STATEMENT_MARKED_REVIVE] =
        "UPDATE users SET avatar_key = NULL, avatar_store_id = NULL "
        "WHERE id = ANY (ARRAY(SELECT id FROM users WHERE id = ANY ($1::text[]) "
        "AND " MARKED " AND avatar_key IS NOT NULL "
        "AND NOT EXISTS (SELECT 1 FROM deletions WHERE key = users.avatar_key OFFSET 0) "
        "ORDER BY id FOR UPDATE SKIP LOCKED))",
    [STATEMENT_MARKED_LOCK] =
        "SELECT id FROM users WHERE id = ANY ($1::text[]) AND " MARKED " AND " POINTER " = '' "
        "AND NOT EXISTS (SELECT 1 FROM deletions WHERE user_id = users.id OFFSET 0) "
        "ORDER BY id FOR UPDATE SKIP LOCKED",
    /*
     * Its claims go on above all that were given before (R6), whatever the clock was set to
     * since: the numbers of receipts rise, and no time from which they went on is so large.
     */
    [STATEMENT_REOPEN_DELETIONS] =
        "INSERT INTO deletions (key, store_id, user_id, reason, look, claim, created_at, "
        "not_before, due_at) SELECT DISTINCT ON (key) key, store_id, user_id, reason, "
        "'second', (1::bigint << 44) + (id << 24), requested_at, "
        "$3::bigint, $3::bigint FROM receipts WHERE " STANDING
        " ORDER BY key, requested_at ON CONFLICT (key) DO NOTHING",
    [STATEMENT_REOPEN_RECEIPTS] =
        "INSERT INTO receipts (key, store_id, user_id, reason, kind, attempts, status, "
        "requested_at, finished_at) "
        "SELECT key, store_id, user_id, reason, 'corrected', 0, 0, requested_at, $3::bigint "
        "FROM receipts WHERE " STANDING,
    [STATEMENT_SEAL_TRY_LOCK] = "SELECT pg_try_advisory_xact_lock(1180846691)",
    [STATEMENT_SEAL_SELECT] = "SELECT " SEAL_COLUMNS "WHERE this.number = $1::bigint",
    [STATEMENT_SEAL_LAST] =
        "SELECT " SEAL_COLUMNS "WHERE this.number = (SELECT max(number) FROM receipt_seals)",
    [STATEMENT_SEAL_INSERT] =
        "INSERT INTO receipt_seals (number, sealed_at, receipts_last, receipts, users_last, "
        "users, content, digest) VALUES ($1::bigint, $2::bigint, $3::bigint, $4::bigint, "
        "$5::bigint, $6::bigint, $7, $8)",
    [STATEMENT_SEAL_PRUNE] = "UPDATE receipt_seals SET pruned_at = $2::bigint "
                             "WHERE number = $1::bigint AND pruned_at IS NULL",
    /*
     * What was seen before every transaction that is under way now began may be sealed. A
     * transaction that is still to come was another server's: a dump took it along.
     */
    [STATEMENT_HORIZON] =
        "SELECT receipts, users, receipts_seen, users_seen, "
        "xid <= pg_snapshot_xmin(pg_current_snapshot()), "
        "xid >= pg_snapshot_xmax(pg_current_snapshot()), "
        "(SELECT coalesce(max(id), 0) FROM receipts), "
        "(SELECT coalesce(max(id), 0) FROM user_receipts) FROM receipt_horizon",
    /* Whoever has a number up to what was seen before this transaction began has a lower id. */
    [STATEMENT_HORIZON_MOVE] =
        "UPDATE receipt_horizon SET receipts = receipts_seen, users = users_seen, "
        "xid = pg_current_xact_id(), "
        "receipts_seen = (SELECT coalesce(max(id), 0) FROM receipts), "
        "users_seen = (SELECT coalesce(max(id), 0) FROM user_receipts)",
    /* $1 behind, $2 up to, $3 so many. */
    [STATEMENT_RECEIPTS] =
        "SELECT id, key, store_id, user_id, reason, kind, attempts, status, requested_at, "
        "finished_at FROM receipts WHERE id > $1::bigint AND id <= $2::bigint ORDER BY id "
        "LIMIT $3::bigint",
    [STATEMENT_USER_RECEIPTS] =
        "SELECT id, user_id, requested_at, deleted_at FROM user_receipts WHERE id > $1::bigint "
        "AND id <= $2::bigint ORDER BY id LIMIT $3::bigint",
    /* Only by who knows the last one. */
    [STATEMENT_EPOCH_RAISE] =
        "INSERT INTO epochs (number, nonce, raised_at) SELECT $1::bigint + 1, $2, $3::bigint "
        "WHERE $1::bigint = (SELECT coalesce(max(number), 0) FROM epochs)",
    [STATEMENT_EPOCH_TAKE] =
        "INSERT INTO epochs (number, nonce, raised_at) "
        "VALUES ($1::bigint, $2, $3::bigint) ON CONFLICT (number) DO UPDATE "
        "SET nonce = excluded.nonce, raised_at = excluded.raised_at",
    [STATEMENT_EPOCH_LAST] = "SELECT number, nonce FROM epochs ORDER BY number DESC LIMIT 1",
    [STATEMENT_RESTORE_BEGIN] = "INSERT INTO about (name, value) VALUES ('restoring', $1) "
                                "ON CONFLICT (name) DO UPDATE SET value = excluded.value",
    [STATEMENT_RESTORE_END] = "DELETE FROM about WHERE name = 'restoring' AND value = $1",
    [STATEMENT_RESTORE_IS] = "SELECT 1 FROM about WHERE name = 'restoring'",
    [STATEMENT_RECEIPTS_PRUNE] =
        "DELETE FROM receipts WHERE id > $1::bigint AND id <= $2::bigint",
    [STATEMENT_USER_RECEIPTS_PRUNE] =
        "DELETE FROM user_receipts WHERE id > $1::bigint AND id <= $2::bigint",
    /* Later than every other, whatever the clock did in between. */
    [STATEMENT_STORE_INSERT] =
        "INSERT INTO stores (id, adopted_at) "
        "SELECT $1, greatest($2::bigint, 1 + (SELECT max(adopted_at) FROM stores)) "
        "WHERE coalesce((SELECT id FROM stores ORDER BY adopted_at DESC LIMIT 1), '') = $3 "
        "ON CONFLICT (id) DO UPDATE SET adopted_at = excluded.adopted_at",
    [STATEMENT_STORE_EXISTS] =
        "SELECT 1 WHERE $1 = (SELECT id FROM stores ORDER BY adopted_at DESC LIMIT 1)",

    [STATEMENT_AUDIT_START] =
        "UPDATE audit SET id = $1, state = 'running', deletes = $2::bigint, "
        "share = $3::bigint, pass = 'counting', store_id = '', cursor = '', first_ms = 0, "
        "store_objects = 0, store_strays = 0, store_scheduled = 0, objects = 0, pointers = 0, "
        "strays = 0, young = 0, scheduled = 0, missing = 0, versions = 0, unknown = 0, "
        "owner = '', leased_until = 0, started_at = $4::bigint, saved_at = $4::bigint, "
        "ended_at = 0, trouble = '' "
        "WHERE state <> 'running' AND ($5::bigint < 0 OR started_at = $5::bigint)",
    /* A lease that is longer than any was taken before the clock was set back (P4). */
    [STATEMENT_AUDIT_CLAIM] =
        "UPDATE audit SET owner = $1, leased_until = $2::bigint + $3::bigint "
        "WHERE state = 'running' AND (owner = $1 OR leased_until <= $2::bigint "
        "OR leased_until > $2::bigint + " LEASE_MAX ")",
    [STATEMENT_AUDIT_HOLD] = "UPDATE audit SET leased_until = $3::bigint + $4::bigint "
                             "WHERE id = $1 AND owner = $2 AND state = 'running'",
    [STATEMENT_AUDIT_WRITE] =
        "UPDATE audit SET state = $2::text, trouble = $3, pass = $4, store_id = $5, "
        "cursor = $6, first_ms = $7::bigint, store_objects = $8::bigint, "
        "store_strays = $9::bigint, store_scheduled = $10::bigint, objects = $11::bigint, "
        "pointers = $12::bigint, strays = $13::bigint, young = $14::bigint, "
        "scheduled = $15::bigint, missing = $16::bigint, versions = $17::bigint, "
        "unknown = $18::bigint, saved_at = $1::bigint, "
        "ended_at = CASE $2::text WHEN 'running' THEN 0 ELSE $1::bigint END",
    [STATEMENT_AUDIT_STOP] = "UPDATE audit SET state = 'stopped', ended_at = $1::bigint "
                             "WHERE state = 'running'",
    [STATEMENT_FINDINGS_CLEAR] = "DELETE FROM audit_findings",
    [STATEMENT_FINDINGS_INSERT] =
        "INSERT INTO audit_findings (key, kind, user_id) SELECT a, b, nullif(c, '') "
        "FROM unnest($1::text[], $2::text[], $3::text[]) AS found (a, b, c) "
        "LIMIT greatest(0, " DIGITS(
            AUDIT_FINDINGS_MAX) " - (SELECT count(*) FROM audit_findings)) ON CONFLICT (key) "
                                "DO NOTHING",
    /* Looks again, in the deleting transaction itself (D6). An object of somebody whose erasure
     * was on record is that person's once more. */
    [STATEMENT_STRAYS_INSERT] =
        "INSERT INTO deletions (key, store_id, user_id, reason, created_at, not_before, "
        "due_at) SELECT k, $2, (SELECT user_id FROM receipts WHERE receipts.key = k "
        "ORDER BY id DESC LIMIT 1), 'external', $3::bigint, $3::bigint, $3::bigint "
        "FROM unnest($1::text[]) AS stray (k) WHERE NOT " POINTED_AT("k") " AND NOT " SETTLED(
            "k", "$4") " ORDER BY k ON CONFLICT (key) DO NOTHING",
    /* The insert may have waited for an attach or a confirm of this very key (D6). */
    [STATEMENT_STRAYS_OWNED] =
        "DELETE FROM deletions WHERE key = ANY ($1::text[]) AND reason = 'external' "
        "AND claim = 0 AND created_at = $2::bigint AND (" POINTED_AT(
            "deletions.key") " OR " SETTLED("deletions.key", "$3") ")",
    [STATEMENT_STRAYS_CORRECT] =
        "INSERT INTO receipts (key, store_id, user_id, reason, kind, attempts, status, "
        "requested_at, finished_at) SELECT key, store_id, user_id, reason, 'corrected', 0, 0, "
        "requested_at, $2::bigint FROM receipts WHERE key = ANY ($1::text[]) "
        "AND kind = 'done' AND NOT EXISTS (SELECT 1 FROM receipts AS later "
        "WHERE later.key = receipts.key AND later.id > receipts.id) "
        "AND EXISTS (SELECT 1 FROM deletions WHERE deletions.key = receipts.key "
        "AND deletions.reason = 'external' AND claim = 0 AND created_at = $2::bigint)",
    [STATEMENT_AUDIT] =
        "SELECT " AUDIT_COLUMNS ", (leased_until > " NOW ")::int, " NOW " FROM audit",
    [STATEMENT_FINDING_PAGE] = "SELECT key, kind, user_id FROM audit_findings WHERE key > $1 "
                               "ORDER BY key LIMIT $2::bigint",
    [STATEMENT_POINTER_PAGE] =
        "SELECT avatar_key, id, avatar_should_be_deleted::int FROM users "
        "WHERE avatar_key > $2 AND avatar_store_id = $1 ORDER BY avatar_key LIMIT $3::bigint",
    [STATEMENT_STRAYS] =
        "SELECT place FROM unnest($1::text[]) WITH ORDINALITY AS asked (k, place) "
        "WHERE NOT " POINTED_AT("k") " AND NOT " SETTLED(
            "k", "$2") " AND NOT EXISTS (SELECT 1 FROM deletions WHERE deletions.key = k)",

    /* Each with its place among those that were asked for, from one. */
    [STATEMENT_USERS_SELECT] = "SELECT place, found.* FROM unnest($1::text[]) WITH ORDINALITY "
                               "AS asked (user_id, place), "
                               "LATERAL (SELECT " USER_COLUMNS " FROM users WHERE id = user_id "
                               "AND NOT avatar_should_be_deleted OFFSET 0) AS found",
    [STATEMENT_USER_PAGE] =
        "SELECT " USER_COLUMNS " FROM users "
        "WHERE id > $1 AND NOT avatar_should_be_deleted ORDER BY id LIMIT $2::bigint",
    [STATEMENT_ERASURE] =
        "SELECT (SELECT avatar_should_be_deleted::int FROM users WHERE id = $1), "
        "(SELECT deletion_requested_at FROM users WHERE id = $1), "
        "count(*), count(*) FILTER (WHERE state = 'blocked'), "
        "coalesce(min(created_at) FILTER (WHERE reason = 'user'), min(created_at)), "
        "(coalesce(sum(attempts), 0) + "
        "(SELECT coalesce(sum(attempts), 0) FROM receipts WHERE user_id = $1))::bigint, "
        "(SELECT requested_at FROM user_receipts WHERE user_id = $1), "
        "(SELECT coalesce(corrected_at, deleted_at) FROM user_receipts WHERE user_id = $1) "
        "FROM deletions WHERE user_id = $1",
    [STATEMENT_DELETION_PAGE] =
        "SELECT " DELETION_COLUMNS " FROM deletions WHERE key > $1 "
        "AND ($2::text IS NULL OR state = $2) AND ($3::text IS NULL OR error_class = $3) "
        "ORDER BY key LIMIT $4::bigint",
    [STATEMENT_FINISHED] =
        "SELECT place FROM unnest($1::text[]) WITH ORDINALITY AS subject (name, place) "
        "WHERE NOT EXISTS (SELECT 1 FROM users WHERE id = name OFFSET 0) "
        "AND NOT EXISTS (SELECT 1 FROM deletions WHERE user_id = name OFFSET 0) "
        "AND NOT EXISTS (SELECT 1 FROM deletions WHERE key = name OFFSET 0)",
    [STATEMENT_BACKLOG] =
        "SELECT count(*) FILTER (WHERE state = 'pending' AND not_before <= t), "
        "count(*) FILTER (WHERE state = 'blocked'), "
        "count(*) FILTER (WHERE state = 'pending' AND not_before > t), "
        "coalesce(t - min(greatest(created_at, not_before)) FILTER (WHERE not_before <= t), "
        "0), "
        "coalesce(min(due_at), 0), "
        "(SELECT count(*) FROM users WHERE avatar_should_be_deleted), t "
        "FROM (SELECT " NOW " AS t) AS clock LEFT JOIN deletions ON true GROUP BY t",

    /* Where they would be made, and whether they are there already. */
    [STATEMENT_TABLES] = "SELECT current_schema() IS NOT NULL AND "
                         "current_setting('server_encoding') = 'UTF8', "
                         "to_regclass('about') IS NOT NULL, to_regclass('users') IS NOT NULL",
    [STATEMENT_VERSION] = "SELECT value FROM about WHERE name = 'schema_version'",
    [STATEMENT_IDS] = "SELECT (SELECT value FROM about WHERE name = 'database_id'), "
                      "(SELECT value FROM about WHERE name = 'secret'), "
                      "(SELECT id FROM stores ORDER BY adopted_at DESC LIMIT 1)",
    /* Of processes that are long gone. */
    [STATEMENT_WRITERS_FORGET] = "DELETE FROM writers WHERE written_at < " NOW " - 604800000",
};

const char *postgres_statement_sql(enum statement statement)
{
    return texts[statement];
}

bool postgres_statement_is_prepared(enum statement statement, bool writes)
{
    switch (statement) {
    case STATEMENT_LOOK_UP_SETTINGS:
    case STATEMENT_USERS_SELECT:
    case STATEMENT_ERASURE:
        return !writes;
    case STATEMENT_BEGIN:
    case STATEMENT_COMMIT:
    case STATEMENT_SETTINGS:
    case STATEMENT_WRITER:
    case STATEMENT_LOCK_USERS:
    case STATEMENT_LOCK_GONE:
    case STATEMENT_LOCK_DELETIONS:
    case STATEMENT_NOW:
    case STATEMENT_USER_REPLACE:
    case STATEMENT_USER_STANDING:
    case STATEMENT_USERS_MARK:
    case STATEMENT_USERS_KNOWN:
    case STATEMENT_USERS_KEYS:
    case STATEMENT_USERS_REMOVE:
    case STATEMENT_AVATAR_CLEAR:
    case STATEMENT_AVATAR_KEYS:
    case STATEMENT_AVATAR_ATTACH:
    case STATEMENT_GUARD_INSERT:
    case STATEMENT_GUARD_SETTLE:
    case STATEMENT_IDEMPOTENCY_FORGET:
        return writes;
    default:
        return false;
    }
}
