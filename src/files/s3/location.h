/*
 * location: where a bucket is, and the URLs of what is in it.
 */
#ifndef FILES_S3_LOCATION_H
#define FILES_S3_LOCATION_H

#include "base/buffer.h"
#include "base/error.h"

#include <stdbool.h>

/* Sizes in bytes, ends included. */
#define S3_BUCKET_SIZE    256
#define S3_PREFIX_SIZE    258
#define S3_REGION_SIZE    65
#define S3_AUTHORITY_SIZE 262
#define S3_VALUE_SIZE     512 /* of a parameter */

#define S3_ENCRYPTION_SIZE 32

/* Longest URL that is built, in bytes: every byte of prefix and key may take three. */
#define S3_URL_BYTES_MAX 4096

struct s3_location {
    bool tls;
    char authority[S3_AUTHORITY_SIZE]; /* the endpoint's host, and its port if one was given */
    char bucket[S3_BUCKET_SIZE];
    char prefix[S3_PREFIX_SIZE]; /* "", or ends in a slash */
    char region[S3_REGION_SIZE];
    bool path_style;        /* the bucket is the path's first part, else the host's */
    char ca[S3_VALUE_SIZE]; /* a file of certificates; "": not said here */
    char encryption[S3_ENCRYPTION_SIZE]; /* the bucket's own way: "" */
    char encryption_key[S3_VALUE_SIZE];  /* "": none named */
    bool public_tls;
    char public_authority[S3_AUTHORITY_SIZE]; /* of links that are given away; "": the same */
    bool requester_pays;
    bool with_sha256;    /* beside Content-MD5 */
    bool single_deletes; /* DeleteObjects is not even tried */
};

/* A parameter of a URL's query. */
struct s3_parameter {
    const char *name;
    const char *value;
};

/* Reads "s3://…" and the environment (see s3.h); ERROR_USAGE says what is wrong and what fits.
 */
int s3_location_parse(const char *url, struct s3_location *ret_location, struct error *error);

/*
 * Writes the URL of `key`, or of the bucket if that is NULL, in the only form whose signature
 * holds: parameters sorted by name, each with its '=', all encoded as RFC 3986 has it, in
 * capital letters. Sorts `parameters`. Returns 0, or -1 without memory.
 */
int s3_location_url(const struct s3_location *location, const char *key,
                    struct s3_parameter *parameters, size_t count, struct buffer *ret_url);

#endif
