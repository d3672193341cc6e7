/*
 * profile: what one profile of the AWS tools' shared files says.
 *
 * They are read by our own few lines: the INI library of Debian cuts a line after 199 bytes
 * without a word, and a session token alone is longer.
 */
#ifndef FILES_S3_PROFILE_H
#define FILES_S3_PROFILE_H

#include "files/s3/credentials.h"

/* Sizes in bytes, ends included. A role's name and a session's as IAM bounds them. */
#define S3_PATH_SIZE    4096
#define S3_ROLE_SIZE    2049
#define S3_SESSION_SIZE 65
#define S3_PROFILE_SIZE 128

struct s3_profile {
    bool found; /* the section is there, whatever is in it */
    struct s3_credentials credentials;
    char role_arn[S3_ROLE_SIZE];
    char web_identity_token_file[S3_PATH_SIZE];
    char session_name[S3_SESSION_SIZE];
    char region[S3_SESSION_SIZE];
    /* A setting that asks for a way to credentials that we do not know; NULL: none. */
    const char *unknown_way;
};

/*
 * Adds what section [SECTION] of the file at `path` says to `profile`; what was there stays
 * unless the file says it anew. Returns 0, 1 if there is no such file, or -1 with ERROR_CONFIG
 * that names the file, never a value.
 */
int s3_profile_read(const char *path, const char *section, struct s3_profile *profile,
                    struct error *error);

/* Wipes it from memory. */
void s3_profile_clear(struct s3_profile *profile);

#endif
