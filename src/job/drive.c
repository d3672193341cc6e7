#include "job/drive.h"

#include "base/clock.h"
#include "base/log.h"
#include "http/client.h"
#include "job/seen.h"
#include "job/work.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

/* The wall clock is read again at least this often, whatever the timers say. */
#define LOOK_UP_MS 30000

/* Far enough: the timer is only there to tell that the clock was set. */
#define TIMER_SECONDS INT64_C(4000000000)

struct drive {
    struct roster *roster; /* held */
    struct http_client *client;
    struct progress progress;
    struct seen *seen; /* NULL: nobody looks */
    const struct notify *notify;
    int64_t sign_at; /* boot time of the next sign of life */
    int signals;     /* signalfd */
    int timer;       /* timerfd on the wall clock; -1: this system cannot tell */
    struct work *works[2 * JOB_FILE_JOBS_MAX]; /* with those of an old roster that still run */
    size_t count;
    bool stopping;
    bool confined; /* in a sandbox that lets no program start */
    bool hurried;  /* told to stop twice: nothing is waited for */
    int exit_code;
    char reason[ERROR_TEXT_SIZE];
};

static int signals_open(struct error *error)
{
    static const int taken[] = {SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGCHLD};
    sigset_t set;
    sigemptyset(&set);
    for (size_t i = 0; i < sizeof taken / sizeof *taken; i++)
        sigaddset(&set, taken[i]);
    if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
        return error_set_errno(error, ERROR_INTERNAL, errno, "cannot block signals");
    /* A reader of our log that goes away must not end the job. */
    signal(SIGPIPE, SIG_IGN);
    int signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    return signals >= 0
               ? signals
               : error_set_errno(error, ERROR_INTERNAL, errno, "cannot wait for signals");
}

static void timer_arm(int timer)
{
    struct itimerspec until = {.it_value = {.tv_sec = (time_t)TIMER_SECONDS}};
    timerfd_settime(timer, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &until, NULL);
}

/* True if the wall clock was set since the last time; also after the machine slept. */
static bool clock_was_set(const struct drive *drive)
{
    uint64_t expired;
    if (drive->timer < 0 || read(drive->timer, &expired, sizeof expired) >= 0 ||
        errno != ECANCELED)
        return false;
    timer_arm(drive->timer);
    return true;
}

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

static int drive_open(struct drive *drive, struct roster *roster, bool terminal,
                      const struct notify *notify, struct error *error)
{
    const char *listen = roster->program.listen;
    *drive = (struct drive){
        .roster = roster_hold(roster), .notify = notify, .signals = -1, .timer = -1};
    drive->confined =
        strcmp(roster->program.sandbox, "off") != 0 && !roster_starts_programs(roster);
    progress_init(&drive->progress, terminal);
    drive->signals = signals_open(error);
    if (drive->signals < 0 || http_client_open(&drive->client, error) < 0 ||
        (listen && seen_open(listen, &drive->seen, error) < 0))
        return -1;
    drive->timer = timerfd_create(CLOCK_REALTIME, TFD_CLOEXEC | TFD_NONBLOCK);
    if (drive->timer >= 0)
        timer_arm(drive->timer);
    for (size_t i = 0; i < roster->count; i++) {
        if (work_add(drive, &roster->jobs[i]) < 0)
            return error_set(error, ERROR_NO_MEMORY, "no memory for the jobs");
    }
    return 0;
}

static void drive_close(struct drive *drive)
{
    while (drive->count)
        work_remove(drive, drive->count - 1);
    seen_close(drive->seen);
    http_client_close(drive->client);
    roster_release(drive->roster);
    if (drive->timer >= 0)
        close(drive->timer);
    if (drive->signals >= 0)
        close(drive->signals);
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

static void signals_take(struct drive *drive)
{
    struct signalfd_siginfo taken;
    while (read(drive->signals, &taken, sizeof taken) == (ssize_t)sizeof taken) {
        switch (taken.ssi_signo) {
        case SIGTERM:
        case SIGINT:
            progress_clear(&drive->progress);
            log_info("told to stop",
                     log_text("signal", taken.ssi_signo == SIGINT ? "SIGINT" : "SIGTERM"));
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

static int64_t wait_ms(const struct drive *drive)
{
    int64_t due = notify_interval(drive->notify) ? drive->sign_at : INT64_MAX;
    int64_t now = clock_boot_ms();
    for (size_t i = 0; i < drive->count; i++) {
        int64_t own = work_due_ms(drive->works[i]);
        due = own < due ? own : due;
    }
    int64_t most = drive->timer >= 0 ? LOOK_UP_MS : 1000;
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

static int drive_loop(struct drive *drive)
{
    notify_tell(drive->notify, "READY=1");
    for (;;) {
        bool clock_set = clock_was_set(drive);
        signals_take(drive);
        works_step(drive, clock_set);
        if (drive->seen)
            jobs_publish(drive);
        if (is_over(drive))
            break;
        sign_give(drive);
        progress_refresh(&drive->progress);
        int watched[] = {drive->signals, drive->timer};
        http_client_poll(drive->client, wait_ms(drive), watched, drive->timer >= 0 ? 2 : 1);
    }
    progress_clear(&drive->progress);
    if (drive->exit_code)
        log_error("job failed", log_number("exit", drive->exit_code),
                  log_text("reason", drive->reason));
    return drive->exit_code;
}

int drive_run(struct roster *roster, bool terminal, const struct notify *notify,
              struct error *error)
{
    struct drive *drive = malloc(sizeof *drive);
    if (!drive)
        return error_set(error, ERROR_NO_MEMORY, "no memory for the jobs");
    int result =
        drive_open(drive, roster, terminal, notify, error) < 0 ? -1 : drive_loop(drive);
    progress_clear(&drive->progress);
    drive_close(drive);
    free(drive);
    return result;
}
