/*
 * reach: where an address makes libpq connect and which files it makes it read, for whoever
 * confines the process before it connects.
 */
#ifndef REPOSITORY_POSTGRES_REACH_H
#define REPOSITORY_POSTGRES_REACH_H

#include "base/error.h"

#include <stddef.h>

#define REACH_PORTS_MAX 16
#define REACH_FILES_MAX 12

struct reach {
    int ports[REACH_PORTS_MAX];
    size_t port_count;
    char *files[REACH_FILES_MAX]; /* and folders; they need not be there */
    size_t file_count;
};

/*
 * Finds it as libpq does: in the address, the environment, a service's file and the defaults.
 * Does not ask the database. Free it with reach_deinit anyway.
 */
int reach_find(const char *url, struct reach *ret_reach, struct error *error);
void reach_deinit(struct reach *reach);

#endif
