/*
 * address: what was typed for a PostgreSQL database, and what libpq is told.
 *
 * The address is libpq's own connection string in its URI form, with one parameter more:
 * `prepared=off` for a pooler that gives each transaction another connection.
 */
#ifndef REPOSITORY_POSTGRES_ADDRESS_H
#define REPOSITORY_POSTGRES_ADDRESS_H

#include "base/error.h"

#include <libpq-fe.h>
#include <stdbool.h>

struct address {
    char *url; /* without what is ours; a secret: it may hold a password */
    bool prepares;
};

/* ERROR_USAGE: not understood; ERROR_CONFIG: it asks for a standby. */
int address_parse(const char *text, struct address *ret_address, struct error *error);
void address_deinit(struct address *address);

/* Connects, however long that takes by the address's connect_timeout (3 s a host). */
int address_connect(const struct address *address, PGconn **ret_handle, struct error *error);

/*
 * Asks once more why no connection came about. True, with the reason: the server answers, and
 * refuses for good (a wrong password, no such database), or is not to be trusted by what the
 * address says of TLS.
 */
bool address_is_refused(const struct address *address, struct error *error);

/* Words of libpq or the server as one line. */
void address_copy_words(char *text, size_t size, const char *words);

#endif
