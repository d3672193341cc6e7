/*
 * versions: what S3 says about versions, and how they are asked to be deleted.
 */
#ifndef FILES_S3_VERSIONS_H
#define FILES_S3_VERSIONS_H

#include "base/buffer.h"
#include "files/s3/document.h"

#include <stdbool.h>
#include <stddef.h>

/* Longest id of a version, with its end: Amazon promises no more than 1,024 bytes. */
#define S3_VERSION_SIZE S3_DOCUMENT_TEXT_SIZE

/* Entries of a page of a listing: with the longest keys it stays under what is read. */
#define S3_VERSIONS_PAGE 250

/* All ids of a page, in bytes. */
#define S3_VERSION_IDS_MAX ((size_t)S3_VERSIONS_PAGE * S3_VERSION_SIZE)

/* Does the bucket keep versions? Suspended is as good as on: the old ones are still there. */
struct s3_versioning {
    bool keeps;
    bool mfa; /* a version goes only with a code from somebody's device */
};

/* Reads the answer to GetBucketVersioning; false if it is none. */
bool s3_versioning_read(const char *bytes, size_t length, struct s3_versioning *ret_versioning);

/* Ids of versions, one after the other, each with its NUL. */
struct s3_version_ids {
    struct buffer bytes;
    size_t count;
};

/* What one page of a listing says of one key. */
struct s3_versions {
    struct s3_version_ids objects, markers;
    bool more; /* the next page may name this key too */
    char next_key[S3_DOCUMENT_TEXT_SIZE];
    char next_version[S3_VERSION_SIZE];
};

void s3_versions_init(struct s3_versions *versions);
void s3_versions_deinit(struct s3_versions *versions);

/*
 * Reads a page of ListObjectVersions that was asked for with `key` as its prefix, and adds what
 * is said of exactly that key, not of longer ones. Returns 0, or -1 if the page is not one.
 */
int s3_versions_read(struct s3_versions *versions, const char *key, const char *bytes,
                     size_t length);

/* Writes the <Delete> of all these versions of `key`; -1 without memory. */
int s3_versions_write_delete(const struct s3_version_ids *ids, const char *key,
                             struct buffer *ret_xml);

/* The id after `id`; the first one after NULL, NULL after the last. */
const char *s3_version_ids_next(const struct s3_version_ids *ids, const char *id);

#endif
