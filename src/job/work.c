#include "job/work.h"

#include "base/clock.h"
#include "base/log.h"
#include "job/civil.h"
#include "job/probe.h"
#include "job/state.h"
#include "job/work_log.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static struct run_now now_read(void)
{
    return (struct run_now){.boot_ms = clock_boot_ms(), .wall_ms = clock_wall_ms()};
}

static void request_start(struct work *work, enum run_event_kind answer, const char *url,
                          int64_t until_ms)
{
    const struct job_options *options = work->job->options;
    int64_t total_ms = until_ms - clock_boot_ms();
    work->request.url = url;
    work->request.total_ms = total_ms > 0 ? total_ms : 1;
    work->request.connect_ms = options->connect_timeout_ms;
    work->request.ca_file = options->ca_file;
    work->request.client_cert = options->client_cert;
    work->request.client_key = options->client_key;
    work->request.unix_socket = options->unix_socket;
    work->request.owner = work;
    http_response_deinit(&work->response);
    http_client_start(work->client, &work->request, &work->response);
    work->requesting = true;
    work->answer = answer;
}

static void probe_start(struct work *work)
{
    work->request = (struct http_request){.method = "GET", .body_max = PROBE_BODY_MAX};
    request_start(work, RUN_PROBED, work->job->options->health, work->command.until_ms);
}

/* A line of the answer as it arrives: the counts of this call so far, on top of the run's. */
static bool line_receive(void *owner, const char *line, size_t length)
{
    struct work *work = owner;
    const struct call_counts *totals = &work->run.report.totals;
    struct call_counts counts;
    if (!call_progress_read(line, length, &counts))
        return false;
    counts.attempted += totals->attempted;
    counts.deleted += totals->deleted;
    counts.failed += totals->failed;
    counts.blocked += totals->blocked;
    progress_show(work->progress, work, &counts, clock_boot_ms());
    return true;
}

static int body_read(struct work *work, struct error *error)
{
    const char *path = work->job->options->body_file;
    char part[4096];
    size_t length;
    buffer_deinit(&work->body);
    buffer_init(&work->body, WORK_BODY_MAX);
    FILE *stream = path ? fopen(path, "re") : NULL;
    if (path && !stream)
        return error_set_errno(error, ERROR_CONFIG, errno, "body file %s", path);
    int failed = 0;
    while (stream && !failed && (length = fread(part, 1, sizeof part, stream)) > 0)
        failed = buffer_append(&work->body, part, length);
    if (failed || (stream && ferror(stream)))
        failed =
            error_set(error, ERROR_CONFIG, "body file %s: cannot be read, or too large", path);
    if (stream)
        fclose(stream);
    return failed;
}

#define HEADERS_MAX (OPTION_TEXTS_MAX + CREDENTIALS_MAX + 3)

static void call_send(struct work *work, const char *url)
{
    const struct job_options *options = work->job->options;
    char key[RUN_KEY_SIZE], key_header[RUN_KEY_SIZE + 20];
    char parent[TRACE_PARENT_SIZE], parent_header[TRACE_PARENT_SIZE + 16];
    const char *headers[HEADERS_MAX];
    size_t count = 0;
    run_key(&work->run, options->name, key);
    snprintf(key_header, sizeof key_header, "Idempotency-Key: %s", key);
    headers[count++] = "Accept: application/x-ndjson, application/json;q=0.9";
    headers[count++] = key_header;
    trace_go_on(&work->trace);
    trace_format(&work->trace, parent);
    snprintf(parent_header, sizeof parent_header, "traceparent: %s", parent);
    headers[count++] = parent_header;
    for (size_t i = 0; i < options->headers.count; i++)
        headers[count++] = options->headers.items[i];
    for (size_t i = 0; i < work->credentials.count; i++)
        headers[count++] = work->credentials.headers[i];
    work->request = (struct http_request){.method = options->method,
                                          .headers = headers,
                                          .header_count = count,
                                          .body = options->body_file ? work->body.bytes : NULL,
                                          .length = work->body.length,
                                          .body_max = CALL_BODY_MAX,
                                          .line = line_receive};
    request_start(work, RUN_CALLED, url, work->command.until_ms);
    work->request.headers = NULL; /* the client has its own copies */
    work->request.header_count = 0;
}

static int call_start(struct work *work, struct error *error)
{
    const struct job_options *options = work->job->options;
    struct credentials_sources sources = roster_credentials(work->job);
    struct buffer url;
    if (body_read(work, error) < 0 || credentials_read(&sources, &work->credentials, error) < 0)
        return -1;
    buffer_init(&url, CALL_URL_MAX);
    int result = call_url(options->fallback, options->sweep_limit, options->sweep_timeout_ms,
                          work->command.cursor, &url);
    if (result < 0)
        error_set(error, ERROR_CONFIG, "the address of the call is too long");
    else
        call_send(work, url.bytes);
    buffer_deinit(&url);
    return result;
}

static struct run_event event_probed(struct work *work, char reason[static ERROR_TEXT_SIZE])
{
    bool healthy = probe_judge(&work->response, reason);
    if (work->run.state == RUN_AWAITING && (healthy || !work->waited))
        work_log_waiting(work, healthy ? NULL : reason);
    work->waited = !healthy;
    return (struct run_event){.kind = RUN_PROBED, .healthy = healthy, .reason = reason};
}

static struct run_event event_called(struct work *work)
{
    call_judge(&work->response, &work->job->success, work->credentials.secrets, &work->verdict);
    credentials_forget(&work->credentials);
    buffer_deinit(&work->body);
    work_log_call(work);
    return (struct run_event){.kind = RUN_CALLED, .verdict = &work->verdict};
}

static void state_save(struct work *work)
{
    const struct run_report *last = &work->run.last;
    const char *path = work->job->options->state;
    struct error error = {0};
    int64_t dealt_with_s = work->run.slots.last_s;
    struct state_record record = {
        .job = work->job->options->name,
        .slot_s = dealt_with_s > last->slot_s ? dealt_with_s : last->slot_s,
        .started_wall_ms = last->started_wall_ms,
        .success_wall_ms = last->exit_code ? 0 : work->success_wall_ms,
        .failures = work->run.failures,
        .outcome = run_outcome_name(last->outcome),
        .reason = work->run.reason,
        .exit_code = last->exit_code};
    if (path && state_write(path, &record, &error) < 0)
        log_warning("state not saved", log_text("job", record.job),
                    log_text("reason", error.text));
}

static void run_ended(struct work *work)
{
    const struct run_report *last = &work->run.last;
    struct alert_news news = {.job = work->job->options->name,
                              .outcome = run_outcome_name(last->outcome),
                              .failures = work->run.failures,
                              .reason = work->run.reason};
    if (!last->exit_code)
        work->success_wall_ms = clock_wall_ms();
    work->deleted += last->totals.deleted;
    progress_end(work->progress, work);
    work_log_run(work);
    state_save(work);
    ping_send(&work->ping, last->exit_code ? PING_FAIL : PING_GOOD, work->run_id);
    alert_note(&work->alert, &news, clock_boot_ms());
}

static void run_began(struct work *work)
{
    uuid_generate(work->run_id);
    trace_begin(work->run_id, &work->trace);
    progress_begin(work->progress, work, work->named ? work->job->options->name : NULL,
                   clock_boot_ms());
    ping_send(&work->ping, PING_START, work->run_id);
}

static void note(struct work *work, const struct run_command *command)
{
    if (command->ended)
        run_ended(work);
    if (command->skipped || command->missed)
        work_log_passed(work, command);
    if (command->began)
        run_began(work);
    /* After a call that was not the run's last one, a terminal keeps a bar in sight. */
    else if (command->verb == RUN_PROBE && work->progress->terminal && work->run.report.pages)
        progress_show(work->progress, work, &work->run.report.totals, clock_boot_ms());
}

static void command_begin(struct work *work)
{
    struct error error = {0};
    switch (work->command.verb) {
    case RUN_PROBE:
        probe_start(work);
        break;
    case RUN_CALL:
        if (call_start(work, &error) < 0) {
            /* Judged at the next step, like an answer. */
            http_response_deinit(&work->response);
            work->response = (struct http_response){.done = true};
            work->verdict = (struct call_verdict){.exit_code = error_exit_code(&error)};
            snprintf(work->verdict.text, sizeof work->verdict.text, "%s", error.text);
            work->requesting = false;
        }
        break;
    case RUN_SLEEP:
        work_log_sleep(work);
        break;
    case RUN_EXIT:
        work->done = true;
        work->exit_code = work->command.exit_code;
        break;
    case RUN_PAUSE:
    case RUN_FINISH:
    case RUN_CARRY_ON:
        break;
    }
}

static void handle(struct work *work, const struct run_event *event)
{
    struct run_command command = run_handle(&work->run, event, now_read(), &work->random);
    note(work, &command);
    if (command.verb == RUN_CARRY_ON)
        return;
    work->command = command;
    if (work->requesting && command.verb != RUN_FINISH) {
        http_client_abort(work->client, &work->response);
        work->requesting = false;
    }
    command_begin(work);
}

/* Has what the command in force waits for come to pass? */
static bool event_take(struct work *work, bool clock_set, struct run_event *ret_event,
                       char reason[static ERROR_TEXT_SIZE])
{
    if (work->done)
        return false;
    if (work->requesting && work->response.done) {
        work->requesting = false;
        *ret_event =
            work->answer == RUN_PROBED ? event_probed(work, reason) : event_called(work);
        return true;
    }
    if (work->command.verb == RUN_CALL && !work->requesting) {
        work_log_call(work);
        *ret_event = (struct run_event){.kind = RUN_CALLED, .verdict = &work->verdict};
        return true;
    }
    *ret_event = (struct run_event){.kind = RUN_WOKEN};
    switch (work->command.verb) {
    case RUN_SLEEP:
        return clock_set || clock_wall_ms() >= work->command.until_ms;
    case RUN_PAUSE:
    case RUN_FINISH:
        return clock_boot_ms() >= work->command.until_ms;
    default:
        return false;
    }
}

void work_init(struct work *work, struct roster *roster, const struct roster_job *job,
               struct http_client *client, struct progress *progress)
{
    const struct job_options *options = job->options;
    struct error error = {0};
    int64_t last_slot_s = SLOTS_NONE;
    *work = (struct work){.roster = roster_hold(roster),
                          .job = job,
                          .client = client,
                          .progress = progress,
                          .named = roster->count > 1};
    random_fill(&work->random, sizeof work->random);
    buffer_init(&work->body, WORK_BODY_MAX);
    ping_init(&work->ping, client, options->ping, options->ping_timeout_ms);
    alert_init(&work->alert, options->alert_command, options->alert_after,
               options->alert_timeout_ms);
    if (options->state && state_read(options->state, options->name, &last_slot_s, &error) < 0)
        log_warning("state not read", log_text("job", options->name),
                    log_text("reason", error.text));
    run_init(&work->run, &job->run, last_slot_s);
    handle(work, &(struct run_event){.kind = RUN_STARTED});
}

void work_deinit(struct work *work)
{
    if (work->requesting)
        http_client_abort(work->client, &work->response);
    http_response_deinit(&work->response);
    credentials_forget(&work->credentials);
    buffer_deinit(&work->body);
    ping_deinit(&work->ping);
    alert_deinit(&work->alert);
    progress_end(work->progress, work);
    roster_release(work->roster);
}

void work_step(struct work *work, bool clock_set)
{
    char reason[ERROR_TEXT_SIZE];
    struct run_event event;
    ping_step(&work->ping);
    alert_step(&work->alert, clock_boot_ms());
    while (event_take(work, clock_set, &event, reason)) {
        handle(work, &event);
        clock_set = false;
    }
}

void work_tell(struct work *work, enum run_event_kind kind)
{
    if (!work->done)
        handle(work, &(struct run_event){.kind = kind});
}

int64_t work_due_ms(const struct work *work)
{
    int64_t due = alert_due_ms(&work->alert);
    int64_t until = INT64_MAX;
    if (work->done)
        return due;
    switch (work->command.verb) {
    case RUN_SLEEP:
        until = clock_boot_ms() + work->command.until_ms - clock_wall_ms();
        break;
    case RUN_PAUSE:
    case RUN_FINISH:
        until = work->command.until_ms;
        break;
    case RUN_CALL:
        until = work->requesting ? INT64_MAX : 0;
        break;
    default:
        break;
    }
    return due < until ? due : until;
}

bool work_rests(const struct work *work)
{
    return work->done || work->run.state == RUN_SLEEPING || work->run.state == RUN_AWAITING;
}

bool work_has_told(const struct work *work)
{
    return ping_is_idle(&work->ping) && alert_is_idle(&work->alert);
}
