/*
 * whole_file: a file that is there whole, and synced, or not at all.
 */
#ifndef PROGRAMS_WHOLE_FILE_H
#define PROGRAMS_WHOLE_FILE_H

#include "base/error.h"

#include <limits.h>
#include <stdio.h>

struct whole_file {
    FILE *out;
    char path[PATH_MAX];    /* where it is going to be */
    char partial[PATH_MAX]; /* where it is until then: beside it */
};

/* Begins one; what is at `path` stays until it is whole. ERROR_CONFIG: it cannot be made. */
int whole_file_open(struct whole_file *file, const char *path, struct error *error);

/* Syncs it and puts it in its place. On failure nothing of it is left. */
int whole_file_keep(struct whole_file *file, struct error *error);

/* Nothing of it is left. */
void whole_file_drop(struct whole_file *file);

#endif
