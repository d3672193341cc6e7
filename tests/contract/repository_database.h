/*
 * repository_database: the database under test, and plain SQL on it as a shell would type it.
 *
 * REPOSITORY_ADDRESS chooses the driver: "sqlite:FOLDER" makes each test's database in FOLDER.
 * Without it, SQLite in a folder for temporary files. Every test has a new, empty database.
 */
#ifndef CONTRACT_REPOSITORY_DATABASE_H
#define CONTRACT_REPOSITORY_DATABASE_H

#include "repository/repository.h"

/* Makes an empty database, and takes it away again. */
void database_make(void);
void database_remove(void);

/* Opens a driver on it; NULL with an error. */
struct repository_driver *database_open(struct error *error);

/* Where it is: a file's path. */
const char *database_path(void);

/*
 * Runs one statement on a connection of its own. Returns 0, or -1 if the database refused it;
 * `ret_text` gets the first column of the first row, "" without one.
 */
int database_run(const char *statement, char *ret_text, size_t size);

#endif
