#include "repository/postgres/schema.h"

#include "base/uuid.h"
#include "repository/postgres/postgres.h"
#include "repository/postgres/pq.h"

#include <stdio.h>
#include <string.h>

extern const char *const repository_postgres_migrations[];
extern const size_t repository_postgres_migrations_count;

/* Of one step of a migration. */
#define MIGRATION_TIMEOUT_MS (24 * INT64_C(3600000))

static int schema_fail(struct session *session, struct error *error)
{
    /* A lock that somebody holds passes. */
    bool passes = session_is_lost(session) || strcmp(session->sqlstate, "55P03") == 0;
    return error_set(error, passes ? ERROR_UNAVAILABLE : ERROR_CONFIG,
                     "cannot use the database: %s", session->words);
}

/* 1: the tables are there; 0: none yet; -1: this is no place for them. */
static int tables_find(struct session *session, struct error *error)
{
    struct query query;
    pq_begin(&query, session, STATEMENT_TABLES);
    if (pq_run(&query) < 0)
        return schema_fail(session, error);
    pq_step(&query);
    bool usable = *pq_column_text(&query) == 't';
    bool ours = *pq_column_text(&query) == 't';
    bool users = *pq_column_text(&query) == 't';
    pq_end(&query);
    if (!usable)
        return error_set(error, ERROR_CONFIG,
                         "the database needs the encoding UTF8 and a schema on its search_path "
                         "to make tables in");
    if (users && !ours)
        return error_set(error, ERROR_CONFIG,
                         "the database has another program's table users: give a database or a "
                         "schema of its own");
    return ours;
}

/* The version of what is there, 0 for nothing; -1 with an error if it is not for us. */
static int version_check(struct session *session, struct error *error)
{
    int found = tables_find(session, error);
    if (found <= 0)
        return found;
    struct query query;
    pq_begin(&query, session, STATEMENT_VERSION);
    if (pq_run(&query) < 0)
        return schema_fail(session, error);
    int64_t version = pq_step(&query) ? pq_column_number(&query) : 0;
    pq_end(&query);
    if (version < 1)
        return error_set(error, ERROR_CONFIG,
                         "the database has another program's table about: give a database or a "
                         "schema of its own");
    if (version > repository_postgres_schema_version)
        return error_set(error, ERROR_CONFIG,
                         "the database was written by a newer version of users-service (schema "
                         "%lld, this program knows %d): run the newer version",
                         (long long)version, repository_postgres_schema_version);
    return (int)version;
}

int postgres_schema_check(struct session *session, struct error *error)
{
    session_begin(session);
    return version_check(session, error) < 0 ? -1 : 0;
}

bool postgres_schema_is_empty(struct session *session)
{
    struct error error;
    session_begin(session);
    return tables_find(session, &error) == 0;
}

/* Gives a new database its id, which binds stores and receipts to it (P1). */
static int identity_insert(struct session *session)
{
    char id[UUID_TEXT_SIZE], sql[128];
    uuid_generate(id);
    snprintf(sql, sizeof sql, "INSERT INTO about (name, value) VALUES ('database_id', '%s')",
             id);
    return session_run(session, sql);
}

static int migration_apply(struct session *session, int version)
{
    char mark[160];
    snprintf(mark, sizeof mark,
             "INSERT INTO about (name, value) VALUES ('schema_version', '%d') "
             "ON CONFLICT (name) DO UPDATE SET value = excluded.value",
             version + 1);
    if (session_run(session, repository_postgres_migrations[version]) < 0 ||
        (version == 0 && identity_insert(session) < 0))
        return -1;
    return session_run(session, mark);
}

static int migrations_run(struct session *session, int version)
{
    /* Behind a lock that somebody sits on, everybody else's changes would queue up. */
    if (session_run(session, "SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = '2s'") <
        0)
        return -1;
    for (; version < (int)repository_postgres_migrations_count; version++) {
        if (migration_apply(session, version) < 0)
            return -1;
    }
    return 0;
}

/*
 * Under the lock, in one transaction: a database is at one version or at the next. A table of
 * many millions of rows takes its time, and who gives up would begin anew for ever.
 */
static int migrations_apply(struct session *session, struct error *error)
{
    int version = version_check(session, error);
    if (version < 0)
        return -1;
    int64_t patience_ms = session->timeout_ms;
    session->timeout_ms = MIGRATION_TIMEOUT_MS;
    int failed = migrations_run(session, version);
    session->timeout_ms = patience_ms;
    return failed ? schema_fail(session, error) : 0;
}

/* Begins a transaction in which nobody else changes the schema. */
static int lock_take(struct session *session, struct error *error)
{
    session_begin(session);
    struct query lock;
    if (session_run(session, postgres_statement_sql(STATEMENT_BEGIN)) < 0)
        return schema_fail(session, error);
    pq_begin(&lock, session, STATEMENT_LOCK_SCHEMA);
    return pq_change(&lock) < 0 ? schema_fail(session, error) : 0;
}

int postgres_schema_begin_new(struct session *session, struct error *error)
{
    if (lock_take(session, error) < 0)
        return -1;
    int found = tables_find(session, error);
    if (found > 0)
        error_set(
            error, ERROR_CONFIG,
            "the database is not empty, it has users-service's tables already: give a new "
            "database, or drop these tables if nothing in them is needed");
    return found == 0 ? migrations_apply(session, error) : -1;
}

int postgres_schema_migrate(struct session *session, struct error *error)
{
    if (lock_take(session, error) < 0 || migrations_apply(session, error) < 0)
        return -1;
    if (session_run(session, postgres_statement_sql(STATEMENT_COMMIT)) < 0)
        return schema_fail(session, error);
    return 0;
}

int postgres_schema_read_ids(struct session *session, struct repository_driver *driver,
                             struct error *error)
{
    session_begin(session);
    struct query query;
    pq_begin(&query, session, STATEMENT_IDS);
    if (pq_run(&query) < 0)
        return schema_fail(session, error);
    pq_step(&query);
    pq_column_copy(&query, driver->database_id, sizeof driver->database_id);
    pq_column_copy(&query, driver->secret, sizeof driver->secret);
    pq_column_copy(&query, driver->store_id, sizeof driver->store_id);
    pq_end(&query);
    if (*driver->database_id && *driver->secret)
        return 0;
    return error_set(error, ERROR_CONFIG, "the database has no id: restore it from a backup");
}
