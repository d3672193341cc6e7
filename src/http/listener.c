#include "http/listener.h"

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define BACKLOG 1024

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
    int on = 1;
    if (handle >= 0 && setsockopt(handle, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0 &&
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

int listener_open(const char *address, int *ret_socket,
                  char ret_address[static LISTENER_ADDRESS_SIZE], struct error *error)
{
    char host[256];
    const char *port;
    struct addrinfo wanted = {.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE,
                              .ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
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

void listener_close(int socket)
{
    close(socket);
}
