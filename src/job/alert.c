#include "job/alert.h"

#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

void alert_init(struct alert *alert, const char *command, int64_t after, int64_t timeout_ms)
{
    *alert = (struct alert){.command = command, .after = after, .timeout_ms = timeout_ms};
}

/* A group of its own, so that all of it can be ended, and signals as a program expects them. */
static int attributes_set(posix_spawnattr_t *attributes)
{
    sigset_t none, defaults;
    sigemptyset(&none);
    sigemptyset(&defaults);
    sigaddset(&defaults, SIGPIPE);
    int failed = posix_spawnattr_setflags(
        attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    failed |= posix_spawnattr_setpgroup(attributes, 0);
    failed |= posix_spawnattr_setsigmask(attributes, &none);
    return failed | posix_spawnattr_setsigdefault(attributes, &defaults);
}

static int child_start(struct alert *alert)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    char command[4096];
    char kind[] = "recovered";
    if (!alert->recovered)
        snprintf(kind, sizeof kind, "failing");
    snprintf(command, sizeof command, "%s", alert->command);
    char *const arguments[] = {command,         kind,          alert->job, alert->outcome,
                               alert->failures, alert->reason, NULL};
    int failed = posix_spawn_file_actions_init(&actions);
    if (failed)
        return failed;
    failed = posix_spawnattr_init(&attributes);
    if (!failed) {
        failed =
            posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
        failed |= posix_spawn_file_actions_adddup2(&actions, STDERR_FILENO, STDOUT_FILENO);
        /* No connection and no listener of ours goes along. */
        failed |= posix_spawn_file_actions_addclosefrom_np(&actions, STDERR_FILENO + 1);
        failed |= attributes_set(&attributes);
        if (!failed)
            failed = posix_spawn(&alert->child, alert->command, &actions, &attributes,
                                 arguments, environ);
        posix_spawnattr_destroy(&attributes);
    }
    posix_spawn_file_actions_destroy(&actions);
    return failed;
}

static void waiting_start(struct alert *alert, int64_t now_ms)
{
    char words[128];
    alert->waiting = alert->killed = false;
    alert->deadline_ms = now_ms + alert->timeout_ms;
    int failed = child_start(alert);
    if (!failed)
        return;
    alert->child = 0;
    log_warning("alert failed", log_text("job", alert->job),
                log_text("reason", strerror_r(failed, words, sizeof words)));
}

static void child_reap(struct alert *alert)
{
    int status;
    pid_t child = waitpid(alert->child, &status, WNOHANG);
    if (child == 0 || (child < 0 && errno == EINTR))
        return;
    alert->child = 0;
    if (alert->killed)
        log_warning("alert failed", log_text("job", alert->job),
                    log_text("reason", "it took too long"));
    else if (child > 0 && !(WIFEXITED(status) && WEXITSTATUS(status) == 0))
        log_warning("alert failed", log_text("job", alert->job),
                    log_number("exit", WIFEXITED(status) ? WEXITSTATUS(status) : -1));
}

void alert_step(struct alert *alert, int64_t now_ms)
{
    if (alert->child)
        child_reap(alert);
    if (alert->child && now_ms >= alert->deadline_ms && !alert->killed) {
        kill(-alert->child, SIGKILL);
        alert->killed = true;
    }
    if (!alert->child && alert->waiting)
        waiting_start(alert, now_ms);
}

void alert_note(struct alert *alert, const struct alert_news *news, int64_t now_ms)
{
    bool recovered = !news->failures && alert->told;
    bool failing = news->failures >= alert->after && !alert->told;
    if (!alert->command || (!recovered && !failing))
        return;
    alert->told = failing;
    alert->recovered = recovered;
    alert->waiting = true;
    snprintf(alert->job, sizeof alert->job, "%s", news->job);
    snprintf(alert->outcome, sizeof alert->outcome, "%s", news->outcome);
    snprintf(alert->failures, sizeof alert->failures, "%lld", (long long)news->failures);
    snprintf(alert->reason, sizeof alert->reason, "%s", news->reason);
    alert_step(alert, now_ms);
}

int64_t alert_due_ms(const struct alert *alert)
{
    return alert->child && !alert->killed ? alert->deadline_ms : INT64_MAX;
}

bool alert_is_idle(const struct alert *alert)
{
    return !alert->child && !alert->waiting;
}

void alert_deinit(struct alert *alert)
{
    if (!alert->child)
        return;
    kill(-alert->child, SIGKILL);
    waitpid(alert->child, NULL, 0);
    alert->child = 0;
}
