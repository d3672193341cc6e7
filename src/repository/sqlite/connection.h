/*
 * connection: one SQLite connection with its prepared statements.
 *
 * Statements are declared in one table (statements.h) and prepared on first use. One thread at
 * a time. Functions that can fail return -1 and leave the reason in sqlite3_errmsg.
 */
#ifndef REPOSITORY_SQLITE_CONNECTION_H
#define REPOSITORY_SQLITE_CONNECTION_H

#include "base/error.h"
#include "repository/sqlite/statements.h"

#include <sqlite3.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct connection {
    sqlite3 *handle;
    bool starved; /* there was no memory for a column's text */
    sqlite3_stmt *prepared[STATEMENT_COUNT];
    /* Of the writer: where the next claim goes on, and when one begins anew (boot-time ms). */
    int64_t claim_from, claim_anew_at;
    int log_pages; /* of the writer: in the write-ahead log after the last commit */
};

/*
 * Whether a person has to change something before it can work, by SQLite's result code, and by
 * what the system said to `handle` at its last error.
 */
enum error_class connection_error_class(sqlite3 *handle, int code);

/* Opens `path` for writing (created if it is not there) or for reading only. */
int connection_open(struct connection *connection, const char *path, bool writes,
                    struct error *error);
void connection_close(struct connection *connection);

/*
 * Whether a text that was read since this was last asked is "" for want of memory: then nothing
 * that was read meanwhile may be believed.
 */
bool connection_was_starved(struct connection *connection);

/* Runs SQL that has no parameters and no rows. */
int connection_run(struct connection *connection, const char *sql);

/* A statement under way. Binding goes from the first parameter on; a failure is kept until
 * step. */
struct query {
    struct connection *connection;
    sqlite3_stmt *statement; /* NULL: could not be prepared */
    int parameter, column;
    bool failed;
};

struct query query_begin(struct connection *connection, enum statement statement);
void query_text(struct query *query, const char *text);
void query_text_or_null(struct query *query, const char *text); /* "" binds NULL */
void query_number(struct query *query, int64_t number);
void query_nulls(struct query *query, size_t count);

/* 1: a row; 0: no more rows; -1: failed. */
int query_step(struct query *query);

/* Columns of the current row, from the first on. */
int64_t query_column_number(struct query *query);
const char *query_column_text(struct query *query); /* NULL as ""; valid until the next step */
void query_column_copy(struct query *query, char *text, size_t size);

/* Resets the statement, so that it holds no lock and no snapshot. */
void query_end(struct query *query);

/* Steps to the end; the number of rows changed, or -1. */
int query_change(struct connection *connection, struct query *query);

#endif
