/*
 * erasure: how far the erasure of a user is, from what the database has of that user (C6).
 */
#ifndef REPOSITORY_ERASURE_H
#define REPOSITORY_ERASURE_H

#include "repository/repository.h"

#include <stdbool.h>
#include <stdint.h>

/* Times are in milliseconds since 1970; 0 where there is no such row. */
struct erasure_rows {
    bool is_there, is_marked; /* the user's own row */
    int64_t marked_at;
    int64_t left, blocked; /* deletions, blocked ones among them */
    int64_t oldest_at;
    int64_t attempts;                     /* of all deletions, finished ones too */
    int64_t receipt_asked_at, receipt_at; /* the user's receipt */
};

struct erasure erasure_of_rows(const struct erasure_rows *rows);

#endif
