#include "handlers/account.h"

#include "base/clock.h"
#include "base/log.h"
#include "metrics/metrics.h"

#include <stdio.h>

/* A method or path that no route has is anybody's invention: it is no label. */
static void request_account(const char *listener, const struct request_end *end)
{
    char code[16];
    const char *route = end->pattern ? end->pattern : "none";
    snprintf(code, sizeof code, "%d", end->status);
    metrics_add(METRIC_HTTP_REQUESTS, 1, listener, end->method ? end->method : "none", route,
                end->status ? code : "none");
    metrics_add(METRIC_HTTP_SECONDS, end->microseconds, listener, route);
}

static void request_log(const char *listener, const struct request_end *end)
{
    bool failed = end->status >= 500;
    log_for(end->trace);
    log_event(
        failed ? LOG_WARNING : LOG_DEBUG, failed ? "request failed" : "request",
        log_text("listener", listener), log_text("method", end->method ? end->method : "none"),
        log_text("route", end->pattern ? end->pattern : "none"),
        log_number("status", end->status), log_number("milliseconds", end->microseconds / 1000),
        failed ? log_text("reason", end->why) : (struct log_field){0});
    log_for(NULL);
}

void account_public_end(void *context, const struct request_end *end)
{
    (void)context;
    request_account("public", end);
    request_log("public", end);
}

void account_private_end(void *context, const struct request_end *end)
{
    (void)context;
    request_account("private", end);
    request_log("private", end);
}

static const char *sweep_outcome(const struct sweep *sweep)
{
    if (sweep->unavailable)
        return "failed";
    if (sweep->deleted)
        return "finished-some";
    return sweep->backlog.pending + sweep->backlog.blocked ? "without-effect" : "nothing-to-do";
}

void account_sweep(struct service *service, const struct sweep *sweep, bool by_page)
{
    bool left = sweep->unavailable || sweep->backlog.pending + sweep->backlog.blocked > 0;
    metrics_add(METRIC_SWEEPS, 1, by_page ? "page" : "job", sweep_outcome(sweep));
    if (!by_page)
        atomic_store(&service->job_called_at, clock_wall_ms());
    if (sweep->deleted || !left)
        atomic_store(&service->sweeps_in_vain, 0);
    else if (!by_page)
        atomic_fetch_add(&service->sweeps_in_vain, 1);
}
