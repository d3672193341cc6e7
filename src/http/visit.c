#include "http/visit.h"

#include "config/limits.h"

#include <linux/tcp.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/socket.h>

enum visit_part { VISIT_HEAD, VISIT_BODY, VISIT_REPLY, VISIT_REST };

struct visit {
    struct visit *next, **place;
    struct visits *visits;
    int socket;
    enum visit_part part;
    int64_t since; /* boot-time clock */
    int64_t bytes; /* of the body or reply */
    int64_t moved; /* of the body; of a reply, what was acknowledged before it began */
};

/* What the other end has acknowledged since it came; -1 if that is not known. */
static int64_t acknowledged(int socket)
{
    struct tcp_info info = {0};
    socklen_t length = sizeof info;
    if (getsockopt(socket, IPPROTO_TCP, TCP_INFO, &info, &length) < 0)
        return -1;
    return (int64_t)info.tcpi_bytes_acked;
}

static void visit_turn(struct visit *visit, enum visit_part part, int64_t now, int64_t bytes)
{
    if (!visit)
        return;
    visit->part = part;
    visit->since = now;
    visit->bytes = bytes;
    visit->moved = 0;
}

struct visit *visit_begin(struct visits *visits, int socket, int64_t now)
{
    struct visit *visit = calloc(1, sizeof *visit);
    if (!visit)
        return NULL;
    visit->visits = visits;
    visit->socket = socket;
    visit->next = visits->first;
    visit->place = &visits->first;
    if (visit->next)
        visit->next->place = &visit->next;
    visits->first = visit;
    visit_await_head(visit, now);
    return visit;
}

void visit_end(struct visit *visit)
{
    *visit->place = visit->next;
    if (visit->next)
        visit->next->place = visit->place;
    free(visit);
}

void visit_await_head(struct visit *visit, int64_t now)
{
    visit_turn(visit, VISIT_HEAD, now, 0);
}

void visit_await_body(struct visit *visit, int64_t now, int64_t bytes)
{
    visit_turn(visit, VISIT_BODY, now, bytes);
}

void visit_await_reply(struct visit *visit, int64_t now, int64_t bytes)
{
    visit_turn(visit, VISIT_REPLY, now, bytes);
    if (!visit)
        return;
    /* A short one is the system's as soon as it is written. */
    visit->moved = bytes > LIMIT_JSON_BODY_BYTES ? acknowledged(visit->socket) : -1;
}

void visit_advance(struct visit *visit, int64_t bytes)
{
    if (visit)
        visit->moved += bytes;
}

void visit_rest(struct visit *visit)
{
    if (visit)
        visit->part = VISIT_REST;
}

/* Bytes that the client has sent or taken; where that is not known, all of them. */
static int64_t progress(const struct visit *visit)
{
    if (visit->part == VISIT_BODY)
        return visit->moved;
    if (visit->part == VISIT_HEAD || visit->moved < 0)
        return visit->bytes;
    return acknowledged(visit->socket) - visit->moved;
}

static bool is_over(const struct visit *visit, int64_t now)
{
    int64_t patience = visit->visits->patience_ms;
    if (visit->bytes > LIMIT_JSON_BODY_BYTES &&
        now < atomic_load(visit->visits->crowded_until) && patience > LIMIT_CROWDED_PATIENCE_MS)
        patience = LIMIT_CROWDED_PATIENCE_MS;
    /* Most are in time whatever has moved. */
    if (visit->part == VISIT_REST || now - visit->since < patience)
        return false;
    return now - visit->since - patience >= progress(visit) * 1000 / LIMIT_CLIENT_BYTES_S;
}

/* What the client has not taken yet goes with the connection, instead of staying in the system.
 */
static void socket_cut(int socket)
{
    struct linger at_once = {.l_onoff = 1};
    setsockopt(socket, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    shutdown(socket, SHUT_RDWR);
}

void visits_cut(struct visits *visits, int64_t now)
{
    for (struct visit *visit = visits->first; visit; visit = visit->next) {
        if (is_over(visit, now)) {
            socket_cut(visit->socket);
            visit_rest(visit);
        }
    }
}
