#include "handlers/health.h"

#include "handlers/service.h"

void health_get(struct request *request)
{
    request_reply_json(request, 200, json_pack("{s:s}", "message", "I'm Alive"));
}

static bool check_add(json_t **checks, const char *name, bool ok, const char *detail)
{
    *checks = service_append(
        *checks, json_pack("{s:s, s:b, s:s}", "name", name, "ok", ok, "detail", detail));
    return ok;
}

static bool database_check(struct service *service, json_t **checks)
{
    struct repository_op op = {.verb = USER_GET};
    runtime_read(service->runtime, &op);
    bool ok = op.outcome != REPOSITORY_FAILED;
    return check_add(checks, "database", ok, ok ? "answers" : "cannot be read");
}

static bool files_check(const struct runtime_status *status, json_t **checks)
{
    bool ok = status->identity == IDENTITY_GOOD && status->breaker == BREAKER_CLOSED;
    const char *detail = status->identity == IDENTITY_REFUSED ? "is not this service's store"
                         : status->identity == IDENTITY_UNANSWERED ? "has not answered yet"
                         : ok                                      ? "answers"
                                                                   : "does not answer";
    return check_add(checks, "files", ok, detail);
}

/* Says what of the sandbox holds; being ready does not hang on it. */
static json_t *sandbox_encode(const struct sandbox_report *report)
{
    return json_pack("{s:s, s:s, s:i, s:b}", "seccomp", sandbox_state_name(report->seccomp),
                     "landlock", sandbox_state_name(report->landlock), "landlockAbi",
                     report->landlock_abi, "tcp", report->tcp);
}

void ready_get(struct request *request)
{
    struct service *service = request_context(request);
    struct runtime_status status;
    runtime_status_get(service->runtime, &status);
    json_t *checks = json_array();
    bool ready = database_check(service, &checks);
    ready = files_check(&status, &checks) && ready;
    if (!ready)
        request_set_header(request, "Retry-After", "1");
    request_reply_json(request, ready ? 200 : 503,
                       json_pack("{s:s, s:{s:o, s:o}}", "status", ready ? "ok" : "Unavailable",
                                 "data", "checks", checks, "sandbox",
                                 sandbox_encode(&service->sandbox)));
}
