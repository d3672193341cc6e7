#include "contract/postgres_background.h"

#include "base/clock.h"

#include <sched.h>

#define AWAIT_MS 10000

static void *background_run(void *argument)
{
    struct background *background = argument;
    background->driver->apply(background->driver, background->ops, background->count);
    return NULL;
}

void background_start(struct background *background, struct repository_driver *on)
{
    background->driver = on;
    assert_int_equal(pthread_create(&background->thread, NULL, background_run, background), 0);
}

void background_join(struct background *background)
{
    assert_int_equal(pthread_join(background->thread, NULL), 0);
}

struct repository_driver *driver_open_another(void)
{
    struct error error = {0};
    struct repository_driver *another = database_open(&error);
    if (!another)
        fail_msg("%s", error.text);
    return another;
}

void shell_run(PGconn *shell, const char *statement)
{
    PGresult *result = PQexec(shell, statement);
    ExecStatusType status = PQresultStatus(result);
    if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK)
        fail_msg("%s: %s", statement, PQerrorMessage(shell));
    PQclear(result);
}

PGconn *shell_begin(const char *statement)
{
    PGconn *shell = PQconnectdb(database_path());
    shell_run(shell, "BEGIN");
    shell_run(shell, statement);
    return shell;
}

void shell_commit(PGconn *shell)
{
    shell_run(shell, "COMMIT");
    PQfinish(shell);
}

void lock_await(int64_t waiters)
{
    int64_t until = clock_boot_ms() + AWAIT_MS;
    while (sql_number("SELECT count(*) FROM pg_stat_activity WHERE datname = "
                      "current_database() AND wait_event_type = 'Lock'") < waiters) {
        if (clock_boot_ms() > until)
            fail_msg("nobody waits for a lock");
        sched_yield();
    }
}
