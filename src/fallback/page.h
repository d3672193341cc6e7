/*
 * page: some deletions on their way together: claimed, sent to the provider, confirmed.
 *
 * The engine has a fixed number of pages. The operations of each step are embedded, so that
 * nothing has to be allocated between a claim and its confirm.
 */
#ifndef FALLBACK_PAGE_H
#define FALLBACK_PAGE_H

#include "base/random.h"
#include "fallback/sweep.h"
#include "fallback/verdict.h"
#include "files/files.h"
#include "repository/repository.h"

#define PAGE_KEYS FILES_DELETE_KEYS_MAX

enum page_stage {
    PAGE_FREE,
    PAGE_CLAIMING,
    PAGE_READY, /* claimed ahead: waits for its place at the store */
    PAGE_DELETING,
    PAGE_HELD, /* answered; waits for the store's identity to be read */
    PAGE_CONFIRMING,
    PAGE_UNBLOCKING, /* classes whose probe succeeded */
};

enum page_wait {
    PAGE_WAITS_NOT,
    PAGE_WAITS_FOR_ROOM,  /* its store has all it can take: in a second or two */
    PAGE_WAITS_FOR_STORE, /* its store is down: until it is back, or for long */
};

struct page {
    enum page_stage stage;
    struct sweep *sweep; /* NULL: not a sweep's */
    bool distrusted;     /* its store was refused since: what is answered counts for nothing */
    bool probe;          /* sent while the breaker was not closed: spends no attempt */
    int64_t lease_until; /* boot-time clock, reckoned from before the claim: never too late */
    size_t asked;        /* rows that the claim asked for */
    size_t store;        /* number of the store that it sends to */
    char after_key[OBJECT_KEY_SIZE]; /* CLAIM_SWEEP: a copy, for the sweep may end first */

    struct deletions rows;
    char *handed[PAGE_KEYS]; /* CLAIM_KEYS: owned */
    struct trace trace;      /* of the sweep, or of who handed over the first key */
    size_t handed_count;

    /* What is sent: rows of other stores are left out. */
    const char *keys[PAGE_KEYS];
    size_t row_of[PAGE_KEYS];
    enum page_wait waits[PAGE_KEYS]; /* of each row: its store is ours, but takes it not now */
    size_t sent;
    struct files_answer answers[PAGE_KEYS];
    struct confirmation items[PAGE_KEYS];
    size_t unblocked; /* items looked at for a class to unblock */

    struct repository_op repository;
    struct files_op files;
};

/* What a page's answers say about the provider as a whole. */
struct page_health {
    bool answered;  /* at least one key was answered in the provider's own words */
    bool failed;    /* not one was */
    bool throttled; /* it asked for less */
    int64_t retry_after_ms;
};

/* Fills keys to send from the claimed rows; rows of another store than `store_id` are not sent.
 */
void page_fill_keys(struct page *page, const char *store_id);

/* Judges all answers into items for the confirm, and the provider by them. */
struct page_health page_judge(struct page *page, struct random *random);

/* Frees what the page owns; it is free for another claim. */
void page_reset(struct page *page);

#endif
