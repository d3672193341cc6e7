#include "handlers/status.h"

#include "handlers/service.h"

void status_get(struct request *request)
{
    struct service *service = request_context(request);
    struct runtime_status status;
    struct repository_op op = {.verb = BACKLOG_GET};
    runtime_read(service->runtime, &op);
    if (op.outcome != REPOSITORY_OK) {
        request_reply_unavailable(request, "the database cannot be read now; try again");
        return;
    }
    runtime_status_get(service->runtime, &status);
    const struct backlog *backlog = &op.backlog;
    bool agrees = backlog->pending + backlog->blocked + backlog->marked == 0;
    request_reply_data(
        request, 200,
        json_pack("{s:s, s:b, s:I, s:I, s:I, s:I, s:o, s:s, s:o, s:b, s:o, s:I, s:o, s:o}",
                  "version", PROJECT_VERSION, "inAgreement", agrees, "pending",
                  (json_int_t)backlog->pending, "blocked", (json_int_t)backlog->blocked,
                  "scheduled", (json_int_t)backlog->scheduled, "oldestPendingSeconds",
                  (json_int_t)(backlog->oldest_ms / 1000), "nextDueAt",
                  service_time(backlog->next_due_at), "breaker",
                  breaker_state_name(status.breaker), "storeId", service_text(status.store_id),
                  "takesUploads", status.takes_uploads, "trouble", service_text(status.trouble),
                  "sweeps", (json_int_t)status.sweeps, "lastSweepAt",
                  service_time(status.last_sweep_at), "startedAt",
                  service_time(status.started_at)));
}
