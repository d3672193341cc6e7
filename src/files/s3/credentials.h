/*
 * credentials: who we are to S3, from the environment or the shared credentials file.
 */
#ifndef FILES_S3_CREDENTIALS_H
#define FILES_S3_CREDENTIALS_H

#include "base/error.h"

/* Sizes in bytes, ends included. */
#define S3_KEY_ID_SIZE 129
#define S3_SECRET_SIZE 129
#define S3_TOKEN_SIZE  4097

struct s3_credentials {
    char key_id[S3_KEY_ID_SIZE];
    char secret[S3_SECRET_SIZE];
    char token[S3_TOKEN_SIZE]; /* "": none */
};

/* Finds them where s3.h says. ERROR_CONFIG, naming what is missing, never a value. */
int s3_credentials_read(struct s3_credentials *ret_credentials, struct error *error);

/* Wipes them from memory. */
void s3_credentials_clear(struct s3_credentials *credentials);

#endif
