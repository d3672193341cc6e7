#include "job/seen.h"

#include "base/buffer.h"
#include "base/clock.h"
#include "base/log.h"
#include "config/limits.h"
#include "http/listener.h"
#include "http/request.h"
#include "http/server.h"
#include "metrics/exposition.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAME_SIZE   64
#define JOBS_MAX    64
#define METRICS_MAX (256 * 1024)

struct seen {
    struct server *server;
    pthread_mutex_t lock;
    struct seen_job jobs[JOBS_MAX]; /* whose names are in `names` */
    char names[JOBS_MAX][NAME_SIZE];
    size_t count;
    int64_t beat_ms;
};

const char *seen_complaint(const struct seen_job *jobs, size_t count, int64_t beat_ms,
                           int64_t now_ms, bool ready)
{
    if (now_ms - beat_ms > SEEN_STALL_MS)
        return "the scheduler has stalled";
    for (size_t i = 0; i < count; i++) {
        if (jobs[i].failures >= SEEN_FAILURES_RED)
            return "runs keep failing";
        if (ready && jobs[i].awaiting)
            return "a service was not healthy yet";
    }
    return NULL;
}

static void verdict_reply(struct request *request, bool ready)
{
    struct seen *seen = request_context(request);
    pthread_mutex_lock(&seen->lock);
    const char *reason =
        seen_complaint(seen->jobs, seen->count, seen->beat_ms, clock_boot_ms(), ready);
    pthread_mutex_unlock(&seen->lock);
    if (reason)
        request_reply_unavailable(request, reason);
    else
        request_reply_json(request, 200, json_pack("{s:s}", "message", "I'm Alive"));
}

static void health_get(struct request *request)
{
    verdict_reply(request, false);
}

static void ready_get(struct request *request)
{
    verdict_reply(request, true);
}

struct metric {
    const char *name;
    enum exposition_kind kind;
    const char *help;
    size_t offset; /* of an int64_t in struct seen_job */
    int64_t divisor;
};

#define MEMBER(member) offsetof(struct seen_job, member)

static const struct metric metrics[] = {
    {"fallback_job_last_success_timestamp_seconds", EXPOSITION_GAUGE,
     "When the last good run ended; 0 if there was none.", MEMBER(success_wall_ms), 1000},
    {"fallback_job_next_run_timestamp_seconds", EXPOSITION_GAUGE,
     "When the next run is due; 0 if none is planned.", MEMBER(planned_wall_ms), 1000},
    {"fallback_job_failures_in_a_row", EXPOSITION_GAUGE, "Failed runs since the last good one.",
     MEMBER(failures), 1},
    {"fallback_job_last_run_duration_seconds", EXPOSITION_GAUGE, "How long the last run took.",
     MEMBER(duration_ms), 1000},
    {"fallback_job_last_run_lateness_seconds", EXPOSITION_GAUGE,
     "How much later than planned the last run began.", MEMBER(lateness_ms), 1000},
    {"fallback_job_remaining", EXPOSITION_GAUGE,
     "Pending and blocked deletions after the last run.", MEMBER(remaining), 1},
    {"fallback_job_oldest_pending_seconds", EXPOSITION_GAUGE,
     "Age of the oldest pending deletion after the last run.", MEMBER(oldest_pending_s), 1},
    {"fallback_job_deleted_total", EXPOSITION_COUNTER, "Deletions that runs finished.",
     MEMBER(deleted), 1},
};

static int metric_append(struct buffer *text, const struct seen *seen,
                         const struct metric *metric)
{
    int failed = exposition_head(text, metric->name, metric->kind, metric->help);
    for (size_t i = 0; i < seen->count && !failed; i++) {
        struct exposition_label job = {"job", seen->names[i]};
        int64_t value;
        memcpy(&value, (const char *)&seen->jobs[i] + metric->offset, sizeof value);
        failed = exposition_sample(text, metric->name, "", &job, 1, value, metric->divisor);
    }
    return failed;
}

static int outcomes_append(struct buffer *text, const struct seen *seen)
{
    static const char name[] = "fallback_job_runs_total";
    int failed = exposition_head(text, name, EXPOSITION_COUNTER,
                                 "Runs, and slots without one, by outcome.");
    for (size_t i = 0; i < seen->count * RUN_OUTCOMES && !failed; i++) {
        size_t job = i / RUN_OUTCOMES, outcome = i % RUN_OUTCOMES;
        struct exposition_label labels[] = {
            {"job", seen->names[job]},
            {"outcome", run_outcome_name((enum run_outcome)outcome)}};
        failed =
            exposition_sample(text, name, "", labels, 2, seen->jobs[job].outcomes[outcome], 1);
    }
    return failed;
}

static int metrics_append(struct buffer *text, const struct seen *seen)
{
    static const char up[] = "fallback_job_up";
    int failed = outcomes_append(text, seen);
    for (size_t i = 0; i < sizeof metrics / sizeof *metrics && !failed; i++)
        failed = metric_append(text, seen, &metrics[i]);
    if (!failed)
        failed = exposition_head(text, up, EXPOSITION_GAUGE,
                                 "1 while the scheduler does not stall.");
    bool stalls = clock_boot_ms() - seen->beat_ms > SEEN_STALL_MS;
    return failed ? failed : exposition_sample(text, up, "", NULL, 0, !stalls, 1);
}

static void metrics_get(struct request *request)
{
    struct seen *seen = request_context(request);
    struct buffer text;
    buffer_init(&text, METRICS_MAX);
    pthread_mutex_lock(&seen->lock);
    int failed = metrics_append(&text, seen);
    pthread_mutex_unlock(&seen->lock);
    size_t length = text.length;
    char *bytes = failed ? NULL : buffer_take(&text);
    buffer_deinit(&text);
    if (!bytes) {
        request_reply_error(request, 500, "out of memory; try again");
        return;
    }
    request_set_header(request, "Content-Type", EXPOSITION_CONTENT_TYPE);
    request_reply_bytes(request, 200, bytes, length);
}

static const struct route routes[] = {
    {.method = "GET", .pattern = "/health", .handler = health_get, .open = true},
    {.method = "GET", .pattern = "/ready", .handler = ready_get, .open = true},
    {.method = "GET", .pattern = "/metrics", .handler = metrics_get, .open = true},
};

int seen_open(const char *address, struct seen **ret_seen, struct error *error)
{
    char bound[LISTENER_ADDRESS_SIZE];
    int socket;
    struct seen *seen = calloc(1, sizeof *seen);
    if (!seen)
        return error_set(error, ERROR_NO_MEMORY, "no memory for --listen");
    if (pthread_mutex_init(&seen->lock, NULL) != 0) {
        free(seen);
        return error_set(error, ERROR_NO_MEMORY, "no lock for --listen");
    }
    seen->beat_ms = clock_boot_ms();
    int result = listener_open(address, &socket, bound, error);
    if (result == 0) {
        struct server_options options = {.socket = socket,
                                         .routes = routes,
                                         .route_count = sizeof routes / sizeof *routes,
                                         .context = seen,
                                         .threads = 1,
                                         .client_timeout_ms = LIMIT_WATCHER_TIMEOUT_MS};
        result = server_open(&options, &seen->server, error);
    }
    if (result < 0) {
        seen_close(seen);
        return error_wrap(error, "--listen %s", address);
    }
    log_info("listening", log_text("address", bound));
    *ret_seen = seen;
    return 0;
}

void seen_close(struct seen *seen)
{
    if (!seen)
        return;
    server_close(seen->server);
    pthread_mutex_destroy(&seen->lock);
    free(seen);
}

void seen_publish(struct seen *seen, const struct seen_job *jobs, size_t count, int64_t boot_ms)
{
    pthread_mutex_lock(&seen->lock);
    seen->beat_ms = boot_ms;
    for (size_t i = 0; jobs && i < count && i < JOBS_MAX; i++) {
        seen->jobs[i] = jobs[i];
        snprintf(seen->names[i], NAME_SIZE, "%s", jobs[i].name);
        seen->jobs[i].name = seen->names[i];
    }
    if (jobs)
        seen->count = count < JOBS_MAX ? count : JOBS_MAX;
    pthread_mutex_unlock(&seen->lock);
}
