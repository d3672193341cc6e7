/*
 * receipts: what is finished, as it is sealed, exported and verified.
 *
 * A record is written once and never changed. Its line is the one form that is hashed: the
 * service hashes it when it seals a range of records, the command that verifies hashes it
 * again, and whoever has an exported file can do so with other tools. Each seal names the one
 * before it, so that nothing can be changed, removed or put in between unnoticed.
 * docs/receipts.md has the form.
 */
#ifndef REPOSITORY_RECEIPTS_H
#define REPOSITORY_RECEIPTS_H

#include "base/buffer.h"
#include "base/uuid.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RECEIPT_KEY_SIZE    513
#define RECEIPT_WORD_SIZE   16
#define RECEIPT_DIGEST_SIZE 65

/* Records under one seal at most. */
#define RECEIPTS_SEALED_MAX 500

/* Of records that are read at a time: more than any seal has, so that what was put in shows. */
#define RECEIPTS_PAGE_MAX 1000

/*
 * Nothing is pruned whose seal is younger: what was receipted at a store that turns out not to
 * be ours has to be there to become work again (M3).
 */
#define RECEIPTS_KEPT_MS INT64_C(86400000)

/* The longest line. */
#define RECEIPT_LINE_MAX 4096

/* An object that is gone, or a person who is: then it has no key, store, reason … */
struct receipt_record {
    bool is_person;
    int64_t id; /* rises within its kind; numbers may be missing */
    char key[RECEIPT_KEY_SIZE];
    char store_id[UUID_TEXT_SIZE];
    char user_id[UUID_TEXT_SIZE]; /* "": nobody's */
    char reason[RECEIPT_WORD_SIZE], kind[RECEIPT_WORD_SIZE];
    int64_t attempts, status;
    int64_t requested_at, finished_at;
};

/* A range of each kind: behind `after`, up to and including `last`. */
struct receipt_range {
    int64_t after, last, count;
};

struct receipt_seal {
    int64_t number; /* from 1 on; 0: there is none */
    int64_t sealed_at;
    struct receipt_range objects, persons;
    char content[RECEIPT_DIGEST_SIZE];  /* of the records' lines */
    char previous[RECEIPT_DIGEST_SIZE]; /* the digest of the seal before */
    char digest[RECEIPT_DIGEST_SIZE];   /* of this seal's line up to here */
    int64_t pruned_at;                  /* 0: its records are there */
};

/* A page: a seal with its records, or (seal.number 0) records that no seal has yet. */
struct receipt_page {
    struct receipt_record *records; /* objects first, then persons, each by id */
    size_t count;
    struct receipt_seal seal;
};

void receipt_page_deinit(struct receipt_page *page);

/* Makes room for one more record, empty, at the end; NULL without memory. */
struct receipt_record *receipt_page_extend(struct receipt_page *page);

/* What the first seal has for the one before. */
extern const char receipt_digest_none[RECEIPT_DIGEST_SIZE];

/*
 * SHA-256 of what is added piece by piece, in lower-case hexadecimal. `receipt_hash_end` begins
 * anew. Functions return 0, or -1 when the library fails.
 */
struct receipt_hash;
struct receipt_hash *receipt_hash_new(void); /* NULL without memory */
int receipt_hash_add(struct receipt_hash *hash, const void *bytes, size_t length);
int receipt_hash_end(struct receipt_hash *hash, char ret_text[static RECEIPT_DIGEST_SIZE]);
void receipt_hash_free(struct receipt_hash *hash); /* NULL is allowed */

/* Appends the line of a record with its end; 0, or -1 without memory. */
int receipt_record_format(const struct receipt_record *record, struct buffer *lines);

/* Appends the line of a seal with its end. */
int receipt_seal_format(const struct receipt_seal *seal, const char *database_id,
                        struct buffer *lines);

/* The digest of a seal that is filled in but for it. */
int receipt_seal_digest(const struct receipt_seal *seal, const char *database_id,
                        char ret_text[static RECEIPT_DIGEST_SIZE]);

/*
 * Makes page->seal for the records of the page, behind `before` (number 0: the first one).
 * Returns 0, or -1 without memory.
 */
int receipt_page_seal(struct receipt_page *page, const struct receipt_seal *before,
                      const char *database_id, int64_t now);

/* Is it old enough for its records to be pruned, or are they gone already? */
bool receipt_seal_may_go(const struct receipt_seal *seal, int64_t now);

#endif
