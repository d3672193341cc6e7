/*
 * ping: tells a monitor how the runs go, in the way that healthchecks made common: URL/start,
 * then URL or URL/fail, all with the run's id.
 *
 * A ping runs beside everything else, has a time-out of its own, and can fail nothing.
 */
#ifndef JOB_PING_H
#define JOB_PING_H

#include "base/uuid.h"
#include "http/client.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum ping_kind { PING_START, PING_GOOD, PING_FAIL };

#define PING_QUEUE_MAX 8
#define PING_URL_MAX   4096

struct ping {
    struct http_client *client;
    const char *url; /* NULL: nobody is told */
    int64_t timeout_ms;
    struct http_request request;
    struct http_response response;
    bool under_way;
    struct {
        enum ping_kind kind;
        char run_id[UUID_TEXT_SIZE];
    } queue[PING_QUEUE_MAX];
    size_t count;
};

void ping_init(struct ping *ping, struct http_client *client, const char *url,
               int64_t timeout_ms);
void ping_deinit(struct ping *ping);

/* Sends a ping once those before it are done; the oldest one is dropped when too many wait. */
void ping_send(struct ping *ping, enum ping_kind kind, const char *run_id);

/* Goes on after http_client_poll. */
void ping_step(struct ping *ping);

bool ping_is_idle(const struct ping *ping);

/* Writes the address of a ping; returns 0, or -1 if it gets too long. */
int ping_url(const char *url, enum ping_kind kind, const char *run_id, struct buffer *ret_url);

#endif
