/*
 * grant: credentials as those who give them write them down.
 *
 * All functions are pure.
 */
#ifndef FILES_S3_GRANT_H
#define FILES_S3_GRANT_H

#include "files/files.h"
#include "files/s3/credentials.h"

#include <stdint.h>

struct s3_grant {
    struct s3_credentials credentials;
    int64_t expires_at; /* wall clock, milliseconds; 0: it was not said */
};

/*
 * Read the body of a container's or a machine's service (JSON), or of STS
 * (AssumeRoleWithWebIdentity, XML). Return 0, or -1 with `ret_grant` wiped and `answer`'s code
 * and text saying why not: the giver's own words if there are any. The status is not touched.
 */
int s3_grant_read_json(const char *bytes, size_t length, struct s3_grant *ret_grant,
                       struct files_answer *answer);
int s3_grant_read_sts(const char *bytes, size_t length, struct s3_grant *ret_grant,
                      struct files_answer *answer);

#endif
