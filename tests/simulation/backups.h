/*
 * backups: a copy of the database that is taken while the service works, and, at the end of a
 * life, a service that is started over it. The store has seen the database further since, so
 * nobody may work with it until an operator says that it was restored.
 */
#ifndef SIMULATION_BACKUPS_H
#define SIMULATION_BACKUPS_H

#include <stdbool.h>
#include <stdint.h>

/* In some lives one is taken, at some time until then. */
void backups_begin(int64_t until_ms);
void backups_end(void);

/* There is a copy, and the store was told so. */
bool backups_may_be_restored(void);

/* Ends all replicas, brings the copy back, and starts them again. */
void backups_restore(void);

/* Nobody has taken such a database for the store's own. */
void backups_judge(void);

#endif
