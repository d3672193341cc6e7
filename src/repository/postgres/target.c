#include "repository/postgres/target.h"

#include "base/buffer.h"
#include "repository/postgres/schema.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A row is a few texts, each of which came through a request of 64 KiB at most, or by hand. */
#define ROW_MAX ((size_t)16 * 1024 * 1024)
/* Counting and committing millions of rows takes minutes; a dead peer is noticed anyhow. */
#define TIMEOUT_MS 3600000

struct postgres_target {
    struct address address;
    struct session session;
    struct buffer row;
};

/* For this transaction: however long it takes; and a commit that was answered is durable. */
static const char settings[] =
    "SELECT set_config('statement_timeout', '0', true), "
    "set_config('idle_in_transaction_session_timeout', '0', true), "
    "set_config('synchronous_commit', CASE current_setting('synchronous_commit') "
    "WHEN 'off' THEN 'on' ELSE current_setting('synchronous_commit') END, true)";

static int target_fail(const struct postgres_target *target, struct error *error)
{
    const char *words = target->session.words;
    return error_set(error, ERROR_UNAVAILABLE, "the database failed: %s",
                     *words ? words : "the connection broke");
}

int postgres_target_open(const char *url, struct postgres_target **ret_target,
                         struct error *error)
{
    struct postgres_target *target = calloc(1, sizeof *target);
    if (!target)
        return error_set(error, ERROR_NO_MEMORY, "no memory for the database");
    buffer_init(&target->row, ROW_MAX);
    int failed = address_parse(url, &target->address, error) < 0 ||
                 session_open(&target->session, &target->address, TIMEOUT_MS, error) < 0 ||
                 postgres_schema_begin_new(&target->session, error) < 0;
    /* What a new database is given of its own is the other's here: id, secret, last audit. */
    if (!failed && (session_run(&target->session, settings) < 0 ||
                    session_run(&target->session,
                                "DELETE FROM about WHERE name <> 'schema_version'") < 0 ||
                    session_run(&target->session, "DELETE FROM audit") < 0))
        failed = target_fail(target, error);
    if (failed) {
        postgres_target_close(target);
        return -1;
    }
    *ret_target = target;
    return 0;
}

void postgres_target_close(struct postgres_target *target)
{
    if (!target)
        return;
    session_close(&target->session);
    address_deinit(&target->address);
    buffer_deinit(&target->row);
    free(target);
}

/* A row that it does not take stays one that it does not take: so do its rights. */
static enum error_class answer_class(const PGresult *result)
{
    const char *code = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    bool lasting = code && (strncmp(code, "22", 2) == 0 || strncmp(code, "23", 2) == 0 ||
                            strncmp(code, "42", 2) == 0);
    return lasting ? ERROR_CONFIG : ERROR_UNAVAILABLE;
}

/*
 * Waits for the one answer of a statement. Only the words of the failure: its context is the
 * row, with what it says of a person.
 */
static int answer_take(struct postgres_target *target, ExecStatusType expected,
                       int64_t *ret_number, struct error *error)
{
    PGconn *handle = target->session.handle;
    PGresult *result = PQgetResult(handle);
    int failed = 0;
    if (PQresultStatus(result) != expected) {
        const char *words = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
        char line[ERROR_TEXT_SIZE];
        address_copy_words(line, sizeof line, words ? words : PQerrorMessage(handle));
        failed = error_set(error, answer_class(result), "the database failed: %s", line);
    } else if (ret_number) {
        *ret_number = strtoll(PQgetvalue(result, 0, 0), NULL, 10);
    }
    PQclear(result);
    /* A COPY that has begun goes on; of all else this is the end. */
    while (expected != PGRES_COPY_IN && !failed && (result = PQgetResult(handle)))
        PQclear(result);
    return failed;
}

/* Rows go in outside of the pipeline, which has no COPY, and wait for the server. */
static int statement_send(struct postgres_target *target, const char *sql, struct error *error)
{
    PGconn *handle = target->session.handle;
    if (handle && PQexitPipelineMode(handle) && PQsetnonblocking(handle, 0) == 0 &&
        PQsendQuery(handle, sql))
        return 0;
    return target_fail(target, error);
}

int postgres_target_begin_table(struct postgres_target *target,
                                const struct transfer_table *table, struct error *error)
{
    char sql[TRANSFER_SQL_SIZE];
    snprintf(sql, sizeof sql, "COPY %s (%s) FROM STDIN", table->name, table->columns);
    return statement_send(target, sql, error) < 0 ||
                   answer_take(target, PGRES_COPY_IN, NULL, error) < 0
               ? -1
               : 0;
}

int postgres_target_end_table(struct postgres_target *target, struct error *error)
{
    PGconn *handle = target->session.handle;
    if (PQputCopyEnd(handle, NULL) <= 0)
        return target_fail(target, error);
    return answer_take(target, PGRES_COMMAND_OK, NULL, error);
}

/* In COPY's text form: the four bytes that mean something are written with a backslash. */
static int value_append(struct buffer *row, const char *value)
{
    if (!value)
        return buffer_append_text(row, "\\N");
    int failed = 0;
    while (*value && !failed) {
        size_t plain = strcspn(value, "\\\t\n\r");
        failed = buffer_append(row, value, plain);
        value += plain;
        if (!*value || failed)
            break;
        const char escaped[2] = {'\\', *value == '\t'   ? 't'
                                       : *value == '\n' ? 'n'
                                       : *value == '\r' ? 'r'
                                                        : '\\'};
        failed = buffer_append(row, escaped, sizeof escaped);
        value++;
    }
    return failed;
}

int postgres_target_put(void *context, const char *const *values, int count,
                        struct error *error)
{
    struct postgres_target *target = context;
    int failed = 0;
    target->row.length = 0;
    for (int i = 0; i < count && !failed; i++)
        failed = (i > 0 && buffer_append_text(&target->row, "\t") < 0) ||
                 value_append(&target->row, values[i]) < 0;
    if (failed || buffer_append_text(&target->row, "\n") < 0)
        return error_set(error, ERROR_NO_MEMORY, "no memory for a row");
    if (PQputCopyData(target->session.handle, target->row.bytes, (int)target->row.length) > 0)
        return 0;
    /* The server's own words, if there are any, come with the end. */
    return postgres_target_end_table(target, error) < 0 ? -1 : target_fail(target, error);
}

int postgres_target_count(struct postgres_target *target, const struct transfer_table *table,
                          int64_t *ret_count, struct error *error)
{
    char sql[TRANSFER_SQL_SIZE];
    snprintf(sql, sizeof sql, "SELECT count(*) FROM %s%s", table->name,
             strcmp(table->name, "about") == 0 ? " WHERE name <> 'schema_version'" : "");
    return statement_send(target, sql, error) < 0
               ? -1
               : answer_take(target, PGRES_TUPLES_OK, ret_count, error);
}

/* New receipts are numbered after those that came along, also after those that were pruned. */
static const char numbers_go_on[] =
    "SELECT setval(pg_get_serial_sequence('receipts', 'id'), last) FROM (SELECT greatest("
    "(SELECT max(id) FROM receipts), (SELECT max(receipts_last) FROM receipt_seals)) AS last) "
    "AS numbered WHERE last > 0; "
    "SELECT setval(pg_get_serial_sequence('user_receipts', 'id'), last) FROM (SELECT greatest("
    "(SELECT max(id) FROM user_receipts), (SELECT max(users_last) FROM receipt_seals)) AS "
    "last) "
    "AS numbered WHERE last > 0";

int postgres_target_commit(struct postgres_target *target, struct error *error)
{
    struct session *session = &target->session;
    if (session_run(session, numbers_go_on) < 0)
        return target_fail(target, error);
    if (session_run(session, "COMMIT") == 0)
        return 0;
    bool is_known = !session_is_lost(session);
    target_fail(target, error);
    if (is_known)
        return -1;
    return error_wrap(error, "it is not known whether the copy was kept; run it again, and it "
                             "was if the database is then not empty");
}
