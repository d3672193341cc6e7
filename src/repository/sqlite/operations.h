/*
 * operations: the verbs of the repository in SQL, one function each, inside a transaction.
 *
 * Each sets the outcome and outputs of `op` and returns 0, or -1 when SQLite failed: then the
 * transaction is given up, whatever it had done (D3). `now` is the database's time.
 */
#ifndef REPOSITORY_SQLITE_OPERATIONS_H
#define REPOSITORY_SQLITE_OPERATIONS_H

#include "repository/repository.h"
#include "repository/sqlite/connection.h"

/* users.c */
int sqlite_user_add(struct connection *connection, struct repository_op *op, int64_t now);
int sqlite_user_replace(struct connection *connection, struct repository_op *op, int64_t now);
int sqlite_user_mark(struct connection *connection, struct repository_op *op, int64_t now);
int sqlite_user_get(struct connection *connection, struct repository_op *op);
int sqlite_user_list(struct connection *connection, struct repository_op *op);
int sqlite_avatar_clear(struct connection *connection, struct repository_op *op, int64_t now);
int sqlite_avatar_attach(struct connection *connection, struct repository_op *op, int64_t now);
int sqlite_guard_add(struct connection *connection, struct repository_op *op, int64_t now);
int sqlite_guard_settle(struct connection *connection, struct repository_op *op, int64_t now);

/*
 * idempotency.c: meets a request that may be repeated. With outcome OK it goes on, and is on
 * record for op->user.id, as under way until `busy_until` (0: it ends with this transaction).
 */
int sqlite_idempotency_meet(struct connection *connection, struct repository_op *op,
                            int64_t now, int64_t busy_until);
int sqlite_idempotency_forget(struct connection *connection, const struct repository_op *op);

/* claims.c */
int sqlite_deletions_claim(struct connection *connection, struct repository_op *op,
                           int64_t now);

/* confirms.c */
int sqlite_deletions_confirm(struct connection *connection, struct repository_op *op,
                             int64_t now);

/* deletions.c */
int sqlite_deletions_unblock(struct connection *connection, struct repository_op *op,
                             int64_t now);
int sqlite_deletions_retry(struct connection *connection, struct repository_op *op,
                           int64_t now);
int sqlite_deletion_add(struct connection *connection, struct repository_op *op, int64_t now);
int sqlite_deletions_redate(struct connection *connection, struct repository_op *op,
                            int64_t now);
int sqlite_marked_finish(struct connection *connection, struct repository_op *op, int64_t now);
int sqlite_receipts_reopen(struct connection *connection, struct repository_op *op,
                           int64_t now);
int sqlite_store_adopt(struct connection *connection, struct repository_op *op, int64_t now);
int sqlite_erasure_get(struct connection *connection, struct repository_op *op);
int sqlite_deletion_list(struct connection *connection, struct repository_op *op);
int sqlite_finished_find(struct connection *connection, struct repository_op *op);
int sqlite_backlog_get(struct connection *connection, struct repository_op *op);

/* epochs.c */
int sqlite_epoch_meet(struct connection *connection, struct repository_op *op, int64_t now);
int sqlite_epoch_take(struct connection *connection, struct repository_op *op, int64_t now);
int sqlite_restore_begin(struct connection *connection, struct repository_op *op, int64_t now);
int sqlite_restore_end(struct connection *connection, struct repository_op *op, int64_t now);

/* seals.c */
int sqlite_receipts_seal(struct connection *connection, struct repository_op *op, int64_t now);
int sqlite_receipts_prune(struct connection *connection, struct repository_op *op, int64_t now);
int sqlite_receipts_read(struct connection *connection, struct repository_op *op);

/* audits.c */
int sqlite_audit_start(struct connection *connection, struct repository_op *op, int64_t now);
int sqlite_audit_claim(struct connection *connection, struct repository_op *op, int64_t now);
int sqlite_audit_save(struct connection *connection, struct repository_op *op, int64_t now);
int sqlite_audit_stop(struct connection *connection, struct repository_op *op, int64_t now);
int sqlite_audit_get(struct connection *connection, struct repository_op *op);
int sqlite_finding_list(struct connection *connection, struct repository_op *op);
int sqlite_pointer_list(struct connection *connection, struct repository_op *op);
int sqlite_strays_find(struct connection *connection, struct repository_op *op);

/* Reads the columns of a deletion from the current row into `row`, which gets a key of its own.
 */
int sqlite_deletion_read(struct query *query, struct deletion *row);

#endif
