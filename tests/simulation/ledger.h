/*
 * ledger: what is true of every user and every key that ever was in a run, whoever knows it.
 */
#ifndef SIMULATION_LEDGER_H
#define SIMULATION_LEDGER_H

#include "repository/repository.h"

#define LEDGER_KEYS_MAX  512
#define LEDGER_USERS_MAX 64
#define LEDGER_KEY_SIZE  64

struct ledger_user {
    char id[UUID_TEXT_SIZE];
    bool seen;    /* there was a row */
    bool present; /* there is one */
    bool marked;  /* there was one, and it was marked, or it is gone */
    bool receipt;
    bool told_made;    /* a client was told that the user is there */
    bool told_deleted; /* a client was told that the user is gone */
};

struct ledger_key {
    char name[LEDGER_KEY_SIZE];
    struct ledger_user *user;
    int64_t asked_at; /* the guard was asked for; virtual time */
    int puts;         /* requests that began */
    int64_t putting;  /* effects that may still come */
    bool present;     /* in the store */
    bool doubtful;    /* another store said of it that it is gone (M3) */
    /* In the database, by the last look. */
    bool recorded;             /* it was known there */
    bool attached;             /* some user pointed at it */
    struct ledger_user *owner; /* who points at it; NULL: nobody */
    bool scheduled;            /* it has a row in deletions */
    int64_t claim, not_before, leased_until;
    int64_t lease_ends; /* virtual time, as it was when the claim was seen */
    bool second_look, upload, blocked;
    int receipts, corrected;
    int64_t overdue_at; /* virtual time at which its row has to be gone; 0: not yet known */
};

extern struct ledger {
    struct ledger_key keys[LEDGER_KEYS_MAX];
    size_t key_count;
    struct ledger_user users[LEDGER_USERS_MAX];
    size_t user_count;
} ledger;

void ledger_begin(void);

/* Of that name; made if there is none. */
struct ledger_key *ledger_key(const char *name);
struct ledger_user *ledger_user(const char *id);

#endif
