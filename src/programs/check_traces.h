/*
 * check_traces: the folders that a local store makes when it is opened and written to, so that
 * a check that made them can take them away again.
 */
#ifndef PROGRAMS_CHECK_TRACES_H
#define PROGRAMS_CHECK_TRACES_H

#include <limits.h>
#include <stdbool.h>

#define CHECK_TRACES 3

struct check_traces {
    char paths[CHECK_TRACES][PATH_MAX]; /* innermost first; "": none */
    bool were_there[CHECK_TRACES];
};

/* Notes what is there now for the store at `url`. */
void check_traces_note(struct check_traces *traces, const char *url);

/* Removes what was not there then and is empty now. */
void check_traces_remove(const struct check_traces *traces);

#endif
