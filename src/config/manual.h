/*
 * manual: what a program's manual page and its completion in bash say, made from its tables of
 * options when the project is built. No program that is installed prints them.
 */
#ifndef CONFIG_MANUAL_H
#define CONFIG_MANUAL_H

#include "config/options.h"

/* What can be done with a program. */
struct manual_word {
    const char *words; /* after the program's name: "", "check", "files copy" */
    const struct option_table *table;
    const struct option_table *also; /* whose options it takes as well; NULL: nobody's */
};

struct manual {
    const char *program, *version;
    const char *purpose;             /* in a few words, without a full stop */
    const struct manual_word *words; /* the first is the program without a word */
    size_t count;
    const char *see_also; /* other pages: "bash(1), man(1)" */
};

/* Prints the page of section 8 for man(7); `date` is YYYY-MM-DD. */
void manual_print_page(const struct manual *manual, const char *date, FILE *out);

/* Prints a script for bash that completes words, options and values. */
void manual_print_completion(const struct manual *manual, FILE *out);

#endif
