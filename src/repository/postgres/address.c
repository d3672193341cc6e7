#include "repository/postgres/address.h"

#include "base/clock.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Of one attempt that is made only to hear the reason of a refusal. */
#define REFUSAL_TIMEOUT_MS 5000

/*
 * What an address may override comes before "dbname", which is the address itself. Writes need
 * the primary, and reads must see them; a dead peer is noticed in seconds, not hours.
 */
static const char *const keywords[] = {
    "connect_timeout",      "tcp_user_timeout", "keepalives_idle", "fallback_application_name",
    "target_session_attrs", "dbname",           "client_encoding", NULL,
};

static void values_fill(const struct address *address, const char *values[static 8])
{
    const char *const filled[8] = {"3",          "10000",      "10",   "users-service",
                                   "read-write", address->url, "UTF8", NULL};
    memcpy(values, filled, sizeof filled);
}

void address_copy_words(char *text, size_t size, const char *words)
{
    size_t length = 0;
    for (; *words && length + 1 < size; words++) {
        char next = *words == '\n' || *words == '\t' ? ' ' : *words;
        if (next != ' ' || (length && text[length - 1] != ' '))
            text[length++] = next;
    }
    while (length && text[length - 1] == ' ')
        length--;
    text[length] = '\0';
}

/* Takes "prepared=…" out of the parameters after the question mark. */
static int prepared_take(struct address *address, struct error *error)
{
    static const char name[] = "prepared=";
    char *start = strchr(address->url, '?');
    while (start && strncmp(start + 1, name, sizeof name - 1) != 0)
        start = strchr(start + 1, '&');
    if (!start)
        return 0;
    char *value = start + sizeof name;
    size_t length = strcspn(value, "&");
    bool off = length == 3 && memcmp(value, "off", 3) == 0;
    bool on = length == 2 && memcmp(value, "on", 2) == 0;
    if (!on && !off)
        return error_set(error, ERROR_USAGE,
                         "prepared must be on or off in a database's address");
    address->prepares = on;
    char *rest = value + length;
    if (*rest)
        memmove(start + 1, rest + 1, strlen(rest + 1) + 1);
    else
        *start = '\0';
    return 0;
}

/* A standby is no use to anybody who writes. */
static int attributes_check(const PQconninfoOption *options, struct error *error)
{
    static const char *const wrong[] = {"standby", "read-only", "prefer-standby"};
    for (; options->keyword; options++) {
        if (!options->val || strcmp(options->keyword, "target_session_attrs") != 0)
            continue;
        for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
            if (strcmp(options->val, wrong[i]) == 0)
                return error_set(error, ERROR_CONFIG,
                                 "target_session_attrs=%s in the database's address: it must "
                                 "lead to the server that takes changes (read-write)",
                                 wrong[i]);
        }
    }
    return 0;
}

int address_parse(const char *text, struct address *ret_address, struct error *error)
{
    struct address address = {.url = strdup(text), .prepares = true};
    if (!address.url)
        return error_set(error, ERROR_NO_MEMORY, "no memory for the database's address");
    if (prepared_take(&address, error) < 0) {
        address_deinit(&address);
        return -1;
    }
    char *words = NULL;
    PQconninfoOption *parsed = PQconninfoParse(address.url, &words);
    if (!parsed) {
        char line[ERROR_TEXT_SIZE];
        address_copy_words(line, sizeof line, words ? words : "no memory");
        error_set(error, ERROR_USAGE, "the database's address: %s", line);
        PQfreemem(words);
        address_deinit(&address);
        return -1;
    }
    int failed = attributes_check(parsed, error);
    PQconninfoFree(parsed);
    if (failed < 0)
        address_deinit(&address);
    else
        *ret_address = address;
    return failed;
}

void address_deinit(struct address *address)
{
    free(address->url);
    *address = (struct address){0};
}

/* Notices (a table that exists already, a warning) are the server's own log's. */
static void notice_ignore(void *argument, const PGresult *result)
{
    (void)argument;
    (void)result;
}

int address_connect(const struct address *address, PGconn **ret_handle, struct error *error)
{
    const char *values[8];
    values_fill(address, values);
    PGconn *handle = PQconnectdbParams(keywords, values, 1);
    if (!handle)
        return error_set(error, ERROR_NO_MEMORY, "no memory for a connection");
    if (PQstatus(handle) == CONNECTION_OK) {
        PQsetNoticeReceiver(handle, notice_ignore, NULL);
        *ret_handle = handle;
        return 0;
    }
    char words[ERROR_TEXT_SIZE];
    address_copy_words(words, sizeof words, PQerrorMessage(handle));
    PQfinish(handle);
    return error_set(error, ERROR_UNAVAILABLE, "cannot connect to the database: %s", words);
}

/* Goes on with a connection under way until it has an end or the time is up. */
static PostgresPollingStatusType handle_poll(PGconn *handle)
{
    int64_t until = clock_boot_ms() + REFUSAL_TIMEOUT_MS;
    PostgresPollingStatusType state = PGRES_POLLING_WRITING;
    while (state == PGRES_POLLING_READING || state == PGRES_POLLING_WRITING) {
        int64_t left = until - clock_boot_ms();
        struct pollfd wait = {.fd = PQsocket(handle),
                              .events = state == PGRES_POLLING_READING ? POLLIN : POLLOUT};
        if (left <= 0 || PQstatus(handle) == CONNECTION_BAD || poll(&wait, 1, (int)left) == 0)
            return PGRES_POLLING_FAILED;
        state = PQconnectPoll(handle);
    }
    return state;
}

/* SQLSTATEs that no waiting heals: authorization, no such database, no right to connect. */
static const char *const refusals[] = {"28000", "28P01", "3D000", "42501"};

/* Nor these of libpq's own, which have no code: its files, and a server that is not trusted. */
static const char *const distrusts[] = {"certificate verify failed", "does not match host name",
                                        "certificate file \"", "private key file \"",
                                        "server does not support SSL"};

static bool is_refusal(PGconn *handle)
{
    const char *words = PQerrorMessage(handle);
    for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++) {
        char code[16];
        snprintf(code, sizeof code, " %s: ", refusals[i]);
        if (strstr(words, code))
            return true;
    }
    for (size_t i = 0; i < sizeof distrusts / sizeof *distrusts; i++) {
        if (strstr(words, distrusts[i]))
            return true;
    }
    return PQconnectionNeedsPassword(handle);
}

bool address_is_refused(const struct address *address, struct error *error)
{
    const char *values[8];
    values_fill(address, values);
    PGconn *handle = PQconnectStartParams(keywords, values, 1);
    if (!handle)
        return false;
    /* The only way to a code: with this, the message of a failed connection holds it. */
    PQsetErrorVerbosity(handle, PQERRORS_VERBOSE);
    bool refused = handle_poll(handle) == PGRES_POLLING_FAILED && is_refusal(handle);
    if (refused) {
        char line[ERROR_TEXT_SIZE];
        address_copy_words(line, sizeof line, PQerrorMessage(handle));
        error_set(error, ERROR_CONFIG, "the database refuses: %s", line);
    }
    PQfinish(handle);
    return refused;
}
