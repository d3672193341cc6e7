/*
 * protocol: the part of S3 that is spoken here. A request comes in whole, an answer goes out
 * whole; who carries them, and what goes wrong on the way, is the server's business.
 */
#ifndef S3D_PROTOCOL_H
#define S3D_PROTOCOL_H

#include "base/buffer.h"
#include "faults.h"
#include "store.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Most bytes of a request's body, of a bucket's name and of a key. */
#define REQUEST_BODY_MAX (64u << 20)
#define BUCKET_NAME_SIZE 64
#define KEY_SIZE         1025

/* All texts are borrowed; NULL: the request does not have it. */
struct request {
    bool head;
    enum verb verb;
    char bucket[BUCKET_NAME_SIZE];
    char key[KEY_SIZE];
    const char *body;
    size_t length;

    /* Query. */
    const char *prefix, *token, *start_after, *max_keys, *key_marker, *version_marker;
    const char *version;
    bool location, versioning, versions, retention, legal_hold;

    /* Query of a URL that is signed itself. */
    const char *link_credential, *link_date, *link_expires, *link_signature;

    /* Headers. */
    const char *authorization, *range, *if_none_match, *content_type, *content_md5, *sha256;
};

struct reply {
    int status;
    const char *code;         /* S3's error code, "" for none: for the log */
    const char *content_type; /* static */
    struct buffer body;
    struct object *object; /* the body is part of this object, from `offset`, `length` bytes */
    size_t offset, length;
    int retry_after;        /* seconds; 0: none */
    size_t asked;           /* keys that were to be deleted */
    size_t deleted;         /* keys that were there and are not any more */
    struct version version; /* that it is about; its id is "" if there is none to name */
};

struct protocol {
    struct store *store;
    struct faults *faults;
    const char *access_key; /* NULL: any */
};

void reply_init(struct reply *reply);
void reply_deinit(struct reply *reply);

void reply_no_memory(struct reply *reply);

/* Replies for a bucket that is not there; false. */
bool reply_no_bucket(struct reply *reply);

/* Makes the reply an S3 error document. `code` and `text` are static. */
void reply_fail(struct reply *reply, int status, const char *code, const char *text);

/*
 * Fills verb, bucket and key from method and (decoded) path. False: not spoken here, and
 * `reply` says so. `extra` tells whether the query asks for something that is not among the
 * fields.
 */
bool request_classify(struct request *request, const char *method, const char *path,
                      bool is_batch, bool extra, struct reply *reply);

/* False if the request may not go on; `reply` says why. Looks at the credential. */
bool protocol_admit(const struct protocol *protocol, const struct request *request,
                    struct reply *reply);

/* Carries the request out. */
void protocol_answer(const struct protocol *protocol, const struct request *request,
                     struct reply *reply);

#endif
