/*
 * s3: objects in a bucket of Amazon S3 or of anything that speaks its protocol.
 *
 *     s3://BUCKET/PREFIX?region=eu-west-1&endpoint=https://s3.example.org&path-style=on
 *
 * What the address leaves out comes from AWS_REGION or AWS_DEFAULT_REGION or the profile (else
 * us-east-1) and AWS_ENDPOINT_URL_S3 or AWS_ENDPOINT_URL (else Amazon's). More that it may say:
 *
 *     ca=/FILE            certificates that are trusted (else AWS_CA_BUNDLE, else the system's)
 *     checksum=sha256     x-amz-checksum-sha256 beside Content-MD5 (md5)
 *     sse=AES256          or aws:kms or aws:kms:dsse: how objects are encrypted that are put
 *     sse-kms-key=ARN     with which key, for aws:kms
 *     requester-pays=on   we pay for what we ask of somebody else's bucket
 *     public-endpoint=URL where readers of FILES_LINK find the store, if not at the endpoint
 *     bulk-delete=off     DeleteObjects is not even tried
 *
 * Credentials come from where source.h finds them, and are renewed before they expire. All else
 * is read once. No proxy is ever used, whatever the environment says: it could repeat a write,
 * and its address would hide the provider's.
 *
 * In a bucket that keeps versions, on or suspended, a deletion takes every version of the key,
 * and needs the rights s3:ListBucketVersions and s3:DeleteObjectVersion; with
 * s3:GetBucketVersioning it need not lay a marker to find out. To say how long a lock lasts it
 * takes s3:GetObjectVersion, s3:GetObjectRetention and s3:GetObjectLegalHold.
 *
 * Requests run on one curl multi handle, at most S3_CONNECTIONS_MAX at a time; the others wait
 * for their turn and are answered "not-sent" if their deadline comes first.
 */
#ifndef FILES_S3_S3_H
#define FILES_S3_S3_H

#include "files/files.h"

/* Most connections at a time, under way and idle. */
#define S3_CONNECTIONS_MAX 96

struct files_s3_options {
    const char *url;
};

/*
 * Opens the driver; asks the provider nothing. ERROR_USAGE for a malformed URL, ERROR_CONFIG
 * without credentials.
 */
int files_s3_open(const struct files_s3_options *options, struct files_driver **ret_driver,
                  struct error *error);

#endif
