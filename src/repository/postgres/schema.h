/*
 * schema: brings a PostgreSQL database to the version of this program, one migration at a time.
 */
#ifndef REPOSITORY_POSTGRES_SCHEMA_H
#define REPOSITORY_POSTGRES_SCHEMA_H

#include "repository/postgres/session.h"
#include "repository/repository.h"

/* Checks that the tables are ours, or none, and not newer than this program; changes nothing.
 */
int postgres_schema_check(struct session *session, struct error *error);

/*
 * The same, and applies what is missing: by whichever process comes first, while the others
 * wait. ERROR_CONFIG: not for us; ERROR_UNAVAILABLE: the connection broke, try again.
 */
int postgres_schema_migrate(struct session *session, struct error *error);

/*
 * Makes the tables where there are none, in a transaction that is left open for what comes into
 * them. ERROR_CONFIG: not for us, or there are tables already; ERROR_UNAVAILABLE.
 */
int postgres_schema_begin_new(struct session *session, struct error *error);

/* True if the database answers, and none of our tables is in it. */
bool postgres_schema_is_empty(struct session *session);

/* Reads the database's id and the store it knows into the driver. */
int postgres_schema_read_ids(struct session *session, struct repository_driver *driver,
                             struct error *error);

#endif
