#include "job_host.h"

#include "base/log.h"
#include "config/options.h"
#include "faults.h"
#include "files/driver.h"
#include "http/client.h"
#include "job/drive.h"
#include "job/summons.h"
#include "replica.h"
#include "runtime/runtime_state.h"
#include "virtual.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Of the supervisor. */
#define RESTART_MS SECONDS(5)

/* A request on its way; also the sweep that it asks for. */
struct visit {
    struct sweep_run run;
    struct replica *replica;
    struct http_response *response; /* NULL: nobody waits any more */
    char query[CALL_URL_MAX];
    int64_t total_ms;
    bool sweeps;
    bool walks; /* its sweep is under way */
    struct visit *next;
};

/* Signals that have not been taken. */
#define SIGNALS_MAX 16

static struct roster *roster;
static struct drive *drive; /* NULL: it has ended, and is going to be started again */
static struct visit *visits;
static int signals[SIGNALS_MAX];
static size_t signal_count;
static int64_t step_at;
static int64_t wall_seen;

/* What its calls were answered last, to be held against what it says and does. */
static struct {
    bool finished; /* a sweep came to its end, and said so */
    int64_t not_before;
    char cursor[SWEEP_CURSOR_SIZE]; /* of the run that is under way */
} answered;

static void answers_forget(void)
{
    answered.finished = false;
    answered.not_before = 0;
    answered.cursor[0] = '\0';
}

static void job_step_plan(int64_t at);

static void job_start(void *owner)
{
    static const struct notify nobody = {.socket = -1};
    struct error error = {0};
    (void)owner;
    trace_say("job starts");
    answers_forget();
    signal_count = 0;
    wall_seen = virtual_wall_offset;
    drive = drive_open(roster, false, &nobody, &error);
    if (!drive)
        abort();
    job_step_plan(virtual_now());
}

static void job_step(void *owner)
{
    (void)owner;
    if (!drive || step_at != virtual_now())
        return;
    step_at = -1;
    if (drive_turn(drive)) {
        job_step_plan(virtual_now() + drive_wait_ms(drive));
        return;
    }
    trace_say("job ends with %d", drive_end(drive));
    drive = NULL;
    agenda_add(RESTART_MS, job_start, NULL);
}

static void job_step_plan(int64_t at)
{
    if (step_at >= virtual_now() && step_at <= at)
        return;
    step_at = at > virtual_now() ? at : virtual_now();
    agenda_add(step_at - virtual_now(), job_step, NULL);
}

void job_host_signal(int signal)
{
    if (!drive || signal_count == SIGNALS_MAX)
        return;
    trace_say("job: signal %d", signal);
    /* Somebody may know better than the service when to call again. */
    answered.not_before = 0;
    signals[signal_count++] = signal;
    job_step_plan(virtual_now());
}

void job_host_crash(void)
{
    if (!drive)
        return;
    trace_say("job is killed");
    drive_close(drive);
    drive = NULL;
    agenda_add(RESTART_MS, job_start, NULL);
}

static void roster_read(void)
{
    static char limit[32], retries[32];
    static char *arguments[] = {"run",
                                "--health=http://users.example/api/health",
                                "--fallback=http://users.example/api/users/fallback",
                                "--schedule=@every 2m",
                                "--token-variable=SIMULATION_TOKEN",
                                "--name=users",
                                limit,
                                retries};
    static struct job_options options;
    struct error error = {0};
    bool help = false;
    /* A sweep of few rows a call goes on by its cursor, mostly at another replica. */
    snprintf(limit, sizeof limit, "--sweep-limit=%lld",
             (long long)(chance_of(500) ? chance_between(1, 4) : 1000));
    snprintf(retries, sizeof retries, "--retries=%d", chance_of(500) ? 3 : 0);
    setenv("SIMULATION_TOKEN", "0123456789abcdef0123456789abcdef", 1);
    if (job_options_read(sizeof arguments / sizeof *arguments, arguments, &options, &help,
                         &error) < 0 ||
        roster_open(&options, &roster, &error) < 0) {
        fprintf(stderr, "simulation: %s\n", error.text);
        abort();
    }
}

void job_host_begin(void)
{
    roster_read();
    visits = NULL;
    step_at = -1;
    agenda_add(chance_between(0, SECONDS(20)), job_start, NULL);
}

void job_host_end(void)
{
    if (drive)
        drive_close(drive);
    drive = NULL;
    roster_release(roster);
    roster = NULL;
}

/* The network and the service. */

static void visit_end(struct visit *visit, enum http_outcome outcome, int status,
                      const char *body)
{
    struct http_response *response = visit->response;
    if (!response)
        return;
    visit->response = NULL;
    response->outcome = outcome;
    response->status = status;
    snprintf(response->content_type, sizeof response->content_type, "application/json");
    buffer_init(&response->body, CALL_BODY_MAX);
    if (body && buffer_append(&response->body, body, strlen(body)) < 0)
        abort();
    if (outcome != HTTP_ANSWERED)
        snprintf(response->text, sizeof response->text, "simulated");
    response->done = true;
    job_step_plan(virtual_now());
}

static void visit_expire(void *owner)
{
    visit_end(owner, HTTP_TIMEOUT, 0, NULL);
}

static void visit_refuse(void *owner)
{
    visit_end(owner, HTTP_UNREACHABLE, 0, NULL);
}

static void visit_put_off(struct visit *visit, int64_t after_s)
{
    if (!visit->response)
        return;
    visit->response->retry_after_s = after_s;
    answered.not_before = virtual_now() + SECONDS(after_s);
    trace_say("job: told to come again in %lld s", (long long)after_s);
    visit_end(visit, HTTP_ANSWERED, 503,
              "{\"status\":\"Unavailable\",\"message\":\"nothing can be finished now\"}");
}

/* What handlers/fallback.c answers. */
static void sweep_ended(struct sweep_run *run)
{
    struct visit *visit = run->owner;
    const struct sweep *sweep = &run->sweep;
    visit->walks = false;
    char body[2048], cursor[SWEEP_CURSOR_SIZE];
    sweep_cursor_format(sweep, cursor);
    trace_say(
        "replica %d: a sweep ends: %lld attempted, %lld deleted, %lld failed, %lld blocked, "
        "%lld pending%s",
        visit->replica->index, (long long)sweep->attempted, (long long)sweep->deleted,
        (long long)sweep->failed, (long long)sweep->blocked, (long long)sweep->backlog.pending,
        sweep->unavailable ? ", unavailable" : "");
    if (fault_is_on(FAULT_NETWORK) && chance_of(300)) {
        visit_end(visit, HTTP_CUT, 0, NULL);
        return;
    }
    snprintf(
        body, sizeof body,
        "{\"status\":\"ok\",\"data\":{\"attempted\":%lld,\"deleted\":%lld,\"failed\":%lld,"
        "\"blocked\":%lld,\"remaining\":%lld,\"scheduled\":%lld,\"more\":%s,\"cursor\":%s%s%s,"
        "\"oldestPendingSeconds\":%lld,\"nextDueAt\":null,\"breaker\":\"%s\"}}",
        (long long)sweep->attempted, (long long)sweep->deleted, (long long)sweep->failed,
        (long long)sweep->blocked, (long long)(sweep->backlog.pending + sweep->backlog.blocked),
        (long long)sweep->backlog.scheduled, sweep->more ? "true" : "false",
        sweep->more ? "\"" : "null", sweep->more ? cursor : "", sweep->more ? "\"" : "",
        (long long)(sweep->backlog.oldest_ms / 1000), breaker_state_name(sweep->breaker));
    if (sweep->unavailable) {
        visit_put_off(visit, 1);
        return;
    }
    if (visit->response) {
        answered.finished = !sweep->more;
        memcpy(answered.cursor, sweep->more ? cursor : "", sweep->more ? sizeof cursor : 1);
    }
    visit_end(visit, HTTP_ANSWERED, 200, body);
}

static void query_read(const struct visit *visit, const char *name, char *ret_text, size_t size)
{
    const char *at = strstr(visit->query, name);
    ret_text[0] = '\0';
    if (!at || (at[-1] != '?' && at[-1] != '&'))
        return;
    at += strlen(name);
    if (files_url_decode(at, strcspn(at, "&"), ret_text, size) < 0)
        abort();
}

static void sweep_begin(struct visit *visit)
{
    struct sweep *sweep = &visit->run.sweep;
    char cursor[SWEEP_CURSOR_SIZE], limit[32];
    query_read(visit, "cursor=", cursor, sizeof cursor);
    query_read(visit, "limit=", limit, sizeof limit);
    sweep->limit = *limit ? atoll(limit) : 1000;
    sweep->deadline_ms = virtual_now() + virtual_boot_offset + SECONDS(25);
    if (sweep_cursor_parse(cursor, sweep) < 0)
        abort();
    trace_say("replica %d: a sweep begins", visit->replica->index);
    visit->run.owner = visit;
    visit->run.ended = sweep_ended;
    if (!runtime_run_sweep(visit->replica->runtime, &visit->run))
        visit_put_off(visit, 1);
    else
        visit->walks = true;
}

static void visit_arrive(struct replica *replica, void *what)
{
    struct visit *visit = what;
    if (fault_is_on(FAULT_NETWORK) && chance_of(300))
        return; /* lost: the time-out tells */
    visit->replica = replica;
    /* Whatever stands before the service has words of its own. */
    if (visit->sweeps && fault_is_on(FAULT_NETWORK) && chance_of(150))
        visit_put_off(visit, chance_between(1, 20));
    else if (visit->sweeps)
        sweep_begin(visit);
    else
        visit_end(visit, HTTP_ANSWERED, 200, "{\"status\":\"ok\"}");
}

void job_host_abandon(const struct replica *replica)
{
    for (struct visit *visit = visits; visit; visit = visit->next) {
        if (visit->replica != replica)
            continue;
        visit->walks = false;
        visit_end(visit, HTTP_CUT, 0, NULL);
    }
}

bool job_host_is_walking(void)
{
    for (const struct visit *visit = visits; visit; visit = visit->next) {
        if (visit->walks && visit->replica->alive &&
            (visit->run.sweep.stage == SWEEP_PROBING ||
             visit->run.sweep.stage == SWEEP_WALKING))
            return true;
    }
    return false;
}

/* What the job calls in the place of job/summons.c: see meson.build. */

int __wrap_summons_open(struct summons *ret_summons, struct error *error);
void __wrap_summons_close(struct summons *summons);
int __wrap_summons_next(struct summons *summons);
bool __wrap_summons_clock_was_set(struct summons *summons);
size_t __wrap_summons_count(const struct summons *summons);

int __wrap_summons_open(struct summons *ret_summons, struct error *error)
{
    (void)ret_summons;
    (void)error;
    return 0;
}

void __wrap_summons_close(struct summons *summons)
{
    (void)summons;
}

int __wrap_summons_next(struct summons *summons)
{
    (void)summons;
    if (!signal_count)
        return 0;
    int first = signals[0];
    memmove(signals, signals + 1, --signal_count * sizeof *signals);
    return first;
}

bool __wrap_summons_clock_was_set(struct summons *summons)
{
    (void)summons;
    bool was_set = wall_seen != virtual_wall_offset;
    wall_seen = virtual_wall_offset;
    return was_set;
}

/* As on a system that tells of a clock that is set. */
size_t __wrap_summons_count(const struct summons *summons)
{
    (void)summons;
    return SUMMONS_FILES_MAX;
}

void job_host_hear(const char *event, const struct log_field *fields, size_t count)
{
    if (strcmp(event, "run finished") != 0)
        return;
    answered.cursor[0] = '\0';
    for (size_t i = 0; i < count; i++) {
        if (strcmp(fields[i].name, "outcome") == 0 && strcmp(fields[i].text, "ok") == 0 &&
            !answered.finished)
            broken("the job says that all is well, and no sweep came to its end");
    }
}

/* It comes when it was told to, and goes on where it was told. */
static void call_judge_begin(const struct visit *visit)
{
    char cursor[SWEEP_CURSOR_SIZE];
    query_read(visit, "cursor=", cursor, sizeof cursor);
    if (virtual_now() < answered.not_before)
        broken("the job calls %lld ms before the time that it was told",
               (long long)(answered.not_before - virtual_now()));
    if (*answered.cursor && strcmp(cursor, answered.cursor) != 0)
        broken("the job goes on elsewhere than its last call ended");
    answered.finished = false;
}

/* What it calls in the place of http/client.c. */

int __wrap_http_client_open(struct http_client **ret_client, struct error *error);
void __wrap_http_client_close(struct http_client *client);
void __wrap_http_client_start(struct http_client *client, const struct http_request *request,
                              struct http_response *response);
void __wrap_http_client_abort(struct http_client *client, const struct http_response *response);

int __wrap_http_client_open(struct http_client **ret_client, struct error *error)
{
    (void)error;
    *ret_client = NULL;
    return 0;
}

void __wrap_http_client_close(struct http_client *client)
{
    (void)client;
}

void __wrap_http_client_start(struct http_client *client, const struct http_request *request,
                              struct http_response *response)
{
    (void)client;
    struct visit *visit = virtual_take(sizeof *visit);
    struct replica *replica = replica_any();
    *response = (struct http_response){0};
    visit->response = response;
    visit->next = visits;
    visits = visit;
    visit->sweeps = strcmp(request->method, "DELETE") == 0;
    if (snprintf(visit->query, sizeof visit->query, "%s", request->url) >=
        (int)sizeof visit->query)
        abort();
    trace_say("job: %s %s", request->method, request->url);
    if (visit->sweeps)
        call_judge_begin(visit);
    if (!replica || (fault_is_on(FAULT_NETWORK) && chance_of(300))) {
        agenda_add(chance_between(0, 50), visit_refuse, visit);
        return;
    }
    visit->replica = replica;
    agenda_add(request->total_ms, visit_expire, visit);
    replica_later(replica, chance_between(0, 20), visit_arrive, visit);
}

void __wrap_http_client_abort(struct http_client *client, const struct http_response *response)
{
    (void)client;
    for (struct visit *visit = visits; visit; visit = visit->next) {
        if (visit->response == response)
            visit->response = NULL;
    }
}
