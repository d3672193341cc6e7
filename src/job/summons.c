#include "job/summons.h"

#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

/* Far enough: the timer is only there to tell that the clock was set. */
#define TIMER_SECONDS INT64_C(4000000000)

enum { FILE_SIGNALS, FILE_TIMER };

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

int summons_open(struct summons *ret_summons, struct error *error)
{
    int signals = signals_open(error);
    if (signals < 0)
        return -1;
    int timer = timerfd_create(CLOCK_REALTIME, TFD_CLOEXEC | TFD_NONBLOCK);
    if (timer >= 0)
        timer_arm(timer);
    ret_summons->files[FILE_SIGNALS] = signals;
    ret_summons->files[FILE_TIMER] = timer;
    return 0;
}

void summons_close(struct summons *summons)
{
    for (size_t i = 0; i < summons_count(summons); i++)
        close(summons->files[i]);
}

int summons_next(struct summons *summons)
{
    struct signalfd_siginfo taken;
    ssize_t length = read(summons->files[FILE_SIGNALS], &taken, sizeof taken);
    return length == (ssize_t)sizeof taken ? (int)taken.ssi_signo : 0;
}

bool summons_clock_was_set(struct summons *summons)
{
    uint64_t expired;
    int timer = summons->files[FILE_TIMER];
    if (timer < 0 || read(timer, &expired, sizeof expired) >= 0 || errno != ECANCELED)
        return false;
    timer_arm(timer);
    return true;
}

size_t summons_count(const struct summons *summons)
{
    return summons->files[FILE_TIMER] >= 0 ? 2 : 1;
}
