#include "repository/sqlite/schema.h"

#include "base/uuid.h"
#include "repository/sqlite/sqlite.h"

#include <stdio.h>
#include <string.h>

/* "FbJb": marks a SQLite file as ours (the application_id pragma). */
#define APPLICATION_ID 0x46624a62

extern const char *const repository_sqlite_migrations[];
extern const size_t repository_sqlite_migrations_count;

static int64_t number_select(struct connection *connection, const char *sql)
{
    sqlite3_stmt *statement = NULL;
    int64_t number = -1;
    if (sqlite3_prepare_v2(connection->handle, sql, -1, &statement, NULL) == SQLITE_OK &&
        sqlite3_step(statement) == SQLITE_ROW)
        number = sqlite3_column_int64(statement, 0);
    sqlite3_finalize(statement);
    return number;
}

static int database_fail(struct connection *connection, const char *path, struct error *error)
{
    int code = sqlite3_errcode(connection->handle) & 0xff;
    if (code == SQLITE_NOTADB)
        return error_set(error, ERROR_CONFIG, "%s is not a SQLite database: give another path",
                         path);
    return error_set(error, connection_error_class(connection->handle, code),
                     "cannot use the database %s: %s", path,
                     sqlite3_errmsg(connection->handle));
}

/* What the file is: its version, or -1 with an error if it is not for us. */
static int64_t version_check(struct connection *connection, const char *path,
                             struct error *error)
{
    int64_t tables, version, application;
    if ((tables = number_select(connection, "SELECT count(*) FROM sqlite_schema")) < 0 ||
        (version = number_select(connection, "PRAGMA user_version")) < 0 ||
        (application = number_select(connection, "PRAGMA application_id")) < 0)
        return database_fail(connection, path, error);
    if (tables > 0 && application != APPLICATION_ID)
        return error_set(error, ERROR_CONFIG,
                         "%s is another program's database: give another path", path);
    if (version > repository_sqlite_schema_version)
        return error_set(
            error, ERROR_CONFIG,
            "%s was written by a newer version of users-service (schema %lld, this "
            "program knows %d): run the newer version",
            path, (long long)version, repository_sqlite_schema_version);
    return version;
}

int schema_check(struct connection *connection, const char *path, struct error *error)
{
    return version_check(connection, path, error) < 0 ? -1 : 0;
}

/* Gives a new database its id, which binds stores and receipts to it (P1). */
static int identity_insert(struct connection *connection)
{
    char id[UUID_TEXT_SIZE], sql[128];
    uuid_generate(id);
    snprintf(sql, sizeof sql, "INSERT INTO about (name, value) VALUES ('database_id', '%s')",
             id);
    return connection_run(connection, sql);
}

static int migration_apply(struct connection *connection, size_t version)
{
    char pragma[64];
    snprintf(pragma, sizeof pragma, "PRAGMA user_version = %zu", version + 1);
    char mark[64];
    snprintf(mark, sizeof mark, "PRAGMA application_id = %d", APPLICATION_ID);
    if (connection_run(connection, "BEGIN EXCLUSIVE") == 0 &&
        connection_run(connection, repository_sqlite_migrations[version]) == 0 &&
        (version > 0 || identity_insert(connection) == 0) &&
        connection_run(connection, mark) == 0 && connection_run(connection, pragma) == 0 &&
        connection_run(connection, "COMMIT") == 0)
        return 0;
    return -1;
}

int schema_migrate(struct connection *connection, const char *path, struct error *error)
{
    int64_t version = version_check(connection, path, error);
    if (version < 0)
        return -1;
    /* FULL: a commit survives a power cut. Checkpoints are the writer's alone. */
    if (connection_run(connection, "PRAGMA journal_mode = WAL") < 0 ||
        connection_run(connection, "PRAGMA synchronous = FULL") < 0 ||
        connection_run(connection, "PRAGMA temp_store = MEMORY") < 0 ||
        connection_run(connection, "PRAGMA cache_size = -16000") < 0 ||
        connection_run(connection, "PRAGMA journal_size_limit = 67108864") < 0)
        return database_fail(connection, path, error);
    for (size_t at = (size_t)version; at < repository_sqlite_migrations_count; at++) {
        if (migration_apply(connection, at) < 0) {
            database_fail(connection, path, error);
            if (!sqlite3_get_autocommit(connection->handle))
                connection_run(connection, "ROLLBACK");
            return -1;
        }
    }
    return 0;
}

static int text_select(struct connection *connection, const char *sql, char *text, size_t size)
{
    sqlite3_stmt *statement = NULL;
    int found = -1;
    if (sqlite3_prepare_v2(connection->handle, sql, -1, &statement, NULL) == SQLITE_OK) {
        int result = sqlite3_step(statement);
        found = result == SQLITE_ROW ? 1 : result == SQLITE_DONE ? 0 : -1;
        const char *value = found > 0 ? (const char *)sqlite3_column_text(statement, 0) : NULL;
        if (value)
            snprintf(text, size, "%s", value);
        else if (found > 0)
            found = -1;
    }
    sqlite3_finalize(statement);
    return found;
}

int schema_read_ids(struct connection *connection, const char *path,
                    struct repository_driver *driver, struct error *error)
{
    int id = text_select(connection, "SELECT value FROM about WHERE name = 'database_id'",
                         driver->database_id, sizeof driver->database_id);
    int secret = text_select(connection, "SELECT value FROM about WHERE name = 'secret'",
                             driver->secret, sizeof driver->secret);
    if (id < 0 || secret < 0 ||
        text_select(connection, "SELECT id FROM stores ORDER BY adopted_at DESC LIMIT 1",
                    driver->store_id, sizeof driver->store_id) < 0)
        return database_fail(connection, path, error);
    if (!id || !secret)
        return error_set(error, ERROR_CONFIG,
                         "the database has no id: restore it from a backup");
    return 0;
}
