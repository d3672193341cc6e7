#include "programs/backup_command.h"

#include "programs/private_client.h"
#include "programs/whole_file.h"

#include <stdio.h>
#include <sysexits.h>

struct settings {
    struct private_settings service;
    const char *to;
};

static const struct option options[] = {
    {.name = "to",
     .type = OPTION_TEXT,
     .offset = offsetof(struct settings, to),
     .value = "FILE",
     .prose =
         "Where to write. The file is there whole, or not at all; nobody but its owner may "
         "read it."},
    PRIVATE_OPTIONS,
};

static const struct option_table table = {
    .program = "users-service backup",
    .synopsis = "--to FILE --private URL --token-file FILE",
    .summary = "Copies the SQLite database of a running service, which goes on with its work.\n"
               "PostgreSQL is copied by its own means.",
    .epilogue =
        "Exit codes: 0 done, 64 usage, 69 the service does not answer or cannot copy now, or\n"
        "the file cannot be written, 78 configuration, or the database is not SQLite.",
    .environment = "USERS_",
    .options = options,
    .count = sizeof options / sizeof *options,
};

/* Before the file has its name: whoever finds a backup finds one that is known as old. */
static void epoch_raise(struct private_client *client, struct error *ret_error)
{
    json_decref(private_client_call(client, "POST", "/api/epochs", ret_error));
}

static int backup_fetch(struct private_client *client, const char *to, long *ret_bytes,
                        struct error *ret_raising, struct error *error)
{
    struct whole_file file;
    if (whole_file_open(&file, to, error) < 0)
        return -1;
    if (private_client_fetch(client, "/api/backup", "application/vnd.sqlite3", file.out,
                             error) < 0) {
        whole_file_drop(&file);
        return -1;
    }
    *ret_bytes = ftell(file.out);
    epoch_raise(client, ret_raising);
    return whole_file_keep(&file, error);
}

static int backup_run(const struct settings *settings, struct error *error)
{
    struct private_client *client = NULL;
    struct error raising = {0};
    long bytes = 0;
    if (!settings->to)
        return error_set(error, ERROR_USAGE, "--to is required");
    int failed = private_client_open(&settings->service, &client, error) < 0 ||
                 backup_fetch(client, settings->to, &bytes, &raising, error) < 0;
    private_client_close(client);
    if (failed)
        return -1;
    printf("%ld bytes; what is erased from now on cannot come back with it unnoticed\n", bytes);
    if (raising.class != ERROR_NONE)
        fprintf(stderr,
                "%s: but the epoch could not be raised (%s): that is so only once the file "
                "store has answered again, or the service was started once more\n",
                table.program, raising.text);
    return 0;
}

const struct option_table *backup_command_table(void)
{
    return &table;
}

int backup_command(int argc, char **argv)
{
    struct settings settings = {.to = NULL};
    struct error error = {0};
    bool help = false;
    if (options_read(&table, argc, argv, &settings, &help, &error) == 0 && help) {
        options_print_help(&table, stdout);
        return EX_OK;
    }
    if (error.class == ERROR_NONE)
        backup_run(&settings, &error);
    if (error.class == ERROR_NONE)
        return EX_OK;
    fprintf(stderr, "%s: %s\n", table.program, error.text);
    return error_exit_code(&error);
}
