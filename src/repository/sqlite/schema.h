/*
 * schema: brings a SQLite database to the version of this program, one migration at a time.
 */
#ifndef REPOSITORY_SQLITE_SCHEMA_H
#define REPOSITORY_SQLITE_SCHEMA_H

#include "repository/repository.h"
#include "repository/sqlite/connection.h"

/* Checks that the file is ours and not newer than this program; changes nothing. */
int schema_check(struct connection *connection, const char *path, struct error *error);

/*
 * Checks that the file is ours and not newer than this program, sets the journal up, and
 * applies what is missing, each migration in a transaction of its own. `path` is for error
 * texts.
 */
int schema_migrate(struct connection *connection, const char *path, struct error *error);

/* Reads the database's id and the store it knows into the driver; `path` is for error texts. */
int schema_read_ids(struct connection *connection, const char *path,
                    struct repository_driver *driver, struct error *error);

#endif
