/*
 * judge: the reference model, and the promises that are held against it after every step.
 *
 * It knows what is in the store, what is in the database and what clients were told, and shares
 * no rule's code with the service.
 */
#ifndef SIMULATION_JUDGE_H
#define SIMULATION_JUDGE_H

#include "files/files.h"
#include "ledger.h"

void judge_begin(void);
void judge_end(void);

/* A transaction is committed, and nobody has heard of it yet. */
void judge_after(struct repository_op *const *ops, size_t count);

/* A replica asks the database. */
void judge_asked(const struct repository_op *op);

/* A replica sends a call to the store, which ends until then. */
void judge_sends(const struct files_op *op, int64_t until);

/* The store is about to delete it. */
void judge_deletes(const struct ledger_key *key);

/* A client is told: the user is there; the user is gone; the key is the user's avatar; the
 * avatar is gone; the user is being deleted. */
void judge_told_made(struct ledger_user *user);
void judge_told_gone(struct ledger_user *user);
void judge_told_pending(const struct ledger_user *user);
void judge_told_attached(const struct ledger_key *key);
void judge_told_detached(const struct ledger_key *key);

/* Something changed: looks at everything. */
void judge_look(void);

/* What the database holds from here on is not what it held: nothing may be deleted for it. */
void judge_suspend(void);

/* Faults are over: from here on everything has to be finished within two periods. */
void judge_heal(int64_t period_ms);
/* Nothing is left to do, as far as the database shows. */
bool judge_is_content(void);

#endif
