/*
 * statements: every SQL statement of the PostgreSQL driver, by name.
 *
 * None can raise on what a caller sends: what is to be refused shows in the number of rows.
 */
#ifndef REPOSITORY_POSTGRES_STATEMENTS_H
#define REPOSITORY_POSTGRES_STATEMENTS_H

#include <stdbool.h>

enum statement {
    /* Transactions. */
    STATEMENT_BEGIN,
    STATEMENT_COMMIT,
    STATEMENT_ROLLBACK,
    STATEMENT_SETTINGS,
    STATEMENT_WRITER,
    STATEMENT_LOCK_USERS,
    STATEMENT_LOCK_DELETIONS,
    STATEMENT_LOCK_SCHEMA,
    STATEMENT_NOW,
    /* Users. */
    STATEMENT_USERS_INSERT,
    STATEMENT_USER_INSERT_WITH_AVATAR,
    STATEMENT_USER_REPLACE,
    STATEMENT_USER_STANDING,
    STATEMENT_USER_MARK,
    STATEMENT_USER_KNOWN,
    STATEMENT_USER_KEYS,
    STATEMENT_USERS_REMOVE,
    STATEMENT_AVATAR_CLEAR,
    STATEMENT_AVATAR_ATTACH,
    /* Uploads. */
    STATEMENT_GUARD_INSERT,
    STATEMENT_GUARD_INSERT_EARLY,
    STATEMENT_GUARD_SETTLE,
    /* Requests that may be repeated. */
    STATEMENT_IDEMPOTENCY_PUT,
    STATEMENT_IDEMPOTENCY_SELECT,
    STATEMENT_IDEMPOTENCY_FORGET,
    STATEMENT_IDEMPOTENCY_EXPIRE,
    /* Claims. */
    STATEMENT_CLAIM_DUE,
    STATEMENT_CLAIM_KEYS,
    STATEMENT_CLAIM_SWEEP,
    STATEMENT_CLAIM_PROBES,
    STATEMENT_LIVE_BLOCK,
    STATEMENT_NEXT_DUE,
    /* Confirms. */
    STATEMENT_POINTERS_CLEAR,
    STATEMENT_FINISH,
    STATEMENT_LOOK_AGAIN,
    STATEMENT_PUT_OFF,
    STATEMENT_USER_RECEIPTS_INSERT,
    /* Deletions. */
    STATEMENT_UNBLOCK,
    STATEMENT_RETRY_KEY,
    STATEMENT_RETRY,
    STATEMENT_EXTERNAL_INSERT,
    STATEMENT_EXTERNAL_LIVE,
    STATEMENT_REDATE,
    STATEMENT_MARKED_REVIVE,
    STATEMENT_MARKED_LOCK,
    STATEMENT_REOPEN_DELETIONS,
    STATEMENT_REOPEN_RECEIPTS,
    STATEMENT_STORE_INSERT,
    STATEMENT_STORE_EXISTS,
    /* Reads. */
    STATEMENT_USER_SELECT,
    STATEMENT_USER_PAGE,
    STATEMENT_ERASURE,
    STATEMENT_DELETION_PAGE,
    STATEMENT_BACKLOG,
    /* The schema's, at start. */
    STATEMENT_TABLES,
    STATEMENT_VERSION,
    STATEMENT_IDS,
    STATEMENT_WRITERS_FORGET,
    STATEMENT_COUNT,
};

const char *postgres_statement_sql(enum statement statement);

/*
 * Worth preparing: small, and the same plan is right for any values. The others are planned
 * each time, for the arrays and limits that they are given.
 */
bool postgres_statement_is_prepared(enum statement statement, bool writes);

#endif
