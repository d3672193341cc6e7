/*
 * check_options: what `users-service check` can be told: some of the service's own options.
 */
#ifndef CONFIG_CHECK_OPTIONS_H
#define CONFIG_CHECK_OPTIONS_H

#include "config/service_options.h"

/* Fills `files`, `files_timeout` and `log_level` of `ret_options`; otherwise options_read. */
int check_options_read(int argc, char **argv, struct service_options *ret_options,
                       bool *ret_help, struct error *error);

/* The table, which lives as long as the program. One thread at a time. */
const struct option_table *check_options_table(void);

#endif
