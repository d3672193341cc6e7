#include "contract/repository_database_postgres.h"

#include "repository/postgres/postgres.h"
#include "support/check.h"

#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define STARTUP_TIMEOUT_MS 5000
#define TYPE_BOOLEAN       16

static char name[64];
static char url[600];

static const char *server_address(void)
{
    const char *address = getenv("REPOSITORY_ADDRESS");
    return address ? address : "";
}

bool postgres_is_chosen(void)
{
    return strncmp(server_address(), "postgres", 8) == 0;
}

static PGconn *shell_open(const char *address)
{
    PGconn *shell = PQconnectdb(address);
    if (PQstatus(shell) != CONNECTION_OK)
        fail_msg("%s", PQerrorMessage(shell));
    return shell;
}

static void shell_run(const char *address, const char *statement)
{
    PGconn *shell = shell_open(address);
    PGresult *result = PQexec(shell, statement);
    if (PQresultStatus(result) != PGRES_COMMAND_OK)
        fail_msg("%s: %s", statement, PQerrorMessage(shell));
    PQclear(result);
    PQfinish(shell);
}

/* A server's address, with the name of the database in the place of its own. */
static void url_write(const char *address, char *ret_url, size_t size)
{
    const char *slash = strrchr(address, '/');
    int length = slash ? (int)(slash - address) : 0;
    snprintf(ret_url, size, "%.*s/%s", length, address, name);
}

/* One for all tests of a program, emptied after each: making one takes longer than most tests.
 */
void postgres_database_make(void)
{
    if (*name)
        return;
    char statement[sizeof name + 20];
    snprintf(name, sizeof name, "contract_%d", (int)getpid());
    snprintf(statement, sizeof statement, "CREATE DATABASE %s", name);
    shell_run(server_address(), statement);
    url_write(server_address(), url, sizeof url);
}

void postgres_database_remove(void)
{
    shell_run(url, "SET client_min_messages = warning; DROP SCHEMA public CASCADE; "
                   "CREATE SCHEMA public; GRANT USAGE ON SCHEMA public TO PUBLIC");
}

struct repository_driver *postgres_database_open(struct error *error)
{
    struct repository_driver *driver = NULL;
    const char *pooler = getenv("REPOSITORY_POOLER");
    char address[sizeof url + 32];
    url_write(pooler ? pooler : server_address(), address, sizeof url);
    if (pooler)
        strcat(address, "?prepared=off");
    return repository_postgres_open(address, STARTUP_TIMEOUT_MS, &driver, error) < 0 ? NULL
                                                                                     : driver;
}

const char *postgres_database_url(void)
{
    return url;
}

static void value_copy(const PGresult *result, char *ret_text, size_t size)
{
    const char *value = PQgetvalue(result, 0, 0);
    if (PQftype(result, 0) == TYPE_BOOLEAN && *value)
        value = *value == 't' ? "1" : "0";
    snprintf(ret_text, size, "%s", value);
}

int postgres_database_run(const char *statement, char *ret_text, size_t size)
{
    PGconn *shell = shell_open(url);
    PGresult *result = PQexec(shell, statement);
    ExecStatusType status = PQresultStatus(result);
    bool done = status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK;
    const char *code = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    ret_text[0] = '\0';
    if (done && PQntuples(result) > 0)
        value_copy(result, ret_text, size);
    /* Class 23: a constraint, or one of our rules. */
    if (!done && (!code || strncmp(code, "23", 2) != 0))
        print_message("%s: %s", statement, PQerrorMessage(shell));
    PQclear(result);
    PQfinish(shell);
    return done ? 0 : -1;
}
