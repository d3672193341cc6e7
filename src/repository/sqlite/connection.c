#include "repository/sqlite/connection.h"

#include <stdio.h>
#include <string.h>

enum error_class connection_error_class(sqlite3 *handle, int code)
{
    switch (code & 0xff) {
    case SQLITE_NOMEM:
        return ERROR_NO_MEMORY;
    case SQLITE_PERM:
    case SQLITE_READONLY:
    case SQLITE_CORRUPT:
    case SQLITE_AUTH:
    case SQLITE_NOTADB:
        return ERROR_CONFIG;
    case SQLITE_CANTOPEN: /* for want of a permission, or of descriptors for a moment */
        return error_class_of(sqlite3_system_errno(handle));
    default:
        return ERROR_UNAVAILABLE;
    }
}

int connection_open(struct connection *connection, const char *path, bool writes,
                    struct error *error)
{
    *connection = (struct connection){0};
    int flags = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE |
                (writes ? SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE : SQLITE_OPEN_READONLY);
    int code = sqlite3_open_v2(path, &connection->handle, flags, NULL);
    if (code != SQLITE_OK) {
        error_set(error, connection_error_class(connection->handle, code),
                  "cannot open the database %s: %s", path,
                  connection->handle ? sqlite3_errmsg(connection->handle) : "no memory");
        connection_close(connection);
        return -1;
    }
    return 0;
}

void connection_close(struct connection *connection)
{
    for (int i = 0; i < STATEMENT_COUNT; i++)
        sqlite3_finalize(connection->prepared[i]);
    sqlite3_close(connection->handle);
    *connection = (struct connection){0};
}

bool connection_was_starved(struct connection *connection)
{
    bool starved = connection->starved;
    connection->starved = false;
    return starved;
}

int connection_run(struct connection *connection, const char *sql)
{
    return sqlite3_exec(connection->handle, sql, NULL, NULL, NULL) == SQLITE_OK ? 0 : -1;
}

struct query query_begin(struct connection *connection, enum statement statement)
{
    sqlite3_stmt **prepared = &connection->prepared[statement];
    if (!*prepared)
        sqlite3_prepare_v3(connection->handle, statement_sql(statement), -1,
                           SQLITE_PREPARE_PERSISTENT, prepared, NULL);
    return (struct query){
        .connection = connection, .statement = *prepared, .failed = !*prepared};
}

void query_text(struct query *query, const char *text)
{
    query->parameter++;
    if (query->failed)
        return;
    query->failed = sqlite3_bind_text(query->statement, query->parameter, text, -1,
                                      SQLITE_STATIC) != SQLITE_OK;
}

void query_text_or_null(struct query *query, const char *text)
{
    if (*text) {
        query_text(query, text);
        return;
    }
    query->parameter++;
    if (!query->failed)
        query->failed = sqlite3_bind_null(query->statement, query->parameter) != SQLITE_OK;
}

void query_number(struct query *query, int64_t number)
{
    query->parameter++;
    if (!query->failed)
        query->failed =
            sqlite3_bind_int64(query->statement, query->parameter, number) != SQLITE_OK;
}

void query_nulls(struct query *query, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        query->parameter++;
        if (!query->failed)
            query->failed = sqlite3_bind_null(query->statement, query->parameter) != SQLITE_OK;
    }
}

int query_step(struct query *query)
{
    if (query->failed)
        return -1;
    query->column = 0;
    int result = sqlite3_step(query->statement);
    if (result == SQLITE_ROW)
        return 1;
    query->failed = result != SQLITE_DONE;
    return query->failed ? -1 : 0;
}

int64_t query_column_number(struct query *query)
{
    return sqlite3_column_int64(query->statement, query->column++);
}

const char *query_column_text(struct query *query)
{
    const char *text = (const char *)sqlite3_column_text(query->statement, query->column++);
    /* The library answers NULL also when it could not copy a text that is there. */
    if (!text && sqlite3_errcode(query->connection->handle) == SQLITE_NOMEM)
        query->connection->starved = true;
    return text ? text : "";
}

void query_column_copy(struct query *query, char *text, size_t size)
{
    const char *value = query_column_text(query);
    size_t length = strnlen(value, size - 1);
    memcpy(text, value, length);
    text[length] = '\0';
}

void query_end(struct query *query)
{
    if (query->statement)
        sqlite3_reset(query->statement);
}

int query_change(struct connection *connection, struct query *query)
{
    int result;
    while ((result = query_step(query)) > 0)
        continue;
    query_end(query);
    return result < 0 ? -1 : sqlite3_changes(connection->handle);
}
