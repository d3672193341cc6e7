#include "handlers/scrape.h"

#include "base/clock.h"
#include "config/limits.h"
#include "handlers/numbers.h"
#include "metrics/metrics.h"

#define MICROSECONDS(milliseconds) ((milliseconds)*1000)

void scrape_begin(const struct service *service)
{
    static const char *const outcomes[] = {"done", "retry", "blocked"};
    static const char *const sweeps[] = {"failed", "finished-some", "without-effect",
                                         "nothing-to-do"};
    metrics_set(METRIC_BUILD_INFO, 1, PROJECT_VERSION);
    metrics_set(METRIC_STARTED, MICROSECONDS(clock_wall_ms()));
    metrics_set(METRIC_JOB_LATE_AFTER, MICROSECONDS(service->job_late_after_ms));
    metrics_set(METRIC_MAILBOX_CAPACITY, LIMIT_STORE_MAILBOX, "store");
    metrics_set(METRIC_MAILBOX_CAPACITY, LIMIT_LOOKUPS_MAILBOX, "lookups");
    metrics_set(METRIC_MAILBOX_CAPACITY, LIMIT_FILES_MAILBOX, "files");
    metrics_set(METRIC_MAILBOX_CAPACITY, LIMIT_ENGINE_MAILBOX, "engine");
    for (size_t i = 0; i < sizeof outcomes / sizeof *outcomes; i++)
        metrics_add(METRIC_ATTEMPTS, 0, outcomes[i], "none");
    for (size_t i = 0; i < sizeof sweeps / sizeof *sweeps; i++)
        metrics_add(METRIC_SWEEPS, 0, "job", sweeps[i]);
    for (int reason = REASON_USER; reason <= REASON_EXTERNAL; reason++)
        metrics_add(METRIC_FINISHED, 0, deletion_reason_name((enum deletion_reason)reason));
}

/* A scrape succeeds without the database: what cannot be told is NaN. */
static void backlog_set(const struct numbers *numbers)
{
    const struct backlog *backlog = &numbers->backlog;
    bool known = numbers->known;
    metrics_set(METRIC_PENDING, known ? backlog->pending : EXPOSITION_UNKNOWN);
    metrics_set(METRIC_BLOCKED, known ? backlog->blocked : EXPOSITION_UNKNOWN);
    metrics_set(METRIC_SCHEDULED, known ? backlog->scheduled : EXPOSITION_UNKNOWN);
    metrics_set(METRIC_MARKED, known ? backlog->marked : EXPOSITION_UNKNOWN);
    metrics_set(METRIC_OLDEST, known ? MICROSECONDS(backlog->oldest_ms) : EXPOSITION_UNKNOWN);
    metrics_set(METRIC_RATE, numbers->rate);
    metrics_set(METRIC_TIME_TO_CLEAN, known && numbers->time_to_clean_ms >= 0
                                          ? MICROSECONDS(numbers->time_to_clean_ms)
                                          : EXPOSITION_UNKNOWN);
}

/* What is to be deleted is no drift any more: it is in the backlog. */
static void drift_set(const struct numbers *numbers)
{
    static const enum audit_count kinds[] = {AUDIT_STRAYS, AUDIT_MISSING, AUDIT_VERSIONS,
                                             AUDIT_UNKNOWN};
    const struct audit_place *audit = &numbers->audit;
    /* Until the one under way has ended, the one before it counts. */
    if (numbers->audit_known && audit->state == AUDIT_RUNNING)
        return;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        int64_t left = audit->counts[kinds[i]];
        if (kinds[i] == AUDIT_STRAYS)
            left -= audit->counts[AUDIT_SCHEDULED];
        metrics_set(METRIC_DRIFT, numbers->audit_known ? left : EXPOSITION_UNKNOWN,
                    audit_count_name(kinds[i]));
    }
    metrics_set(METRIC_AUDIT_ENDED, !numbers->audit_known ? EXPOSITION_UNKNOWN
                                    : audit->state == AUDIT_NEVER
                                        ? 0
                                        : MICROSECONDS(audit->ended_at));
}

static void numbers_set(const struct numbers *numbers)
{
    backlog_set(numbers);
    drift_set(numbers);
    for (int state = BREAKER_CLOSED; state <= BREAKER_HALF_OPEN; state++)
        metrics_set(METRIC_BREAKER, numbers->runtime.breaker == (enum breaker_state)state,
                    breaker_state_name((enum breaker_state)state));
    metrics_set(METRIC_STORE_OURS, numbers->runtime.identity == IDENTITY_GOOD);
    metrics_set(METRIC_MAILBOX_DEPTH, (int64_t)numbers->queues.store, "store");
    metrics_set(METRIC_MAILBOX_DEPTH, (int64_t)numbers->queues.lookups, "lookups");
    metrics_set(METRIC_MAILBOX_DEPTH, (int64_t)numbers->queues.files, "files");
    metrics_set(METRIC_MAILBOX_DEPTH, (int64_t)numbers->queues.engine, "engine");
    metrics_set(METRIC_JOB_CALLED, MICROSECONDS(numbers->job_called_at));
    metrics_set(METRIC_SWEEPS_IN_VAIN, numbers->in_vain);
}

void scrape_get(struct request *request)
{
    struct numbers numbers;
    struct buffer text;
    numbers_read(request_context(request), &numbers);
    numbers_set(&numbers);
    buffer_init(&text, LIMIT_METRICS_BYTES);
    int failed = metrics_write(&text);
    size_t length = text.length;
    char *bytes = failed ? NULL : buffer_take(&text);
    buffer_deinit(&text);
    if (!bytes) {
        request_reply_error(request, 500, "out of memory; try again");
        return;
    }
    request_set_header(request, "Content-Type", EXPOSITION_CONTENT_TYPE);
    request_set_header(request, "Cache-Control", "no-store");
    request_reply_bytes(request, 200, bytes, length);
}
