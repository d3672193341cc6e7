/*
 * world: a virtual clock, database and file store around a real engine.
 *
 * Everything happens in one thread, in the order of virtual time; a day takes milliseconds.
 */
#ifndef TESTS_WORLD_H
#define TESTS_WORLD_H

#include "fallback/engine.h"

#define WORLD_STORE  "11111111-1111-7111-8111-111111111111"
#define WORLD_USER   "22222222-2222-7222-8222-222222222222"
#define WORLD_SECOND 1000LL
#define WORLD_MINUTE (60 * WORLD_SECOND)
#define WORLD_HOUR   (60 * WORLD_MINUTE)
#define WORLD_DAY    (24 * WORLD_HOUR)
/* What the database's clock says more than the engine's. */
#define WORLD_DATABASE_AHEAD 1700000000000LL

struct world_row {
    struct deletion deletion;
    int64_t leased_until, tried_at;
    bool finished;
    int sent; /* how often the provider was asked to delete it */
};

struct world_event;

struct world {
    struct engine *engine;
    int64_t now;

    struct world_row *rows;
    size_t row_count;
    bool claims_fail; /* the answer to a claim's COMMIT is lost */
    bool confirms_fail;
    int64_t claim_takes; /* milliseconds */
    size_t claims_begun, claims_under_way, claims_at_once;
    size_t claim_passes; /* the claim of this number, from one, passes over all rows */
    bool looks_fail;     /* for what others have finished */
    bool reads_fail;     /* of the backlog */
    int64_t marked;      /* users that nothing is left of */
    size_t live_users;   /* rows that each claim leaves out for their live users */
    int64_t looks;

    /* The provider. Its answer is `answer` for each key, unless one of its own is set. */
    bool up; /* else it answers FILES_CODE_UNREACHABLE */
    struct files_answer answer;
    const char *odd_key; /* is answered with odd_answer */
    struct files_answer odd_answer;
    int64_t provider_takes;
    int64_t older_takes; /* of the second store; 0: as long */
    bool address_changes;
    int64_t deletes_sent, checks_sent;
    int64_t largest_page, deadline_margin_least;

    enum identity_verdict identity;
    bool identity_hangs;    /* looks are not answered until world_identity_answer */
    int64_t reopened_since; /* 0: nothing was reopened */
    int64_t reopened_boot;  /* the same by the boot-time clock */
    bool reopens_fail;
    int64_t reopens; /* asked for */

    /* What the second store says that it is, if there is one; NULL: it does not answer. */
    const char *older_id;

    int64_t marked_finished, redated;
    int64_t marked_more;   /* how often the next look is not the last */
    int64_t marked_astray; /* slices that began elsewhere than behind the one before */
    char marked_last[24];  /* up to where the look that is under way has come */
    struct waiter *answered[64];
    size_t answered_count;
    struct sweep *swept; /* the last sweep that ended */
    int progress_lines, alarms;

    struct world_event *events; /* by time */
};

/* The engine as it is by default; change what a test is about. */
struct engine_options world_engine_options(void);

/* Takes the engine to where its store is known, unless `identity` says otherwise. */
void world_init(struct world *world, const struct engine_options *options);
void world_deinit(struct world *world);

/* Adds a plain deletion that is due now; returns its row. Rows stay where they are. */
struct world_row *world_add(struct world *world, const char *format, int number);

/* Rows that are not finished. */
size_t world_left(const struct world *world);

int64_t world_database_now(const struct world *world);

/* Carries out what the engine commands until `until`, or until nothing is left to happen. */
void world_run(struct world *world, int64_t until);

/* Begins a sweep and runs until it has ended. */
void world_sweep(struct world *world, struct sweep *sweep, int64_t limit, int64_t timeout);

/* Registers a waiter and hands over `key`, as a request does. */
void world_hand(struct world *world, struct waiter *waiter, const char *subject,
                const char *key);

/* Answers the look that hangs. */
void world_identity_answer(struct world *world);

#endif
