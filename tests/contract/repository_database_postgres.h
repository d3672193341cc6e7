/*
 * repository_database_postgres: a database of its own on a PostgreSQL server, for each test.
 *
 * REPOSITORY_ADDRESS is the server's, without parameters; REPOSITORY_PREPARED=off is for a
 * pooler.
 */
#ifndef CONTRACT_REPOSITORY_DATABASE_POSTGRES_H
#define CONTRACT_REPOSITORY_DATABASE_POSTGRES_H

#include "repository/repository.h"

/* True if REPOSITORY_ADDRESS names a PostgreSQL server. */
bool postgres_is_chosen(void);

/* As in repository_database.h. */
void postgres_database_make(void);
void postgres_database_remove(void);
struct repository_driver *postgres_database_open(struct error *error);
const char *postgres_database_url(void);
int postgres_database_run(const char *statement, char *ret_text, size_t size);

#endif
