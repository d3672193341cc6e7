/*
 * visit: one connection, and until when its client must have done its part.
 *
 * The library only minds silence. A client that sends or takes a byte now and then would keep
 * its connection, and what is held for it, for ever; so a head has a time, and a body or a
 * reply has one that grows with what has gone through. While others are refused for want of
 * room, who holds much of it has less patience shown. One thread owns a list of visits and all
 * in it.
 */
#ifndef HTTP_VISIT_H
#define HTTP_VISIT_H

#include <stdatomic.h>
#include <stdint.h>

struct visit;

struct visits {
    struct visit *first;
    int64_t patience_ms;
    const atomic_llong *crowded_until; /* boot-time clock: others lack room until then */
};

/*
 * A client has come, and is to send a head. NULL without memory. The socket is the caller's; it
 * must be open until visit_end.
 */
struct visit *visit_begin(struct visits *visits, int socket, int64_t now);
void visit_end(struct visit *visit);

/*
 * Below, NULL stands for a client whom nobody minds.
 *
 * From now on the client is to send a head, or a body of so many bytes, or to take a reply.
 */
void visit_await_head(struct visit *visit, int64_t now);
void visit_await_body(struct visit *visit, int64_t now, int64_t bytes);
void visit_await_reply(struct visit *visit, int64_t now, int64_t bytes);

/* So many bytes of the body have come. */
void visit_advance(struct visit *visit, int64_t bytes);

/* The client waits for us: nothing is expected of it. */
void visit_rest(struct visit *visit);

/* Shuts the sockets of those whose time is over, so that the library ends their connections. */
void visits_cut(struct visits *visits, int64_t now);

#endif
