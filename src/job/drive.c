#include "job/drive.h"

#include "base/clock.h"
#include "base/log.h"
#include "http/client.h"
#include "job/civil.h"
#include "job/probe.h"
#include "job/progress.h"
#include "job/token.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <sysexits.h>
#include <unistd.h>

struct drive {
    const struct drive_settings *settings;
    struct run run;
    struct random random;
    struct progress progress;
    struct http_client *client;
    int signals; /* signalfd */
    int timer;   /* timerfd on the wall clock, which also tells when that is set */

    /* The request under way; what the client borrows. */
    struct http_request request;
    struct http_response response;
    char token[TOKEN_SIZE];
    struct call_verdict verdict;
    bool waited; /* the log says that the service is waited for */
};

static struct run_now now_read(void)
{
    return (struct run_now){.boot_ms = clock_boot_ms(), .wall_ms = clock_wall_ms()};
}

static int signals_open(struct error *error)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
        return error_set_errno(error, ERROR_INTERNAL, errno, "cannot block signals");
    /* A reader of our log that goes away must not end the job. */
    signal(SIGPIPE, SIG_IGN);
    int signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    return signals >= 0
               ? signals
               : error_set_errno(error, ERROR_INTERNAL, errno, "cannot wait for signals");
}

static int drive_open(struct drive *drive, const struct drive_settings *settings,
                      struct error *error)
{
    *drive = (struct drive){.settings = settings, .signals = -1, .timer = -1};
    run_init(&drive->run, &settings->run);
    progress_init(&drive->progress, settings->terminal);
    random_fill(&drive->random, sizeof drive->random);
    drive->signals = signals_open(error);
    if (drive->signals < 0)
        return -1;
    drive->timer = timerfd_create(CLOCK_REALTIME, TFD_CLOEXEC | TFD_NONBLOCK);
    if (drive->timer < 0)
        return error_set_errno(error, ERROR_INTERNAL, errno, "cannot make a timer");
    return http_client_open(&drive->client, error);
}

static void drive_close(struct drive *drive)
{
    http_client_close(drive->client);
    http_response_deinit(&drive->response);
    token_forget(drive->token);
    if (drive->timer >= 0)
        close(drive->timer);
    if (drive->signals >= 0)
        close(drive->signals);
}

/* True if a signal asks the job to stop. */
static bool signal_take(struct drive *drive)
{
    struct signalfd_siginfo signal_info;
    ssize_t got = read(drive->signals, &signal_info, sizeof signal_info);
    if (got != (ssize_t)sizeof signal_info)
        return false;
    progress_clear(&drive->progress);
    log_info("told to stop",
             log_text("signal", signal_info.ssi_signo == SIGINT ? "SIGINT" : "SIGTERM"));
    return true;
}

static void request_start(struct drive *drive, const char *method, const char *url,
                          const char *const *headers, size_t header_count, int64_t total_ms)
{
    http_response_deinit(&drive->response);
    drive->request.method = method;
    drive->request.url = url;
    drive->request.headers = headers;
    drive->request.header_count = header_count;
    drive->request.total_ms = total_ms > 0 ? total_ms : 1;
    drive->request.connect_ms = drive->settings->connect_timeout_ms;
    drive->request.ca_file = drive->settings->ca_file;
    drive->request.owner = drive;
    http_client_start(drive->client, &drive->request, &drive->response);
}

static void probe_start(struct drive *drive, const struct run_command *command)
{
    drive->request = (struct http_request){.body_max = PROBE_BODY_MAX};
    request_start(drive, "GET", drive->settings->health_url, NULL, 0,
                  command->until_ms - clock_boot_ms());
}

/* A line of the answer as it arrives: the counts of this call so far, on top of the run's. */
static bool line_receive(void *owner, const char *line, size_t length)
{
    struct drive *drive = owner;
    struct call_counts counts;
    if (!call_progress_read(line, length, &counts))
        return false;
    counts.attempted += drive->run.totals.attempted;
    counts.deleted += drive->run.totals.deleted;
    counts.failed += drive->run.totals.failed;
    counts.blocked += drive->run.totals.blocked;
    progress_show(&drive->progress, &counts, clock_boot_ms());
    return true;
}

static int call_start(struct drive *drive, const struct run_command *command,
                      struct error *error)
{
    const struct drive_settings *settings = drive->settings;
    char authorization[TOKEN_SIZE + 32];
    const char *headers[] = {authorization,
                             "Accept: application/x-ndjson, application/json;q=0.9"};
    struct buffer url;
    if (token_read(settings->token_file, drive->token, error) < 0)
        return -1;
    buffer_init(&url, CALL_URL_MAX);
    if (call_url(settings->fallback_url, settings->sweep_limit, settings->sweep_timeout_ms,
                 command->cursor, &url) < 0) {
        buffer_deinit(&url);
        return error_set(error, ERROR_CONFIG, "the address of the call is too long");
    }
    snprintf(authorization, sizeof authorization, "Authorization: Bearer %s", drive->token);
    drive->request = (struct http_request){.body_max = CALL_BODY_MAX, .line = line_receive};
    request_start(drive, "DELETE", url.bytes, headers, sizeof headers / sizeof *headers,
                  command->until_ms - clock_boot_ms());
    explicit_bzero(authorization, sizeof authorization);
    buffer_deinit(&url);
    return 0;
}

static struct run_event event_probed(struct drive *drive,
                                     char ret_reason[static ERROR_TEXT_SIZE])
{
    bool healthy = probe_judge(&drive->response, ret_reason);
    if (drive->run.state == RUN_AWAITING && !healthy && !drive->waited) {
        log_warning("waiting for the service", log_text("reason", ret_reason));
        drive->waited = true;
    } else if (drive->run.state == RUN_AWAITING && healthy) {
        log_info("service is healthy");
    }
    return (struct run_event){.kind = RUN_PROBED, .healthy = healthy, .reason = ret_reason};
}

static void call_log(const struct drive *drive)
{
    const struct call_verdict *verdict = &drive->verdict;
    const struct call_counts *counts = &verdict->counts;
    if (verdict->exit_code)
        log_warning("call failed", log_number("status", drive->response.status),
                    log_text("reason", verdict->text));
    else if (verdict->counted)
        log_info("call finished", log_number("status", drive->response.status),
                 log_number("attempted", counts->attempted),
                 log_number("deleted", counts->deleted), log_number("failed", counts->failed),
                 log_number("blocked", counts->blocked),
                 log_number("remaining", counts->remaining),
                 log_text("more", verdict->more ? "yes" : "no"));
    else
        log_info("call finished", log_number("status", drive->response.status));
}

static struct run_event event_called(struct drive *drive)
{
    call_judge(&drive->response, drive->token, &drive->verdict);
    token_forget(drive->token);
    progress_clear(&drive->progress);
    call_log(drive);
    return (struct run_event){.kind = RUN_CALLED, .verdict = &drive->verdict};
}

/* Goes on with the request until it is done, a signal comes, or the clock reads `until_ms`. */
static enum run_event_kind request_wait(struct drive *drive, int64_t until_ms,
                                        enum run_event_kind done)
{
    for (;;) {
        int64_t left = until_ms - clock_boot_ms();
        if (left <= 0)
            return RUN_WOKEN;
        switch (http_client_poll(drive->client, left, drive->signals)) {
        case HTTP_DONE:
            return done;
        case HTTP_WOKEN:
            if (signal_take(drive))
                return RUN_STOPPED;
            break;
        case HTTP_RUNNING:
            break;
        }
    }
}

/* What poll can take; who waits longer asks again. */
static int64_t wait_bounded(int64_t left_ms)
{
    return left_ms < 0 ? 0 : left_ms > 60000 ? 60000 : left_ms;
}

static enum run_event_kind pause_wait(struct drive *drive, int64_t until_ms)
{
    struct pollfd signals = {.fd = drive->signals, .events = POLLIN};
    int64_t left;
    while ((left = until_ms - clock_boot_ms()) > 0) {
        if (poll(&signals, 1, (int)wait_bounded(left)) > 0 && signal_take(drive))
            return RUN_STOPPED;
    }
    return RUN_WOKEN;
}

/* Where the timer cannot be set (some sandboxes have half of it), the clock is read each
 * second. */
static enum run_event_kind sleep_wait(struct drive *drive, int64_t until_ms)
{
    struct itimerspec until = {.it_value = {.tv_sec = (time_t)(until_ms / 1000),
                                            .tv_nsec = (long)(until_ms % 1000) * 1000000}};
    struct pollfd watched[] = {{.fd = drive->signals, .events = POLLIN},
                               {.fd = drive->timer, .events = POLLIN}};
    int failed = timerfd_settime(drive->timer, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET,
                                 &until, NULL);
    for (;;) {
        int ready = poll(watched, 2, failed ? 1000 : -1);
        if (clock_wall_ms() >= until_ms)
            return RUN_WOKEN;
        if (ready > 0 && watched[0].revents && signal_take(drive))
            return RUN_STOPPED;
        uint64_t expired;
        if (ready > 0 && watched[1].revents &&
            read(drive->timer, &expired, sizeof expired) < 0 && errno == ECANCELED)
            return RUN_WOKEN; /* the clock was set */
    }
}

static void run_log(const struct drive *drive)
{
    const struct run *run = &drive->run;
    if (run->counted)
        log_info("run finished", log_number("milliseconds", clock_boot_ms() - run->started_ms),
                 log_number("attempted", run->totals.attempted),
                 log_number("deleted", run->totals.deleted),
                 log_number("failed", run->totals.failed),
                 log_number("blocked", run->totals.blocked),
                 log_number("remaining", run->totals.remaining),
                 log_number("oldestPendingSeconds", run->oldest_pending_s));
    else
        log_info("run finished", log_number("milliseconds", clock_boot_ms() - run->started_ms));
}

/* After a call that was not the run's last one, a terminal keeps a bar in sight. */
static void called_show(struct drive *drive)
{
    if (drive->verdict.exit_code)
        return;
    if (!drive->verdict.more)
        run_log(drive);
    else if (drive->progress.terminal)
        progress_show(&drive->progress, &drive->run.totals, clock_boot_ms());
}

static void sleep_log(const struct drive *drive)
{
    const struct zone *zone = drive->settings->run.zone;
    char at[CIVIL_TEXT_SIZE];
    int64_t planned = drive->run.planned_s;
    civil_format(planned, zone_offset_at(zone, planned), zone_is_utc(zone), at);
    log_info("next run", log_text("at", at));
}

/* Begins what a command asks for and returns the event that it leads to. */
static struct run_event command_carry_out(struct drive *drive,
                                          const struct run_command *command,
                                          char ret_reason[static ERROR_TEXT_SIZE])
{
    struct error error = {0};
    struct run_event event = {.kind = RUN_WOKEN};
    switch (command->verb) {
    case RUN_PROBE:
        probe_start(drive, command);
        event.kind = request_wait(drive, INT64_MAX, RUN_PROBED);
        break;
    case RUN_CALL:
        if (call_start(drive, command, &error) < 0) {
            drive->verdict = (struct call_verdict){.exit_code = error_exit_code(&error)};
            snprintf(drive->verdict.text, sizeof drive->verdict.text, "%s", error.text);
            return (struct run_event){.kind = RUN_CALLED, .verdict = &drive->verdict};
        }
        event.kind = request_wait(drive, INT64_MAX, RUN_CALLED);
        break;
    case RUN_FINISH:
        event.kind = request_wait(drive, command->until_ms, RUN_CALLED);
        break;
    case RUN_PAUSE:
        event.kind = pause_wait(drive, command->until_ms);
        break;
    case RUN_SLEEP:
        sleep_log(drive);
        event.kind = sleep_wait(drive, command->until_ms);
        break;
    case RUN_EXIT:
        break;
    }
    if (event.kind == RUN_PROBED)
        return event_probed(drive, ret_reason);
    return event.kind == RUN_CALLED ? event_called(drive) : event;
}

static int drive_loop(struct drive *drive)
{
    char reason[ERROR_TEXT_SIZE];
    struct run_event event = {.kind = RUN_STARTED};
    for (;;) {
        struct run_command command =
            run_handle(&drive->run, &event, now_read(), &drive->random);
        if (event.kind == RUN_CALLED)
            called_show(drive);
        if (command.verb == RUN_EXIT) {
            progress_clear(&drive->progress);
            if (command.exit_code)
                log_error("job failed", log_number("exit", command.exit_code),
                          log_text("reason", drive->run.reason));
            return command.exit_code;
        }
        event = command_carry_out(drive, &command, reason);
    }
}

int drive_run(const struct drive_settings *settings, struct error *error)
{
    struct drive drive;
    int result = drive_open(&drive, settings, error) < 0 ? -1 : drive_loop(&drive);
    progress_clear(&drive.progress);
    drive_close(&drive);
    return result;
}
