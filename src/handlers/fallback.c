#include "handlers/fallback.h"

#include "base/clock.h"
#include "base/log.h"
#include "config/limits.h"
#include "config/options.h"
#include "handlers/account.h"
#include "handlers/service.h"
#include "http/json_text.h"
#include "http/stream.h"

#include <stdlib.h>
#include <string.h>

/* Outlives its request when it streams: the engine frees it at the end. */
struct sweep_state {
    struct sweep_run run;
    struct request *request; /* NULL: the answer is a stream */
    struct stream *stream;
    struct service *service;
    bool by_page; /* a person asked for it, and not the job */
    int64_t remaining_at_start;
};

static json_t *result_encode(const struct sweep *sweep)
{
    char cursor[SWEEP_CURSOR_SIZE];
    sweep_cursor_format(sweep, cursor);
    const struct backlog *backlog = &sweep->backlog;
    return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:b, s:o, s:I, s:o, s:s}", "attempted",
                     (json_int_t)sweep->attempted, "deleted", (json_int_t)sweep->deleted,
                     "failed", (json_int_t)sweep->failed, "blocked", (json_int_t)sweep->blocked,
                     "remaining", (json_int_t)(backlog->pending + backlog->blocked),
                     "scheduled", (json_int_t)backlog->scheduled, "more", sweep->more, "cursor",
                     sweep->more ? json_string(cursor) : json_null(), "oldestPendingSeconds",
                     (json_int_t)(backlog->oldest_ms / 1000), "nextDueAt",
                     service_time(backlog->next_due_at), "breaker",
                     breaker_state_name(sweep->breaker));
}

static void sweep_note(const struct sweep_state *state)
{
    const struct sweep *sweep = &state->run.sweep;
    log_for(&sweep->trace);
    account_sweep(state->service, sweep, state->by_page);
    log_info("sweep finished", log_text("sweep", sweep->trace.span),
             log_text("caller", state->by_page ? "page" : "job"),
             log_number("attempted", sweep->attempted), log_number("deleted", sweep->deleted),
             log_number("failed", sweep->failed), log_number("blocked", sweep->blocked),
             log_number("remaining", sweep->backlog.pending + sweep->backlog.blocked),
             log_text("breaker", breaker_state_name(sweep->breaker)));
    log_for(NULL);
}

static const char unavailable[] =
    "nothing can be finished now: the database fails, or the file store is not this service's";

static void fallback_end(struct request *request)
{
    struct sweep_state *state = request_state(request);
    if (state->run.sweep.unavailable)
        request_reply_unavailable(request, unavailable);
    else
        request_reply_data(request, 200, result_encode(&state->run.sweep));
}

static void sweep_ended(struct sweep_run *run)
{
    struct sweep_state *state = run->owner;
    sweep_note(state);
    request_resume(state->request);
}

static void line_append(struct stream *stream, json_t *line)
{
    char *text = json_text_write(line, JSON_COMPACT);
    json_decref(line);
    if (!text)
        return;
    stream_append(stream, text, strlen(text));
    stream_append(stream, "\n", 1);
    free(text);
}

static void stream_progressed(struct sweep_run *run)
{
    struct sweep_state *state = run->owner;
    const struct sweep *sweep = &run->sweep;
    if (!state->remaining_at_start)
        state->remaining_at_start = sweep->backlog.pending + sweep->backlog.blocked;
    int64_t remaining = state->remaining_at_start - sweep->deleted;
    line_append(state->stream,
                json_pack("{s:{s:I, s:I, s:I, s:I, s:I}}", "progress", "attempted",
                          (json_int_t)sweep->attempted, "deleted", (json_int_t)sweep->deleted,
                          "failed", (json_int_t)sweep->failed, "blocked",
                          (json_int_t)sweep->blocked, "remaining",
                          (json_int_t)(remaining > 0 ? remaining : 0)));
}

static void stream_ended(struct sweep_run *run)
{
    struct sweep_state *state = run->owner;
    sweep_note(state);
    json_t *line =
        run->sweep.unavailable
            ? json_pack("{s:s, s:s}", "status", "Unavailable", "message", unavailable)
            : json_pack("{s:s, s:o}", "status", "ok", "data", result_encode(&run->sweep));
    line_append(state->stream, line);
    stream_end(state->stream);
    free(state);
}

/* Reads the query; false, with a reply, if something is out of bounds. */
static bool query_read(struct request *request, struct sweep *sweep)
{
    const char *limit = request_query(request, "limit");
    const char *timeout = request_query(request, "timeout");
    const char *cursor = request_query(request, "cursor");
    int64_t timeout_ms = LIMIT_SWEEP_TIMEOUT_PRESET_MS;
    sweep->limit = LIMIT_SWEEP_ITEMS_PRESET;
    if (request_refuse_unknown_query(request,
                                     (const char *const[]){"limit", "timeout", "cursor", NULL}))
        return false;
    if (limit && (number_parse(limit, &sweep->limit) < 0 || sweep->limit < 1 ||
                  sweep->limit > LIMIT_SWEEP_ITEMS)) {
        request_reply_error(request, 400, "limit must be a whole number from 1 to %d",
                            LIMIT_SWEEP_ITEMS);
        return false;
    }
    if (timeout &&
        (duration_parse(timeout, &timeout_ms) < 0 ||
         timeout_ms < LIMIT_SWEEP_TIMEOUT_LEAST_MS || timeout_ms > LIMIT_SWEEP_TIMEOUT_MS)) {
        request_reply_error(request, 400, "timeout must be a duration from 1s to 300s");
        return false;
    }
    if (sweep_cursor_parse(cursor ? cursor : "", sweep) < 0) {
        request_reply_error(request, 400, "cursor must be the \"cursor\" of the answer before");
        return false;
    }
    sweep->deadline_ms = clock_boot_ms() + timeout_ms;
    return true;
}

static void sweep_stream(struct request *request, struct sweep_state *state)
{
    struct service *service = request_context(request);
    state->stream = stream_begin(request, "application/x-ndjson");
    if (!state->stream) {
        free(state);
        return;
    }
    state->run.progressed = stream_progressed;
    state->run.ended = stream_ended;
    if (!runtime_run_sweep(service->runtime, &state->run)) {
        state->run.sweep.unavailable = true;
        stream_ended(&state->run);
    }
}

void fallback_delete(struct request *request)
{
    struct service *service = request_context(request);
    struct sweep_state *state = calloc(1, sizeof *state);
    if (!state) {
        request_reply_error(request, 500, "out of memory; try again");
        return;
    }
    if (!query_read(request, &state->run.sweep)) {
        free(state);
        return;
    }
    if (!runtime_works(service->runtime)) {
        free(state);
        request_reply_unavailable(request, "this replica has the role api and finishes "
                                           "nothing: call one with the role worker or all");
        return;
    }
    state->run.owner = state;
    state->service = service;
    state->run.sweep.trace = *request_trace(request);
    state->by_page = request_header(request, FALLBACK_PAGE_HEADER);
    const char *accept = request_header(request, "Accept");
    if (accept && strstr(accept, "application/x-ndjson")) {
        sweep_stream(request, state);
        return;
    }
    state->request = request;
    state->run.ended = sweep_ended;
    request_keep(request, state, free);
    request_suspend(request, fallback_end);
    if (!runtime_run_sweep(service->runtime, &state->run)) {
        state->run.sweep.unavailable = true;
        request_resume(request);
    }
}
