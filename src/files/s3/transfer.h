/*
 * transfer: one signed request to S3 and its answer, on one curl handle that is used again.
 */
#ifndef FILES_S3_TRANSFER_H
#define FILES_S3_TRANSFER_H

#include "base/buffer.h"
#include "base/trace.h"
#include "files/s3/credentials.h"
#include "files/s3/location.h"

#include <curl/curl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Longest body of an answer that is not an object, and all of an answer's headers, in bytes. */
#define S3_ANSWER_BYTES_MAX ((size_t)1 << 20)
#define S3_HEADER_BYTES_MAX ((size_t)64 << 10)

/* A connection that takes longer to make is as good as none. */
#define S3_CONNECT_MS 5000

/* How long a body waits for the server's leave; past that it is sent without. */
#define S3_EXPECT_MS 1000

/* What all transfers of a driver share. */
struct s3_store {
    struct s3_location location;
    struct s3_credentials credentials;
    char signing[S3_REGION_SIZE + 16]; /* curl's words for the way to sign */
    char *trusted;                     /* a file of certificates; NULL: the system's */
};

/* What to send. All borrowed until the transfer is over. */
struct s3_call {
    const char *method;
    const char *key; /* NULL: the bucket */
    struct s3_parameter *parameters;
    size_t parameter_count;
    const void *bytes; /* the body, if there is a content type */
    size_t length;
    const char *content_type; /* with one, the body's checksums are sent too */
    bool once;             /* never sent twice: not on a connection that may have died (R14) */
    bool only_new;         /* If-None-Match: * */
    const char *range;     /* the part that is wanted, for Range; NULL: all of it */
    struct buffer *object; /* where the body of a 200 goes, or with a range that of a 206; NULL:
                              like any other */
    int64_t timeout_ms;
    const struct trace *trace; /* sent as traceparent if it is somebody else's; NULL: none */
};

struct s3_transfer {
    CURL *easy;
    struct curl_slist *headers;
    struct buffer received; /* the body, unless it went to `object` */
    struct buffer *object;
    int object_status; /* of an answer whose body is the object */
    size_t header_bytes;
    bool too_large; /* the answer exceeded its limit */
    bool no_memory;
    char error_text[CURL_ERROR_SIZE];
};

/* Returns 0, or -1 without memory. */
int s3_transfer_init(struct s3_transfer *transfer);
void s3_transfer_deinit(struct s3_transfer *transfer);

/* Makes the handle ready to be added to a multi handle. Returns 0, or -1 without memory. */
int s3_transfer_prepare(struct s3_transfer *transfer, const struct s3_store *store,
                        const struct s3_call *call);

/* Frees what the last answer left; the handle may be prepared again. */
void s3_transfer_clear(struct s3_transfer *transfer);

#endif
