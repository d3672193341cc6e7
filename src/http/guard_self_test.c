/* The guard's trial at start, against the library that is really there. */
#include "http/guard.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

struct trial {
    const char *head;
    size_t length;
    bool good;
    const char *what;
};

#define TRIAL(text, good, what)                                                                \
    {                                                                                          \
        (text), sizeof(text) - 1, (good), (what)                                               \
    }

/* One fault each that the library hides; the good ones show that the guard refuses nothing
 * else. */
static const struct trial trials[] = {
    TRIAL("GET / HTTP/1.1\r\nHost: a\r\n\r\n", true, "a plain head"),
    TRIAL("GET /a%20b?c=%64&e HTTP/1.1\r\nHost: a:1\r\nX:  y \r\nA:\r\n\r\n", true,
          "a decoded target, an empty value and blanks around one"),
    TRIAL("GET http://a/b HTTP/1.1\r\nHost: a\r\n\r\n", true, "a target in absolute form"),
    TRIAL("\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", false, "an empty line before the head"),
    TRIAL("\0x\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", false, "a NUL before the head"),
    TRIAL("GET / HTTP/1.1\r\nHost: a\r\nX: y\r\n z\r\n\r\n", false, "a folded line"),
    TRIAL("GET / HTTP/1.1\r\nHost: a\r\nContent-Lengt: 3\r\n h\r\n\r\n", false,
          "a folded line that completes a name"),
    TRIAL("GET / HTTP/1.1\nHost: a\r\n\r\n", false, "a bare LF after the request line"),
    TRIAL("GET / HTTP/1.1\r\nHost: a\nX: y\r\n\r\n", false, "a bare LF after a header"),
    TRIAL("GET / HTTP/1.1\r\nHost: a\r\nX: y\r\n\n", false, "a bare LF at the end"),
    TRIAL("GET / HTTP/1.1\r\nHost: a\r\nX: y\0z\r\n\r\n", false, "a NUL in a value"),
    TRIAL("GET /a\0b HTTP/1.1\r\nHost: a\r\n\r\n", false, "a NUL in the target"),
    TRIAL("GET / HTTP/1.1\r\nHost: a\r\n: y\r\n\r\n", false, "an empty name"),
    TRIAL("GET / HTTP/1.0\n\0A\n", false, "a line behind a bare LF that begins with NUL"),
    TRIAL("GET  / HTTP/1.1\r\nHost: a\r\n\r\n", false, "two blanks in the request line"),
};

static void *target_note(void *data, const char *target, struct MHD_Connection *connection)
{
    (void)data;
    (void)connection;
    /* One head is tried after the other. */
    static struct guard_target noted;
    noted = (struct guard_target){0};
    guard_look_at_target(target, &noted);
    return &noted;
}

/* Answers "200" to what the guard lets pass, "400" to what it refuses. */
static enum MHD_Result trial_handle(void *data, struct MHD_Connection *connection,
                                    const char *path, const char *method, const char *version,
                                    const char *upload, size_t *upload_length, void **state)
{
    (void)data;
    (void)upload;
    (void)upload_length;
    struct guard_refusal refusal = guard_judge(connection, *state, path, method, version);
    struct MHD_Response *response =
        MHD_create_response_from_buffer(0, "", MHD_RESPMEM_PERSISTENT);
    if (!response)
        return MHD_NO;
    MHD_add_response_header(response, "Connection", "close");
    enum MHD_Result queued =
        MHD_queue_response(connection, refusal.status ? 400 : 200, response);
    MHD_destroy_response(response);
    return queued;
}

static void trial_completed(void *data, struct MHD_Connection *connection, void **state,
                            enum MHD_RequestTerminationCode code)
{
    (void)data;
    (void)connection;
    (void)code;
    *state = NULL;
}

static int trial_connect(unsigned short port)
{
    int handle = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons(port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct timeval limit = {.tv_sec = 5};
    if (handle >= 0 && setsockopt(handle, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit) == 0 &&
        connect(handle, (struct sockaddr *)&address, sizeof address) == 0)
        return handle;
    if (handle >= 0)
        close(handle);
    return -1;
}

/* Sends one head: 1 answered 200, 0 refused or closed, -1 could not be tried. */
static int trial_send(unsigned short port, const struct trial *trial)
{
    char answer[32] = "";
    int handle = trial_connect(port);
    if (handle < 0)
        return -1;
    ssize_t sent = send(handle, trial->head, trial->length, MSG_NOSIGNAL);
    ssize_t got = sent == (ssize_t)trial->length
                      ? recv(handle, answer, sizeof answer - 1, MSG_WAITALL)
                      : -1;
    int code = errno;
    close(handle);
    if (got < 0 && code != ECONNRESET)
        return -1;
    return strncmp(answer, "HTTP/1.1 200", 12) == 0;
}

int guard_self_test(struct error *error)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct MHD_Daemon *daemon = MHD_start_daemon(
        MHD_USE_EPOLL_INTERNAL_THREAD, 0, NULL, NULL, trial_handle, NULL, MHD_OPTION_SOCK_ADDR,
        &address, MHD_OPTION_STRICT_FOR_CLIENT, -1, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
        (size_t)GUARD_POOL_MIN, MHD_OPTION_URI_LOG_CALLBACK, target_note, NULL,
        MHD_OPTION_NOTIFY_COMPLETED, trial_completed, NULL, MHD_OPTION_END);
    const union MHD_DaemonInfo *info =
        daemon ? MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_BIND_PORT) : NULL;
    if (!info) {
        if (daemon)
            MHD_stop_daemon(daemon);
        return error_set(error, ERROR_UNAVAILABLE,
                         "the HTTP library cannot be tried on 127.0.0.1");
    }
    int failed = 0;
    for (size_t i = 0; i < sizeof trials / sizeof *trials && !failed; i++) {
        int passed = trial_send(info->port, &trials[i]);
        if (passed != (int)trials[i].good)
            failed = error_set(error, ERROR_INTERNAL,
                               "libmicrohttpd %s shows %s in a way that the request guard does "
                               "not know: use the version that this program was tested with",
                               MHD_get_version(), trials[i].what);
    }
    MHD_stop_daemon(daemon);
    return failed;
}
