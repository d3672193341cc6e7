/*
 * transfer: every row of one database, on its way into another, table by table.
 *
 * Values travel as texts, NULL as a null pointer: what a column means is the two schemas' own.
 */
#ifndef REPOSITORY_TRANSFER_H
#define REPOSITORY_TRANSFER_H

#include "base/error.h"

#define TRANSFER_TABLES      11
#define TRANSFER_COLUMNS_MAX 32
#define TRANSFER_SQL_SIZE    512

struct transfer_table {
    const char *name;
    const char *columns; /* as they are written in a statement, apart by commas */
};

/*
 * All tables that hold something of a service, in the order to fill them in. Users come first:
 * a pointer is refused once its key is among the deletions, and one that is marked is in both.
 */
extern const struct transfer_table transfer_tables[TRANSFER_TABLES];

/* Takes one row; -1 with an error ends the transfer. */
typedef int transfer_put(void *context, const char *const *values, int count,
                         struct error *error);

#endif
