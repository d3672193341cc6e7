/*
 * admission: who may use a listener. Any one way in suffices: a bearer token, a client
 * certificate, or being a user of this machine on a unix socket.
 */
#ifndef HTTP_ADMISSION_H
#define HTTP_ADMISSION_H

#include "base/error.h"
#include "http/auth.h"

#include <microhttpd.h>

struct admission;

struct admission_options {
    const char *token_file;   /* NULL: no tokens */
    const char *client_names; /* names that a certificate may carry, with commas; NULL: none */
    const char *peers;        /* user ids, with commas, on a unix socket; NULL: none */
};

enum admission_verdict {
    ADMISSION_GRANTED,
    ADMISSION_UNKNOWN,   /* no credential, or none that is good: 401 */
    ADMISSION_FORBIDDEN, /* known, and not on the list: 403 */
};

/* ERROR_CONFIG: a token file or list that cannot be used. At least one way in must be given. */
int admission_open(const struct admission_options *options, struct admission **ret_admission,
                   struct error *error);
void admission_close(struct admission *admission);

/* Judges one request by its connection. Any thread. */
enum admission_verdict admission_judge(struct admission *admission,
                                       struct MHD_Connection *connection);

#endif
