/*
 * audit: what the repository keeps of an audit, and what it answers one.
 *
 * An audit compares a store's sorted listing with the users' pointers. There is at most one at
 * a time in a database, whatever the number of processes; its place is a row, so that it goes
 * on where it was after a restart, here or elsewhere. fallback/audit.h has the comparison.
 */
#ifndef REPOSITORY_AUDIT_H
#define REPOSITORY_AUDIT_H

#include "base/uuid.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define AUDIT_KEY_SIZE   513
#define AUDIT_WORDS_SIZE 160

/* Findings that are kept of one audit, at most; all are counted. */
#define AUDIT_FINDINGS_MAX 1000

/* What is counted of the objects and of the users. */
enum audit_count {
    AUDIT_OBJECTS,   /* listed */
    AUDIT_POINTERS,  /* users' avatars that were looked for */
    AUDIT_STRAYS,    /* objects that nobody owns */
    AUDIT_YOUNG,     /* objects that nobody seems to own, too young to judge */
    AUDIT_SCHEDULED, /* strays whose deletion was recorded */
    AUDIT_MISSING,   /* users whose avatar is not there */
    AUDIT_VERSIONS,  /* objects that have older versions, or nothing but those */
    AUDIT_UNKNOWN,   /* objects below our prefix that are not named as we name ours */
    AUDIT_COUNTS
};

enum audit_state {
    AUDIT_NEVER,
    AUDIT_RUNNING,
    AUDIT_DONE,
    AUDIT_REFUSED, /* more would go than may: nothing more was scheduled */
    AUDIT_FAILED,
    AUDIT_STOPPED, /* by somebody's word */
};

/* Each store is gone through once to count, and once more to schedule, unless it is a dry run.
 */
enum audit_pass { AUDIT_COUNTING, AUDIT_DELETING };

/* How far an audit is. */
struct audit_place {
    char id[UUID_TEXT_SIZE];
    enum audit_state state;
    bool deletes;  /* false: a dry run */
    int64_t share; /* of a store's objects, the percentage that may go */
    enum audit_pass pass;
    char store_id[UUID_TEXT_SIZE]; /* "": it has not begun with the first one */
    char cursor[AUDIT_KEY_SIZE];   /* everything up to this key is dealt with */
    int64_t first_ms;              /* the time in the first key of this pass; 0: none yet */
    int64_t store_objects, store_strays, store_scheduled; /* of this store */
    int64_t counts[AUDIT_COUNTS];                         /* of all */
    int64_t started_at, saved_at, ended_at;               /* 0: not yet */
    char trouble[AUDIT_WORDS_SIZE];                       /* "": none */
    bool held;                                            /* out: a process is at it */
    int64_t now;                                          /* out: the database's time */
};

struct audit_finding {
    enum audit_count kind;
    char key[AUDIT_KEY_SIZE];
    char user_id[UUID_TEXT_SIZE]; /* "": nobody's */
};

/* One step of the audit, kept whole or not at all. */
struct audit_save {
    const char *const *strays; /* keys to schedule, in order; borrowed until done */
    size_t stray_count;
    int64_t settled_ms; /* what has a younger receipt than this is no stray */
    const struct audit_finding *findings;
    size_t finding_count;
};

/* Which of these keys does nobody own? None that a user points at, or that has a deletion. */
struct stray_search {
    const char *const *keys; /* borrowed */
    size_t count;
    int64_t settled_ms; /* as above */
    bool *stray;        /* out: of each key */
};

/* A user's pointer into a store. */
struct pointer {
    char *key; /* owned by whoever owns the row */
    char user_id[UUID_TEXT_SIZE];
    bool marked; /* the user is being erased: its object may be gone already */
};

struct pointers {
    struct pointer *rows;
    size_t count;
};

/* Frees the rows and their keys; the struct is empty afterwards. */
void pointers_deinit(struct pointers *pointers);

/* Makes room for one more row, empty, at the end; NULL without memory. */
struct pointer *pointers_extend(struct pointers *pointers);

const char *audit_state_name(enum audit_state state);
const char *audit_pass_name(enum audit_pass pass);
const char *audit_count_name(enum audit_count count);

/* The other way round; what no name is, is the first of them. */
enum audit_state audit_state_parse(const char *name);
enum audit_count audit_count_parse(const char *name);

#endif
