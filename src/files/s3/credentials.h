/*
 * credentials: who we are to S3. Where they come from is source.h's.
 */
#ifndef FILES_S3_CREDENTIALS_H
#define FILES_S3_CREDENTIALS_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>

/* Sizes in bytes, ends included. */
#define S3_KEY_ID_SIZE 129
#define S3_SECRET_SIZE 129
#define S3_TOKEN_SIZE  4097

struct s3_credentials {
    char key_id[S3_KEY_ID_SIZE];
    char secret[S3_SECRET_SIZE];
    char token[S3_TOKEN_SIZE]; /* "": none */
};

/*
 * Copies a value that will be part of a header: 1 to `size` - 1 printable bytes without a
 * blank. ERROR_CONFIG naming `name`, never the value.
 */
int s3_credentials_copy(char *to, size_t size, const char *value, const char *name,
                        struct error *error);

/* True if there is a pair to sign with. */
bool s3_credentials_are_whole(const struct s3_credentials *credentials);

/* Wipes them from memory. */
void s3_credentials_clear(struct s3_credentials *credentials);

#endif
