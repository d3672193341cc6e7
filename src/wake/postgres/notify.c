#include "wake/postgres/notify.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/uuid.h"
#include "repository/postgres/address.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>

/* An own wake that takes longer is never heard. */
#define PROOF_TIMEOUT_MS 5000
/* Between two proofs that own wakes are heard. */
#define PROOF_PAUSE_MS 60000
/* What a listener does instead that hears nothing. */
#define POLL_INTERVAL_MS 1000

struct notify {
    struct wake_driver driver;
    struct address address;
    bool listens;
    char id[UUID_TEXT_SIZE]; /* of this process: says nothing about anybody */
    PGconn *teller, *listener;

    int64_t asked_at; /* since when an own wake is awaited; 0: it was heard */
    int64_t ask_at;   /* when to ask again */
    bool polls, told;
    int64_t poll_at;
};

static int notify_fail(PGconn *handle, const char *words, struct error *error)
{
    char line[ERROR_TEXT_SIZE];
    address_copy_words(line, sizeof line, handle ? PQerrorMessage(handle) : "");
    return error_set(error, ERROR_UNAVAILABLE, "%s%s%s", words, *line ? ": " : "", line);
}

/* Waits until all of the answer is here. */
static int answer_wait(PGconn *handle, struct error *error)
{
    int64_t until = clock_boot_ms() + WAKE_CALL_TIMEOUT_MS;
    while (PQisBusy(handle)) {
        int64_t left = until - clock_boot_ms();
        struct pollfd wait = {.fd = PQsocket(handle), .events = POLLIN};
        if (left <= 0 || poll(&wait, 1, (int)left) == 0)
            return error_set(error, ERROR_UNAVAILABLE, "the database did not answer in time");
        if (!PQconsumeInput(handle))
            return notify_fail(handle, "the connection was lost", error);
    }
    return 0;
}

static int statement_run(PGconn *handle, const char *sql, const char *value,
                         struct error *error)
{
    if (!PQsendQueryParams(handle, sql, value ? 1 : 0, NULL, &value, NULL, NULL, 0))
        return notify_fail(handle, "the database takes no statement", error);
    int failed = 0;
    for (;;) {
        if (answer_wait(handle, error) < 0)
            return -1;
        PGresult *result = PQgetResult(handle);
        if (!result)
            return failed;
        ExecStatusType status = PQresultStatus(result);
        if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK)
            failed = notify_fail(handle, "the database refused", error);
        PQclear(result);
    }
}

static int notify_announce(struct wake_driver *driver, struct error *error)
{
    struct notify *notify = (struct notify *)driver;
    return statement_run(notify->teller, "SELECT pg_notify('users_service', $1)", notify->id,
                         error);
}

static int notify_open(struct wake_driver *driver, struct error *error)
{
    struct notify *notify = (struct notify *)driver;
    if (address_connect(&notify->address, &notify->teller, error) < 0)
        return -1;
    if (!notify->listens)
        return 0;
    if (address_connect(&notify->address, &notify->listener, error) < 0 ||
        statement_run(notify->listener, "LISTEN users_service", NULL, error) < 0)
        return -1;
    notify->asked_at = notify->ask_at = 0;
    notify->polls = false;
    return 0;
}

static int proof_ask(struct notify *notify, int64_t now, struct error *error)
{
    if (notify->asked_at || now < notify->ask_at)
        return 0;
    notify->asked_at = now;
    return notify_announce(&notify->driver, error);
}

static void proof_judge(struct notify *notify, int64_t now)
{
    if (!notify->asked_at || now - notify->asked_at < PROOF_TIMEOUT_MS)
        return;
    notify->asked_at = 0;
    notify->ask_at = now + PROOF_PAUSE_MS;
    notify->polls = true;
    if (!notify->told)
        log_warning("wakes of this database are not heard here, as behind a pooler in "
                    "transaction mode; looking for work every second instead");
    notify->told = true;
}

/* True if somebody else's wake is among what has arrived. */
static bool wakes_take(struct notify *notify, int64_t now)
{
    bool heard = false;
    PGnotify *wake;
    while ((wake = PQnotifies(notify->listener))) {
        bool own = strcmp(wake->extra, notify->id) == 0;
        PQfreemem(wake);
        heard = heard || !own;
        if (!own)
            continue;
        notify->polls = false;
        notify->asked_at = 0;
        notify->ask_at = now + PROOF_PAUSE_MS;
    }
    return heard;
}

static int notify_hear(struct wake_driver *driver, struct error *error)
{
    struct notify *notify = (struct notify *)driver;
    if (!notify->listens)
        return 0;
    int64_t now = clock_boot_ms();
    if (!PQconsumeInput(notify->listener))
        return notify_fail(notify->listener, "the connection was lost", error);
    bool heard = wakes_take(notify, now);
    if (proof_ask(notify, now, error) < 0)
        return -1;
    proof_judge(notify, now);
    if (notify->polls && now >= notify->poll_at) {
        notify->poll_at = now + POLL_INTERVAL_MS;
        heard = true;
    }
    return heard;
}

static int notify_descriptor(const struct wake_driver *driver)
{
    const struct notify *notify = (const struct notify *)driver;
    return notify->listener ? PQsocket(notify->listener) : -1;
}

static void notify_shut(struct wake_driver *driver)
{
    struct notify *notify = (struct notify *)driver;
    PQfinish(notify->teller);
    PQfinish(notify->listener);
    notify->teller = notify->listener = NULL;
}

static void notify_close(struct wake_driver *driver)
{
    struct notify *notify = (struct notify *)driver;
    notify_shut(driver);
    address_deinit(&notify->address);
    free(notify);
}

int wake_postgres_new(const char *url, bool listens, struct wake_driver **ret_driver,
                      struct error *error)
{
    struct notify *notify = calloc(1, sizeof *notify);
    if (!notify)
        return error_set(error, ERROR_NO_MEMORY, "no memory for the queue");
    notify->driver = (struct wake_driver){.name = "postgres",
                                          .open = notify_open,
                                          .announce = notify_announce,
                                          .hear = notify_hear,
                                          .descriptor = notify_descriptor,
                                          .shut = notify_shut,
                                          .close = notify_close,
                                          .interval_ms = POLL_INTERVAL_MS};
    notify->listens = listens;
    uuid_generate(notify->id);
    if (address_parse(url, &notify->address, error) < 0) {
        free(notify);
        return -1;
    }
    *ret_driver = &notify->driver;
    return 0;
}
