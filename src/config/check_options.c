#include "config/check_options.h"

#include <string.h>

#define TIMEOUT_PRESET_MS 10000

static const char *const names[] = {"files", "files-timeout", "log-level"};

#define COUNT (sizeof names / sizeof *names)

/* The rows are the service's own, so that nothing is declared twice. */
const struct option_table *check_options_table(void)
{
    static struct option rows[COUNT];
    static struct option_table table;
    for (size_t i = 0; i < COUNT; i++) {
        for (size_t j = 0; j < service_option_table.count; j++) {
            if (strcmp(service_option_table.options[j].name, names[i]) == 0)
                rows[i] = service_option_table.options[j];
        }
    }
    table = (struct option_table){
        .program = "users-service",
        .synopsis = "check --files URL [options]",
        .summary = "Tries all that the service needs of a file store, with objects of its own "
                   "that it\nremoves again, and prints what works and what that means.",
        .environment = service_option_table.environment,
        .epilogue =
            "Exit codes: 0 it works, 64 usage, 69 the store does not answer, 78 it does "
            "not work.",
        .options = rows,
        .count = COUNT,
    };
    return &table;
}

int check_options_read(int argc, char **argv, struct service_options *ret_options,
                       bool *ret_help, struct error *error)
{
    if (options_read(check_options_table(), argc, argv, ret_options, ret_help, error) < 0)
        return -1;
    if (*ret_help)
        return 0;
    if (!ret_options->files || !*ret_options->files)
        return error_set(error, ERROR_USAGE,
                         "--files is required: see users-service check --help");
    if (ret_options->files_timeout == 0)
        ret_options->files_timeout = TIMEOUT_PRESET_MS;
    return 0;
}
