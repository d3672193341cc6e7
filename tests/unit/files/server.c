#include "server.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

/* More than a driver ever opens at once. */
#define BACKLOG 512

static void connection_close(struct server_connection *connection, bool reset)
{
    if (reset) {
        struct linger now = {.l_onoff = 1};
        setsockopt(connection->socket, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    }
    close(connection->socket);
    connection->socket = -1;
}

/* Length of the request at the start of what was read; 0 while it is not whole. */
static size_t request_length(const struct server_connection *connection)
{
    const char *end = memmem(connection->request, connection->length, "\r\n\r\n", 4);
    if (!end)
        return 0;
    size_t head = (size_t)(end - connection->request) + 4, body = 0;
    const char *length = memmem(connection->request, head, "Content-Length: ", 16);
    if (length)
        body = strtoul(length + 16, NULL, 10);
    return connection->length - head < body ? 0 : head + body;
}

static void reply_send(struct server *server, struct server_connection *connection)
{
    struct server_reply reply = {.bytes = "", .after = SERVER_CLOSE};
    if (server->request_count < server->reply_count)
        reply = server->replies[server->request_count];
    if (server->request_count < SERVER_REPLIES_MAX)
        memcpy(server->requests[server->request_count], connection->request,
               connection->length);
    __atomic_add_fetch(&server->request_count, 1, __ATOMIC_RELEASE);
    connection->length = 0;
    size_t length = strlen(reply.bytes);
    if (length && send(connection->socket, reply.bytes, length, MSG_NOSIGNAL) < 0)
        reply.after = SERVER_CLOSE;
    connection->hung = reply.after == SERVER_HANG;
    connection->endless = reply.after == SERVER_ENDLESS;
    connection->filler = length ? reply.bytes[length - 1] : ' ';
    if (reply.after == SERVER_CLOSE || reply.after == SERVER_RESET)
        connection_close(connection, reply.after == SERVER_RESET);
}

static void connection_fill(struct server_connection *connection)
{
    char filler[4096];
    memset(filler, connection->filler, sizeof filler);
    if (send(connection->socket, filler, sizeof filler, MSG_NOSIGNAL) < 0)
        connection_close(connection, false);
}

static void connection_read(struct server *server, struct server_connection *connection)
{
    size_t room = sizeof connection->request - 1 - connection->length;
    ssize_t got = recv(connection->socket, connection->request + connection->length, room, 0);
    if (got <= 0) {
        connection_close(connection, false);
        return;
    }
    connection->length += (size_t)got;
    if (!connection->hung && request_length(connection))
        reply_send(server, connection);
}

static void connection_accept(struct server *server)
{
    int socket = accept(server->listener, NULL, NULL);
    for (size_t i = 0; i < SERVER_CONNECTIONS_MAX && socket >= 0; i++) {
        struct server_connection *connection = &server->connections[i];
        if (connection->socket < 0) {
            server->connection_count++;
            *connection = (struct server_connection){.socket = socket};
            return;
        }
    }
    if (socket >= 0)
        close(socket);
}

static void *server_run(void *data)
{
    struct server *server = data;
    struct pollfd waiting[SERVER_CONNECTIONS_MAX + 2];
    for (;;) {
        waiting[0] = (struct pollfd){.fd = server->stop, .events = POLLIN};
        waiting[1] = (struct pollfd){.fd = server->listener, .events = POLLIN};
        for (size_t i = 0; i < SERVER_CONNECTIONS_MAX; i++) {
            const struct server_connection *connection = &server->connections[i];
            waiting[i + 2] = (struct pollfd){.fd = connection->socket,
                                             .events = connection->endless ? POLLOUT : POLLIN};
        }
        if (poll(waiting, SERVER_CONNECTIONS_MAX + 2, -1) < 0 || waiting[0].revents)
            return NULL;
        for (size_t i = 0; i < SERVER_CONNECTIONS_MAX; i++) {
            struct server_connection *connection = &server->connections[i];
            if (!waiting[i + 2].revents)
                continue;
            if (connection->endless)
                connection_fill(connection);
            else
                connection_read(server, connection);
        }
        if (waiting[1].revents)
            connection_accept(server);
    }
}

/* Listens on `address`, which is filled with what it came to be; false if that is not to be
 * had. */
static bool server_listen(struct server *server, struct sockaddr *address, socklen_t length)
{
    server->listener = socket(address->sa_family, SOCK_STREAM, 0);
    if (server->listener < 0)
        return false;
    if (bind(server->listener, address, length) == 0 &&
        listen(server->listener, BACKLOG) == 0 &&
        getsockname(server->listener, address, &length) == 0)
        return true;
    close(server->listener);
    return false;
}

static bool server_open(struct server *server, struct sockaddr *address, socklen_t length,
                        const struct server_reply *replies, size_t count)
{
    memset(server, 0, sizeof *server);
    assert_true(count <= SERVER_REPLIES_MAX);
    if (count)
        memcpy(server->replies, replies, count * sizeof *replies);
    server->reply_count = count;
    for (size_t i = 0; i < SERVER_CONNECTIONS_MAX; i++)
        server->connections[i].socket = -1;
    if (!server_listen(server, address, length))
        return false;
    server->stop = eventfd(0, 0);
    assert_true(server->stop >= 0);
    assert_int_equal(pthread_create(&server->thread, NULL, server_run, server), 0);
    return true;
}

void server_start(struct server *server, const struct server_reply *replies, size_t count)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    assert_true(
        server_open(server, (struct sockaddr *)&address, sizeof address, replies, count));
    server->port = ntohs(address.sin_port);
}

bool server_start_v6(struct server *server, unsigned port, const struct server_reply *replies,
                     size_t count)
{
    struct sockaddr_in6 address = {.sin6_family = AF_INET6,
                                   .sin6_addr = IN6ADDR_LOOPBACK_INIT,
                                   .sin6_port = htons((uint16_t)port)};
    return server_open(server, (struct sockaddr *)&address, sizeof address, replies, count);
}

void server_stop(struct server *server)
{
    eventfd_write(server->stop, 1);
    pthread_join(server->thread, NULL);
    for (size_t i = 0; i < SERVER_CONNECTIONS_MAX; i++) {
        if (server->connections[i].socket >= 0)
            close(server->connections[i].socket);
    }
    close(server->listener);
    close(server->stop);
}

int server_listen_deaf(unsigned *ret_port)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct server deaf;
    assert_true(server_listen(&deaf, (struct sockaddr *)&address, sizeof address));
    *ret_port = ntohs(address.sin_port);
    return deaf.listener;
}
