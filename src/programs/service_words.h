/*
 * service_words: what users-service does beside serving: each thing has a word or two, declared
 * once, the longer before those that they begin with. The manual page and the completion come
 * from the same table.
 */
#ifndef PROGRAMS_SERVICE_WORDS_H
#define PROGRAMS_SERVICE_WORDS_H

#include "config/options.h"

struct service_word {
    const char *words; /* "files copy" */
    int (*main)(int argc,
                char **argv); /* with the arguments after them; returns the exit code */
    const struct option_table *(*table)(void); /* NULL: no more than the beginning of others */
};

#define SERVICE_WORDS 9

extern const struct service_word service_words[SERVICE_WORDS];

/* The word that the arguments begin with, and how many of them it takes; NULL: none. */
const struct service_word *service_word_find(int argc, char **argv, int *ret_taken);

#endif
