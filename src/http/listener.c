#include "http/listener.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define BACKLOG 1024
/* Bytes for a client that the system keeps before they can be sent: a slow reader's reply stays
 * ours to count, and to drop. */
#define UNSENT_BYTES (128 * 1024)

static int address_split(const char *address, char *host, size_t host_size, const char **port)
{
    const char *colon = strrchr(address, ':');
    if (!colon || !colon[1] || strspn(colon + 1, "0123456789") != strlen(colon + 1))
        return -1;
    *port = colon + 1;
    size_t length = (size_t)(colon - address);
    if (*address == '[') {
        if (length < 3 || address[length - 1] != ']')
            return -1;
        address++;
        length -= 2;
    }
    if (length == 0 || length >= host_size)
        return -1;
    memcpy(host, address, length);
    host[length] = '\0';
    return 0;
}

static int socket_bind(const struct addrinfo *found, struct error *error)
{
    int handle = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int on = 1, unsent = UNSENT_BYTES;
    if (handle >= 0 && setsockopt(handle, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0 &&
        setsockopt(handle, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &unsent, sizeof unsent) == 0 &&
        bind(handle, found->ai_addr, found->ai_addrlen) == 0 && listen(handle, BACKLOG) == 0)
        return handle;
    int code = errno;
    if (handle >= 0)
        close(handle);
    error_set_errno(error, ERROR_UNAVAILABLE, code, "cannot listen%s",
                    code == EADDRINUSE ? "; stop what uses the port, or choose another" : "");
    return -1;
}

static int address_describe(int handle, char *text)
{
    struct sockaddr_storage bound;
    socklen_t length = sizeof bound;
    char host[48], port[8];
    if (getsockname(handle, (struct sockaddr *)&bound, &length) < 0 ||
        getnameinfo((struct sockaddr *)&bound, length, host, sizeof host, port, sizeof port,
                    NI_NUMERICHOST | NI_NUMERICSERV) != 0)
        return -1;
    snprintf(text, LISTENER_ADDRESS_SIZE, strchr(host, ':') ? "[%s]:%s" : "%s:%s", host, port);
    return 0;
}

/* A socket file that nobody listens on any more is in the way, and goes. */
static int stale_remove(const struct sockaddr_un *name, struct error *error)
{
    struct stat status;
    if (lstat(name->sun_path, &status) < 0)
        return 0;
    int handle = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool in_use = S_ISSOCK(status.st_mode) && handle >= 0 &&
                  connect(handle, (const struct sockaddr *)name, sizeof *name) == 0;
    if (handle >= 0)
        close(handle);
    if (in_use || !S_ISSOCK(status.st_mode))
        return error_set(error, ERROR_UNAVAILABLE, "%s",
                         in_use
                             ? "another process listens there; stop it, or choose another path"
                             : "there is a file that is no socket; choose another path");
    return unlink(name->sun_path) == 0 ? 0
                                       : error_set_errno(error, ERROR_UNAVAILABLE, errno,
                                                         "cannot remove the old socket");
}

static int unix_open(const char *path, int *ret_socket, struct error *error)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    if (*path != '/' || strlen(path) >= sizeof name.sun_path)
        return error_set(error, ERROR_USAGE, "give an absolute path of at most %zu bytes",
                         sizeof name.sun_path - 1);
    memcpy(name.sun_path, path, strlen(path));
    if (stale_remove(&name, error) < 0)
        return -1;
    int handle = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (handle >= 0 && bind(handle, (struct sockaddr *)&name, sizeof name) == 0 &&
        chmod(path, 0666) == 0 && listen(handle, BACKLOG) == 0) {
        *ret_socket = handle;
        return 0;
    }
    int code = errno;
    if (handle >= 0)
        close(handle);
    return error_set_errno(error, ERROR_UNAVAILABLE, code, "cannot listen");
}

int listener_open(const char *address, int *ret_socket,
                  char ret_address[static LISTENER_ADDRESS_SIZE], struct error *error)
{
    char host[256];
    const char *port;
    struct addrinfo wanted = {.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE,
                              .ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
    if (strncmp(address, "unix:", 5) == 0) {
        snprintf(ret_address, LISTENER_ADDRESS_SIZE, "%s", address);
        return unix_open(address + 5, ret_socket, error);
    }
    if (address_split(address, host, sizeof host, &port) < 0 ||
        strtol(port, NULL, 10) > 65535 || getaddrinfo(host, port, &wanted, &found) != 0)
        return error_set(error, ERROR_USAGE,
                         "not an address: give one such as 127.0.0.1:8080 or [::1]:8080");
    int handle = socket_bind(found, error);
    freeaddrinfo(found);
    if (handle < 0)
        return -1;
    if (address_describe(handle, ret_address) < 0) {
        listener_close(handle);
        return error_set(error, ERROR_UNAVAILABLE, "the address bound cannot be read");
    }
    *ret_socket = handle;
    return 0;
}

void listener_shut(int socket)
{
    if (socket >= 0)
        shutdown(socket, SHUT_RDWR);
}

void listener_close(int socket)
{
    if (socket >= 0)
        close(socket);
}

bool listener_is_local(const char *address)
{
    return strncmp(address, "unix:", 5) == 0 || strncmp(address, "127.", 4) == 0 ||
           strncmp(address, "[::1]:", 6) == 0;
}
