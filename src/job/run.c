#include "job/run.h"

#include "job/next.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

/* Pauses between two questions for health at start. */
#define PAUSE_FIRST_MS 200
#define PAUSE_MOST_MS  2000

/* The last question at start may take this long past the deadline. */
#define LAST_PROBE_MS 500

/* A clock that is put back by less does not make a fixed time due again. */
#define SET_BACK_MAX_S (3 * 3600)

void run_init(struct run *run, const struct run_settings *settings)
{
    *run = (struct run){.settings = *settings, .last_s = INT64_MIN};
}

static int64_t smaller(int64_t one, int64_t other)
{
    return one < other ? one : other;
}

static struct run_command command_exit(struct run *run, int exit_code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static struct run_command command_exit(struct run *run, int exit_code, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(run->reason, sizeof run->reason, format, arguments);
    va_end(arguments);
    return (struct run_command){.verb = RUN_EXIT, .exit_code = exit_code};
}

/* Now that the service answered, or a run is over: when is the next one? */
static struct run_command plan(struct run *run, struct run_now now)
{
    const struct schedule *schedule = run->settings.schedule;
    bool fixed = !schedule->elapsed && !schedule->every_s;
    int64_t now_s = now.wall_ms / 1000;
    if (fixed && run->last_s > now_s && run->last_s - now_s < SET_BACK_MAX_S)
        now_s = run->last_s;
    if (next_instant(schedule, run->settings.zone, now_s, &run->planned_s) < 0)
        return command_exit(run, EX_USAGE, "the schedule never fires again");
    run->state = RUN_SLEEPING;
    return (struct run_command){.verb = RUN_SLEEP, .until_ms = run->planned_s * 1000};
}

static struct run_command probe(struct run *run, struct run_now now)
{
    if (now.boot_ms >= run->deadline_ms)
        return command_exit(run, EX_TEMPFAIL, "the run is not done after %lld s",
                            (long long)(run->settings.run_timeout_ms / 1000));
    run->state = RUN_PROBING;
    return (struct run_command){
        .verb = RUN_PROBE,
        .until_ms = smaller(now.boot_ms + run->settings.health_timeout_ms, run->deadline_ms)};
}

static struct run_command call(struct run *run, struct run_now now)
{
    run->state = RUN_CALLING;
    return (struct run_command){
        .verb = RUN_CALL,
        .cursor = run->cursor,
        .until_ms = smaller(now.boot_ms + run->settings.call_timeout_ms, run->deadline_ms)};
}

static void run_begin(struct run *run, struct run_now now)
{
    run->started_ms = now.boot_ms;
    run->deadline_ms = now.boot_ms + run->settings.run_timeout_ms;
    run->cursor[0] = '\0';
    run->totals = (struct call_counts){0};
    run->oldest_pending_s = 0;
    run->counted = false;
}

static struct run_command await_probe(struct run *run, struct run_now now)
{
    int64_t last = now.boot_ms + LAST_PROBE_MS;
    int64_t deadline = run->startup_deadline_ms > last ? run->startup_deadline_ms : last;
    return (struct run_command){
        .verb = RUN_PROBE,
        .until_ms = smaller(now.boot_ms + run->settings.health_timeout_ms, deadline)};
}

static struct run_command await_begin(struct run *run, struct run_now now)
{
    run->state = RUN_AWAITING;
    run->startup_deadline_ms = now.boot_ms + run->settings.startup_timeout_ms;
    run->pause_ms = PAUSE_FIRST_MS;
    return await_probe(run, now);
}

static struct run_command await_probed(struct run *run, const struct run_event *event,
                                       struct run_now now, struct random *random)
{
    if (event->healthy && run->settings.schedule)
        return plan(run, now);
    if (event->healthy) {
        run_begin(run, now);
        return call(run, now);
    }
    if (now.boot_ms >= run->startup_deadline_ms)
        return command_exit(run, EX_UNAVAILABLE, "the service was not healthy for %lld s: %s",
                            (long long)(run->settings.startup_timeout_ms / 1000),
                            event->reason);
    int64_t half = run->pause_ms / 2;
    int64_t pause = half + (int64_t)random_below(random, (uint64_t)half + 1);
    run->pause_ms = smaller(run->pause_ms * 2, PAUSE_MOST_MS);
    return (struct run_command){
        .verb = RUN_PAUSE, .until_ms = smaller(now.boot_ms + pause, run->startup_deadline_ms)};
}

static struct run_command probed(struct run *run, const struct run_event *event,
                                 struct run_now now)
{
    if (event->healthy)
        return call(run, now);
    if (now.boot_ms >= run->deadline_ms)
        return probe(run, now);
    return command_exit(run, EX_UNAVAILABLE, "the service is not healthy: %s", event->reason);
}

static void totals_add(struct run *run, const struct call_verdict *verdict)
{
    if (!verdict->counted)
        return;
    run->counted = true;
    run->totals.attempted += verdict->counts.attempted;
    run->totals.deleted += verdict->counts.deleted;
    run->totals.failed += verdict->counts.failed;
    run->totals.blocked += verdict->counts.blocked;
    run->totals.remaining = verdict->counts.remaining;
    run->oldest_pending_s = verdict->oldest_pending_s;
}

/* The calls all went well: did they do any good? */
static struct run_command run_judge(struct run *run, struct run_now now)
{
    const struct call_counts *totals = &run->totals;
    if (totals->failed && !totals->deleted)
        return command_exit(run, EX_SOFTWARE, "no progress: %lld failed and none was deleted",
                            (long long)totals->failed);
    if (run->settings.max_age_ms && run->oldest_pending_s > run->settings.max_age_ms / 1000)
        return command_exit(run, EX_SOFTWARE, "no progress: the oldest has waited %lld s",
                            (long long)run->oldest_pending_s);
    if (run->settings.fail_on_blocked && totals->blocked)
        return command_exit(run, EX_SOFTWARE, "%lld are blocked", (long long)totals->blocked);
    if (!run->settings.schedule)
        return (struct run_command){.verb = RUN_EXIT, .exit_code = EX_OK};
    return plan(run, now);
}

static struct run_command called(struct run *run, const struct call_verdict *verdict,
                                 struct run_now now)
{
    totals_add(run, verdict);
    if (verdict->exit_code)
        return command_exit(run, verdict->exit_code, "%s", verdict->text);
    if (!verdict->more)
        return run_judge(run, now);
    /* A cursor that stands still would be followed for ever. */
    if (strcmp(verdict->cursor, run->cursor) == 0)
        return command_exit(run, EX_SOFTWARE,
                            "there is more to do, but the cursor of the answer did not move");
    memcpy(run->cursor, verdict->cursor, sizeof run->cursor);
    return probe(run, now);
}

/*
 * The clock may have been set. Set forward, the run is due at once; set back, the schedule may
 * fire before what was planned when it was later.
 */
static struct run_command slept(struct run *run, struct run_now now)
{
    if (now.wall_ms >= run->planned_s * 1000) {
        run->last_s = run->planned_s;
        run_begin(run, now);
        return probe(run, now);
    }
    int64_t planned_s = run->planned_s;
    struct run_command command = plan(run, now);
    if (command.verb == RUN_SLEEP && planned_s < run->planned_s) {
        run->planned_s = planned_s;
        command.until_ms = planned_s * 1000;
    }
    return command;
}

static struct run_command stopped(struct run *run, struct run_now now)
{
    if (run->state != RUN_CALLING)
        return (struct run_command){.verb = RUN_EXIT, .exit_code = EX_OK};
    run->state = RUN_STOPPING;
    return (struct run_command){.verb = RUN_FINISH,
                                .until_ms = now.boot_ms + run->settings.stop_timeout_ms};
}

struct run_command run_handle(struct run *run, const struct run_event *event,
                              struct run_now now, struct random *random)
{
    if (event->kind == RUN_STOPPED)
        return stopped(run, now);
    if (event->kind == RUN_STARTED)
        return await_begin(run, now);
    switch (run->state) {
    case RUN_AWAITING:
        return event->kind == RUN_PROBED ? await_probed(run, event, now, random)
                                         : await_probe(run, now);
    case RUN_SLEEPING:
        return slept(run, now);
    case RUN_PROBING:
        return probed(run, event, now);
    case RUN_CALLING:
        return called(run, event->verdict, now);
    case RUN_STOPPING:
        if (event->kind == RUN_CALLED)
            totals_add(run, event->verdict);
        break;
    }
    return (struct run_command){.verb = RUN_EXIT, .exit_code = EX_OK};
}
