#include "config/service_options.h"

#include "config/limits.h"

#include <string.h>

#define SECOND 1000
#define MINUTE (60 * SECOND)
#define HOUR   (60 * MINUTE)
#define DAY    (24LL * HOUR)

/* Of one provider call, unless the lease asks for less. */
#define FILES_TIMEOUT_PRESET (10 * SECOND)

#define MEMBER(member) offsetof(struct service_options, member)

static const struct option options[] = {
    {.name = "listen",
     .type = OPTION_TEXT,
     .offset = MEMBER(listen),
     .value = "ADDRESS:PORT",
     .preset = "127.0.0.1:8080",
     .prose = "Where the public API listens. Port 0 takes any free one."},
    {.name = "private-listen",
     .type = OPTION_TEXT,
     .offset = MEMBER(private_listen),
     .value = "ADDRESS:PORT",
     .preset = "127.0.0.1:8081",
     .prose = "Where the private API listens, an address or unix:PATH: the Fallback Job's "
              "sweep, the list of deletions, "
              "the status. Keep it off the internet."},
    {.name = "database",
     .type = OPTION_TEXT,
     .offset = MEMBER(database),
     .value = "ADDRESS",
     .prose =
         "The database. sqlite:PATH: a file, made if it is not there, for one process at a "
         "time. postgresql://USER@HOST:PORT/NAME?PARAMETERS: PostgreSQL 15, for any number "
         "of processes; libpq's own form, with ?prepared=off behind a pooler in transaction "
         "mode. Keep the password in PGPASSFILE or PGPASSWORD, not in the address."},
    {.name = "files",
     .type = OPTION_TEXT,
     .offset = MEMBER(files),
     .value = "URL",
     .prose =
         "Where avatars are kept: file:///DIR, or "
         "s3://BUCKET/PREFIX?region=R&endpoint=URL&path-style=on. S3 credentials come from "
         "the standard AWS variables and files."},
    {.name = "files-also",
     .type = OPTION_TEXTS,
     .offset = MEMBER(files_also),
     .value = "URL",
     .prose = "A store that avatars were kept in before, for reading and deleting only; may be "
              "given several times, up to 8. With the store of until now given here, --files "
              "may name a new one."},
    {.name = "restored",
     .type = OPTION_TEXT,
     .offset = MEMBER(restored),
     .value = "EXPORT",
     .prose =
         "Says that --database was restored from a backup, and gives the last export of its "
         "receipts: who was erased since is erased again, before anything is served. "
         "Without need it does nothing."},
    {.name = "queue",
     .type = OPTION_TEXT,
     .offset = MEMBER(queue),
     .value = "QUEUE",
     .preset = "local",
     .secret = true,
     .prose =
         "What wakes the engine beside time. local: this process itself. postgres: any of "
         "those "
         "that share the database, by its NOTIFY. "
         "amqp://USER:PASSWORD@HOST:PORT/VHOST, or amqps:// with ?cacert=FILE: one of them, "
         "through a quorum queue of RabbitMQ; USERS_QUEUE keeps the password off the command "
         "line. A wake that is lost costs time, and nothing else."},
    {.name = "role",
     .type = OPTION_TEXT,
     .offset = MEMBER(role),
     .value = "ROLE",
     .preset = "all",
     .choices = "api|worker|all",
     .prose = "With PostgreSQL, what this replica does. api: answers users, commits what is to "
              "be deleted and announces it. worker: deletes. all: both."},
    {.name = "token-file",
     .type = OPTION_TEXT,
     .offset = MEMBER(token_file),
     .value = "FILE",
     .prose = "Bearer tokens of the private API, one a line, of 16 or more characters each; "
              "nobody but the owner may read the file."},
    {.name = "private-tls-cert",
     .type = OPTION_TEXT,
     .offset = MEMBER(private_tls_certificate),
     .value = "FILE",
     .prose = "The private listener speaks TLS with this certificate chain (PEM), and "
              "--private-tls-key."},
    {.name = "private-tls-key",
     .type = OPTION_TEXT,
     .offset = MEMBER(private_tls_key),
     .value = "FILE",
     .prose = "The key of that certificate (PEM); nobody but the owner may read it."},
    {.name = "private-client-ca",
     .type = OPTION_TEXT,
     .offset = MEMBER(private_client_authority),
     .value = "FILE",
     .prose = "Whoever has a certificate of this authority (PEM) with a name of "
              "--private-client-names may use the private API."},
    {.name = "private-client-names",
     .type = OPTION_TEXT,
     .offset = MEMBER(private_client_names),
     .value = "NAME,…",
     .prose = "Names that such a certificate may carry, with commas between them."},
    {.name = "private-peers",
     .type = OPTION_TEXT,
     .offset = MEMBER(private_peers),
     .value = "UID,…",
     .prose =
         "User ids that may use the private API on a unix socket, with commas between them."},
    {.name = "api-token-file",
     .type = OPTION_TEXT,
     .offset = MEMBER(api_token_file),
     .value = "FILE",
     .prose = "Bearer tokens of the public API, as in --token-file. Without it the public API "
              "asks for none."},
    {.name = "listen-openly",
     .type = OPTION_FLAG,
     .offset = MEMBER(listen_openly),
     .prose =
         "Lets the public API listen beyond this machine without --api-token-file: somebody "
         "else checks who may call it."},
    {.name = "tls-cert",
     .type = OPTION_TEXT,
     .offset = MEMBER(tls_certificate),
     .value = "FILE",
     .prose =
         "The public listener speaks TLS with this certificate chain (PEM), and --tls-key."},
    {.name = "tls-key",
     .type = OPTION_TEXT,
     .offset = MEMBER(tls_key),
     .value = "FILE",
     .prose = "The key of that certificate (PEM); nobody but the owner may read it."},
    {.name = "delete-wait",
     .type = OPTION_DURATION,
     .offset = MEMBER(delete_wait),
     .value = "TIME",
     .preset = "2s",
     .least = SECOND,
     .most = MINUTE,
     .prose = "How long a DELETE waits for the file store before it answers 202."},
    {.name = "upload-guard",
     .type = OPTION_DURATION,
     .offset = MEMBER(upload_guard),
     .value = "TIME",
     .preset = "15m",
     .least = SECOND,
     .most = DAY,
     .prose = "How long an upload has; then an object that no user owns is deleted."},
    {.name = "second-look",
     .type = OPTION_DURATION,
     .offset = MEMBER(second_look),
     .value = "TIME",
     .preset = "24h",
     .least = SECOND,
     .most = 7 * DAY,
     .prose = "After an upload that failed without an answer: how long after its deletion the "
              "key is looked at once more, for an object that landed late. No less than "
              "--upload-guard."},
    {.name = "idempotency-ttl",
     .type = OPTION_DURATION,
     .offset = MEMBER(idempotency_ttl),
     .value = "TIME",
     .preset = "24h",
     .least = SECOND,
     .most = 30 * DAY,
     .prose = "How long a POST with an Idempotency-Key may be repeated. Only keyed digests are "
              "kept."},
    {.name = "lease",
     .type = OPTION_DURATION,
     .offset = MEMBER(lease),
     .value = "TIME",
     .preset = "60s",
     .least = SECOND,
     .most = HOUR,
     .prose =
         "How long a claimed deletion is one worker's. After a crash its work rests so long."},
    {.name = "files-timeout",
     .type = OPTION_DURATION,
     .offset = MEMBER(files_timeout),
     .value = "TIME",
     .least = 100,
     .most = 10 * MINUTE,
     .prose =
         "Of one call to the file store, all included. Under half of --lease. Default: 10s, "
         "or two fifths of --lease if that is less."},
    {.name = "files-faults",
     .type = OPTION_TEXT,
     .offset = MEMBER(files_faults),
     .value = "SPEC",
     .prose = "For tests and demos only: makes the file store fail on purpose, as in "
              "\"delete:fail=0.3,put:latency=200ms\"."},
    {.name = "pages",
     .type = OPTION_INTEGER,
     .offset = MEMBER(pages),
     .value = "N",
     .preset = "8",
     .least = 1,
     .most = 64,
     .prose = "Deleting calls to the file store under way at once, at most."},
    {.name = "page-keys",
     .type = OPTION_INTEGER,
     .offset = MEMBER(page_keys),
     .value = "N",
     .preset = "250",
     .least = 1,
     .most = 250,
     .prose = "Objects deleted with one call, at most."},
    {.name = "avatar-max",
     .type = OPTION_BYTES,
     .offset = MEMBER(avatar_max),
     .value = "SIZE",
     .preset = "5MiB",
     .least = 1024,
     .most = LIMIT_AVATAR_OPTION_BYTES,
     .prose = "The largest image that is taken."},
    {.name = "avatars",
     .type = OPTION_TEXT,
     .offset = MEMBER(avatars),
     .value = "serve|redirect",
     .preset = "serve",
     .choices = "serve|redirect",
     .prose = "How an avatar is read: its bytes, or a redirect (307) to a signed URL of the "
              "store. Redirect needs an S3 store that readers can reach."},
    {.name = "avatar-link-ttl",
     .type = OPTION_DURATION,
     .offset = MEMBER(avatar_link_ttl),
     .value = "TIME",
     .preset = "1m",
     .least = SECOND,
     .most = HOUR,
     .prose = "How long such a URL can be used."},
    {.name = "http-threads",
     .type = OPTION_INTEGER,
     .offset = MEMBER(http_threads),
     .value = "N",
     .preset = "0",
     .least = 0,
     .most = 64,
     .prose =
         "Threads of the public listener; 0: one less than there are cores, at least one."},
    {.name = "inline",
     .type = OPTION_SWITCH,
     .offset = MEMBER(use_inline),
     .value = "on|off",
     .preset = "on",
     .prose = "Whether a DELETE hands its objects to the engine at once and waits. Off: it "
              "answers 202, and the rest follows."},
    {.name = "timer",
     .type = OPTION_SWITCH,
     .offset = MEMBER(use_timer),
     .value = "on|off",
     .preset = "on",
     .prose = "Whether due times and wakes start work. Off: only requests and the job's sweeps "
              "do."},
    {.name = "client-timeout",
     .type = OPTION_DURATION,
     .offset = MEMBER(client_timeout),
     .value = "TIME",
     .preset = "60s",
     .least = SECOND,
     .most = HOUR,
     .prose = "How long a connection may be idle, and a client send one request's head. A body "
              "or an answer has this and a second for each 32 KiB."},
    {.name = "startup-timeout",
     .type = OPTION_DURATION,
     .offset = MEMBER(startup_timeout),
     .value = "TIME",
     .preset = "30s",
     .least = SECOND,
     .most = HOUR,
     .prose = "How long the start waits for a database that does not answer."},
    {.name = "stop-timeout",
     .type = OPTION_DURATION,
     .offset = MEMBER(stop_timeout),
     .value = "TIME",
     .preset = "10s",
     .least = SECOND,
     .most = HOUR,
     .prose = "How long requests under way have when the service is told to stop."},
    {.name = "job-late-after",
     .type = OPTION_DURATION,
     .offset = MEMBER(job_late_after),
     .value = "TIME",
     .preset = "1h",
     .least = SECOND,
     .most = 30 * DAY,
     .prose = "How long the Fallback Job may be silent before the status, the page and the "
              "alerts say that it is late: a little over its interval."},
    {.name = "audit-every",
     .type = OPTION_DURATION,
     .offset = MEMBER(audit_every),
     .value = "TIME",
     .preset = "168h",
     .least = 0,
     .most = 366 * DAY,
     .prose =
         "How long after an audit the next one begins by itself: it compares the file store "
         "with the database. 0s: only when it is asked for, with users-service audit."},
    {.name = "audit-delete",
     .type = OPTION_FLAG,
     .offset = MEMBER(audit_deletes),
     .prose = "Audits that begin by themselves do not only look: objects that nobody owns are "
              "deleted."},
    {.name = "audit-share",
     .type = OPTION_INTEGER,
     .offset = MEMBER(audit_share),
     .value = "PERCENT",
     .preset = "5",
     .least = 0,
     .most = 100,
     .prose = "An audit that would delete more of a store's objects than this deletes none."},
    {.name = "audit-age",
     .type = OPTION_DURATION,
     .offset = MEMBER(audit_age),
     .value = "TIME",
     .least = SECOND,
     .most = 366 * DAY,
     .prose =
         "Younger objects are left alone by audits, and so much may a listing of the store "
         "lag. At least twice --upload-guard. Default: 24h, or twice --upload-guard if "
         "that is more."},
    {.name = "audit-rate",
     .type = OPTION_INTEGER,
     .offset = MEMBER(audit_rate),
     .value = "N",
     .preset = "5000",
     .least = 10,
     .most = 1000000,
     .prose = "Objects that an audit looks at in a second, at most."},
    {.name = "log-level",
     .type = OPTION_TEXT,
     .offset = MEMBER(log_level),
     .value = "LEVEL",
     .preset = "info",
     .choices = "debug|info|warning|error",
     .prose = "The least that is logged: debug, info, warning or error."},
    {.name = "sandbox",
     .type = OPTION_TEXT,
     .offset = MEMBER(sandbox),
     .value = "on|required|off",
     .preset = "on",
     .choices = "on|required|off",
     .prose =
         "Whether the service gives up, before it serves, what it never needs: other files "
         "(Landlock) and system calls (seccomp). On takes what the kernel has, required "
         "does not start without all of it. /api/ready says what holds."},
    {.name = "core-dumps",
     .type = OPTION_FLAG,
     .offset = MEMBER(core_dumps),
     .prose = "For developers: a crash may leave a core dump, with the secrets that were in "
              "memory, and a debugger may look in."},
    {.name = "check",
     .type = OPTION_FLAG,
     .offset = MEMBER(check),
     .prose = "Reads everything that the service needs, changes nothing, and exits 0 or 78."},
    {.name = "version",
     .type = OPTION_FLAG,
     .offset = MEMBER(version),
     .prose = "Prints the version."},
};

const struct option_table service_option_table = {
    .program = "users-service",
    .synopsis = "--database ADDRESS --files URL --token-file FILE [options]",
    .summary =
        "Keeps users in a database and their avatars in a file store, and keeps the two in\n"
        "agreement: what a crash or an outage leaves undone is recorded and finished.\n"
        "Besides: users-service check --help tries a store, users-service files copy --help\n"
        "brings over what is left in an older one, users-service audit --help compares store\n"
        "and database, and users-service migrate --help moves that from SQLite to PostgreSQL.",
    .environment = "USERS_",
    .epilogue =
        "Exit codes: 0 stopped, 64 usage, 69 something needed is not available, 70 a fault\n"
        "of the service, 78 configuration.",
    .options = options,
    .count = sizeof options / sizeof *options,
};

static int together_check(const char *option, const char *value, const char *needs,
                          const char *needed, struct error *error)
{
    if (!value || needed)
        return 0;
    return error_set(error, ERROR_USAGE, "--%s needs --%s as well", option, needs);
}

/* At least one way into the private API, and no half of a pair. */
static int access_check(const struct service_options *given, struct error *error)
{
    if (!given->token_file && !given->private_client_names && !given->private_peers)
        return error_set(error, ERROR_USAGE,
                         "--token-file is required, or another way into the private API: see "
                         "users-service --help");
    if (together_check("tls-cert", given->tls_certificate, "tls-key", given->tls_key, error) <
            0 ||
        together_check("tls-key", given->tls_key, "tls-cert", given->tls_certificate, error) <
            0 ||
        together_check("private-tls-cert", given->private_tls_certificate, "private-tls-key",
                       given->private_tls_key, error) < 0 ||
        together_check("private-tls-key", given->private_tls_key, "private-tls-cert",
                       given->private_tls_certificate, error) < 0 ||
        together_check("private-client-ca", given->private_client_authority, "private-tls-cert",
                       given->private_tls_certificate, error) < 0 ||
        together_check("private-client-ca", given->private_client_authority,
                       "private-client-names", given->private_client_names, error) < 0)
        return -1;
    return together_check("private-client-names", given->private_client_names,
                          "private-client-ca", given->private_client_authority, error);
}

/* SQLite's file is one process's. */
static int role_check(const struct service_options *settled, struct error *error)
{
    bool shared = strncmp(settled->database, "postgres", 8) == 0;
    if (!shared && strcmp(settled->role, "all") != 0)
        return error_set(error, ERROR_CONFIG,
                         "--role %s needs --database postgresql://…: SQLite is for one process",
                         settled->role);
    if (!shared && strcmp(settled->queue, "postgres") == 0)
        return error_set(error, ERROR_CONFIG,
                         "--queue postgres needs --database postgresql://…");
    return 0;
}

int service_options_settle(struct service_options *settled, struct error *error)
{
    const struct {
        const char *name, *value;
    } needed[] = {{"database", settled->database}, {"files", settled->files}};
    for (size_t i = 0; i < sizeof needed / sizeof *needed; i++) {
        if (!needed[i].value || !*needed[i].value)
            return error_set(error, ERROR_USAGE, "--%s is required: see users-service --help",
                             needed[i].name);
    }
    if (access_check(settled, error) < 0 || role_check(settled, error) < 0)
        return -1;
    if (settled->files_timeout == 0) {
        settled->files_timeout = 2 * settled->lease / 5;
        if (settled->files_timeout > FILES_TIMEOUT_PRESET)
            settled->files_timeout = FILES_TIMEOUT_PRESET;
    }
    if (2 * settled->files_timeout >= settled->lease)
        return error_set(error, ERROR_CONFIG,
                         "--files-timeout must be under half of --lease, or two workers could "
                         "have the same deletion: shorten the one or lengthen the other");
    if (settled->audit_age == 0)
        settled->audit_age = 2 * settled->upload_guard > DAY ? 2 * settled->upload_guard : DAY;
    if (settled->audit_age < 2 * settled->upload_guard)
        return error_set(error, ERROR_CONFIG,
                         "--audit-age must be at least twice --upload-guard: an upload may be "
                         "under way as long as that");
    if (settled->second_look < settled->upload_guard)
        return error_set(
            error, ERROR_CONFIG,
            "--second-look must be no less than --upload-guard: an upload may land "
            "as late as that");
    return 0;
}
