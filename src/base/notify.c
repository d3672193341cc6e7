#include "base/notify.h"

#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#define PATIENCE_S 5

/* Signs of life for each time that the supervisor waits: one may be late, and one lost. */
#define SIGNS 4

#define DIGITS_MAX 18

static int number_take(const char *name, int64_t *ret_number, struct error *error)
{
    const char *text = getenv(name);
    size_t length = text ? strspn(text, "0123456789") : 0;
    if (!text)
        return 0;
    if (length == 0 || text[length] || length > DIGITS_MAX)
        return error_set(error, ERROR_CONFIG, "%s is no number", name);
    *ret_number = strtoll(text, NULL, 10);
    return 0;
}

/* What is meant for another process is not for this one. */
static int watchdog_take(struct notify *notify, struct error *error)
{
    int64_t microseconds = 0, process = getpid();
    if (number_take("WATCHDOG_USEC", &microseconds, error) < 0 ||
        number_take("WATCHDOG_PID", &process, error) < 0)
        return -1;
    if (process == getpid())
        notify->watchdog_ms = microseconds / 1000;
    return 0;
}

/* "/a/path", or "@name" of the abstract namespace, where the first byte is zero. */
static int address_take(const char *text, struct sockaddr_un *ret_address,
                        socklen_t *ret_length, struct error *error)
{
    size_t length = strlen(text);
    *ret_address = (struct sockaddr_un){.sun_family = AF_UNIX};
    if ((*text != '/' && *text != '@') || length < 2 || length >= sizeof ret_address->sun_path)
        return error_set(error, ERROR_CONFIG,
                         "NOTIFY_SOCKET is neither a path nor @ and a name, up to %zu bytes",
                         sizeof ret_address->sun_path - 1);
    memcpy(ret_address->sun_path, text, length);
    if (*text == '@')
        ret_address->sun_path[0] = '\0';
    else
        length++;
    *ret_length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length);
    return 0;
}

static int socket_open(const char *text, int *ret_socket, struct error *error)
{
    const struct timeval patience = {.tv_sec = PATIENCE_S};
    struct sockaddr_un address;
    socklen_t length = 0;
    if (address_take(text, &address, &length, error) < 0)
        return -1;
    int handle = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (handle < 0)
        return error_set_errno(error, ERROR_CONFIG, errno, "NOTIFY_SOCKET");
    if (setsockopt(handle, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience) < 0 ||
        connect(handle, (const struct sockaddr *)&address, length) < 0) {
        int code = errno;
        close(handle);
        return error_set_errno(error, ERROR_CONFIG, code, "NOTIFY_SOCKET");
    }
    *ret_socket = handle;
    return 0;
}

int notify_open(struct notify *ret_notify, struct error *error)
{
    const char *address = getenv("NOTIFY_SOCKET");
    *ret_notify = (struct notify){.socket = -1};
    int failed = address ? watchdog_take(ret_notify, error) : 0;
    if (address && !failed)
        failed = socket_open(address, &ret_notify->socket, error);
    if (failed)
        ret_notify->watchdog_ms = 0;
    unsetenv("NOTIFY_SOCKET");
    unsetenv("WATCHDOG_USEC");
    unsetenv("WATCHDOG_PID");
    return failed;
}

void notify_close(struct notify *notify)
{
    if (notify->socket >= 0)
        close(notify->socket);
    *notify = (struct notify){.socket = -1};
}

bool notify_tell(const struct notify *notify, const char *state)
{
    ssize_t sent;
    if (notify->socket < 0)
        return false;
    do {
        sent = send(notify->socket, state, strlen(state), MSG_NOSIGNAL);
    } while (sent < 0 && errno == EINTR);
    return sent >= 0;
}

bool notify_extend(const struct notify *notify, int64_t ms)
{
    char state[64];
    snprintf(state, sizeof state, "EXTEND_TIMEOUT_USEC=%" PRId64, ms * 1000);
    return notify_tell(notify, state);
}

int64_t notify_interval(const struct notify *notify)
{
    int64_t interval = notify->watchdog_ms / SIGNS;
    return interval ? interval : notify->watchdog_ms > 0;
}
