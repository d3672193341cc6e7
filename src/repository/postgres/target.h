/*
 * target: an empty PostgreSQL database that is filled from another database.
 *
 * All of it, the tables included, is one transaction: the database has everything, or is as it
 * was.
 */
#ifndef REPOSITORY_POSTGRES_TARGET_H
#define REPOSITORY_POSTGRES_TARGET_H

#include "repository/transfer.h"

#include <stdint.h>

struct postgres_target;

/*
 * Connects once, begins the transaction and makes the tables.
 *
 * Returns 0, or -1: ERROR_USAGE (not understood), ERROR_CONFIG (not for us, or not empty),
 * ERROR_UNAVAILABLE (no answer).
 */
int postgres_target_open(const char *url, struct postgres_target **ret_target,
                         struct error *error);

/* NULL is allowed. What was not committed is gone. */
void postgres_target_close(struct postgres_target *target);

/* Between these two, rows go into one table. */
int postgres_target_begin_table(struct postgres_target *target,
                                const struct transfer_table *table, struct error *error);
int postgres_target_end_table(struct postgres_target *target, struct error *error);

/* A transfer_put; the context is the target. */
int postgres_target_put(void *context, const char *const *values, int count,
                        struct error *error);

/* How many rows the table has now, but for what the schema itself keeps there. */
int postgres_target_count(struct postgres_target *target, const struct transfer_table *table,
                          int64_t *ret_count, struct error *error);

/* ERROR_UNAVAILABLE: also if the answer was lost, and it may have taken effect. */
int postgres_target_commit(struct postgres_target *target, struct error *error);

#endif
