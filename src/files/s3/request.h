/*
 * request: an operation under way, and what is sent for it next.
 */
#ifndef FILES_S3_REQUEST_H
#define FILES_S3_REQUEST_H

#include "files/s3/answer.h"
#include "files/s3/erasing.h"
#include "files/s3/listing.h"

#include <sys/queue.h>

/* Room for "bytes=FIRST-LAST". */
#define S3_RANGE_SIZE 64

/* Parameters that a call has room for. */
#define S3_REQUEST_PARAMETERS S3_ERASING_PARAMETERS

/*
 * To make an identity is to look, to write and to read back; before a deletion it has to be
 * known whether the bucket keeps versions; everything else is one step.
 */
enum s3_step {
    S3_STEP_ONLY,
    S3_STEP_LOOK,
    S3_STEP_WRITE,
    S3_STEP_READ_BACK,
    S3_STEP_VERSIONING
};

/* A FILES_DELETE whose keys are erased version by version, each by a request. */
struct s3_erasure {
    size_t next; /* the first key that may be open and has no request yet */
    size_t requests;
};

struct s3_request {
    TAILQ_ENTRY(s3_request) entry;
    struct files_op *op;
    enum s3_step step;
    enum s3_kind kind;
    struct s3_transfer transfer;
    char range[S3_RANGE_SIZE];
    struct buffer sent;   /* a body of our own making */
    struct buffer object; /* the identity as it was read */
    struct files_identity wanted;
    char identity_key[FILES_IDENTITY_KEY_SIZE];
    bool created;               /* S3_STEP_READ_BACK: our write was taken */
    struct s3_erasure *erasure; /* NULL: the request is about the operation as a whole */
    size_t index;               /* of the key that is erased */
    struct s3_erasing erasing;
    struct s3_listing listing;
};

/*
 * Fills the call of the request's step, whose `parameters` has room for S3_REQUEST_PARAMETERS,
 * and `kind`. -1 without memory.
 */
int s3_request_fill(struct s3_request *request, struct s3_call *call, const char *prefix);

/* Takes the answer to FILES_LIST or FILES_VERSIONING. */
void s3_request_take_document(struct s3_request *request, const char *prefix);

/* Takes an identity object that was read. */
void s3_request_take_identity(struct s3_request *request);

/* The next step of making an identity; S3_STEP_ONLY when there is none. */
enum s3_step s3_request_advance(struct s3_request *request);

#endif
