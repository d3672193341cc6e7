#include "job/check.h"

#include "base/clock.h"
#include "http/client.h"
#include "job/civil.h"
#include "job/next.h"
#include "job/probe.h"

#include <string.h>
#include <sysexits.h>

struct check {
    const struct roster_job *job;
    struct http_client *client;
    struct http_response response;
    FILE *out;
    int exit_code;
};

static void tell(struct check *check, bool good, int exit_code, const char *question,
                 const char *detail)
{
    fprintf(check->out, "%s %s: %s%s%s\n", good ? "ok   " : "WRONG", check->job->options->name,
            question, *detail ? ": " : "", detail);
    if (!good && !check->exit_code)
        check->exit_code = exit_code;
}

static void ask(struct check *check, struct http_request *request, int64_t total_ms)
{
    const struct job_options *options = check->job->options;
    request->connect_ms = options->connect_timeout_ms;
    request->total_ms = total_ms;
    request->ca_file = options->ca_file;
    request->unix_socket = options->unix_socket;
    http_response_deinit(&check->response);
    http_client_start(check->client, request, &check->response);
    while (!check->response.done)
        http_client_poll(check->client, total_ms, NULL, 0);
}

static bool health_check(struct check *check)
{
    const struct job_options *options = check->job->options;
    char reason[ERROR_TEXT_SIZE];
    struct http_request request = {.method = "GET",
                                   .url = options->health,
                                   .client_cert = options->client_cert,
                                   .client_key = options->client_key,
                                   .body_max = PROBE_BODY_MAX};
    ask(check, &request, options->health_timeout_ms);
    bool healthy = probe_judge(&check->response, reason);
    tell(check, healthy, EX_UNAVAILABLE, "is healthy", reason);
    return healthy;
}

#define HEADERS_MAX (OPTION_TEXTS_MAX + CREDENTIALS_MAX + 1)

/* `credentials` NULL: as a stranger. */
static void call(struct check *check, const struct credentials *credentials)
{
    const struct job_options *options = check->job->options;
    const char *headers[HEADERS_MAX];
    size_t count = 0;
    headers[count++] = "Accept: application/json";
    for (size_t i = 0; i < options->headers.count; i++)
        headers[count++] = options->headers.items[i];
    for (size_t i = 0; credentials && i < credentials->count; i++)
        headers[count++] = credentials->headers[i];
    struct http_request request = {.method = options->method,
                                   .url = options->fallback,
                                   .headers = headers,
                                   .header_count = count,
                                   .body_max = CALL_BODY_MAX};
    if (credentials) {
        request.client_cert = options->client_cert;
        request.client_key = options->client_key;
    }
    ask(check, &request, options->call_timeout_ms);
}

static void stranger_check(struct check *check)
{
    const struct http_response *response = &check->response;
    char detail[64];
    if (check->job->options->unix_socket) {
        fprintf(check->out, "-     %s: refuses strangers: not asked, the socket knows us\n",
                check->job->options->name);
        return;
    }
    call(check, NULL);
    bool no_handshake = check->job->options->client_cert &&
                        (response->outcome == HTTP_TLS || response->outcome == HTTP_CUT);
    bool refused = response->outcome == HTTP_ANSWERED &&
                   (response->status == 401 || response->status == 403);
    snprintf(detail, sizeof detail, "it answered with status %d", response->status);
    tell(check, refused || no_handshake, EX_SOFTWARE, "refuses a call without credentials",
         refused || no_handshake ? "" : detail);
}

static bool counts_add_up(const struct call_verdict *verdict)
{
    const struct call_counts *counts = &verdict->counts;
    return verdict->counted &&
           counts->attempted == counts->deleted + counts->failed + counts->blocked;
}

static void answers_check(struct check *check, const struct credentials *credentials)
{
    static struct call_verdict verdicts[2];
    for (int i = 0; i < 2; i++) {
        call(check, credentials);
        call_judge(&check->response, &check->job->success, credentials->secrets, &verdicts[i]);
        tell(check, !verdicts[i].exit_code, EX_SOFTWARE,
             i ? "answers a second call" : "answers a call", verdicts[i].text);
    }
    tell(check,
         verdicts[0].status == verdicts[1].status && verdicts[0].counted == verdicts[1].counted,
         EX_SOFTWARE, "answers twice alike", "");
    tell(check, counts_add_up(&verdicts[0]), EX_SOFTWARE, "reports its counts",
         verdicts[0].counted
             ? counts_add_up(&verdicts[0]) ? "" : "attempted is not deleted + failed + blocked"
             : "the answer has none");
}

static int job_check(struct check *check, struct error *error)
{
    struct credentials credentials;
    struct credentials_sources sources = roster_credentials(check->job);
    if (!health_check(check))
        return 0;
    if (credentials_read(&sources, &credentials, error) < 0)
        return -1;
    stranger_check(check);
    answers_check(check, &credentials);
    credentials_forget(&credentials);
    return 0;
}

static void plan_print(struct check *check)
{
    const struct roster_job *job = check->job;
    const struct job_options *options = job->options;
    char at[CIVIL_TEXT_SIZE] = "now";
    int64_t next_s;
    if (job->zone && !options->once &&
        next_instant(&job->schedule, job->zone, clock_wall_ms() / 1000, &next_s) == 0) {
        next_s += job->run.spread_ms / 1000;
        civil_format(next_s, zone_offset_at(job->zone, next_s), zone_is_utc(job->zone), at);
    }
    fprintf(check->out, "      %s: would send %s %s, next at %s\n", options->name,
            options->method, options->fallback, at);
}

static int jobs_each(const struct roster *roster, bool contract, FILE *out, struct error *error)
{
    struct check check = {.out = out};
    int result = http_client_open(&check.client, error);
    for (size_t i = 0; i < roster->count && result == 0; i++) {
        check.job = &roster->jobs[i];
        if (contract) {
            result = job_check(&check, error);
        } else {
            health_check(&check);
            plan_print(&check);
        }
    }
    http_response_deinit(&check.response);
    http_client_close(check.client);
    return result < 0 ? -1 : check.exit_code;
}

int check_contract(const struct roster *roster, FILE *out, struct error *error)
{
    return jobs_each(roster, true, out, error);
}

int check_dry_run(const struct roster *roster, FILE *out, struct error *error)
{
    return jobs_each(roster, false, out, error);
}
