/*
 * token: the secret that the job shows to the service, read from a file that only its user
 * reads.
 *
 * It never appears in a message, a log line or an argument.
 */
#ifndef JOB_TOKEN_H
#define JOB_TOKEN_H

#include "base/error.h"

#include <stddef.h>

/* Longest token, with its end. */
#define TOKEN_SIZE 4097

/*
 * Reads the token in the file at `path`, without the blanks and line ends around it. Returns 0,
 * or -1 with ERROR_CONFIG when the file is missing, no regular file, empty, too large, readable
 * or writable by others, or holds anything but printable ASCII without blanks.
 */
int token_read(const char *path, char ret_token[static TOKEN_SIZE], struct error *error);

/*
 * Reads a whole file that holds a secret and that only its user may reach; `kind` is what
 * messages call it ("token"). What fills all of `size` is too large. Returns 0, or -1 with
 * ERROR_CONFIG.
 */
int token_file_read(const char *kind, const char *path, char *ret_bytes, size_t size,
                    size_t *ret_length, struct error *error);

/* Overwrites the token in a way that the compiler keeps. */
void token_forget(char token[static TOKEN_SIZE]);

#endif
