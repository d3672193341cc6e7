/*
 * audit: does a store hold what the users point at, and nothing else?
 *
 * It walks a store's sorted listing and the users' sorted pointers side by side, a page at a
 * time, whatever their number. Neither is taken at its word, since both are older than the
 * moment in which something is concluded from them:
 *
 *  - a listed object that no pointer names is a stray only if its key is older than the set
 * age, no user points at it and no deletion has it now, and it was not receipted a while ago.
 * The transaction that schedules its deletion asks that once more (D6); the engine finishes it;
 *  - a pointer whose object was not listed is missing one only if the store answers 404 for
 * that very object, and the user points at it before and after. It is reported, never mended;
 *  - a page counts only if the store's identity was read after it (M3, P1).
 *
 * Each page ends with one transaction that keeps the place and what was found, and that is
 * refused to whoever does not hold the audit. What fails is tried again from the page's start.
 *
 * Without thread, clock, file or socket: it says what is to be carried out next, like
 * identity.h.
 */
#ifndef FALLBACK_AUDIT_H
#define FALLBACK_AUDIT_H

#include "fallback/engine.h"

/* What to carry out next. */
enum audit_step {
    AUDIT_STEP_FILES, /* `files`, at the store number `store` */
    AUDIT_STEP_READ,  /* `repository`: a reading operation */
    AUDIT_STEP_WRITE, /* `repository`: a writing one */
    AUDIT_STEP_REST,  /* nothing, for `rest_ms` */
    AUDIT_STEP_END,   /* it is over, or somebody else's: `place` says */
};

/* Findings that one page adds to the list, at most. */
#define AUDIT_PAGE_FINDINGS 64

struct audit_settings {
    int64_t age_ms;     /* younger keys are left alone; also: how long a listing may lag */
    int64_t rate;       /* objects a second, at most */
    int64_t timeout_ms; /* of one call to the store */
    int64_t lease_ms;   /* how long the audit is ours without a word */
    char owner[UUID_TEXT_SIZE];
    char database_id[UUID_TEXT_SIZE];
    size_t store_count; /* in the order in which they are gone through */
    char store_ids[ENGINE_STORES_MAX][UUID_TEXT_SIZE];
};

enum audit_stage {
    AUDIT_ASKING_VERSIONS,
    AUDIT_LISTING,
    AUDIT_IDENTIFYING,
    AUDIT_READING_POINTERS,
    AUDIT_LOOKING_FOR_OBJECT,
    AUDIT_LOOKING_FOR_USER,
    AUDIT_FINDING_STRAYS,
    AUDIT_SAVING,
    AUDIT_RESTING,
    AUDIT_HOLDING, /* says that it is still at it, and goes on with `held_stage` */
};

struct audit {
    struct audit_settings settings;
    struct audit_place place; /* as it is on record */
    struct audit_place next;  /* what this page makes of it */

    size_t store;
    struct files_op files;
    struct repository_op repository;
    int64_t rest_ms;

    enum audit_stage stage, held_stage;
    int64_t page_began, held_at, rest_until;
    int tries;    /* in a row that failed */
    int refusals; /* among them, with a definite no */
    bool store_is_known, keeps_versions;

    /* The page: keys in the listing's bytes, and what is known of each. */
    struct buffer listing;
    size_t count, met; /* `met` of them are behind the last pointer */
    const char *keys[FILES_LIST_KEYS_MAX];
    char kinds[FILES_LIST_KEYS_MAX]; /* see files.h: of a listing with versions */
    bool owned[FILES_LIST_KEYS_MAX];
    bool more; /* the listing goes on behind it */

    struct pointers pointers; /* those whose objects were not listed */
    size_t pointer;
    bool more_pointers;
    char pointer_cursor[AUDIT_KEY_SIZE];

    const char *strays[FILES_LIST_KEYS_MAX];
    bool is_stray[FILES_LIST_KEYS_MAX];
    struct stray_search search;
    struct audit_finding findings[AUDIT_PAGE_FINDINGS];
    struct audit_save save;
};

/*
 * Begins, or goes on, where `place` is, which the caller has just claimed. `now` is the
 * boot-time clock's, here and below.
 */
enum audit_step audit_begin(struct audit *audit, const struct audit_settings *settings,
                            const struct audit_place *place, int64_t now);

/* What the last step asked for is done. */
enum audit_step audit_next(struct audit *audit, int64_t now);

/* Frees what it holds, between any two steps. */
void audit_deinit(struct audit *audit);

/* How much of it is done, 0 to 1000, by the times in the keys. */
int audit_progress(const struct audit_place *place);

/* audit_page.c: takes the listing apart; false if it is not a sorted page behind the cursor. */
bool audit_page_take(struct audit *audit);

/*
 * Walks over a page of pointers beside the listed keys; those of live users that were not met
 * stay in audit->pointers. True if another page of pointers belongs to this one.
 */
bool audit_page_merge(struct audit *audit, struct pointers *pointers, bool more);

/* Sorts out what nobody's pointer has named: what may be a stray goes to audit->strays. */
void audit_page_sift(struct audit *audit);

/* Takes what is known of those; what is none leaves audit->strays. */
void audit_page_judge(struct audit *audit);

void audit_page_note(struct audit *audit, enum audit_count kind, const char *key,
                     const char *user_id);

/* The time in a key that the service made, in ms since 1970; -1 for any other key. */
int64_t audit_key_time(const char *key);

#endif
