/*
 * engine_state: the engine from the inside, for the files that it is made of.
 */
#ifndef FALLBACK_ENGINE_STATE_H
#define FALLBACK_ENGINE_STATE_H

#include "fallback/engine.h"
#include "fallback/pace.h"
#include "fallback/page.h"

/* Pages kept for requests that wait, beyond the configured ones: a backlog must not starve
 * them. */
#define INLINE_PAGES 2
/*
 * Pages beyond those that may be at a store: one is claimed while they are there, and another
 * confirmed, so that no place at the store stays empty for the time of a transaction.
 */
#define AHEAD_PAGES 2
/*
 * Claims of the timer at once, where one after the other was full: the second is under way
 * while the first is committed.
 */
#define SCANS_MAX 2
/* Sweeps at once; more are answered with the counts alone. */
#define SWEEPS_MAX 32
/* Keys handed over and not claimed yet; more are left to the timer and the sweep. */
#define HANDED_MAX 4096
#define PAGES_MAX  64
/* Every page, sweep and single operation has one command under way at most, or two. */
#define COMMANDS_MAX                                                                           \
    (2 * (PAGES_MAX + INLINE_PAGES + AHEAD_PAGES) * ENGINE_STORES_MAX + 3 * SWEEPS_MAX + 32)

/* How long a good look at the store's identity lasts (M3). */
#define IDENTITY_FRESH_MS 60000
/* Between two looks at a store that does not answer, or is not ours. */
#define IDENTITY_RETRY_MS 1000
/* Nobody sleeps longer (M1). */
#define SLEEP_MAX_MS 60000
/* Waiters whose subjects are looked up at once: as many as there can be requests. */
#define WATCH_MAX 2048
/* Marked users that one transaction looks at, so that it holds nobody up for long. */
#define MARKED_SLICE 1000
/* After the database failed. */
#define PAUSE_MS 1000

/* Subjects copied from their waiters, who may be answered and gone before the look is. */
struct watched {
    struct repository_op op;
    char subjects[WATCH_MAX][OBJECT_KEY_SIZE];
    const char *pointers[WATCH_MAX];
    bool finished[WATCH_MAX];
};

/* One store, with all that is known of it: none pays for the trouble of another. */
struct engine_store {
    char id[UUID_TEXT_SIZE]; /* "" until its identity was read */
    struct breaker breaker;
    struct pace pace;
    size_t under_way; /* keys there */
    size_t ahead;     /* keys that are being claimed for it, or wait for a place there */

    enum identity_verdict identity;
    bool identity_known; /* it was good at least once */
    bool checking;
    bool check_closes;  /* nothing else to probe with: a good look closes the breaker */
    int64_t good_at;    /* of the last good look; 0: look again before confirming */
    int64_t good_since; /* database time of the last good look, once a claim told it */
    int64_t good_boot;  /* boot-time clock's */
    int64_t check_at;   /* not before */
    /* Receipts to reopen: kept until the database has taken it. */
    int64_t reopen_since; /* database time; 0: there are none */
    int64_t reopen_boot; /* boot-time clock's, for the database's may have been set back (P4) */
    int64_t reopen_at;   /* not before */
    char reopen_id[UUID_TEXT_SIZE];
    bool reopening;
    int64_t reopening_boot; /* reopen_boot, of the one under way */
    struct repository_op reopen;
};

struct engine {
    struct engine_options options;
    struct random random;
    struct engine_store stores[ENGINE_STORES_MAX];
    size_t store_count;
    bool stopped;

    struct engine_command commands[COMMANDS_MAX]; /* a ring */
    size_t command_first, command_count;
    struct waiters waiters;
    struct waiter *answered; /* taken out as ENGINE_ANSWER, in no order */

    struct page *pages;
    size_t page_count;  /* those that claim */
    size_t pages_total; /* and those that take rows of other stores over from them */
    size_t pages_ready; /* of them all, those that wait for a place at their store */
    size_t probes_failed;

    char *handed[HANDED_MAX];
    struct trace handed_for[HANDED_MAX]; /* who handed it over */
    size_t handed_count;

    /* Timer. */
    bool woken;
    size_t scans;       /* claims under way */
    bool scans_overlap; /* since there was none, two were */
    bool scan_more;     /* the last one to end was full */
    int64_t scan_at;
    bool rows_wait;        /* some were put off for a store that is down */
    int64_t forward_since; /* database time since which the backlog is pulled forward; 0: not */
    int64_t
        redated_at; /* when to look for times that a clock set back put too far ahead (P4) */
    bool redating;
    struct repository_op redate;
    int64_t marked_at;    /* when to look for marked users without deletions (R12) */
    int64_t marked_since; /* when the slice that is under way began */
    bool marking;
    bool marked_rests; /* between two slices of one look */
    struct repository_op marked;

    /* What others may finish. */
    struct watched *watched; /* NULL: there are no others */
    int64_t watch_at;
    bool watching;

    int64_t database_ahead; /* database time less boot-time clock; 0 until a claim told it */

    struct sweep *sweeps;
    size_t sweep_count;
};

/* Queues a command. */
void engine_command(struct engine *engine, struct engine_command command);

static inline void engine_write(struct engine *engine, struct repository_op *op)
{
    engine_command(engine, (struct engine_command){.kind = ENGINE_WRITE, .repository = op});
}

/*
 * The store by which a claim goes: the first that takes requests now, else the first that takes
 * a probe; NULL if none does. Claims do not choose by store; what a claim brings of the others
 * is sent there or put off.
 */
struct engine_store *engine_lead(struct engine *engine, int64_t now);

/* Some store takes requests, and is known to be ours. */
bool engine_works(const struct engine *engine);

/*
 * Keys that may be claimed now: what may be sent, and a page ahead of it; 0 while nothing may
 * be sent, 1 for a probe.
 */
size_t engine_room(struct engine *engine, int64_t now);

/* Keys that `store` takes now, with what may be claimed ahead. */
size_t engine_store_room(const struct engine *engine, const struct engine_store *store,
                         int64_t now);

/*
 * Takes a free page and queues its claim for at most `limit` rows. The caller fills the rest of
 * page->repository.claim first through `claim`. NULL if there is no free page.
 */
struct page *engine_claim(struct engine *engine, int64_t now, const struct claim *claim,
                          struct sweep *sweep);

/* Answers everybody who waits for `subject`, or whose deadline has passed (or all). */
void engine_answer_subject(struct engine *engine, const char *subject,
                           enum waiter_outcome outcome);
void engine_answer_late(struct engine *engine, int64_t now, bool all);

/* engine_page.c */
void engine_page_written(struct engine *engine, int64_t now, struct repository_op *op);
void engine_page_deleted(struct engine *engine, int64_t now, struct files_op *op);
/* Sends what was claimed ahead as places become free; what can no longer go is put off. */
void engine_ready_send(struct engine *engine, int64_t now);
/* When the first that waits is to be put off; INT64_MAX: none waits. */
int64_t engine_ready_next(const struct engine *engine);
/* Confirms what is held until the store is known to be ours, or drops it: overdue, or all. */
void engine_held_confirm(struct engine *engine, const struct engine_store *store);
void engine_held_drop(struct engine *engine, int64_t now);
void engine_held_drop_all(struct engine *engine, const struct engine_store *store);
/* Drops what is held of a store that was refused, and what is under way once that is answered.
 */
void engine_pages_distrust(struct engine *engine, const struct engine_store *store);

/* engine_route.c: sends what a claim brought, each row to the store that its object is in. */
void engine_page_route(struct engine *engine, int64_t now, struct page *page);

/* A row was put off for a store that is down, and that is on record. */
void engine_row_waits(struct engine *engine, int64_t now, const struct deletion *row);

/* Of the route: sends a page whose keys are filled; ends one that has nothing to do. */
void engine_page_send(struct engine *engine, int64_t now, struct page *page);
void engine_page_end(struct page *page);

/* A probe had nothing to send to its store: a look tells in its place whether that answers. */
void engine_probe_unsent(struct engine_store *store, int64_t now);

/* engine_identity.c */
/* A claim brought the database's time. */
void engine_database_told(struct engine *engine, int64_t ahead);
bool engine_identity_is_fresh(const struct engine_store *store, int64_t now);
void engine_identity_check(struct engine *engine, int64_t now);
void engine_identity_judged(struct engine *engine, int64_t now, struct engine_store *store,
                            enum identity_verdict verdict, const char *store_id);
/* Reopens what was receipted for a store that was not ours (M3). */
void engine_reopen(struct engine *engine, int64_t now);
/* False if the operation is none of a reopening. */
bool engine_reopened(struct engine *engine, int64_t now, const struct repository_op *op);
/* What waits for a later try is tried now. */
void engine_backlog_forward(struct engine *engine, int64_t now);
/* The provider answered a probe; a call failed for a reason that concerns them all. */
void engine_provider_back(struct engine *engine, int64_t now);
void engine_provider_failed(struct engine *engine, int64_t now, struct engine_store *store);

/*
 * Looks at all marked users, slice by slice, or goes on with the look that rests: who has no
 * deletions left goes (R12). Nothing while a slice is under way.
 */
void engine_marked_finish(struct engine *engine, int64_t now);

/* engine_watch.c: requests wait for a key, whoever claimed it (C2). */
void engine_watch(struct engine *engine, int64_t now);
void engine_watch_read(struct engine *engine);

/* engine_sweep.c */
void engine_sweep_begin(struct engine *engine, struct sweep *sweep);
void engine_sweeps_advance(struct engine *engine, int64_t now);
void engine_sweep_claimed(struct sweep *sweep, const struct page *page, enum claim_kind kind);
void engine_sweep_confirmed(struct engine *engine, struct sweep *sweep,
                            const struct page *page);
void engine_sweep_page_ended(struct sweep *sweep);
void engine_sweep_read(struct engine *engine, struct sweep *sweep);
void engine_sweeps_stop(struct engine *engine);

#endif
