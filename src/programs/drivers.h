/*
 * drivers: from what was typed to a driver. The only place that names them.
 */
#ifndef PROGRAMS_DRIVERS_H
#define PROGRAMS_DRIVERS_H

#include "files/files.h"
#include "repository/postgres/target.h"
#include "repository/repository.h"
#include "repository/sqlite/source.h"
#include "wake/wake.h"

/*
 * Opens the database of "sqlite:PATH" or "postgresql://…"; waits up to `startup_timeout_ms` for
 * a server that does not answer. ERROR_USAGE: no such kind.
 */
int drivers_open_database(const char *address, int64_t startup_timeout_ms,
                          struct repository_driver **ret_driver, struct error *error);

/*
 * The two ends of a move: the rows of "sqlite:PATH", and an empty database at "postgresql://…".
 * ERROR_USAGE: no such kind.
 */
int drivers_open_source(const char *address, struct sqlite_source **ret_source,
                        struct error *error);
int drivers_open_target(const char *address, struct postgres_target **ret_target,
                        struct error *error);

/*
 * The queue of "local" (NULL), "postgres" (of the database at `database`), "amqp://…".
 * `listens`: false for who only announces. ERROR_USAGE: no such kind.
 */
int drivers_new_wake(const char *queue, const char *database, bool listens,
                     struct wake_driver **ret_driver, struct error *error);

/* Several processes may use it at a time. */
bool drivers_database_is_shared(const char *address);

/* True if there is something at that address already. */
bool drivers_database_exists(const char *address);

/* Reads whether the database, if there is one, could be opened; changes nothing. */
int drivers_check_database(const char *address, struct error *error);

/* Opens the driver of "file:///DIR" or "s3://…"; `faults`: NULL, or a spec of files/faulty. */
int drivers_open_files(const char *url, const char *faults, struct files_driver **ret_driver,
                       struct error *error);

/* Makes durable that a store is there, if it is a folder: files_local_settle. */
int drivers_settle_files(const char *url, struct error *error);

/* True if the store at `url` can give links to its objects (FILES_LINK). */
bool drivers_files_have_links(const char *url);

/*
 * Reads the store's identity once. Silence is no failure, a definite refusal is; so is an
 * identity while there is no database yet: the store is another's.
 */
int drivers_probe_files(struct files *files, bool database_exists, int64_t timeout_ms,
                        struct error *error);

#endif
