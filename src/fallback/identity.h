/*
 * identity: whose store is this? (design rules M3, P1)
 *
 * Deleting a missing key succeeds, so a wrong bucket would "erase" everything. A store
 * therefore carries an object that names the store and the database it belongs to; nothing is
 * confirmed unless that object was read not long ago. A store without one is adopted only while
 * the database knows no store yet.
 */
#ifndef FALLBACK_IDENTITY_H
#define FALLBACK_IDENTITY_H

#include "base/error.h"
#include "files/files.h"
#include "repository/repository.h"

enum identity_verdict {
    IDENTITY_GOOD,
    IDENTITY_UNANSWERED, /* the provider does not answer now: ask again later */
    IDENTITY_REFUSED,    /* a definite no: no right, no bucket; or somebody else's store */
};

/* What to carry out next for a check under way. */
enum identity_step { IDENTITY_STEP_FILES, IDENTITY_STEP_REPOSITORY, IDENTITY_STEP_END };

/* May a store take the place of the one that the database knows? */
enum identity_move {
    IDENTITY_MOVE_NEVER, /* it is not given: whatever is not that store is the wrong one */
    IDENTITY_MOVE_WAITS, /* an older store is given, but it is not known yet which it is */
    IDENTITY_MOVE_GIVEN, /* it is given too: its objects stay within reach */
};

/* What a check does about epochs. */
enum identity_epochs {
    EPOCHS_SETTLED, /* nothing: it was done, or others do it */
    EPOCHS_COMPARE, /* of an older store: only whether it saw the database further */
    EPOCHS_RAISE,   /* compare, then raise */
};

/* One check: a flow whose steps others carry out (the operations embedded here). */
struct identity_check {
    bool older;              /* a store that takes no new objects: never made, never adopted */
    enum identity_move move; /* of the one that does */
    char database_id[UUID_TEXT_SIZE];
    char store_id[UUID_TEXT_SIZE]; /* the one the database knows, "" for none; out: the store's.
                                      Of an older one: what its first check found */
    bool was_good;                 /* an earlier check was: no older store is waited for */
    char fresh_store_id[UUID_TEXT_SIZE]; /* the id that a store gets if it has none yet */
    int64_t timeout_ms;

    /* Whether the database has come as far as the store saw it (P1): asked once. */
    enum identity_epochs epochs;
    char fresh_nonce[UUID_TEXT_SIZE]; /* of the epoch that this start raises */
    int64_t epoch;                    /* out: the one that holds */
    bool untold;                      /* out: the store takes no object that says so, for now */

    enum check_stage {
        CHECK_READING,
        CHECK_CREATING,
        CHECK_ADOPTING,
        CHECK_EPOCH_MEETING, /* how far the database is */
        CHECK_EPOCH_AHEAD,   /* whether the store saw it further */
        CHECK_EPOCH_OWN,     /* whether the store knows where it is; if not, it is told */
        CHECK_EPOCH_RAISING, /* one more, in the database … */
        CHECK_EPOCH_TELLING, /* … then in the store */
        CHECK_EPOCH_UNTOLD,  /* the store took nothing: does it know another? */
    } stage;
    int64_t ahead; /* the epoch that the store has and the database had not; 0: none */
    struct files_op files;
    struct repository_op repository;

    enum identity_verdict verdict; /* with IDENTITY_STEP_END */
    bool by_answer; /* out: REFUSED by what the provider answered: that may pass, as a lack of
                       rights does; whose store it is does not */
    struct error error; /* why, unless good */
};

/* Begins a check; `now` is the boot-time clock's. */
enum identity_step identity_check_begin(struct identity_check *check, int64_t now);

/* The operation of the last step is done. */
enum identity_step identity_check_next(struct identity_check *check, int64_t now);

#endif
