/*
 * sealer: seals receipts behind the confirms, on a thread of its own.
 *
 * Now and then it looks whether receipts wait for a seal, and has the store thread write one.
 * Any number of processes may have one: the database lets one seal at a time.
 */
#ifndef RUNTIME_SEALER_H
#define RUNTIME_SEALER_H

#include "base/error.h"
#include "repository/repository.h"

struct sealer;

/* Starts the thread. `repository` is to be closed after it. */
int sealer_open(struct repository *repository, struct sealer **ret_sealer, struct error *error);

/* Somebody reads what has no seal: it looks at once. Any thread; NULL is allowed. */
void sealer_nudge(struct sealer *sealer);

/* Ends what is under way. NULL is allowed. */
void sealer_close(struct sealer *sealer);

#endif
