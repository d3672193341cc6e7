#include "contract/repository_support.h"

#include "base/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OPS_MAX 4096

struct repository_driver *driver;

static struct repository_op *ops[OPS_MAX];
static size_t op_count;

int contract_begin(void **state)
{
    (void)state;
    log_init(LOG_ERROR + 1, true);
    database_make();
    driver_open();
    return 0;
}

int contract_end(void **state)
{
    (void)state;
    while (op_count) {
        repository_op_deinit(ops[--op_count]);
        free(ops[op_count]);
    }
    driver_close();
    database_remove();
    return 0;
}

void contract_renew(const char *row)
{
    print_message("           | %s\n", row);
    contract_end(NULL);
    contract_begin(NULL);
}

void driver_open(void)
{
    struct error error = {0};
    driver = database_open(&error);
    if (!driver)
        fail_msg("%s", error.text);
}

void driver_close(void)
{
    if (driver)
        driver->close(driver);
    driver = NULL;
}

static char answer[1024];

__attribute__((format(printf, 1, 0))) static int statement_run(const char *format,
                                                               va_list arguments)
{
    char statement[2048];
    int length = vsnprintf(statement, sizeof statement, format, arguments);
    assert_in_range(length, 1, sizeof statement - 1);
    return database_run(statement, answer, sizeof answer);
}

#define STATEMENT_RUN(result, format)                                                          \
    do {                                                                                       \
        va_list arguments;                                                                     \
        va_start(arguments, format);                                                           \
        result = statement_run(format, arguments);                                             \
        va_end(arguments);                                                                     \
    } while (0)

void sql(const char *format, ...)
{
    int result;
    STATEMENT_RUN(result, format);
    if (result < 0)
        fail_msg("refused: %s", format);
}

bool sql_is_refused(const char *format, ...)
{
    int result;
    STATEMENT_RUN(result, format);
    return result < 0;
}

int64_t sql_number(const char *format, ...)
{
    int result;
    STATEMENT_RUN(result, format);
    if (result < 0)
        fail_msg("refused: %s", format);
    return strtoll(answer, NULL, 10);
}

const char *sql_text(const char *format, ...)
{
    int result;
    STATEMENT_RUN(result, format);
    if (result < 0)
        fail_msg("refused: %s", format);
    return answer;
}

int64_t row_number(const char *key, const char *column)
{
    return sql_number("SELECT %s FROM deletions WHERE key = '%s'", column, key);
}

const char *row_text(const char *key, const char *column)
{
    return sql_text("SELECT %s FROM deletions WHERE key = '%s'", column, key);
}

bool row_exists(const char *key)
{
    return sql_number("SELECT count(*) FROM deletions WHERE key = '%s'", key) == 1;
}

int64_t receipts_count(const char *key)
{
    return sql_number("SELECT count(*) FROM receipts WHERE key = '%s' AND kind = 'done'", key);
}

void row_make_due(const char *key)
{
    sql("UPDATE deletions SET not_before = 1, due_at = 1 WHERE key = '%s'", key);
}

void row_end_lease(const char *key)
{
    sql("UPDATE deletions SET leased_until = 1 WHERE key = '%s'", key);
}

struct repository_op *op_new(enum repository_verb verb)
{
    assert_true(op_count < OPS_MAX);
    struct repository_op *op = calloc(1, sizeof *op);
    assert_non_null(op);
    op->verb = verb;
    op->filter_state = -1;
    op->if_version = -1;
    ops[op_count++] = op;
    return op;
}

int64_t marked_finish(void)
{
    struct repository_op *op = op_new(MARKED_FINISH);
    op->limit = 1000;
    assert_int_equal(op_apply(op), REPOSITORY_OK);
    return op->matched;
}

void ops_apply(struct repository_op **batch, size_t count)
{
    driver->apply(driver, batch, count);
}

enum repository_outcome op_apply(struct repository_op *op)
{
    ops_apply(&op, 1);
    if (op->outcome == REPOSITORY_FAILED)
        fail_msg("%s", op->error.text);
    return op->outcome;
}

struct repository_op *op_read(struct repository_op *op)
{
    driver->read(driver, op);
    if (op->outcome == REPOSITORY_FAILED)
        fail_msg("%s", op->error.text);
    return op;
}
