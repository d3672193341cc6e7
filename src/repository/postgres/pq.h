/*
 * pq: one statement over libpq, with its parameters and its rows.
 */
#ifndef REPOSITORY_POSTGRES_PQ_H
#define REPOSITORY_POSTGRES_PQ_H

#include "repository/postgres/session.h"

#define QUERY_PARAMETERS_MAX 18

/* A statement with its parameters, bound from the first on, then with its rows. */
struct query {
    struct session *session;
    enum statement statement;
    int count;
    const char *values[QUERY_PARAMETERS_MAX];
    char numbers[QUERY_PARAMETERS_MAX][24];
    PGresult *result;
    int row, column;
};

void pq_begin(struct query *query, struct session *session, enum statement statement);
void pq_text(struct query *query, const char *text);         /* borrowed until pq_send */
void pq_text_or_null(struct query *query, const char *text); /* "" binds NULL */
void pq_number(struct query *query, int64_t number);

int pq_send(struct query *query);

/* Waits for the answer to the oldest statement sent; end with pq_end. */
int pq_take(struct query *query, struct session *session);

/* Sends, syncs, takes and settles. */
int pq_run(struct query *query);

/* The same for a statement whose rows do not matter: the number of rows changed, or -1. */
int pq_change(struct query *query);

/* pq_take and pq_end in one; the number of rows changed, or -1. */
int pq_take_change(struct session *session);

/* Goes to the next row; false after the last one. */
bool pq_step(struct query *query);

/* Columns of the current row, from the first on. */
bool pq_column_is_null(const struct query *query);
int64_t pq_column_number(struct query *query);   /* NULL as 0 */
const char *pq_column_text(struct query *query); /* NULL as ""; valid until pq_end */
void pq_column_copy(struct query *query, char *text, size_t size);

/* How many rows the statement changed. */
int pq_changed(const struct query *query);

void pq_end(struct query *query);

#endif
