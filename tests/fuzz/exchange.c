#include "exchange.h"

#include "base/clock.h"
#include "config/limits.h"
#include "http/visit.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

/* Turns of the library after which a connection must be over. */
#define TURNS_MAX 1000

/* What a socket takes at once. */
#define INPUT_MAX (128 * 1024)

static struct MHD_Daemon *daemon_here;
static exchange_witness *witness_here;
static exchange_handler *handler_here;
static struct visits visits_here;
static struct visit *visit_here;

static void *target_note(void *data, const char *target, struct MHD_Connection *connection)
{
    (void)data;
    struct request *request = calloc(1, sizeof *request);
    if (!request)
        abort();
    request->connection = connection;
    request->visit = visit_here;
    guard_look_at_target(target, &request->target);
    buffer_init(&request->body, LIMIT_JSON_BODY_BYTES);
    return request;
}

static void request_begin(struct request *request, const char *path, const char *method,
                          const char *version)
{
    request->begun = true;
    request->method = method;
    struct guard_refusal refusal =
        guard_judge(request->connection, &request->target, path, method, version);
    if (witness_here)
        witness_here(request, &refusal);
    if (!refusal.status) {
        request->parameters[0] = fuzz_text((const uint8_t *)path, strlen(path));
        return;
    }
    request_set_header(request, "Connection", "close");
    request_reply_error(request, refusal.status, "%s", refusal.fault);
}

static enum MHD_Result access_handle(void *data, struct MHD_Connection *connection,
                                     const char *path, const char *method, const char *version,
                                     const char *upload, size_t *upload_length, void **state)
{
    (void)data;
    (void)connection;
    struct request *request = *state;
    if (!request->begun) {
        request_begin(request, path, method, version);
        return request->replied ? request->queued : MHD_YES;
    }
    if (request->replied)
        return MHD_YES;
    if (*upload_length) {
        request->body_refused |= buffer_append(&request->body, upload, *upload_length) < 0;
        *upload_length = 0;
        return MHD_YES;
    }
    if (!request->body_refused)
        handler_here(request);
    if (!request->replied)
        request_reply_empty(request, 204);
    return request->queued;
}

static void request_completed(void *data, struct MHD_Connection *connection, void **state,
                              enum MHD_RequestTerminationCode code)
{
    (void)data;
    (void)connection;
    (void)code;
    struct request *request = *state;
    if (request) {
        free(request->parameters[0]);
        buffer_deinit(&request->body);
        free(request);
    }
    *state = NULL;
}

static void daemon_open(void)
{
    daemon_here = MHD_start_daemon(
        MHD_USE_NO_LISTEN_SOCKET, 0, NULL, NULL, access_handle, NULL,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)LIMIT_HEAD_BYTES,
        MHD_OPTION_STRICT_FOR_CLIENT, -1, MHD_OPTION_NOTIFY_COMPLETED, request_completed, NULL,
        MHD_OPTION_URI_LOG_CALLBACK, target_note, NULL, MHD_OPTION_END);
    FUZZ_HOLDS(daemon_here);
}

/* True when the other side has closed, which it must, having been told that no more comes. */
static bool answer_read(int handle)
{
    char answer[4096];
    ssize_t got;
    while ((got = recv(handle, answer, sizeof answer, MSG_DONTWAIT)) > 0)
        continue;
    return got == 0;
}

void exchange_run(const uint8_t *bytes, size_t length, exchange_witness *witness,
                  exchange_handler *handler)
{
    int pair[2], turns = 0;
    struct sockaddr_in nobody = {.sin_family = AF_INET};
    if (length > INPUT_MAX)
        return;
    if (!daemon_here)
        daemon_open();
    witness_here = witness;
    handler_here = handler;
    FUZZ_HOLDS(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0);
    FUZZ_HOLDS(fcntl(pair[1], F_SETFL, O_NONBLOCK) == 0);
    FUZZ_HOLDS(send(pair[0], bytes, length, MSG_DONTWAIT | MSG_NOSIGNAL) == (ssize_t)length);
    shutdown(pair[0], SHUT_WR);
    visit_here = visit_begin(&visits_here, pair[0], clock_boot_ms());
    FUZZ_HOLDS(visit_here);
    FUZZ_HOLDS(MHD_add_connection(daemon_here, pair[1], (struct sockaddr *)&nobody,
                                  sizeof nobody) == MHD_YES);
    do
        MHD_run_wait(daemon_here, 0);
    while (!answer_read(pair[0]) && ++turns < TURNS_MAX);
    FUZZ_HOLDS(turns < TURNS_MAX);
    visit_end(visit_here);
    close(pair[0]);
}
