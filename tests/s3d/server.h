/*
 * server: carries requests to the protocol and answers back, and lets faults happen on the way.
 *
 * Paths under /_control/ are the control plane, which no fault touches:
 *
 *     GET    /_control/status                      counters and rules, as JSON
 *     GET    /_control/objects?bucket=&prefix=     {"count": …, "bytes": …}
 *     POST   /_control/faults                      adds the rules in the body, one a line
 *     DELETE /_control/faults                      clears all rules; who hangs is let go
 */
#ifndef S3D_SERVER_H
#define S3D_SERVER_H

#include "base/error.h"
#include "counters.h"
#include "protocol.h"
#include "room.h"

#include <stdint.h>
#include <stdio.h>

struct server {
    struct protocol protocol;
    struct counters counters;
    struct room *room;
    FILE *log; /* a line for each answered request; NULL: none */
    struct MHD_Daemon *daemon;
};

/* Listens on `host`, an IPv4 address; `*port` 0 picks a port and stores it. */
int server_open(struct server *server, const char *host, uint16_t *port, unsigned threads,
                struct error *error);

/* Ends every request and stops. The store, faults and log stay the caller's. */
void server_close(struct server *server);

#endif
