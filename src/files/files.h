/*
 * files: where the objects are kept; one interface over every provider.
 *
 * An operation is started from any thread and finished on the files thread, which runs all
 * provider traffic and calls `done` exactly once for each. A driver reports what the provider
 * said and judges nothing: whether an answer means done, retry or blocked is the table in
 * fallback/verdict.h.
 *
 * Keys are relative to the store's root ("avatars/0190…"): see files_key_is_valid.
 */
#ifndef FILES_FILES_H
#define FILES_FILES_H

#include "base/buffer.h"
#include "base/error.h"
#include "base/mailbox.h"
#include "base/trace.h"
#include "base/uuid.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Sizes in bytes, ends included. */
#define FILES_KEY_SIZE  513
#define FILES_CODE_SIZE 48
#define FILES_TEXT_SIZE 160

/* Where the service's own objects are, and the object that says whose store this is. */
#define FILES_AVATAR_PREFIX "avatars/"
#define FILES_IDENTITY_KEY  ".fallback-store"
#define FILES_EPOCH_PREFIX  FILES_IDENTITY_KEY "-epoch-"
/* Temporary files of the local driver: DIR/.tmp/ */
#define FILES_TEMPORARY_PREFIX ".tmp/"

/* Most keys in one FILES_DELETE, and in one page of FILES_LIST. */
#define FILES_DELETE_KEYS_MAX 250
#define FILES_LIST_KEYS_MAX   1000

/* What a store keeps under a key, in a listing with versions. */
#define FILES_KIND_ONLY  '=' /* the object, and nothing else */
#define FILES_KIND_OLDER '+' /* the object, and older versions of it */
#define FILES_KIND_GONE  '-' /* older versions or marks of deletion, and no object */

/* Limit of a buffer that takes any page of keys. */
#define FILES_LIST_BYTES_MAX ((size_t)FILES_LIST_KEYS_MAX * FILES_KEY_SIZE)

enum files_verb {
    FILES_PUT,           /* writes `key` once: never repeated, never redirected (R14) */
    FILES_GET,           /* reads `key`, or a part of it, into `body`, up to its limit */
    FILES_DELETE,        /* deletes `keys`; one answer for each */
    FILES_LIST,          /* names keys that begin with `key` in `body`, each with a line's end;
                            with_versions: behind one of FILES_KIND_* */
    FILES_VERSIONING,    /* asks whether what is deleted or replaced is kept as a version */
    FILES_LINK,          /* makes a URL by which anybody may read `key`, into `body` */
    FILES_IDENTITY_READ, /* reads the identity object of identity.epoch into `identity` */
    FILES_IDENTITY_CREATE, /* creates it from `identity` if there is none, and reads it back */
};

/*
 * Codes of answers that no provider gave. A provider's own error code ("AccessDenied",
 * "SlowDown") is passed on as it is; errors of the local driver use S3's codes where one fits.
 */
#define FILES_CODE_TIMEOUT     "timeout"     /* no whole answer by the deadline */
#define FILES_CODE_UNREACHABLE "unreachable" /* no connection: name, route, refused */
#define FILES_CODE_RESET       "reset"       /* the connection broke under way */
#define FILES_CODE_TLS         "tls"         /* certificate or handshake refused */
#define FILES_CODE_MALFORMED                                                                   \
    "malformed-answer"                     /* a body that is cut or is not what it should be */
#define FILES_CODE_UNANSWERED "unanswered" /* the key was not in a batch's answer */
#define FILES_CODE_REDIRECT   "redirect"   /* the provider points somewhere else */
#define FILES_CODE_NOT_SENT   "not-sent"   /* the deadline passed before anything was sent */
#define FILES_CODE_TOO_LARGE  "too-large"  /* the object exceeds the buffer's limit */
#define FILES_CODE_NO_SPACE   "no-space"   /* local: disk or quota full */
#define FILES_CODE_IO         "io-error"   /* local: read, write or sync failed */
#define FILES_CODE_NO_MEMORY  "no-memory"  /* ours */
/* Versions stay: `text` says how many, until when, and which (P5). */
#define FILES_CODE_LOCKED "object-locked" /* retention or a legal hold */
#define FILES_CODE_MFA    "mfa-delete"    /* they go only with a code from a device */

/* What the provider said, about one key or about a whole call. */
struct files_answer {
    int status;                 /* HTTP status (local: what S3 would say); 0: no answer */
    char code[FILES_CODE_SIZE]; /* "" when the provider reported no error */
    char text[FILES_TEXT_SIZE]; /* its words, one line, no secrets; may be "" */
    int64_t retry_after_ms;     /* what it asked us to wait; 0: nothing */
};

/*
 * Whose store it is (design rule P1), written once as JSON in FILES_IDENTITY_KEY; or, with an
 * epoch, that the database has come so far: written once in an object of the epoch's own.
 */
struct files_identity {
    char store_id[UUID_TEXT_SIZE];
    char database_id[UUID_TEXT_SIZE];
    int64_t epoch;              /* 0: of the store itself */
    char nonce[UUID_TEXT_SIZE]; /* of the epoch: tells two databases with one past apart */
};

#define FILES_IDENTITY_KEY_SIZE 48

struct files_op {
    struct message message; /* the mailbox's */
    enum files_verb verb;
    int64_t deadline_ms; /* boot-time clock; queueing, connecting and answering included */

    const char *key;          /* PUT, GET, LIST, LINK: borrowed until done */
    const char *content_type; /* PUT: borrowed until done */
    const void *bytes;        /* PUT: borrowed until done */
    size_t length;

    struct buffer body; /* GET, LIST, LINK: set its limit with buffer_init; the caller frees it
                           after done */

    size_t range_first, range_length; /* GET: the part that is wanted; length 0: all of it */

    bool with_versions; /* LIST: also keys of which only older versions are left */
    const char *after;  /* LIST: only keys behind this one, in the order of bytes; NULL: all */
    bool more;          /* LIST, out: there are keys behind the last one that is named */

    bool keeps_versions, mfa_delete; /* VERSIONING, out */

    const char *method;   /* LINK: of the request that the URL will be good for */
    int64_t link_seconds; /* LINK: for how long */

    const char *const *keys;      /* DELETE: `count` keys, borrowed until done */
    struct files_answer *answers; /* DELETE: `count` places, filled before done */
    size_t count;

    struct files_identity identity; /* IDENTITY_*: in for CREATE, out for both */

    /*
     * Of the call as a whole. DELETE: of the request that carried the keys (the answers are
     * per key, and say the same when the whole call failed). IDENTITY_READ without an identity:
     * status 404. IDENTITY_CREATE that found one already there: status 412, `identity` is it.
     */
    struct files_answer answer;
    bool one_by_one; /* DELETE, out: the store knows no bulk delete */
    /* DELETE, IDENTITY_*, out: another address answered than the last of these (M3). */
    bool address_changed;

    struct trace trace; /* passed on to the provider if somebody else began it; may be empty */

    void (*done)(struct files_op *op); /* on the files thread; must not block */
    void *owner;                       /* the caller's */
    void *driver_data;                 /* the driver's */

    int64_t begun_us; /* the files thread's, to count the call */
    void (*answered)(struct files_op *op);
};

/*
 * A driver. All but `wake` run on the files thread only.
 */
struct files_driver {
    const char *name;
    /* Begins `op`; calls op->done at once or from a later poll. */
    void (*start)(struct files_driver *driver, struct files_op *op);
    /* Makes progress; returns after at most `timeout_ms`, on progress, or after `wake`. */
    void (*poll)(struct files_driver *driver, int64_t timeout_ms);
    /* Makes a poll under way return. Any thread. */
    void (*wake)(struct files_driver *driver);
    /* Ends what is under way (answered FILES_CODE_RESET) and frees the driver. */
    void (*close)(struct files_driver *driver);
};

/* The files thread with its mailbox and driver. */
struct files;

/* Starts the files thread over `driver`, which it owns from here on (also on failure). */
int files_open(struct files_driver *driver, size_t mailbox_capacity, struct files **ret_files,
               struct error *error);

/* Stops the thread after what is under way was answered or broken off. NULL is allowed. */
void files_close(struct files *files);

/* Hands `op` to the files thread; false, with nothing done, if its mailbox is full. */
bool files_submit(struct files *files, struct files_op *op);

/* The same past the mailbox's capacity: for the engine, which bounds its operations itself. */
void files_submit_always(struct files *files, struct files_op *op);

/* Operations that wait for the thread. */
size_t files_queued(struct files *files);

/* The key of an identity object. */
void files_identity_key(int64_t epoch, char ret_key[static FILES_IDENTITY_KEY_SIZE]);

/* True for 1 to 512 printable ASCII bytes that stay below a root: no empty, "." or ".." parts.
 */
bool files_key_is_valid(const char *key);

/* True for a key that the service itself may have made or may need: nobody else's to hand over.
 */
bool files_key_is_ours(const char *key);

/* True if the provider reported that the object, or nothing more, is there: 2xx, no error code.
 */
bool files_answer_is_ok(const struct files_answer *answer);

#endif
