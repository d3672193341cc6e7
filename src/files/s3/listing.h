/*
 * listing: the keys of a bucket, page by page (ListObjectsV2; ListObjectVersions).
 */
#ifndef FILES_S3_LISTING_H
#define FILES_S3_LISTING_H

#include "files/files.h"
#include "files/s3/transfer.h"
#include "files/s3/xml.h"

/* Texts that the call borrows. */
struct s3_listing {
    char prefix[S3_XML_KEY_SIZE], after[S3_XML_KEY_SIZE], page[8];
};

/* Adds what is asked for to `call`; its parameters have room for four. Returns 0. */
int s3_listing_call(struct s3_listing *listing, const struct files_op *op, const char *prefix,
                    struct s3_call *call);

/* Writes the keys of a page into op->body, without the prefix; -1 if it is not a page. */
int s3_listing_read(const char *bytes, size_t length, const char *prefix, struct files_op *op);

#endif
