/*
 * repository_database: the database under test, and plain SQL on it as a shell would type it.
 *
 * REPOSITORY_ADDRESS chooses the driver: "sqlite:FOLDER" makes each test's database in FOLDER,
 * "postgresql://…" on that server, the driver going through REPOSITORY_POOLER if that is given.
 * Without it, SQLite in a folder for temporary files. Every
 * test has a new, empty database.
 */
#ifndef CONTRACT_REPOSITORY_DATABASE_H
#define CONTRACT_REPOSITORY_DATABASE_H

#include "repository/repository.h"

/* Makes an empty database, and takes it away again. */
void database_make(void);
void database_remove(void);

/* Several processes may have it open: a start does not undo what others have under way. */
bool database_is_shared(void);

/* Opens a driver on it; NULL with an error. */
struct repository_driver *database_open(struct error *error);

/* Where it is: a file's path, or an address. */
const char *database_path(void);

/*
 * Runs one statement on a connection of its own. Returns 0, or -1 if the database refused it;
 * `ret_text` gets the first column of the first row, "" without one.
 */
int database_run(const char *statement, char *ret_text, size_t size);

#endif
