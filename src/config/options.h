/*
 * options: every option of a program, declared once in a table.
 *
 * From the table come the parser for flags and environment variables, the bounds, the help text
 * and the documentation. A flag wins over its environment variable, which wins over the
 * default.
 *
 *     users-service --delete-wait 2s     or     USERS_DELETE_WAIT=2s
 */
#ifndef CONFIG_OPTIONS_H
#define CONFIG_OPTIONS_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum option_type {
    OPTION_TEXT,     /* const char *, borrowed from argv or the environment */
    OPTION_TEXTS,    /* struct option_texts: may be given several times */
    OPTION_DURATION, /* int64_t milliseconds: "90s", "15m", "1h30m", "250ms" */
    OPTION_BYTES,    /* int64_t bytes: "512", "64KiB", "5MiB" */
    OPTION_INTEGER,  /* int64_t */
    OPTION_SWITCH,   /* bool: "on" or "off" */
    OPTION_FLAG,     /* bool: given or not; takes no value */
};

#define OPTION_TEXTS_MAX 16

struct option_texts {
    const char *items[OPTION_TEXTS_MAX];
    size_t count;
};

struct option {
    const char *name; /* without the dashes */
    enum option_type type;
    size_t offset;       /* of the member in the program's options struct */
    const char *value;   /* what help calls the value: "PATH"; NULL for a flag */
    const char *preset;  /* default, as it would be typed; NULL: none */
    int64_t least, most; /* bounds of durations, bytes and integers */
    const char *choices; /* for OPTION_TEXT: "a|b|c", or NULL for anything */
    bool secret;         /* the value is never printed */
    const char *prose;   /* one or more sentences for help and docs */
};

struct option_table {
    const char *program;
    const char *synopsis;    /* the first line of help, after the program's name */
    const char *summary;     /* what the program does, in a sentence or two */
    const char *environment; /* prefix of its variables: "USERS_"; NULL: none are read */
    const char *epilogue;    /* what help says last: exit codes and the like; may be NULL */
    const struct option *options;
    size_t count;
};

/*
 * Fills the struct at `target` from defaults, environment and flags, in this order.
 *
 * `argv` holds only arguments (no program name). Returns 0, or -1 with ERROR_USAGE naming the
 * option, what is wrong and what it takes. `--help` sets `*ret_help` and stops reading.
 */
int options_read(const struct option_table *table, int argc, char **argv, void *target,
                 bool *ret_help, struct error *error);

/* Prints the whole help text of a program. */
void options_print_help(const struct option_table *table, FILE *out);

/* Longest name of an environment variable and longest bound, with their ends. */
#define OPTION_VARIABLE_SIZE 96
#define OPTION_BOUND_SIZE    32

/* Writes the name of an option's environment variable; false: it has none. */
bool option_format_variable(const struct option_table *table, const struct option *option,
                            char ret_text[static OPTION_VARIABLE_SIZE]);

/* Writes the bounds in the unit that the option is typed in; false: it is no number. */
bool option_format_bounds(const struct option *option, char ret_least[static OPTION_BOUND_SIZE],
                          char ret_most[static OPTION_BOUND_SIZE]);

/*
 * Reads "250ms", "90s", "15m", "1h30m", "2d" into milliseconds. Units fall in size, each once;
 * a bare number is refused, but for "0". Returns 0, or -1.
 */
int duration_parse(const char *text, int64_t *ret_ms);

/* Reads "512", "64KiB", "5MiB", "1GiB" into bytes. Returns 0, or -1. */
int bytes_parse(const char *text, int64_t *ret_bytes);

/* Reads a decimal number without sign, blanks or leading noise. Returns 0, or -1. */
int number_parse(const char *text, int64_t *ret_number);

#endif
