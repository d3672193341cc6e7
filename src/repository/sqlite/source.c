#include "repository/sqlite/source.h"

#include "repository/sqlite/connection.h"
#include "repository/sqlite/sqlite.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

struct sqlite_source {
    struct repository_driver *driver; /* holds the lock */
    struct connection reader;
};

static int source_fail(struct sqlite_source *source, struct error *error)
{
    return error_set(error, ERROR_UNAVAILABLE, "the database cannot be read: %s",
                     sqlite3_errmsg(source->reader.handle));
}

/* Opening makes a database where there is none: that would be the wrong one to take. */
static int file_check(const char *path, struct error *error)
{
    struct stat info;
    if (stat(path, &info) == 0 && info.st_size > 0)
        return 0;
    return error_set(error, ERROR_CONFIG, "there is no database at %s", path);
}

int sqlite_source_open(const char *path, struct sqlite_source **ret_source, struct error *error)
{
    if (file_check(path, error) < 0)
        return -1;
    struct sqlite_source *source = calloc(1, sizeof *source);
    if (!source)
        return error_set(error, ERROR_NO_MEMORY, "no memory for the database");
    if (repository_sqlite_open(path, 1, &source->driver, error) < 0 ||
        connection_open(&source->reader, path, false, error) < 0) {
        sqlite_source_close(source);
        return -1;
    }
    if (connection_run(&source->reader, "BEGIN") < 0) {
        source_fail(source, error);
        sqlite_source_close(source);
        return -1;
    }
    *ret_source = source;
    return 0;
}

void sqlite_source_close(struct sqlite_source *source)
{
    if (!source)
        return;
    connection_close(&source->reader);
    if (source->driver)
        (source->driver->close)(source->driver);
    free(source);
}

static sqlite3_stmt *statement_make(struct sqlite_source *source, const char *what,
                                    const char *table)
{
    char sql[TRANSFER_SQL_SIZE];
    sqlite3_stmt *statement = NULL;
    snprintf(sql, sizeof sql, "SELECT %s FROM %s", what, table);
    sqlite3_prepare_v2(source->reader.handle, sql, -1, &statement, NULL);
    return statement;
}

int sqlite_source_count(struct sqlite_source *source, const struct transfer_table *table,
                        int64_t *ret_count, struct error *error)
{
    sqlite3_stmt *statement = statement_make(source, "count(*)", table->name);
    bool found = statement && sqlite3_step(statement) == SQLITE_ROW;
    if (found)
        *ret_count = sqlite3_column_int64(statement, 0);
    else
        source_fail(source, error);
    sqlite3_finalize(statement);
    return found ? 0 : -1;
}

/* A text with a zero byte in it would lose what follows; no other database takes it whole. */
static int row_read(struct sqlite_source *source, sqlite3_stmt *statement, const char **values,
                    int count, struct error *error)
{
    for (int i = 0; i < count; i++) {
        bool is_null = sqlite3_column_type(statement, i) == SQLITE_NULL;
        values[i] = (const char *)sqlite3_column_text(statement, i);
        if (is_null)
            continue;
        if (!values[i])
            return source_fail(source, error);
        if (strlen(values[i]) != (size_t)sqlite3_column_bytes(statement, i))
            return error_set(error, ERROR_CONFIG, "a value of the column %s has a zero byte",
                             sqlite3_column_name(statement, i));
    }
    return 0;
}

int sqlite_source_read(struct sqlite_source *source, const struct transfer_table *table,
                       transfer_put *put, void *context, struct error *error)
{
    const char *values[TRANSFER_COLUMNS_MAX];
    sqlite3_stmt *statement = statement_make(source, table->columns, table->name);
    int count = sqlite3_column_count(statement);
    if (!statement || count > TRANSFER_COLUMNS_MAX) {
        sqlite3_finalize(statement);
        return source_fail(source, error);
    }
    int result, failed = 0;
    while (!failed && (result = sqlite3_step(statement)) == SQLITE_ROW)
        failed = row_read(source, statement, values, count, error) < 0 ||
                 put(context, values, count, error) < 0;
    if (!failed && result != SQLITE_DONE)
        failed = source_fail(source, error);
    sqlite3_finalize(statement);
    return failed ? -1 : 0;
}
