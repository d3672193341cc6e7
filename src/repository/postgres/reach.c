#include "repository/postgres/reach.h"

#include "repository/postgres/address.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* libpq's own, where neither the address nor the environment names one. */
#define DEFAULT_PORT "5432"

static void file_add(struct reach *reach, const char *path)
{
    if (!path || !*path || reach->file_count == REACH_FILES_MAX)
        return;
    char *copy = strdup(path);
    if (copy)
        reach->files[reach->file_count++] = copy;
}

/* One for each host, or one for all; left out, it is the default. */
static void ports_add(struct reach *reach, const char *list)
{
    for (const char *at = list; at && reach->port_count < REACH_PORTS_MAX;) {
        int port = (int)strtol(at, NULL, 10);
        if (port > 0 && port <= 65535)
            reach->ports[reach->port_count++] = port;
        at = strchr(at, ',');
        at = at ? at + 1 : NULL;
    }
}

static void option_take(struct reach *reach, const PQconninfoOption *option)
{
    static const char *const files[] = {"passfile",    "sslcert", "sslkey",
                                        "sslrootcert", "sslcrl",  "sslcrldir"};
    if (strcmp(option->keyword, "port") == 0)
        ports_add(reach, option->val && *option->val ? option->val : DEFAULT_PORT);
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        if (strcmp(option->keyword, files[i]) == 0)
            file_add(reach, option->val);
    }
}

/* What libpq looks for in the home folder if nobody names it. */
static void usual_add(struct reach *reach)
{
    static const char *const usual[] = {".pgpass", ".postgresql", ".pg_service.conf"};
    const char *home = getenv("HOME");
    char path[4096];
    for (size_t i = 0; home && i < sizeof usual / sizeof *usual; i++) {
        if (snprintf(path, sizeof path, "%s/%s", home, usual[i]) < (int)sizeof path)
            file_add(reach, path);
    }
    file_add(reach, getenv("PGSERVICEFILE"));
}

/*
 * Only a handle that began to connect tells all that libpq has put together: this one is sent
 * to a socket that cannot be there.
 */
static PGconn *handle_open(const char *url)
{
    static const char *const keywords[] = {"dbname", "host", "hostaddr", NULL};
    const char *const values[] = {url, "/nonexistent", "", NULL};
    return PQconnectStartParams(keywords, values, 1);
}

int reach_find(const char *url, struct reach *ret_reach, struct error *error)
{
    struct address address;
    *ret_reach = (struct reach){0};
    if (address_parse(url, &address, error) < 0)
        return -1;
    PGconn *handle = handle_open(address.url);
    PQconninfoOption *options = handle ? PQconninfo(handle) : NULL;
    for (PQconninfoOption *option = options; option && option->keyword; option++)
        option_take(ret_reach, option);
    usual_add(ret_reach);
    bool found = options;
    PQconninfoFree(options);
    PQfinish(handle);
    address_deinit(&address);
    return found ? 0 : error_set(error, ERROR_NO_MEMORY, "no memory for a connection");
}

void reach_deinit(struct reach *reach)
{
    for (size_t i = 0; i < reach->file_count; i++)
        free(reach->files[i]);
    *reach = (struct reach){0};
}
