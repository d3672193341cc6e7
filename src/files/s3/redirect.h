/*
 * redirect: a store that says "not here" is asked where, and a person is told what to set.
 */
#ifndef FILES_S3_REDIRECT_H
#define FILES_S3_REDIRECT_H

#include "files/driver.h"
#include "files/s3/transfer.h"
#include "files/s3/xml.h"

/*
 * Writes into `answer` what a redirect (3xx) says; its code becomes FILES_CODE_REDIRECT, and
 * nothing is followed.
 */
void s3_redirect_read(struct files_answer *answer, const struct s3_transfer *transfer,
                      int status);

/* Puts the right region's name in the place of the words of an error that is about it. */
void s3_redirect_explain(struct files_answer *answer, const struct s3_transfer *transfer,
                         const struct s3_error *error);

#endif
