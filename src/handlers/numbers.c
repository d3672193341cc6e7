#include "handlers/numbers.h"

#include "base/clock.h"
#include "metrics/metrics.h"

static struct trend_point point_now(const struct backlog *backlog)
{
    return (struct trend_point){.boot_ms = clock_boot_ms(),
                                .wall_ms = clock_wall_ms(),
                                .pending = backlog->pending,
                                .blocked = backlog->blocked,
                                .done = metrics_total(METRIC_ATTEMPTS, "done"),
                                .failed = metrics_total(METRIC_ATTEMPTS, "retry") +
                                          metrics_total(METRIC_ATTEMPTS, "blocked")};
}

static bool backlog_read(struct service *service, struct backlog *ret_backlog)
{
    struct repository_op op = {.verb = BACKLOG_GET};
    runtime_read(service->runtime, &op);
    bool known = op.outcome == REPOSITORY_OK;
    *ret_backlog = known ? op.backlog : (struct backlog){0};
    return known;
}

static bool audit_read(struct service *service, struct audit_place *ret_place)
{
    struct repository_op op = {.verb = AUDIT_GET, .place = ret_place};
    runtime_read(service->runtime, &op);
    return op.outcome == REPOSITORY_OK;
}

/* Before its first call it has as long as afterwards, from the start on. */
static bool job_is_late(const struct service *service, const struct numbers *numbers)
{
    int64_t since =
        numbers->job_called_at ? numbers->job_called_at : numbers->runtime.started_at;
    return clock_wall_ms() - since > service->job_late_after_ms;
}

void numbers_read(struct service *service, struct numbers *ret_numbers)
{
    *ret_numbers = (struct numbers){0};
    ret_numbers->known = backlog_read(service, &ret_numbers->backlog);
    ret_numbers->audit_known = ret_numbers->known && audit_read(service, &ret_numbers->audit);
    runtime_status_get(service->runtime, &ret_numbers->runtime);
    runtime_queues_get(service->runtime, &ret_numbers->queues);
    struct trend_point now = point_now(&ret_numbers->backlog);
    ret_numbers->rate = trend_rate(&service->trend, &now);
    ret_numbers->time_to_clean_ms =
        trend_time_to_clean(now.pending, ret_numbers->known ? ret_numbers->rate : 0);
    ret_numbers->job_called_at = atomic_load(&service->job_called_at);
    ret_numbers->job_is_late = job_is_late(service, ret_numbers);
    ret_numbers->in_vain = atomic_load(&service->sweeps_in_vain);
}

bool numbers_point(struct service *service, struct trend_point *ret_point)
{
    struct backlog backlog;
    bool known = backlog_read(service, &backlog);
    *ret_point = point_now(&backlog);
    return known;
}

void numbers_sample(struct service *service)
{
    struct trend_point point;
    /* An hour with a hole in it tells more than one with a backlog of 0 that was none. */
    if (numbers_point(service, &point))
        trend_add(&service->trend, &point);
}
