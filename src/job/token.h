/*
 * token: the secret that the job shows to the service, read from a file that only its user
 * reads.
 *
 * It never appears in a message, a log line or an argument.
 */
#ifndef JOB_TOKEN_H
#define JOB_TOKEN_H

#include "base/error.h"

/* Longest token, with its end. */
#define TOKEN_SIZE 4097

/*
 * Reads the token in the file at `path`, without the blanks and line ends around it. Returns 0,
 * or -1 with ERROR_CONFIG when the file is missing, no regular file, empty, too large, readable
 * or writable by others, or holds anything but printable ASCII without blanks.
 */
int token_read(const char *path, char ret_token[static TOKEN_SIZE], struct error *error);

/* Overwrites the token in a way that the compiler keeps. */
void token_forget(char token[static TOKEN_SIZE]);

#endif
