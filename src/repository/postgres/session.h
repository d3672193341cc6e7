/*
 * session: one connection to PostgreSQL, in libpq's pipeline mode.
 *
 * Statements are declared in one table (statements.h). They are sent one after another without
 * waiting; their answers are taken in the same order. A server that stays silent for longer
 * than `timeout_ms` counts as lost. One thread at a time. Functions that can fail return -1 and
 * leave the reason in `words` and `sqlstate`.
 */
#ifndef REPOSITORY_POSTGRES_CONNECTION_H
#define REPOSITORY_POSTGRES_CONNECTION_H

#include "base/error.h"
#include "repository/postgres/address.h"
#include "repository/postgres/statements.h"

#include <libpq-fe.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct session {
    PGconn *handle; /* NULL: not connected */
    bool prepares;
    bool writes;  /* which statements are prepared */
    bool sending; /* statements went out since the last sync */
    bool syncing; /* a sync went out, and its answer was not read */
    int64_t timeout_ms;
    /* Where the claims of what is due go on, and when they begin anew (boot-time clock). */
    int64_t claim_from, claim_anew_at;
    int64_t claim_last; /* when the row that was claimed last came due */
    char sqlstate[6];   /* of the first failure since session_begin; "" if it has none */
    char words[ERROR_TEXT_SIZE];
};

/* Connects. ERROR_UNAVAILABLE. */
int session_open(struct session *session, const struct address *address, int64_t timeout_ms,
                 struct error *error);

/* Prepares the statements of a writing or of a reading connection, in one round trip. */
int session_prepare(struct session *session, bool writes);

/* Allowed in any state. */
void session_close(struct session *session);

/* Forgets the failure before. */
void session_begin(struct session *session);

/* Sends one statement with its parameters as texts; NULL is SQL's. */
int session_send(struct session *session, enum statement statement, int count,
                 const char *const *values);

/* Waits for the answer to the oldest statement sent; NULL on failure, else PQclear it. */
PGresult *session_take(struct session *session);

/* Ends what was sent since the last sync; the server carries out nothing of it after a failure.
 */
int session_sync(struct session *session);

/* Reads up to the answer of the last sync, over answers that nobody took. */
int session_settle(struct session *session);

/* Runs SQL of any number of statements, without parameters or rows, outside of the pipeline. */
int session_run(struct session *session, const char *sql);

/* True if the last failure means that this connection cannot be used any more. */
bool session_is_lost(const struct session *session);

#endif
