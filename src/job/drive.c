#include "job/drive.h"

#include "base/clock.h"
#include "base/log.h"
#include "http/client.h"
#include "job/seen.h"
#include "job/summons.h"
#include "job/work.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The wall clock is read again at least this often, whatever the timers say. */
#define LOOK_UP_MS 30000

struct drive {
    struct roster *roster; /* held */
    struct http_client *client;
    struct progress progress;
    struct seen *seen; /* NULL: nobody looks */
    const struct notify *notify;
    int64_t sign_at; /* boot time of the next sign of life */
    struct summons summons;
    struct work *works[2 * JOB_FILE_JOBS_MAX]; /* with those of an old roster that still run */
    size_t count;
    bool stopping;
    bool confined; /* in a sandbox that lets no program start */
    bool hurried;  /* told to stop twice: nothing is waited for */
    int exit_code;
    char reason[ERROR_TEXT_SIZE];
};

static int work_add(struct drive *drive, const struct roster_job *job)
{
    struct work *work = malloc(sizeof *work);
    if (!work || drive->count == sizeof drive->works / sizeof *drive->works) {
        free(work);
        return -1;
    }
    work_init(work, drive->roster, job, drive->client, &drive->progress);
    drive->works[drive->count++] = work;
    return 0;
}

static void work_remove(struct drive *drive, size_t place)
{
    work_deinit(drive->works[place]);
    free(drive->works[place]);
    drive->works[place] = drive->works[--drive->count];
}

/* On failure the caller closes it; `drive` is zeroed. */
static int drive_begin(struct drive *drive, struct roster *roster, bool terminal,
                       struct error *error)
{
    const char *listen = roster->program.listen;
    drive->confined =
        strcmp(roster->program.sandbox, "off") != 0 && !roster_starts_programs(roster);
    progress_init(&drive->progress, terminal);
    if (http_client_open(&drive->client, error) < 0 ||
        (listen && seen_open(listen, &drive->seen, error) < 0))
        return -1;
    for (size_t i = 0; i < roster->count; i++) {
        if (work_add(drive, &roster->jobs[i]) < 0)
            return error_set(error, ERROR_NO_MEMORY, "no memory for the jobs");
    }
    notify_tell(drive->notify, "READY=1");
    return 0;
}

struct drive *drive_open(struct roster *roster, bool terminal, const struct notify *notify,
                         struct error *error)
{
    struct drive *drive = calloc(1, sizeof *drive);
    if (!drive) {
        error_set(error, ERROR_NO_MEMORY, "no memory for the jobs");
        return NULL;
    }
    if (summons_open(&drive->summons, error) < 0) {
        free(drive);
        return NULL;
    }
    drive->roster = roster_hold(roster);
    drive->notify = notify;
    if (drive_begin(drive, roster, terminal, error) < 0) {
        drive_close(drive);
        return NULL;
    }
    return drive;
}

void drive_close(struct drive *drive)
{
    progress_clear(&drive->progress);
    while (drive->count)
        work_remove(drive, drive->count - 1);
    seen_close(drive->seen);
    http_client_close(drive->client);
    roster_release(drive->roster);
    summons_close(&drive->summons);
    free(drive);
}

static void all_tell(struct drive *drive, enum run_event_kind kind)
{
    for (size_t i = 0; i < drive->count; i++)
        work_tell(drive->works[i], kind);
}

static void stop(struct drive *drive)
{
    drive->hurried = drive->stopping;
    drive->stopping = true;
    notify_tell(drive->notify, "STOPPING=1");
    all_tell(drive, RUN_STOPPED);
}

static struct work *work_find(const struct drive *drive, const char *name)
{
    for (size_t i = 0; i < drive->count; i++) {
        if (!drive->works[i]->leaving && strcmp(drive->works[i]->job->options->name, name) == 0)
            return drive->works[i];
    }
    return NULL;
}

/* True while a run of the job's old self goes on: the new one has to wait for it. */
static bool is_held_up(const struct drive *drive, const char *name)
{
    for (size_t i = 0; i < drive->count; i++) {
        if (drive->works[i]->leaving && strcmp(drive->works[i]->job->options->name, name) == 0)
            return true;
    }
    return false;
}

/* Begins the jobs of the roster that do not run yet. */
static void works_complete(struct drive *drive)
{
    for (size_t i = 0; i < drive->roster->count && !drive->stopping; i++) {
        const struct roster_job *job = &drive->roster->jobs[i];
        if (!work_find(drive, job->options->name) && !is_held_up(drive, job->options->name) &&
            work_add(drive, job) < 0)
            log_error("job not begun", log_text("job", job->options->name));
    }
}

/* Jobs that say the same as before go on; the others end at their next rest and begin anew. */
static void roster_change(struct drive *drive, struct roster *roster)
{
    for (size_t i = 0; i < drive->count; i++) {
        struct work *work = drive->works[i];
        const struct roster_job *job = roster_find(roster, work->job->options->name);
        if (!job || !roster_job_is_same(job, work->job))
            work->leaving = true;
    }
    roster_release(drive->roster);
    drive->roster = roster;
    log_info("jobs read again", log_number("jobs", (int64_t)roster->count));
}

static void roster_reload(struct drive *drive)
{
    struct error error = {0};
    struct roster *roster;
    progress_clear(&drive->progress);
    if (!drive->roster->program.config || drive->roster->program.once)
        log_warning("nothing to read again", log_text("reason", "there is no --config"));
    else if (roster_open(&drive->roster->program, &roster, &error) < 0)
        log_error("jobs not read again", log_text("reason", error.text));
    else if (drive->confined && roster_starts_programs(roster)) {
        roster_release(roster);
        log_error("jobs not read again",
                  log_text("reason", "an alert command needs a new start: the sandbox lets no "
                                     "program start"));
    } else
        roster_change(drive, roster);
}

static void summons_take(struct drive *drive)
{
    int taken;
    while ((taken = summons_next(&drive->summons)) != 0) {
        switch (taken) {
        case SIGTERM:
        case SIGINT:
            progress_clear(&drive->progress);
            log_info("told to stop",
                     log_text("signal", taken == SIGINT ? "SIGINT" : "SIGTERM"));
            stop(drive);
            break;
        case SIGHUP:
            roster_reload(drive);
            break;
        case SIGUSR1:
            all_tell(drive, RUN_NUDGED);
            break;
        default: /* SIGCHLD: the works look for their children at each step */
            break;
        }
    }
}

/* A job that ended with a failure ends the program, unless all jobs run only once anyway. */
static void exit_note(struct drive *drive, const struct work *work)
{
    if (!work->exit_code || drive->exit_code)
        return;
    drive->exit_code = work->exit_code;
    snprintf(drive->reason, sizeof drive->reason, "%s", work->run.reason);
    if (!drive->roster->program.once && !drive->stopping) {
        drive->stopping = true;
        all_tell(drive, RUN_STOPPED);
    }
}

static void works_step(struct drive *drive, bool clock_set)
{
    for (size_t i = 0; i < drive->count; i++) {
        work_step(drive->works[i], clock_set);
        if (drive->works[i]->done)
            exit_note(drive, drive->works[i]);
    }
    for (size_t i = drive->count; i-- > 0;) {
        struct work *work = drive->works[i];
        if (work->leaving && work_rests(work) && work_has_told(work))
            work_remove(drive, i);
    }
    works_complete(drive);
}

/* The loop is all there is: that it goes round is the sign. */
static void sign_give(struct drive *drive)
{
    int64_t now = clock_boot_ms();
    if (notify_interval(drive->notify) == 0 || now < drive->sign_at)
        return;
    notify_tell(drive->notify, "WATCHDOG=1");
    drive->sign_at = now + notify_interval(drive->notify);
}

int64_t drive_wait_ms(const struct drive *drive)
{
    int64_t due = notify_interval(drive->notify) ? drive->sign_at : INT64_MAX;
    int64_t now = clock_boot_ms();
    for (size_t i = 0; i < drive->count; i++) {
        int64_t own = work_due_ms(drive->works[i]);
        due = own < due ? own : due;
    }
    int64_t most = summons_count(&drive->summons) > 1 ? LOOK_UP_MS : 1000;
    return due <= now ? 0 : due - now < most ? due - now : most;
}

static void jobs_publish(struct drive *drive)
{
    static struct seen_job jobs[2 * JOB_FILE_JOBS_MAX];
    size_t count = 0;
    for (size_t i = 0; i < drive->count; i++) {
        const struct work *work = drive->works[i];
        const struct run *run = &work->run;
        if (work->leaving)
            continue;
        struct seen_job *job = &jobs[count++];
        *job = (struct seen_job){.name = work->job->options->name,
                                 .awaiting = run->state == RUN_AWAITING,
                                 .failures = run->failures,
                                 .success_wall_ms = work->success_wall_ms,
                                 .duration_ms = run->last.duration_ms,
                                 .lateness_ms = run->last.lateness_ms,
                                 .remaining = run->last.totals.remaining,
                                 .oldest_pending_s = run->last.oldest_pending_s,
                                 .deleted = work->deleted};
        if (work->command.verb == RUN_SLEEP)
            job->planned_wall_ms = work->command.until_ms;
        memcpy(job->outcomes, run->outcomes, sizeof job->outcomes);
    }
    seen_publish(drive->seen, jobs, count, clock_boot_ms());
}

static bool is_over(const struct drive *drive)
{
    for (size_t i = 0; i < drive->count; i++) {
        const struct work *work = drive->works[i];
        if (!work->done || (!work_has_told(work) && !drive->hurried))
            return false;
    }
    return true;
}

bool drive_turn(struct drive *drive)
{
    bool clock_set = summons_clock_was_set(&drive->summons);
    summons_take(drive);
    works_step(drive, clock_set);
    if (drive->seen)
        jobs_publish(drive);
    if (is_over(drive))
        return false;
    sign_give(drive);
    progress_refresh(&drive->progress);
    return true;
}

int drive_end(struct drive *drive)
{
    int exit_code = drive->exit_code;
    progress_clear(&drive->progress);
    if (exit_code)
        log_error("job failed", log_number("exit", exit_code),
                  log_text("reason", drive->reason));
    drive_close(drive);
    return exit_code;
}

int drive_run(struct roster *roster, bool terminal, const struct notify *notify,
              struct error *error)
{
    struct drive *drive = drive_open(roster, terminal, notify, error);
    if (!drive)
        return -1;
    while (drive_turn(drive))
        http_client_poll(drive->client, drive_wait_ms(drive), drive->summons.files,
                         summons_count(&drive->summons));
    return drive_end(drive);
}
