/*
 * operations: the verbs of the repository in SQL, inside a transaction.
 *
 * A small verb is two functions: `send` sends its statements ahead, `take` reads their answers
 * and sets the outcome, so that a whole batch of them is one round trip. A large one, worth
 * round trips of its own, is one function. Each returns 0, or -1 when the database failed: then
 * the transaction is given up, whatever it had done. `now` is the database's time, read after
 * the batch has its locks: on the users it is about, then on the deletions it names (D8).
 */
#ifndef REPOSITORY_POSTGRES_OPERATIONS_H
#define REPOSITORY_POSTGRES_OPERATIONS_H

#include "repository/postgres/pq.h"
#include "repository/repository.h"

/* users.c */
/* Every plain USER_ADD among `ops`, by one statement. */
int postgres_users_add(struct session *session, struct repository_op **ops, size_t count,
                       int64_t now);
/* One that brings an avatar, or may be repeated. */
bool postgres_user_is_plain(const struct repository_op *op);
int postgres_user_add(struct session *session, struct repository_op *op, int64_t now);
int postgres_user_replace_send(struct session *session, struct repository_op *op, int64_t now);
int postgres_user_replace_take(struct session *session, struct repository_op *op);
/* Every USER_GET among `ops`, by one statement. */
int postgres_users_get_send(struct session *session, struct repository_op **ops, size_t count);
int postgres_users_get_take(struct session *session, struct repository_op **ops, size_t count);
int postgres_user_list(struct session *session, struct repository_op *op);

/*
 * Asks what is to be deleted now of user `id`, as `statement` selects it. Taking it returns how
 * many deletions there are in all, those whose time has not come among them; -1 on failure.
 * With NULL they are only counted.
 */
int postgres_keys_send(struct session *session, enum statement statement, const char *id);
int postgres_keys_take(struct session *session, struct repository_keys *ret_keys);

/* marks.c: every USER_MARK among `ops`, in one round trip. */
int postgres_users_mark(struct session *session, struct repository_op **ops, size_t count,
                        int64_t now);

/* avatars.c */
int postgres_avatar_clear_send(struct session *session, struct repository_op *op, int64_t now);
int postgres_avatar_clear_take(struct session *session, struct repository_op *op);
int postgres_avatar_attach_send(struct session *session, struct repository_op *op, int64_t now);
int postgres_avatar_attach_take(struct session *session, struct repository_op *op);
int postgres_guard_add_send(struct session *session, struct repository_op *op, int64_t now);
int postgres_guard_add_take(struct session *session, struct repository_op *op);
int postgres_guard_settle_send(struct session *session, struct repository_op *op, int64_t now);
int postgres_guard_settle_take(struct session *session, struct repository_op *op);

/* Of a user who is not there yet. */
int postgres_guard_add_early(struct session *session, struct repository_op *op, int64_t now);

/*
 * idempotency.c: meets a request that may be repeated. With outcome OK it goes on, and is on
 * record as under way until `busy_until`; with any other it has its answer.
 */
int postgres_idempotency_meet(struct session *session, struct repository_op *op, int64_t now,
                              int64_t busy_until);
int postgres_idempotency_forget(struct session *session, const struct repository_op *op);
int postgres_idempotency_forget_send(struct session *session, const struct repository_op *op);

/* lookups.c. All of them are sent before the first answer is waited for. */
int postgres_look_up(struct session *session, struct repository_op **ops, size_t count);

/* claims.c */
int postgres_deletions_claim(struct session *session, struct repository_op *op, int64_t now);

/* Every claim of what is due among `ops`, by one statement for those that ask alike. */
int postgres_claims_due(struct session *session, struct repository_op **ops, size_t count,
                        int64_t now);
bool postgres_claim_is_due(const struct repository_op *op);

/* Reads the columns of a deletion from the current row into `row`, which gets a key of its own.
 */
int postgres_deletion_read(struct query *query, struct deletion *row);

/* confirms.c: every DELETIONS_CONFIRM among `ops`, as if they were one. */
int postgres_deletions_confirm(struct session *session, struct repository_op **ops,
                               size_t count, int64_t now);

/* audits.c */
int postgres_audit_start(struct session *session, struct repository_op *op, int64_t now);
int postgres_audit_claim(struct session *session, struct repository_op *op, int64_t now);
int postgres_audit_save(struct session *session, struct repository_op *op, int64_t now);
int postgres_audit_stop(struct session *session, struct repository_op *op, int64_t now);
int postgres_audit_get(struct session *session, struct repository_op *op);
int postgres_finding_list(struct session *session, struct repository_op *op);
int postgres_pointer_list(struct session *session, struct repository_op *op);
int postgres_strays_find(struct session *session, struct repository_op *op);

/* deletions.c */
int postgres_deletions_unblock(struct session *session, struct repository_op *op, int64_t now);
int postgres_deletions_retry(struct session *session, struct repository_op *op, int64_t now);
int postgres_deletion_add(struct session *session, struct repository_op *op, int64_t now);
int postgres_deletions_redate(struct session *session, struct repository_op *op, int64_t now);
int postgres_marked_finish(struct session *session, struct repository_op *op, int64_t now);
int postgres_receipts_reopen(struct session *session, struct repository_op *op, int64_t now);
int postgres_store_adopt(struct session *session, struct repository_op *op, int64_t now);
/* epochs.c */
int postgres_epoch_meet(struct session *session, struct repository_op *op, int64_t now);
int postgres_epoch_take(struct session *session, struct repository_op *op, int64_t now);
int postgres_restore_begin(struct session *session, struct repository_op *op, int64_t now);
int postgres_restore_end(struct session *session, struct repository_op *op, int64_t now);

/* seals.c */
int postgres_receipts_seal(struct session *session, struct repository_op *op, int64_t now);
int postgres_receipts_prune(struct session *session, struct repository_op *op, int64_t now);
int postgres_receipts_read(struct session *session, struct repository_op *op);

int postgres_erasure_get_send(struct session *session, struct repository_op *op);
int postgres_erasure_get_take(struct session *session, struct repository_op *op);
int postgres_deletion_list(struct session *session, struct repository_op *op);
int postgres_finished_find(struct session *session, struct repository_op *op);
int postgres_backlog_get(struct session *session, struct repository_op *op);

#endif
