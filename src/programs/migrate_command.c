#include "programs/migrate_command.h"

#include "base/clock.h"
#include "config/options.h"
#include "programs/drivers.h"

#include <inttypes.h>
#include <stdio.h>
#include <sysexits.h>
#include <unistd.h>

#define BAR_WIDTH 30
/* Between two looks of the progress bar. */
#define SHOW_MS 100

struct settings {
    const char *from, *to;
};

#define AT(member) offsetof(struct settings, member)

static const struct option options[] = {
    {.name = "from",
     .type = OPTION_TEXT,
     .offset = AT(from),
     .value = "ADDRESS",
     .prose = "The database to read, sqlite:PATH. Its rows stay; once the service runs on the "
              "new one, never start it on this one again."},
    {.name = "to",
     .type = OPTION_TEXT,
     .offset = AT(to),
     .value = "ADDRESS",
     .prose = "An empty database, postgresql://USER@HOST:PORT/NAME?PARAMETERS. Keep the "
              "password in PGPASSFILE or PGPASSWORD, not in the address."},
};

static const struct option_table table = {
    .program = "users-service migrate",
    .synopsis = "--from sqlite:PATH --to postgresql://HOST/NAME",
    .summary = "Copies everything that a stopped service has in SQLite to an empty PostgreSQL\n"
               "database, in one transaction, and counts it in both. Cut off at any time, it\n"
               "leaves nothing behind and is run again.",
    .epilogue =
        "Exit codes: 0 all of it was copied, 64 usage, 69 a database does not answer, or the\n"
        "service still runs, 70 the counts differ, 78 configuration: the new database is not\n"
        "empty, or one of them is not for this program.",
    .environment = "USERS_",
    .options = options,
    .count = sizeof options / sizeof *options,
};

struct command {
    struct settings settings;
    struct sqlite_source *source;
    struct postgres_target *target;
    int64_t counts[TRANSFER_TABLES];
    int64_t total, copied;
    int64_t shown_at; /* 0: never */
};

static void progress_show(struct command *command)
{
    int64_t now = clock_boot_ms();
    bool all = command->copied >= command->total;
    if (!isatty(STDERR_FILENO) || (!all && now < command->shown_at + SHOW_MS))
        return;
    int done = command->total ? (int)(command->copied * BAR_WIDTH / command->total) : BAR_WIDTH;
    fprintf(stderr, "\r[%.*s%*s] %" PRId64 " of %" PRId64, done,
            "##############################", BAR_WIDTH - done, "", command->copied,
            command->total);
    fflush(stderr);
    command->shown_at = now;
}

static int row_put(void *context, const char *const *values, int count, struct error *error)
{
    struct command *command = context;
    if (postgres_target_put(command->target, values, count, error) < 0)
        return -1;
    command->copied++;
    progress_show(command);
    return 0;
}

static int tables_count(struct command *command, struct error *error)
{
    for (size_t i = 0; i < TRANSFER_TABLES; i++) {
        if (sqlite_source_count(command->source, &transfer_tables[i], &command->counts[i],
                                error) < 0)
            return error_wrap(error, "--from");
        command->total += command->counts[i];
    }
    return 0;
}

static int table_copy(struct command *command, const struct transfer_table *copied,
                      struct error *error)
{
    if (postgres_target_begin_table(command->target, copied, error) < 0 ||
        sqlite_source_read(command->source, copied, row_put, command, error) < 0 ||
        postgres_target_end_table(command->target, error) < 0)
        return error_wrap(error, "table %s", copied->name);
    return 0;
}

/* After all tables: what filling one did to another would show. */
static int tables_verify(struct command *command, struct error *error)
{
    for (size_t i = 0; i < TRANSFER_TABLES; i++) {
        int64_t count;
        if (postgres_target_count(command->target, &transfer_tables[i], &count, error) < 0)
            return error_wrap(error, "--to");
        if (count != command->counts[i])
            return error_set(error, ERROR_INTERNAL,
                             "table %s has %" PRId64 " rows and its copy %" PRId64
                             ": nothing was kept",
                             transfer_tables[i].name, command->counts[i], count);
    }
    return 0;
}

static int migrate_run(struct command *command, struct error *error)
{
    int failed = tables_count(command, error);
    for (size_t i = 0; i < TRANSFER_TABLES && !failed; i++)
        failed = table_copy(command, &transfer_tables[i], error);
    if (command->shown_at)
        fputc('\n', stderr);
    return failed || tables_verify(command, error) < 0
               ? -1
               : postgres_target_commit(command->target, error);
}

static int ends_open(struct command *command, struct error *error)
{
    const struct settings *settings = &command->settings;
    if (!settings->from || !settings->to)
        return error_set(error, ERROR_USAGE,
                         "--from and --to are required: see users-service migrate --help");
    if (drivers_open_source(settings->from, &command->source, error) < 0)
        return error_wrap(error, "--from");
    if (drivers_open_target(settings->to, &command->target, error) < 0)
        return error_wrap(error, "--to");
    return 0;
}

const struct option_table *migrate_command_table(void)
{
    return &table;
}

int migrate_command(int argc, char **argv)
{
    struct command command = {0};
    struct error error = {0};
    bool help = false;
    int failed = options_read(&table, argc, argv, &command.settings, &help, &error);
    if (!failed && help) {
        options_print_help(&table, stdout);
        return EX_OK;
    }
    if (!failed)
        failed = ends_open(&command, &error) < 0 || migrate_run(&command, &error) < 0;
    postgres_target_close(command.target);
    sqlite_source_close(command.source);
    if (failed) {
        fprintf(stderr, "users-service migrate: %s\n", error.text);
        return error_exit_code(&error);
    }
    for (size_t i = 0; i < TRANSFER_TABLES; i++)
        printf("%s %" PRId64 "\n", transfer_tables[i].name, command.counts[i]);
    printf("%" PRId64 " rows copied, and counted in both\n", command.copied);
    return EX_OK;
}
