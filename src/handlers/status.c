#include "handlers/status.h"

#include "handlers/audits.h"
#include "handlers/numbers.h"

#include <stdlib.h>

static json_t *job_encode(const struct service *service, const struct numbers *numbers)
{
    return json_pack("{s:o, s:I, s:b, s:I}", "lastCallAt", service_time(numbers->job_called_at),
                     "lateAfterSeconds", (json_int_t)(service->job_late_after_ms / 1000),
                     "late", numbers->job_is_late, "sweepsWithoutEffect",
                     (json_int_t)numbers->in_vain);
}

/* The first takes new images. */
static json_t *stores_encode(const struct runtime_status *status)
{
    json_t *stores = json_array();
    for (size_t i = 0; i < status->store_count; i++) {
        const struct runtime_store *store = &status->stores[i];
        stores = service_append(stores,
                                json_pack("{s:o, s:s, s:b, s:o}", "id", service_text(store->id),
                                          "breaker", breaker_state_name(store->breaker),
                                          "takesUploads", i == 0 && status->takes_uploads,
                                          "trouble", service_text(store->trouble)));
    }
    return stores;
}

/* The pace of the work: done a second, and how long that will take. */
static json_t *pace_encode(const struct numbers *numbers)
{
    int64_t clean_ms = numbers->time_to_clean_ms;
    return json_pack("{s:f, s:o}", "donePerSecond", (double)numbers->rate / 1e6,
                     "timeToCleanSeconds",
                     clean_ms < 0 ? json_null() : json_integer((clean_ms + 999) / 1000));
}

void status_get(struct request *request)
{
    struct service *service = request_context(request);
    struct numbers numbers;
    numbers_read(service, &numbers);
    if (!numbers.known || !numbers.audit_known) {
        request_reply_unavailable(request, "the database cannot be read now; try again");
        return;
    }
    const struct backlog *backlog = &numbers.backlog;
    const struct runtime_status *status = &numbers.runtime;
    bool agrees = backlog->pending + backlog->blocked + backlog->marked == 0;
    json_t *data = json_pack(
        "{s:s, s:b, s:I, s:I, s:I, s:I, s:o, s:s, s:o, s:b, s:o, s:I, s:o, s:o}", "version",
        PROJECT_VERSION, "inAgreement", agrees, "pending", (json_int_t)backlog->pending,
        "blocked", (json_int_t)backlog->blocked, "scheduled", (json_int_t)backlog->scheduled,
        "oldestPendingSeconds", (json_int_t)(backlog->oldest_ms / 1000), "nextDueAt",
        service_time(backlog->next_due_at), "breaker", breaker_state_name(status->breaker),
        "storeId", service_text(status->store_id), "takesUploads", status->takes_uploads,
        "trouble", service_text(status->trouble), "sweeps", (json_int_t)status->sweeps,
        "lastSweepAt", service_time(status->last_sweep_at), "startedAt",
        service_time(status->started_at));
    data = service_set(data, "now", service_time(backlog->now));
    data = service_set(data, "pace", pace_encode(&numbers));
    data = service_set(data, "stores", stores_encode(status));
    data = service_set(data, "job", job_encode(service, &numbers));
    data = service_set(data, "audit", audit_encode(&numbers.audit));
    request_reply_data(request, 200, data);
}

static json_t *point_encode(const struct trend_point *point)
{
    return json_pack("[I, I, I, I, I]", (json_int_t)point->wall_ms, (json_int_t)point->pending,
                     (json_int_t)point->blocked, (json_int_t)point->done,
                     (json_int_t)point->failed);
}

void status_history_get(struct request *request)
{
    struct service *service = request_context(request);
    struct trend_point *points = calloc(TREND_POINTS + 1, sizeof *points);
    if (!points) {
        request_reply_error(request, 500, "out of memory; try again");
        return;
    }
    size_t count = trend_copy(&service->trend, points);
    count += numbers_point(service, &points[count]);
    json_t *rows = json_array();
    for (size_t i = 0; i < count; i++)
        rows = service_append(rows, point_encode(&points[i]));
    free(points);
    request_reply_data(request, 200,
                       json_pack("{s:[s, s, s, s, s], s:o}", "columns", "at", "pending",
                                 "blocked", "done", "failed", "points", rows));
}
