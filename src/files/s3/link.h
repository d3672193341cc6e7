/*
 * link: a URL that is signed itself, so that whoever has it may read one object for a while.
 */
#ifndef FILES_S3_LINK_H
#define FILES_S3_LINK_H

#include "files/s3/credentials.h"
#include "files/s3/location.h"

#include <stdint.h>

/* Longest link, in bytes: each byte of a session token may take three. */
#define S3_LINK_BYTES_MAX ((size_t)S3_URL_BYTES_MAX + 3 * S3_TOKEN_SIZE + 1024)

/* "Authenticating Requests: Using Query Parameters" of the S3 API reference: up to seven days.
 */
#define S3_LINK_SECONDS_MAX (7 * 86400)

/*
 * Writes the link for `method` on `key`, good from `wall_ms` on for `seconds`, in which a
 * longer life than the credentials' own is no use. Pure. Returns 0, or -1 without memory.
 */
int s3_link_write(const struct s3_location *location, const struct s3_credentials *credentials,
                  const char *method, const char *key, int64_t seconds, int64_t wall_ms,
                  struct buffer *ret_url);

#endif
