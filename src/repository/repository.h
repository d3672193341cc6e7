/*
 * repository: users, deletions and receipts; one interface over every database.
 *
 * A writing operation is submitted from any thread, carried out by a store thread together
 * with what else is queued (one transaction, group commit), and answered by `done` after the
 * COMMIT. Of a driver with two writers, large claims and confirms, and marks, have no order
 * among the others, except that the rare operations come after those submitted before them. A
 * reading operation is answered on the caller's thread; where that takes a round trip to the
 * database, a look-up can be handed to a thread that reads instead, and is answered by `done`
 * as well.
 *
 * Times in rows and in answers are the database's, in milliseconds since 1970-01-01 UTC.
 * The rules named below (R1, D3 …) are explained in docs/protocol.md.
 */
#ifndef REPOSITORY_REPOSITORY_H
#define REPOSITORY_REPOSITORY_H

#include "base/error.h"
#include "base/mailbox.h"
#include "base/uuid.h"
#include "repository/audit.h"
#include "repository/receipts.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Sizes in bytes, ends included. Names hold 100 characters of up to 4 bytes. */
#define USER_NAME_SIZE    401
#define USER_EMAIL_SIZE   255
#define USER_COUNTRY_SIZE 3
#define USER_BIRTH_SIZE   33
#define OBJECT_KEY_SIZE   513
#define SHA256_TEXT_SIZE  65
#define CONTENT_TYPE_SIZE 32
#define ERROR_CLASS_SIZE  48
#define ERROR_WORDS_SIZE  160

struct avatar {
    char key[OBJECT_KEY_SIZE]; /* "": the user has none */
    char store_id[UUID_TEXT_SIZE];
    char content_type[CONTENT_TYPE_SIZE];
    char sha256[SHA256_TEXT_SIZE]; /* lower-case hexadecimal */
    int64_t bytes;
};

struct user {
    char id[UUID_TEXT_SIZE];
    char first_name[USER_NAME_SIZE];
    char last_name[USER_NAME_SIZE];
    char user_name[USER_NAME_SIZE];
    char email[USER_EMAIL_SIZE];
    char country_id[USER_COUNTRY_SIZE]; /* "": not given */
    char birth_date[USER_BIRTH_SIZE];   /* as it was sent; "": not given */
    struct avatar avatar;
    int64_t created_at, updated_at;
    int64_t version; /* raised by every change: the ETag */
};

enum deletion_reason { REASON_USER, REASON_REPLACED, REASON_UPLOAD, REASON_EXTERNAL };
enum deletion_state { DELETION_PENDING, DELETION_BLOCKED };
enum deletion_look { LOOK_FIRST, LOOK_SECOND };

/* One row of `deletions`: this object must be absent. */
struct deletion {
    char *key; /* owned by whoever owns the row */
    char store_id[UUID_TEXT_SIZE];
    char user_id[UUID_TEXT_SIZE]; /* "": nobody's */
    enum deletion_reason reason;
    enum deletion_state state;
    enum deletion_look look;
    int64_t claim; /* fencing token: raised by every claim, never reset (R6) */
    int64_t attempts;
    int64_t created_at, not_before, due_at;
    char error_class[ERROR_CLASS_SIZE]; /* "": not tried, or its last try was not an error */
    char error[ERROR_WORDS_SIZE];
};

struct deletions {
    struct deletion *rows;
    size_t count;
};

/* Frees the rows and their keys; the struct is empty afterwards. */
void deletions_deinit(struct deletions *deletions);

/* Makes room for one more row, empty, at the end; NULL without memory. */
struct deletion *deletions_extend(struct deletions *deletions);

/* The last row has no look left: an absent object ends it (R5, S1). */
static inline bool deletion_is_final(const struct deletion *deletion)
{
    return deletion->reason != REASON_UPLOAD || deletion->look == LOOK_SECOND;
}

const char *deletion_reason_name(enum deletion_reason reason);
/* Of a word in the database; one that is not known is somebody else's. */
enum deletion_reason deletion_reason_parse(const char *name);
const char *deletion_state_name(enum deletion_state state);

enum claim_kind {
    CLAIM_DUE,    /* what is due, and pending rows up to `horizon_ms` ahead (pulling forward) */
    CLAIM_KEYS,   /* the rows of `keys`, due or not */
    CLAIM_SWEEP,  /* pending rows after `after_key`, in key order, due or not */
    CLAIM_PROBES, /* of each class (store, error class) of blocked rows the one tried longest
                     ago */
};

/* No lease is longer, whatever a worker is told: what is, was taken by another clock (P4). */
#define REPOSITORY_LEASE_MAX_MS 3600000

/* No kind takes a row before its not_before (R4) or under a lease (R5). */
struct claim {
    enum claim_kind kind;
    size_t limit;
    int64_t lease_ms;        /* at most REPOSITORY_LEASE_MAX_MS */
    int64_t horizon_ms;      /* CLAIM_DUE */
    int64_t untouched_since; /* skips rows claimed or tried after this database time; 0: now */
    const char *after_key;   /* CLAIM_SWEEP: "" to start */
    int64_t created_until;   /* CLAIM_SWEEP: skips rows made after this database time; 0: now */
    const char *const *keys; /* CLAIM_KEYS: `key_count` keys, borrowed until done */
    size_t key_count;

    struct deletions claimed; /* out: the caller's to free */
    size_t live_users;        /* out: rows left out because a live user points at them (D6) */
    int64_t now;              /* out: the database's time */
    int64_t next_due_at;      /* out: CLAIM_DUE: when the next row comes due; 0: none waits */
};

/* How far ahead a row's times may be; beyond that, the clock was set back (P4). */
struct longest {
    int64_t guard_ms, second_look_ms; /* not_before of an upload, by its look */
    int64_t retry_ms, blocked_ms;     /* due_at, by the row's state */
};

enum confirm_outcome {
    CONFIRM_DONE,    /* the provider said that the object is gone */
    CONFIRM_RETRY,   /* try again in `delay_ms` */
    CONFIRM_BLOCKED, /* retrying alone will not help; tried again in `delay_ms` all the same */
};

/* What happened to one claimed row. Compare-and-set on (key, claim) and look (R15). */
struct confirmation {
    const struct deletion *row; /* as it was claimed; borrowed until done */
    enum confirm_outcome outcome;
    bool spend;       /* the try counts for the backoff */
    int64_t delay_ms; /* RETRY, BLOCKED */
    int status;       /* what the provider answered: 204, or 0 */
    char error_class[ERROR_CLASS_SIZE];
    char error[ERROR_WORDS_SIZE];

    bool applied;   /* out: false: somebody else had the row since; nothing was changed */
    bool finished;  /* out: the row is a receipt now */
    bool user_gone; /* out: with it the user is gone, and has its receipt */
};

struct confirm {
    struct confirmation *items; /* borrowed until done */
    size_t count;
    int64_t second_look_ms; /* from the first look at a failed upload to the second */
};

/* What is left to do, at one instant. */
struct backlog {
    int64_t pending; /* rows that may be tried now */
    int64_t blocked;
    int64_t scheduled;   /* guards and second looks whose time has not come (C3) */
    int64_t oldest_ms;   /* age of the oldest pending or blocked row; 0: none */
    int64_t next_due_at; /* 0: nothing is left to do */
    int64_t marked;      /* users that wait for their deletions */
    int64_t now;
};

/* Whether what others wait for is finished, by whomever. */
struct watch {
    const char *const *subjects; /* users' ids and objects' keys; borrowed until done */
    size_t count;
    bool *finished; /* out: of each subject: none of its deletions is left, nor the user */
};

/* What is known of a user's erasure (C6). */
enum erasure_state { ERASURE_NONE, ERASURE_PENDING, ERASURE_BLOCKED, ERASURE_DELETED };

struct erasure {
    enum erasure_state state;
    int64_t requested_at;
    int64_t deleted_at; /* 0 unless deleted */
    int64_t attempts;
};

/*
 * A request that may be repeated (C5). Keyed digests: neither the key nor the body is kept, nor
 * the answer. A repeat is REPEATED; with another body MISMATCHED; while the first is under way
 * BUSY; after the user's erasure NOT_FOUND.
 */
struct idempotency {
    char key[SHA256_TEXT_SIZE]; /* "": the request may not be repeated */
    char body[SHA256_TEXT_SIZE];
    int64_t ttl_ms;
};

enum repository_verb {
    /* Users. */
    USER_ADD, /* in: user (id made by the caller), idempotency; with an avatar, guard_ms too:
                 it attaches it (R1, R21). OK; CONFLICT if the id exists or the guard is
                 gone; REPEATED, MISMATCHED, BUSY, NOT_FOUND: see struct idempotency */
    USER_REPLACE, /* in: user; if_version (-1: any). out: user. OK, NOT_FOUND, CONFLICT
                     (version) */
    USER_MARK,    /* in: id. GONE; PENDING with `keys`; NOT_FOUND (an id never seen) (C1) */
    AVATAR_CLEAR, /* in: id, if_key ("": any). OK (has none, and none of old is left to delete);
                     PENDING with `keys`: the avatar's, or those of old; NOT_FOUND: also who has
                     another avatar than if_key */
    /* Uploads. */
    GUARD_ADD, /* in: id, key, store_id, guard_ms. OK; NOT_FOUND: no such unmarked user (R9).
                  With id "": for user.id, who is not yet there; and as USER_ADD says */
    AVATAR_ATTACH, /* in: id, avatar, guard_ms, if_key ("": any): the key it takes the place of.
                      OK with the old key in `keys`; NOT_FOUND: the user went away, or has
                      another avatar than if_key; CONFLICT: the guard was claimed or is near its
                      end (R1, R21) */
    GUARD_SETTLE, /* in: key. The PUT's answer is known: due now, by raising claim (S1). Forgets
                     what `idempotency` recorded for user.id. Each may be "". OK */
    /* Deletions. */
    DELETIONS_CLAIM,   /* claim */
    DELETIONS_CONFIRM, /* confirm */
    DELETIONS_UNBLOCK, /* in: store_id, error_class: the class is due and pending. out: matched
                        */
    DELETIONS_RETRY,   /* in: key, or filter_state, or error_class. due now. out: matched */
    DELETION_ADD, /* in: key, store_id: somebody else's object. OK, also when known already */
    DELETIONS_REDATE, /* in: longest. What a clock that was set back put too far ahead is due
                         now, guards and second looks count from now (P4). out: matched */
    MARKED_FINISH, /* in: cursor (an id, "" to start), limit. Of the next marked users, removes
                      those that have no deletions left (R12). out: matched; more, and key:
                      the last that was looked at */
    RECEIPTS_REOPEN, /* in: store_id, since, elapsed_ms. What was receipted since, or in the
                        last elapsed_ms (P4), is work again (M3) */
    RECEIPTS_SEAL,   /* in: id: the database's own. Seals the next range of receipts, unless
                        somebody else does so now. out: matched: how many records; more: others
                        wait, or others have to end before it is known */
    RECEIPTS_PRUNE,  /* in: seal, digest: the records of this seal go. OK, also when they are
                        gone already; NOT_FOUND: no such seal; CONFLICT: it has another digest,
                        is younger than RECEIPTS_KEPT_MS, or is the last one, from which the
                        chain goes on. out: matched */
    EPOCH_MEET,      /* in: since: -1, or the epoch to raise, with its successor's nonce in id:
                        done if it is the last one. out: matched: the last epoch, 0 for none;
                        store_id: its nonce; more: a RESTORE_BEGIN has had no RESTORE_END */
    EPOCH_TAKE,      /* in: since, id: takes an epoch and its nonce for the last one. OK */
    RESTORE_BEGIN,   /* in: id, of who restores: from here on it is half done … OK */
    RESTORE_END,     /* in: id: … to here, unless another began since. OK */
    DATABASE_COPY, /* a copy of all of it, made in slices between other operations. OK: file, an
                      open descriptor that is the caller's, of a file that has no name, and
                      matched: its size; BUSY: one is under way; NOT_FOUND: such a database
                      has means of its own for that */
    STORE_ADOPT,   /* in: store_id: new objects go to this store from now on; id: the one they
                      go to until now, "" for none. OK, also when it is so already; CONFLICT */
    /* The audit. `place` is in and out, but for SAVE; CONFLICT: somebody else has it. */
    AUDIT_START, /* in: place (id, deletes, share), since: only if the last one was started then
                    (-1: any). OK; CONFLICT: one is under way */
    AUDIT_CLAIM, /* in: id (whose it is to be), limit (lease in ms). out: place. OK; CONFLICT;
                    NOT_FOUND: none is under way */
    AUDIT_SAVE,  /* in: id (whose it is), limit (lease), place, save, store_id. What is still a
                    stray of that store is scheduled: matched. OK; CONFLICT: nothing was changed
                  */
    AUDIT_STOP,  /* OK; NOT_FOUND: none is under way */
    /* Reads. */
    AUDIT_GET,     /* out: place. OK */
    FINDING_LIST,  /* in: cursor (a key), limit. out: findings, more. OK */
    POINTER_LIST,  /* in: store_id, cursor (a key), limit. out: pointers, more. OK */
    STRAYS_FIND,   /* search. OK */
    USER_GET,      /* in: id. out: user. OK, NOT_FOUND */
    USER_LIST,     /* in: cursor (an id, "" to start), limit. out: users, user_count */
    ERASURE_GET,   /* in: id. out: erasure. OK */
    DELETION_LIST, /* in: filter_state, error_class, cursor (a key), limit. out: deletions */
    FINISHED_FIND, /* watch */
    BACKLOG_GET,   /* out: backlog, exact unless a count takes long (see tally.h) */
    RECEIPTS_READ, /* in: seal (the one before, 0 to start), limit. out: receipts: the seal that
                      follows, with its records; or, if there is none or after_receipt or
                      after_user is given, records behind that seal and those two, also when
                      they have got a seal since; more: others follow these */
};

enum repository_outcome {
    REPOSITORY_OK,
    REPOSITORY_NOT_FOUND,
    REPOSITORY_CONFLICT,
    REPOSITORY_PENDING,
    REPOSITORY_GONE,
    REPOSITORY_REPEATED,   /* the same request was answered before: users[0] is what it made */
    REPOSITORY_MISMATCHED, /* its key was used with another body */
    REPOSITORY_BUSY,       /* the same request is under way */
    REPOSITORY_FAILED,     /* nothing was changed; `error` says why */
};

/* Most keys that one change can leave for deletion at once. */
#define REPOSITORY_KEYS_MAX 64

struct repository_keys {
    char (*items)[OBJECT_KEY_SIZE]; /* owned by the operation; free with repository_op_deinit */
    size_t count;
};

struct repository_op {
    struct message message; /* the mailbox's */
    bool keeps_place;       /* the mailbox's too: it waits elsewhere, and is counted there */
    enum repository_verb verb;
    enum repository_outcome outcome;
    struct error error; /* FAILED */

    char id[UUID_TEXT_SIZE];
    char store_id[UUID_TEXT_SIZE];
    char key[OBJECT_KEY_SIZE];
    char if_key[OBJECT_KEY_SIZE];
    char cursor[OBJECT_KEY_SIZE];
    char error_class[ERROR_CLASS_SIZE];
    int filter_state; /* enum deletion_state; -1: any */
    int64_t limit;
    int64_t guard_ms;
    int64_t since, elapsed_ms;
    int64_t if_version;
    struct user user;
    struct idempotency idempotency;

    struct claim claim;
    struct confirm confirm;
    struct longest longest;
    struct watch watch;
    struct audit_place *place;      /* AUDIT_*: the caller's */
    const struct audit_save *save;  /* AUDIT_SAVE: borrowed until done */
    struct stray_search *search;    /* STRAYS_FIND: the caller's */
    struct audit_finding *findings; /* FINDING_LIST: owned by the operation */
    size_t finding_count;
    struct pointers pointers; /* POINTER_LIST: owned by the operation */

    struct repository_keys keys; /* PENDING, OK of AVATAR_ATTACH: what is to be deleted now */
    int64_t matched;
    struct user *users; /* USER_LIST, REPEATED: `user_count`, owned by the operation */
    size_t user_count;
    struct deletions deletions;   /* DELETION_LIST: owned by the operation */
    struct receipt_page receipts; /* owned by the operation */
    int64_t seal, after_receipt, after_user;
    char digest[RECEIPT_DIGEST_SIZE];
    bool more; /* USER_LIST, DELETION_LIST: another page follows; see RECEIPTS_*, MARKED_* */
    int file;  /* DATABASE_COPY */
    struct erasure erasure;
    struct backlog backlog;

    void (*done)(struct repository_op *op); /* on the thread that answers; must not block */
    void *owner;                            /* the caller's */
};

/* What a RECEIPTS_REOPEN goes back to: a clock that was set back dates later receipts earlier.
 */
static inline int64_t repository_op_since(const struct repository_op *op, int64_t now)
{
    return op->since < now - op->elapsed_ms ? op->since : now - op->elapsed_ms;
}

/* Frees what the operation owns, not the operation. */
void repository_op_deinit(struct repository_op *op);

/* Fills the keys with one more; false without memory or room. */
bool repository_keys_add(struct repository_keys *keys, const char *key);

/*
 * A driver. `apply` runs on the store threads only, `writers` of them at a time; `read` on any
 * thread.
 */
struct repository_driver {
    const char *name;
    /* 2: claims and confirms may go beside anything else, as if another replica sent them. */
    int writers;
    /*
     * Carries out `count` operations in one transaction and sets each outcome; on return what
     * has an outcome other than FAILED is durable. Never calls `done`.
     */
    void (*apply)(struct repository_driver *driver, struct repository_op **ops, size_t count);
    /* Answers one reading operation from a committed state no older than the call. */
    void (*read)(struct repository_driver *driver, struct repository_op *op);
    /*
     * Answers many look-ups (USER_GET, ERASURE_GET) as `read` would, in one round trip; on one
     * thread. NULL: `read` waits for nobody.
     */
    void (*look_up)(struct repository_driver *driver, struct repository_op **ops, size_t count);
    /*
     * Goes on with a DATABASE_COPY for a moment, outside of transactions; op->more: it is to be
     * called again. NULL: it has no such thing.
     */
    void (*copy)(struct repository_driver *driver, struct repository_op *op);
    /*
     * Does what it has put off (`puts_off`, the driver's own) until nobody asks for anything;
     * from where `apply` is called. For drivers with one writer. NULL: it puts nothing off.
     */
    void (*rest)(struct repository_driver *driver);
    bool puts_off;
    void (*close)(struct repository_driver *driver);
    /* The database's own id, and the store it knows ("": none yet). */
    char database_id[UUID_TEXT_SIZE];
    char store_id[UUID_TEXT_SIZE];
    /* Made with the database, known to it alone: what digests are keyed with. Hexadecimal. */
    char secret[SHA256_TEXT_SIZE];
};

/* The store threads, one or two, with their mailbox and driver. */
struct repository;

/* How many may wait for each thread. */
struct repository_room {
    size_t operations, lookups;
};

/* Starts the threads over `driver`, which it owns from here on (also on failure). */
int repository_open(struct repository_driver *driver, const struct repository_room *room,
                    struct repository **ret_repository, struct error *error);

/* Carries out what is queued, then stops the threads. NULL is allowed. */
void repository_close(struct repository *repository);

/* Hands a writing operation to the store thread; false, with nothing done, if its mailbox is
 * full. */
bool repository_submit(struct repository *repository, struct repository_op *op);

/* The same past the mailbox's capacity: for the engine, which bounds its operations itself. */
void repository_submit_always(struct repository *repository, struct repository_op *op);

/* Operations that wait for the thread, and places kept for some. */
size_t repository_queued(struct repository *repository);

/* Look-ups that wait for their thread; 0 where there is none. */
size_t repository_lookups_queued(struct repository *repository);

/* Takes a place in the mailbox, gives it back, or uses it: see base/mailbox.h. */
bool repository_reserve(struct repository *repository);
void repository_release(struct repository *repository);
void repository_submit_reserved(struct repository *repository, struct repository_op *op);

/* Answers a reading operation before it returns; `done` is not called. Any thread. */
void repository_read(struct repository *repository, struct repository_op *op);

/* True: a look-up by repository_read waits for nobody, and there is no thread for them. */
bool repository_reads_at_once(const struct repository *repository);

/*
 * Hands a look-up (USER_GET, ERASURE_GET) to the thread that reads, which answers from a state
 * no older than this call; `done` is called there. False, with nothing done, if too many wait.
 * Not where reads are answered at once. Any thread.
 */
bool repository_look_up(struct repository *repository, struct repository_op *op);

const char *repository_database_id(const struct repository *repository);
const char *repository_secret(const struct repository *repository);

#endif
