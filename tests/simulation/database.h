/*
 * database: the real SQLite driver, with its SQL and triggers, over a database in memory whose
 * clock is virtual; and the way of a replica's operations to it and back, on which they can be
 * lost, late, or of unknown result.
 */
#ifndef SIMULATION_DATABASE_H
#define SIMULATION_DATABASE_H

#include "replica.h"

#include <sqlite3.h>

void database_begin(void);
void database_end(void);

/* The writing connection, to look at what is committed. */
sqlite3 *database_handle(void);

/* By its own clock. */
int64_t database_now(void);

const char *database_store_id(void);

/* Somebody types SQL; what it refuses changes nothing. */
void database_type(const char *sql);

/* The replica behind it ended: what it had sent arrives or not, and is never answered. */
void database_drop(struct repository *repository);

#endif
