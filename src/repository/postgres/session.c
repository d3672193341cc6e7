#include "repository/postgres/session.h"

#include "base/clock.h"

#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Keeps the first failure: what follows it is only its echo. */
static int session_fail(struct session *session, const char *sqlstate, const char *words)
{
    if (!*session->words) {
        snprintf(session->sqlstate, sizeof session->sqlstate, "%s", sqlstate ? sqlstate : "");
        address_copy_words(session->words, sizeof session->words,
                           words && *words ? words : "the database failed without a word");
    }
    return -1;
}

static int session_lose(struct session *session, const char *words)
{
    session_fail(session, NULL, words);
    PQfinish(session->handle);
    session->handle = NULL;
    session->sending = session->syncing = false;
    return -1;
}

static int handle_fail(struct session *session)
{
    if (!session->handle)
        return session_fail(session, NULL, "not connected");
    if (PQstatus(session->handle) == CONNECTION_BAD)
        return session_lose(session, PQerrorMessage(session->handle));
    return session_fail(session, NULL, PQerrorMessage(session->handle));
}

/* Sends what is buffered, and waits until an answer can be read without blocking. */
static int answer_wait(struct session *session)
{
    int64_t until = clock_boot_ms() + session->timeout_ms;
    for (;;) {
        int unsent = PQflush(session->handle);
        if (unsent < 0)
            return session_lose(session, PQerrorMessage(session->handle));
        if (!PQisBusy(session->handle))
            return 0;
        int64_t left = until - clock_boot_ms();
        struct pollfd wait = {.fd = PQsocket(session->handle),
                              .events = (short)(POLLIN | (unsent ? POLLOUT : 0))};
        int ready = left > 0 ? poll(&wait, 1, (int)left) : 0;
        if (ready == 0)
            return session_lose(session, "the database did not answer in time");
        if (ready > 0 && wait.revents != POLLOUT && !PQconsumeInput(session->handle))
            return session_lose(session, PQerrorMessage(session->handle));
    }
}

/* The next result; NULL: the end of one statement's, or the connection is lost. */
static PGresult *result_next(struct session *session)
{
    if (!session->handle || answer_wait(session) < 0)
        return NULL;
    PGresult *result = PQgetResult(session->handle);
    if (PQstatus(session->handle) != CONNECTION_BAD)
        return result;
    const char *words = result ? PQresultErrorMessage(result) : "";
    session_lose(session, *words ? words : PQerrorMessage(session->handle));
    PQclear(result);
    return NULL;
}

static int result_check(struct session *session, const PGresult *result)
{
    switch (PQresultStatus(result)) {
    case PGRES_COMMAND_OK:
    case PGRES_TUPLES_OK:
    case PGRES_EMPTY_QUERY:
    case PGRES_PIPELINE_SYNC:
        return 0;
    default:
        return session_fail(session, PQresultErrorField(result, PG_DIAG_SQLSTATE),
                            PQresultErrorMessage(result));
    }
}

int session_open(struct session *session, const struct address *address, int64_t timeout_ms,
                 struct error *error)
{
    *session = (struct session){.prepares = address->prepares, .timeout_ms = timeout_ms};
    if (address_connect(address, &session->handle, error) < 0)
        return -1;
    if (PQsetnonblocking(session->handle, 1) < 0 || !PQenterPipelineMode(session->handle)) {
        session_close(session);
        return error_set(error, ERROR_NO_MEMORY, "no memory for a connection");
    }
    return 0;
}

static void statement_name(enum statement statement, char ret_name[static 8])
{
    snprintf(ret_name, 8, "s%d", (int)statement);
}

int session_prepare(struct session *session, bool writes)
{
    session_begin(session);
    for (int i = 0; i < STATEMENT_COUNT && session->prepares; i++) {
        enum statement statement = (enum statement)i;
        char name[8];
        if (!postgres_statement_is_prepared(statement, writes))
            continue;
        statement_name(statement, name);
        if (!PQsendPrepare(session->handle, name, postgres_statement_sql(statement), 0, NULL))
            return handle_fail(session);
        session->sending = true;
    }
    session->writes = writes;
    return session_settle(session) < 0 || *session->words ? -1 : 0;
}

void session_close(struct session *session)
{
    PQfinish(session->handle);
    session->handle = NULL;
    session->sending = session->syncing = false;
}

void session_begin(struct session *session)
{
    session->sqlstate[0] = session->words[0] = '\0';
}

int session_send(struct session *session, enum statement statement, int count,
                 const char *const *values)
{
    if (!session->handle)
        return handle_fail(session);
    int sent;
    if (session->prepares && postgres_statement_is_prepared(statement, session->writes)) {
        char name[8];
        statement_name(statement, name);
        sent = PQsendQueryPrepared(session->handle, name, count, values, NULL, NULL, 0);
    } else {
        sent = PQsendQueryParams(session->handle, postgres_statement_sql(statement), count,
                                 NULL, values, NULL, NULL, 0);
    }
    if (!sent)
        return handle_fail(session);
    session->sending = true;
    return 0;
}

PGresult *session_take(struct session *session)
{
    PGresult *result = result_next(session);
    if (!result) {
        handle_fail(session);
        return NULL;
    }
    if (result_check(session, result) == 0) {
        /* Each answer ends with an empty one. */
        PGresult *end = result_next(session);
        if (!end && session->handle)
            return result;
        PQclear(end);
    }
    PQclear(result);
    return NULL;
}

int session_sync(struct session *session)
{
    if (!session->handle || !PQpipelineSync(session->handle))
        return handle_fail(session);
    session->sending = false;
    session->syncing = true;
    return 0;
}

int session_settle(struct session *session)
{
    if (session->sending && session_sync(session) < 0)
        return -1;
    while (session->syncing) {
        PGresult *result = result_next(session);
        if (!session->handle)
            return -1;
        if (result)
            result_check(session, result);
        if (PQresultStatus(result) == PGRES_PIPELINE_SYNC)
            session->syncing = false;
        PQclear(result);
    }
    return session->handle ? 0 : -1;
}

/* Several statements at once are not for the pipeline: leaves it for as long as they run. */
int session_run(struct session *session, const char *sql)
{
    session_begin(session);
    if (!session->handle || !PQexitPipelineMode(session->handle) ||
        !PQsendQuery(session->handle, sql))
        return handle_fail(session);
    PGresult *result;
    while ((result = result_next(session))) {
        result_check(session, result);
        PQclear(result);
    }
    if (!session->handle || !PQenterPipelineMode(session->handle))
        return handle_fail(session);
    return *session->words ? -1 : 0;
}

/*
 * SQLSTATEs after which only another connection helps: the server shuts down or has become a
 * standby, or the statements that were prepared are no longer what they were.
 */
static const char *const losses[] = {"57P01", "57P02", "57P03", "57P05", "25006",
                                     "25P03", "26000", "0A000", "08P01"};

bool session_is_lost(const struct session *session)
{
    for (size_t i = 0; i < sizeof losses / sizeof *losses; i++) {
        if (strcmp(session->sqlstate, losses[i]) == 0)
            return true;
    }
    return !session->handle;
}
