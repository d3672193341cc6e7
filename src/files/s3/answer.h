/*
 * answer: what a finished transfer says about the operation it was made for.
 */
#ifndef FILES_S3_ANSWER_H
#define FILES_S3_ANSWER_H

#include "files/driver.h"
#include "files/s3/transfer.h"

/* Longest wait that a provider may ask for; a longer one is cut to this. */
#define S3_RETRY_AFTER_MS_MAX ((int64_t)24 * 3600 * 1000)

/* Our code for a bucket that keeps versions: it hid the object under a marker and deleted
 * nothing. */
#define S3_CODE_MARKER "delete-marker"

/* The kinds of requests: each has its own idea of a good answer. */
enum s3_kind {
    S3_WRITES,      /* 2xx and nothing more */
    S3_READS,       /* 200 and the object */
    S3_READS_PART,  /* 206 and a part of it */
    S3_DELETES_ONE, /* 2xx and nothing more; an object that was not there is as good */
    S3_DELETES_ALL, /* 200 and a DeleteResult */
};

/* S3's words for what is not there. */
bool s3_code_is_absence(const char *code);

/*
 * Fills op->answer, and for S3_DELETES_ALL the answers of the keys that had none, from a
 * transfer that ended with `result`.
 */
void s3_answer_read(struct files_op *op, enum s3_kind kind, struct s3_transfer *transfer,
                    CURLcode result, const char *prefix);

#endif
