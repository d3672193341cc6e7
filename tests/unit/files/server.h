/*
 * server: an HTTP server that says what it was told to say, in order, whoever asks.
 *
 * It listens on 127.0.0.1 on a port that the kernel chose and remembers what it was sent.
 */
#ifndef TESTS_UNIT_FILES_SERVER_H
#define TESTS_UNIT_FILES_SERVER_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

#define SERVER_REPLIES_MAX     8
#define SERVER_CONNECTIONS_MAX 8
#define SERVER_REQUEST_SIZE    65536

enum server_after {
    SERVER_KEEP,    /* the connection stays open for the next request */
    SERVER_CLOSE,   /* it is closed after the reply */
    SERVER_RESET,   /* it is reset after the reply */
    SERVER_HANG,    /* nothing follows; the client must give up */
    SERVER_ENDLESS, /* the reply's last byte is repeated until the client gives up */
};

struct server_reply {
    const char *bytes; /* "" for none */
    enum server_after after;
};

struct server_connection {
    int socket; /* -1: free */
    bool endless, hung;
    char filler;
    size_t length;
    char request[SERVER_REQUEST_SIZE];
};

struct server {
    int listener, stop;
    unsigned port;
    pthread_t thread;
    struct server_reply replies[SERVER_REPLIES_MAX];
    size_t reply_count;
    struct server_connection connections[SERVER_CONNECTIONS_MAX];
    /* To be read once the client was answered. */
    size_t request_count, connection_count;
    char requests[SERVER_REPLIES_MAX][SERVER_REQUEST_SIZE];
};

/* Starts it with `count` replies; further requests are answered by closing. */
void server_start(struct server *server, const struct server_reply *replies, size_t count);

/* The same on ::1, on the port that another one had; false if there is no such address here. */
bool server_start_v6(struct server *server, unsigned port, const struct server_reply *replies,
                     size_t count);
void server_stop(struct server *server);

/* Takes connections of any number and never answers; the caller closes the socket. */
int server_listen_deaf(unsigned *ret_port);

#endif
