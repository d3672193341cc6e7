#include "http/admission.h"

#include "config/options.h"

#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define PEERS_MAX 16

struct admission {
    struct auth *tokens;
    const char *client_names;
    uid_t peers[PEERS_MAX];
    size_t peer_count;
};

static int peers_read(struct admission *admission, const char *list, struct error *error)
{
    char copy[256];
    if (strlen(list) >= sizeof copy)
        return error_set(error, ERROR_CONFIG, "the list of peers is too long");
    memcpy(copy, list, strlen(list) + 1);
    char *rest = copy;
    for (char *item; (item = strsep(&rest, ","));) {
        int64_t id;
        if (number_parse(item, &id) < 0 || id > INT32_MAX || admission->peer_count == PEERS_MAX)
            return error_set(error, ERROR_CONFIG,
                             "\"%s\" is no user id, or there are more than %d of them", item,
                             PEERS_MAX);
        admission->peers[admission->peer_count++] = (uid_t)id;
    }
    return 0;
}

int admission_open(const struct admission_options *options, struct admission **ret_admission,
                   struct error *error)
{
    struct admission *admission = calloc(1, sizeof *admission);
    if (!admission)
        return error_set(error, ERROR_NO_MEMORY, "no memory for an admission list");
    admission->client_names = options->client_names;
    int failed = options->peers ? peers_read(admission, options->peers, error) : 0;
    if (!failed && options->token_file)
        failed = auth_open(options->token_file, &admission->tokens, error);
    if (failed) {
        admission_close(admission);
        return -1;
    }
    *ret_admission = admission;
    return 0;
}

void admission_close(struct admission *admission)
{
    if (!admission)
        return;
    auth_close(admission->tokens);
    free(admission);
}

/* On TCP SO_PEERCRED succeeds too, and says nobody: the family comes first. */
static enum admission_verdict peer_judge(const struct admission *admission, int handle)
{
    struct sockaddr_storage address;
    struct ucred peer;
    socklen_t length = sizeof address;
    if (getsockname(handle, (struct sockaddr *)&address, &length) < 0 ||
        address.ss_family != AF_UNIX)
        return ADMISSION_UNKNOWN;
    length = sizeof peer;
    if (getsockopt(handle, SOL_SOCKET, SO_PEERCRED, &peer, &length) < 0)
        return ADMISSION_UNKNOWN;
    for (size_t i = 0; i < admission->peer_count; i++) {
        if (admission->peers[i] == peer.uid)
            return ADMISSION_GRANTED;
    }
    return ADMISSION_FORBIDDEN;
}

static bool certificate_has_name(gnutls_x509_crt_t certificate, const char *names)
{
    char copy[1024];
    if (strlen(names) >= sizeof copy)
        return false;
    memcpy(copy, names, strlen(names) + 1);
    char *rest = copy;
    for (char *name; (name = strsep(&rest, ","));) {
        if (*name && gnutls_x509_crt_check_hostname2(certificate, name,
                                                     GNUTLS_VERIFY_DO_NOT_ALLOW_WILDCARDS))
            return true;
    }
    return false;
}

/*
 * The library only asks for a certificate: none, and one of another authority, reach the
 * handler all the same. Verified here, on every request.
 */
static enum admission_verdict certificate_judge(const struct admission *admission,
                                                gnutls_session_t session)
{
    unsigned status = 0, count = 0;
    const gnutls_datum_t *chain = gnutls_certificate_get_peers(session, &count);
    if (!chain || count == 0 || gnutls_certificate_verify_peers2(session, &status) != 0 ||
        status)
        return ADMISSION_UNKNOWN;
    gnutls_x509_crt_t certificate;
    if (gnutls_x509_crt_init(&certificate) != 0)
        return ADMISSION_UNKNOWN;
    bool named = gnutls_x509_crt_import(certificate, &chain[0], GNUTLS_X509_FMT_DER) == 0 &&
                 certificate_has_name(certificate, admission->client_names);
    gnutls_x509_crt_deinit(certificate);
    return named ? ADMISSION_GRANTED : ADMISSION_FORBIDDEN;
}

enum admission_verdict admission_judge(struct admission *admission,
                                       struct MHD_Connection *connection)
{
    enum admission_verdict verdict = ADMISSION_UNKNOWN;
    const char *header =
        MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Authorization");
    if (admission->tokens && auth_admits(admission->tokens, header))
        return ADMISSION_GRANTED;
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_GNUTLS_SESSION);
    if (info && admission->client_names)
        verdict = certificate_judge(admission, info->tls_session);
    if (verdict == ADMISSION_GRANTED || admission->peer_count == 0)
        return verdict;
    info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    enum admission_verdict peer =
        info ? peer_judge(admission, info->connect_fd) : ADMISSION_UNKNOWN;
    return peer == ADMISSION_UNKNOWN ? verdict : peer;
}
