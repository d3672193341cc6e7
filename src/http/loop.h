/*
 * loop: one HTTP thread, with a daemon of the library's that it runs itself.
 *
 * The library's own thread stalls when exactly as many connections as it asks the system for at
 * a time (128) have something to say at once: it asks for more, and waits, before it looks at
 * the first. Here it is never let wait. The thread also minds the time of its clients
 * (visit.h).
 */
#ifndef HTTP_LOOP_H
#define HTTP_LOOP_H

#include "base/error.h"
#include "http/tls.h"
#include "http/visit.h"

#include <microhttpd.h>
#include <stdint.h>

struct loop;

struct loop_options {
    int socket;            /* a listening one, which several loops may share; the caller's */
    const struct tls *tls; /* NULL: plain HTTP */
    unsigned connections;  /* at once */
    int64_t patience_ms;   /* see visit.h */
    const atomic_llong *crowded_until;
    /* Called on the loop's thread; each gets `owner`. */
    void *(*announce)(void *owner, struct loop *loop, struct visit *visit, const char *target,
                      struct MHD_Connection *connection);
    MHD_AccessHandlerCallback handle;
    MHD_RequestCompletedCallback completed;
    void *owner;
};

/* NULL without memory, handles or threads. */
struct loop *loop_open(const struct loop_options *options);

/* When its thread was last at work, by the boot-time clock; it is so every half second. */
int64_t loop_alive_at(const struct loop *loop);

/* No new connection is accepted from here on. */
void loop_quiesce(struct loop *loop);

/* Ends all connections; none may be suspended. NULL is allowed. */
void loop_close(struct loop *loop);

/* A connection that is suspended. Embedded in what it is about. */
struct loop_wait {
    struct loop_wait *next;
    struct loop *loop;
    struct MHD_Connection *connection;
};

/* Suspends a connection, on the loop's thread; its client waits for us. */
void loop_suspend(struct loop *loop, struct loop_wait *wait, struct MHD_Connection *connection);

/* Goes on with it: once, from any thread. */
void loop_resume(struct loop_wait *wait);

#endif
