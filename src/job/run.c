#include "job/run.h"

#include "job/civil.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

/* Pauses between two questions for health at start. */
#define PAUSE_FIRST_MS 200
#define PAUSE_MOST_MS  2000

/* The last question at start may take this long past the deadline. */
#define LAST_PROBE_MS 500

/* The longest pause before a question for health or a call is tried again: doubled each time.
 */
#define PROBE_PAUSE_FIRST_MS 250
#define PROBE_PAUSE_MOST_MS  5000
#define CALL_PAUSE_FIRST_MS  1000
#define CALL_PAUSE_MOST_MS   60000

const char *run_outcome_name(enum run_outcome outcome)
{
    static const char *const names[RUN_OUTCOMES] = {
        "ok", "unhealthy", "failed", "timeout", "no-progress", "skipped", "missed"};
    return names[outcome];
}

void run_init(struct run *run, const struct run_settings *settings, int64_t last_slot_s)
{
    *run = (struct run){.settings = *settings,
                        .slots = {.schedule = settings->schedule,
                                  .zone = settings->zone,
                                  .last_s = last_slot_s},
                        .newest_s = last_slot_s};
}

static int64_t smaller(int64_t one, int64_t other)
{
    return one < other ? one : other;
}

/* Full jitter: anything up to a bound that doubles with each try. */
static int64_t pause_draw(struct random *random, int64_t tries, int64_t first_ms,
                          int64_t most_ms)
{
    int64_t bound = tries > 20 ? most_ms : smaller(first_ms << tries, most_ms);
    return (int64_t)random_below(random, (uint64_t)bound + 1);
}

static struct run_command probe(struct run *run, struct run_now now);

static void run_begin(struct run *run, struct run_now now, int64_t slot_s, int64_t lateness_ms)
{
    bool again = slot_s <= run->newest_s;
    run->replays = again ? run->replays + 1 : 0;
    run->newest_s = again ? run->newest_s : slot_s;
    run->started_ms = now.boot_ms;
    run->deadline_ms = now.boot_ms + run->settings.run_timeout_ms;
    run->cursor[0] = '\0';
    run->probes = run->tries = 0;
    run->report = (struct run_report){
        .slot_s = slot_s, .started_wall_ms = now.wall_ms, .lateness_ms = lateness_ms};
}

static struct run_command run_start(struct run *run, struct run_now now, int64_t slot_s,
                                    int64_t lateness_ms)
{
    run_begin(run, now, slot_s, lateness_ms);
    struct run_command command = probe(run, now);
    command.began = true;
    return command;
}

static bool slot_is_due(const struct run *run, struct run_now now)
{
    return run->planned && now.wall_ms >= run->planned_s * 1000 + run->delay_ms;
}

/* Deals with all slots that have come: the latest is returned, with how many there were. */
static int64_t slots_take(struct run *run, struct run_now now, int64_t *ret_count)
{
    int64_t limit_s = (now.wall_ms - run->delay_ms) / 1000;
    int64_t latest_s = slots_until(&run->slots, run->planned_s, limit_s, ret_count);
    run->slots.last_s = latest_s;
    run->slots.last_boot_ms = now.boot_ms;
    run->planned = slots_next(&run->slots, latest_s, now.boot_ms, &run->planned_s) == 0;
    return latest_s;
}

static struct run_command exit_with(int exit_code)
{
    return (struct run_command){.verb = RUN_EXIT, .exit_code = exit_code};
}

/* When is the next run? */
static struct run_command plan(struct run *run, struct run_now now, struct random *random)
{
    if (slots_next(&run->slots, now.wall_ms / 1000, now.boot_ms, &run->planned_s) < 0) {
        snprintf(run->reason, sizeof run->reason, "the schedule never fires again");
        return exit_with(EX_USAGE);
    }
    run->delay_ms = run->settings.spread_ms +
                    (int64_t)random_below(random, (uint64_t)run->settings.jitter_ms);
    run->planned = true;
    run->state = RUN_SLEEPING;
    return (struct run_command){.verb = RUN_SLEEP,
                                .until_ms = run->planned_s * 1000 + run->delay_ms};
}

/* A run is over: what came meanwhile is skipped, or run now. */
static struct run_command go_on(struct run *run, struct run_now now, struct random *random)
{
    int64_t count = 0, slot_s = now.wall_ms / 1000;
    if (slot_is_due(run, now)) {
        slot_s = slots_take(run, now, &count);
        run->nudged |= run->settings.queue_one;
        count -= run->settings.queue_one;
    }
    bool again = run->nudged;
    run->nudged = false;
    struct run_command command = again
                                     ? run_start(run, now, slot_s, now.wall_ms - slot_s * 1000)
                                     : plan(run, now, random);
    command.skipped = count;
    run->outcomes[RUN_SKIPPED] += count;
    return command;
}

static void report_close(struct run *run, struct run_now now, enum run_outcome outcome,
                         int exit_code)
{
    run->report.outcome = outcome;
    run->report.exit_code = exit_code;
    run->report.duration_ms = now.boot_ms - run->started_ms;
    run->last = run->report;
    run->outcomes[outcome]++;
    run->failures = exit_code ? run->failures + 1 : 0;
}

static struct run_command run_end(struct run *run, struct run_now now, struct random *random,
                                  enum run_outcome outcome, int exit_code, const char *format,
                                  ...) __attribute__((format(printf, 6, 7)));

static struct run_command run_end(struct run *run, struct run_now now, struct random *random,
                                  enum run_outcome outcome, int exit_code, const char *format,
                                  ...)
{
    const struct run_settings *settings = &run->settings;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(run->reason, sizeof run->reason, format, arguments);
    va_end(arguments);
    report_close(run, now, outcome, exit_code);
    bool enough = settings->fail_after && run->failures >= settings->fail_after;
    struct run_command command =
        !settings->schedule || run->stopping || (exit_code && (!settings->keep_going || enough))
            ? exit_with(exit_code)
            : go_on(run, now, random);
    command.ended = true;
    return command;
}

static struct run_command probe(struct run *run, struct run_now now)
{
    run->state = RUN_PROBING;
    return (struct run_command){
        .verb = RUN_PROBE,
        .until_ms = smaller(now.boot_ms + run->settings.health_timeout_ms, run->deadline_ms)};
}

/* Asks again, unless the run's time is over. */
static struct run_command probe_again(struct run *run, struct run_now now,
                                      struct random *random)
{
    if (now.boot_ms >= run->deadline_ms)
        return run_end(run, now, random, RUN_TIMED_OUT, EX_TEMPFAIL,
                       "the run is not done after %lld s",
                       (long long)(run->settings.run_timeout_ms / 1000));
    return probe(run, now);
}

static struct run_command call(struct run *run, struct run_now now)
{
    run->state = RUN_CALLING;
    run->probes = 0;
    run->report.attempts++;
    return (struct run_command){
        .verb = RUN_CALL,
        .cursor = run->cursor,
        .until_ms = smaller(now.boot_ms + run->settings.call_timeout_ms, run->deadline_ms)};
}

static struct run_command await_probe(const struct run *run, struct run_now now)
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

/* The slots since the last run of the job before this one: caught up with by one run at most.
 */
static struct run_command catch_up(struct run *run, struct run_now now, struct random *random)
{
    const struct run_settings *settings = &run->settings;
    int64_t count;
    int64_t from_s = run->slots.last_s;
    if (from_s == SLOTS_NONE || from_s >= now.wall_ms / 1000 ||
        slots_next(&run->slots, from_s, now.boot_ms, &run->planned_s) < 0)
        return plan(run, now, random);
    run->planned = true;
    run->delay_ms = settings->spread_ms;
    if (!slot_is_due(run, now))
        return plan(run, now, random);
    int64_t slot_s = slots_take(run, now, &count);
    int64_t lateness_ms = now.wall_ms - slot_s * 1000 - run->delay_ms;
    bool worth = settings->catch_up &&
                 (!settings->start_deadline_ms || lateness_ms <= settings->start_deadline_ms);
    struct run_command command =
        worth ? run_start(run, now, slot_s, lateness_ms) : plan(run, now, random);
    command.missed = count - worth;
    run->outcomes[RUN_MISSED] += command.missed;
    return command;
}

static struct run_command await_probed(struct run *run, const struct run_event *event,
                                       struct run_now now, struct random *random)
{
    if (event->healthy && run->settings.schedule)
        return catch_up(run, now, random);
    if (event->healthy || now.boot_ms >= run->startup_deadline_ms)
        run_begin(run, now, now.wall_ms / 1000, 0);
    if (event->healthy) {
        struct run_command command = call(run, now);
        command.began = true;
        return command;
    }
    if (now.boot_ms >= run->startup_deadline_ms)
        return run_end(run, now, random, RUN_UNHEALTHY, EX_UNAVAILABLE,
                       "the service was not healthy for %lld s: %s",
                       (long long)(run->settings.startup_timeout_ms / 1000), event->reason);
    int64_t half = run->pause_ms / 2;
    int64_t pause = half + (int64_t)random_below(random, (uint64_t)half + 1);
    run->pause_ms = smaller(run->pause_ms * 2, PAUSE_MOST_MS);
    return (struct run_command){
        .verb = RUN_PAUSE, .until_ms = smaller(now.boot_ms + pause, run->startup_deadline_ms)};
}

static struct run_command probed(struct run *run, const struct run_event *event,
                                 struct run_now now, struct random *random)
{
    if (event->healthy)
        return call(run, now);
    if (now.boot_ms >= run->deadline_ms)
        return probe_again(run, now, random);
    if (run->probes < run->settings.health_retries) {
        int64_t pause =
            pause_draw(random, run->probes++, PROBE_PAUSE_FIRST_MS, PROBE_PAUSE_MOST_MS);
        return (struct run_command){.verb = RUN_PAUSE,
                                    .until_ms = smaller(now.boot_ms + pause, run->deadline_ms)};
    }
    return run_end(run, now, random, RUN_UNHEALTHY, EX_UNAVAILABLE,
                   "the service is not healthy: %s", event->reason);
}

static void totals_add(struct run_report *report, const struct call_verdict *verdict)
{
    report->status = verdict->status;
    if (!verdict->counted)
        return;
    report->counted = true;
    report->totals.attempted += verdict->counts.attempted;
    report->totals.deleted += verdict->counts.deleted;
    report->totals.failed += verdict->counts.failed;
    report->totals.blocked += verdict->counts.blocked;
    report->totals.remaining = verdict->counts.remaining;
    report->oldest_pending_s = verdict->oldest_pending_s;
}

/* The calls all went well: did they do any good? */
static struct run_command run_judge(struct run *run, struct run_now now, struct random *random)
{
    const struct call_counts *totals = &run->report.totals;
    int64_t oldest_s = run->report.oldest_pending_s;
    if (totals->failed && !totals->deleted)
        return run_end(run, now, random, RUN_NO_PROGRESS, EX_SOFTWARE,
                       "no progress: %lld failed and none was deleted",
                       (long long)totals->failed);
    if (run->settings.max_age_ms && oldest_s > run->settings.max_age_ms / 1000)
        return run_end(run, now, random, RUN_NO_PROGRESS, EX_SOFTWARE,
                       "no progress: the oldest has waited %lld s", (long long)oldest_s);
    if (run->settings.fail_on_blocked && totals->blocked)
        return run_end(run, now, random, RUN_FAILED, EX_SOFTWARE, "%lld are blocked",
                       (long long)totals->blocked);
    return run_end(run, now, random, RUN_OK, EX_OK, "%s", "");
}

/* A call went wrong: is there another try in it? */
static struct run_command call_failed(struct run *run, const struct call_verdict *verdict,
                                      struct run_now now, struct random *random)
{
    int64_t pause = pause_draw(random, run->tries, CALL_PAUSE_FIRST_MS, CALL_PAUSE_MOST_MS);
    if (pause < verdict->retry_after_ms)
        pause = verdict->retry_after_ms;
    bool in_time = now.boot_ms + pause < run->deadline_ms;
    if (!verdict->retry || run->tries >= run->settings.retries || !in_time)
        return run_end(run, now, random,
                       verdict->exit_code == EX_TEMPFAIL ? RUN_TIMED_OUT : RUN_FAILED,
                       verdict->exit_code, "%s", verdict->text);
    run->tries++;
    run->state = RUN_RETRYING;
    return (struct run_command){.verb = RUN_PAUSE, .until_ms = now.boot_ms + pause};
}

static struct run_command called(struct run *run, const struct call_verdict *verdict,
                                 struct run_now now, struct random *random)
{
    totals_add(&run->report, verdict);
    if (verdict->exit_code)
        return call_failed(run, verdict, now, random);
    run->report.pages++;
    run->tries = 0;
    if (!verdict->more)
        return run_judge(run, now, random);
    /* A cursor that stands still would be followed for ever. */
    if (strcmp(verdict->cursor, run->cursor) == 0)
        return run_end(run, now, random, RUN_FAILED, EX_SOFTWARE,
                       "there is more to do, but the cursor of the answer did not move");
    memcpy(run->cursor, verdict->cursor, sizeof run->cursor);
    return probe_again(run, now, random);
}

/*
 * The clock may have been set. Set forward, the run is due at once; set back, the schedule may
 * fire before what was planned when it was later.
 */
static struct run_command replan(struct run *run, struct run_now now, struct random *random)
{
    int64_t planned_s = run->planned_s, delay_ms = run->delay_ms;
    struct run_command command = plan(run, now, random);
    if (command.verb == RUN_SLEEP && planned_s <= run->planned_s) {
        run->planned_s = planned_s;
        run->delay_ms = delay_ms;
        command.until_ms = planned_s * 1000 + delay_ms;
    }
    return command;
}

static struct run_command slept(struct run *run, struct run_now now, struct random *random)
{
    if (!slot_is_due(run, now))
        return replan(run, now, random);
    int64_t count;
    int64_t slot_s = slots_take(run, now, &count);
    int64_t lateness_ms = now.wall_ms - slot_s * 1000 - run->delay_ms;
    int64_t deadline_ms = run->settings.start_deadline_ms;
    bool late = deadline_ms && lateness_ms > deadline_ms;
    struct run_command command =
        late ? plan(run, now, random) : run_start(run, now, slot_s, lateness_ms);
    command.missed = late ? count : count - 1;
    run->outcomes[RUN_MISSED] += command.missed;
    return command;
}

/* A run that is between two tries has nothing under way that could be broken off. */
static struct run_command stopped(struct run *run, struct run_now now)
{
    if (run->state != RUN_CALLING || run->stopping)
        return exit_with(EX_OK);
    run->stopping = true;
    run->deadline_ms = smaller(run->deadline_ms, now.boot_ms + run->settings.stop_timeout_ms);
    return (struct run_command){.verb = RUN_FINISH, .until_ms = run->deadline_ms};
}

/* The rest of a run after the job was told to stop: the job ends well, whatever becomes of it.
 */
static struct run_command stopping(struct run *run, const struct run_event *event,
                                   struct run_now now, struct random *random)
{
    const struct call_verdict *verdict = event->verdict;
    bool answered = event->kind == RUN_CALLED && !verdict->exit_code;
    bool healthy = event->kind == RUN_PROBED && event->healthy;
    if (now.boot_ms >= run->deadline_ms || (!answered && !healthy))
        return exit_with(EX_OK);
    struct run_command command = answered ? called(run, verdict, now, random) : call(run, now);
    command.exit_code = EX_OK;
    return command;
}

static struct run_command nudged(struct run *run, struct run_now now)
{
    struct run_command command = {.verb = RUN_CARRY_ON};
    if (run->state == RUN_SLEEPING)
        return run_start(run, now, now.wall_ms / 1000, 0);
    if (run->stopping || run->state == RUN_AWAITING || !run->settings.schedule)
        return command;
    command.skipped = !run->settings.queue_one || run->nudged;
    run->nudged = run->settings.queue_one;
    run->outcomes[RUN_SKIPPED] += command.skipped;
    return command;
}

struct run_command run_handle(struct run *run, const struct run_event *event,
                              struct run_now now, struct random *random)
{
    if (event->kind == RUN_STOPPED)
        return stopped(run, now);
    if (event->kind == RUN_STARTED)
        return await_begin(run, now);
    if (event->kind == RUN_NUDGED)
        return nudged(run, now);
    if (run->stopping)
        return stopping(run, event, now, random);
    switch (run->state) {
    case RUN_AWAITING:
        return event->kind == RUN_PROBED ? await_probed(run, event, now, random)
                                         : await_probe(run, now);
    case RUN_SLEEPING:
        return slept(run, now, random);
    case RUN_PROBING:
        return event->kind == RUN_PROBED ? probed(run, event, now, random)
                                         : probe_again(run, now, random);
    case RUN_CALLING:
        return called(run, event->verdict, now, random);
    case RUN_RETRYING:
        break;
    }
    return probe_again(run, now, random);
}

void run_key(const struct run *run, const char *name, char ret_key[static RUN_KEY_SIZE])
{
    char slot[CIVIL_TEXT_SIZE], replay[32] = "";
    civil_format(run->report.slot_s, 0, true, slot);
    if (run->replays)
        snprintf(replay, sizeof replay, "/r%lld", (long long)run->replays);
    snprintf(ret_key, RUN_KEY_SIZE, "%.80s/%s%s/%lld", name, slot, replay,
             (long long)run->report.pages + 1);
}

int64_t run_spread(const char *name, int64_t spread_ms)
{
    uint64_t hash = UINT64_C(14695981039346656037); /* FNV-1a */
    for (; *name; name++)
        hash = (hash ^ (unsigned char)*name) * UINT64_C(1099511628211);
    struct random random = {hash};
    return (int64_t)random_below(&random, (uint64_t)spread_ms);
}
