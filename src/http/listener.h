/*
 * listener: a listening socket for an address as it is typed.
 */
#ifndef HTTP_LISTENER_H
#define HTTP_LISTENER_H

#include "base/error.h"

#include <stdbool.h>

#define LISTENER_ADDRESS_SIZE 128

/*
 * Binds "127.0.0.1:8080" or "[::1]:8080" (numbers only; port 0: any free one), or "unix:PATH",
 * and listens. Who may use a unix socket is not told by its mode: check the peer.
 * `ret_address` gets the address with the port that was bound. ERROR_USAGE: malformed;
 * ERROR_UNAVAILABLE: in use, or not an address of this machine.
 */
int listener_open(const char *address, int *ret_socket,
                  char ret_address[static LISTENER_ADDRESS_SIZE], struct error *error);

/* Refuses who comes from now on; the number stays taken until it is closed. -1: nothing. */
void listener_shut(int socket);
void listener_close(int socket);

/* True if `address` is reached from this machine alone: loopback, or a unix socket. */
bool listener_is_local(const char *address);

#endif
