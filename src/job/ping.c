#include "job/ping.h"

#include "base/log.h"

#include <stdio.h>
#include <string.h>

/* Nobody reads what a monitor answers. */
#define BODY_MAX 65536

void ping_init(struct ping *ping, struct http_client *client, const char *url,
               int64_t timeout_ms)
{
    *ping = (struct ping){.client = client, .url = url, .timeout_ms = timeout_ms};
}

void ping_deinit(struct ping *ping)
{
    if (ping->under_way)
        http_client_abort(ping->client, &ping->response);
    http_response_deinit(&ping->response);
}

int ping_url(const char *url, enum ping_kind kind, const char *run_id, struct buffer *ret_url)
{
    static const char *const ends[] = {
        [PING_START] = "/start", [PING_GOOD] = "", [PING_FAIL] = "/fail"};
    int path = (int)strcspn(url, "?");
    const char *query = url + path;
    int bare = path && url[path - 1] == '/' && *ends[kind] ? path - 1 : path;
    return buffer_printf(ret_url, "%.*s%s%s%srid=%s", bare, url, ends[kind], query,
                         !*query    ? "?"
                         : query[1] ? "&"
                                    : "",
                         run_id);
}

static void next_start(struct ping *ping)
{
    struct buffer url;
    buffer_init(&url, PING_URL_MAX);
    if (ping_url(ping->url, ping->queue[0].kind, ping->queue[0].run_id, &url) < 0) {
        log_warning("ping failed", log_text("reason", "its address is too long"));
    } else {
        ping->request = (struct http_request){.method = "GET",
                                              .url = url.bytes,
                                              .connect_ms = ping->timeout_ms,
                                              .total_ms = ping->timeout_ms,
                                              .body_max = BODY_MAX};
        http_client_start(ping->client, &ping->request, &ping->response);
        ping->under_way = true;
    }
    buffer_deinit(&url);
    memmove(ping->queue, ping->queue + 1, --ping->count * sizeof *ping->queue);
}

/* Neither the address nor what was answered is shown: the address is the monitor's secret. */
static void ping_finish(struct ping *ping)
{
    const struct http_response *response = &ping->response;
    if (response->outcome != HTTP_ANSWERED)
        log_warning("ping failed",
                    log_text("reason", response->outcome == HTTP_TIMEOUT ? "no answer in time"
                                                                         : "no answer"));
    else if (response->status / 100 != 2)
        log_warning("ping failed", log_number("status", response->status));
    http_response_deinit(&ping->response);
    ping->under_way = false;
}

void ping_step(struct ping *ping)
{
    if (ping->under_way && ping->response.done)
        ping_finish(ping);
    while (!ping->under_way && ping->count)
        next_start(ping);
}

void ping_send(struct ping *ping, enum ping_kind kind, const char *run_id)
{
    if (!ping->url)
        return;
    if (ping->count == PING_QUEUE_MAX) {
        memmove(ping->queue, ping->queue + 1, --ping->count * sizeof *ping->queue);
        log_warning("ping dropped");
    }
    ping->queue[ping->count].kind = kind;
    snprintf(ping->queue[ping->count].run_id, UUID_TEXT_SIZE, "%s", run_id);
    ping->count++;
    ping_step(ping);
}

bool ping_is_idle(const struct ping *ping)
{
    return !ping->under_way && !ping->count;
}
