/*
 * service_options: what users-service can be told.
 */
#ifndef CONFIG_SERVICE_OPTIONS_H
#define CONFIG_SERVICE_OPTIONS_H

#include "config/options.h"

/* Texts are borrowed from the command line and the environment; times in milliseconds. */
struct service_options {
    const char *listen, *private_listen;
    struct option_texts files_also;
    const char *restored;
    const char *database, *files, *files_faults, *queue, *role;
    const char *token_file, *private_client_names, *private_peers, *api_token_file;
    const char *tls_certificate, *tls_key;
    const char *private_tls_certificate, *private_tls_key, *private_client_authority;
    const char *log_level, *avatars, *sandbox;
    int64_t delete_wait, upload_guard, second_look, lease, files_timeout, startup_timeout;
    int64_t client_timeout, stop_timeout, idempotency_ttl, avatar_link_ttl, job_late_after;
    int64_t audit_every, audit_age, audit_rate, audit_share;
    int64_t avatar_max, pages, page_keys, http_threads;
    bool use_inline, use_timer, audit_deletes, listen_openly, core_dumps, check, version;
};

extern const struct option_table service_option_table;

/*
 * Checks what the options say together, and fills in what follows from others. ERROR_USAGE for
 * what is missing, ERROR_CONFIG for what contradicts.
 */
int service_options_settle(struct service_options *settled, struct error *error);

#endif
