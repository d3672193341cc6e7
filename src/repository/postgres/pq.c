#include "repository/postgres/pq.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void pq_begin(struct query *query, struct session *session, enum statement statement)
{
    query->session = session;
    query->statement = statement;
    query->count = 0;
    query->result = NULL;
}

void pq_text(struct query *query, const char *text)
{
    query->values[query->count++] = text;
}

void pq_text_or_null(struct query *query, const char *text)
{
    pq_text(query, *text ? text : NULL);
}

void pq_number(struct query *query, int64_t number)
{
    char *text = query->numbers[query->count];
    snprintf(text, sizeof query->numbers[0], "%" PRId64, number);
    pq_text(query, text);
}

int pq_send(struct query *query)
{
    return session_send(query->session, query->statement, query->count, query->values);
}

int pq_take(struct query *query, struct session *session)
{
    query->result = session_take(session);
    query->row = -1;
    query->column = 0;
    return query->result ? 0 : -1;
}

int pq_run(struct query *query)
{
    struct session *session = query->session;
    if (pq_send(query) < 0 || session_sync(session) < 0 || pq_take(query, session) < 0)
        return -1;
    if (session_settle(session) == 0)
        return 0;
    pq_end(query);
    return -1;
}

int pq_changed(const struct query *query)
{
    return (int)strtol(PQcmdTuples(query->result), NULL, 10);
}

int pq_change(struct query *query)
{
    if (pq_run(query) < 0)
        return -1;
    int changed = pq_changed(query);
    pq_end(query);
    return changed;
}

int pq_take_change(struct session *session)
{
    struct query query;
    if (pq_take(&query, session) < 0)
        return -1;
    int changed = pq_changed(&query);
    pq_end(&query);
    return changed;
}

bool pq_step(struct query *query)
{
    query->column = 0;
    return ++query->row < PQntuples(query->result);
}

bool pq_column_is_null(const struct query *query)
{
    return PQgetisnull(query->result, query->row, query->column);
}

const char *pq_column_text(struct query *query)
{
    return PQgetvalue(query->result, query->row, query->column++);
}

int64_t pq_column_number(struct query *query)
{
    return strtoll(pq_column_text(query), NULL, 10);
}

void pq_column_copy(struct query *query, char *text, size_t size)
{
    const char *value = pq_column_text(query);
    size_t length = strnlen(value, size - 1);
    memcpy(text, value, length);
    text[length] = '\0';
}

void pq_end(struct query *query)
{
    PQclear(query->result);
    query->result = NULL;
}
