/*
 * tls: what a listener needs to speak TLS, read from PEM files.
 */
#ifndef HTTP_TLS_H
#define HTTP_TLS_H

#include "base/error.h"

struct tls {
    char *certificate, *key;
    char *client_authority; /* NULL: clients are not asked for a certificate */
};

/*
 * Reads the files; `client_authority` may be NULL. ERROR_CONFIG: one is missing or too large,
 * the key can be read by others, or key and certificate do not belong together.
 */
int tls_read(const char *certificate, const char *key, const char *client_authority,
             struct tls *ret_tls, struct error *error);

/* Wipes the key. NULL members are allowed. */
void tls_deinit(struct tls *tls);

#endif
