/*
 * credentials: the secret headers of a request, read anew for every call.
 *
 * They come from files that only their user can reach, or from environment variables: never
 * from an argument. They appear in no message and no log line.
 */
#ifndef JOB_CREDENTIALS_H
#define JOB_CREDENTIALS_H

#include "base/error.h"
#include "config/options.h"

#include <stddef.h>

#define CREDENTIALS_MAX 16

/* Each may be NULL, or empty. */
struct credentials_sources {
    const char *token_file;                      /* a bearer token */
    const char *token_variable;                  /* the name of the variable that holds one */
    const char *header_file;                     /* lines of "Name: value" */
    const struct option_texts *header_variables; /* "Name:VARIABLE" each */
};

struct credentials {
    char *headers[CREDENTIALS_MAX];           /* "Name: value" */
    const char *secrets[CREDENTIALS_MAX + 1]; /* the values in them; ended by NULL */
    size_t count;
};

/* Returns 0, or -1 with ERROR_CONFIG (or ERROR_NO_MEMORY) and nothing to forget. */
int credentials_read(const struct credentials_sources *sources,
                     struct credentials *ret_credentials, struct error *error);

/* Overwrites and frees them. */
void credentials_forget(struct credentials *credentials);

/* Refuses what is no "Name: value" of printable ASCII, without showing the value. */
int credentials_header_check(const char *header, struct error *error);

#endif
