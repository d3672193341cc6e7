#include "http/tls.h"

#include "base/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <gnutls/gnutls.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Longest PEM file. Bytes. */
#define FILE_BYTES_MAX (1 << 20)

static char *file_read(const char *path, bool secret, struct error *error)
{
    struct stat status;
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0 || fstat(file, &status) < 0 || !S_ISREG(status.st_mode) ||
        status.st_size > FILE_BYTES_MAX) {
        error_set_errno(error, ERROR_CONFIG, file < 0 ? errno : EINVAL, "cannot read %s", path);
        if (file >= 0)
            close(file);
        return NULL;
    }
    char *text = NULL;
    if (secret && secret_is_exposed(&status, geteuid()))
        error_set(error, ERROR_CONFIG, "the key %s can be read by others: chmod 600 it", path);
    else if (!(text = calloc(1, (size_t)status.st_size + 1)))
        error_set(error, ERROR_NO_MEMORY, "no memory for %s", path);
    if (text && read(file, text, (size_t)status.st_size) != status.st_size) {
        error_set(error, ERROR_CONFIG, "cannot read %s", path);
        free(text);
        text = NULL;
    }
    close(file);
    return text;
}

static gnutls_datum_t datum(char *text)
{
    return (gnutls_datum_t){.data = (unsigned char *)text, .size = (unsigned)strlen(text)};
}

static int pair_check(const struct tls *tls, const char *certificate, struct error *error)
{
    gnutls_certificate_credentials_t credentials;
    if (gnutls_certificate_allocate_credentials(&credentials) != 0)
        return error_set(error, ERROR_NO_MEMORY, "no memory for TLS");
    gnutls_datum_t chain = datum(tls->certificate), key = datum(tls->key);
    int result =
        gnutls_certificate_set_x509_key_mem(credentials, &chain, &key, GNUTLS_X509_FMT_PEM);
    if (result >= 0 && tls->client_authority) {
        gnutls_datum_t authority = datum(tls->client_authority);
        result =
            gnutls_certificate_set_x509_trust_mem(credentials, &authority, GNUTLS_X509_FMT_PEM);
        if (result == 0)
            result = GNUTLS_E_NO_CERTIFICATE_FOUND;
    }
    gnutls_certificate_free_credentials(credentials);
    if (result >= 0)
        return 0;
    return error_set(error, ERROR_CONFIG, "the TLS files (%s …) cannot be used: %s",
                     certificate, gnutls_strerror(result));
}

int tls_read(const char *certificate, const char *key, const char *client_authority,
             struct tls *ret_tls, struct error *error)
{
    struct tls tls = {0};
    tls.certificate = file_read(certificate, false, error);
    tls.key = tls.certificate ? file_read(key, true, error) : NULL;
    bool whole = tls.key;
    if (whole && client_authority) {
        tls.client_authority = file_read(client_authority, false, error);
        whole = tls.client_authority;
    }
    if (!whole || pair_check(&tls, certificate, error) < 0) {
        tls_deinit(&tls);
        return -1;
    }
    *ret_tls = tls;
    return 0;
}

void tls_deinit(struct tls *tls)
{
    if (tls->key)
        explicit_bzero(tls->key, strlen(tls->key));
    free(tls->certificate);
    free(tls->key);
    free(tls->client_authority);
    *tls = (struct tls){0};
}
