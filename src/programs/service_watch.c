#include "programs/service_watch.h"

#include "base/clock.h"
#include "base/log.h"

/* Missing one sign may be a slow moment; the second is told, and those after it are no news. */
#define MISSED_TOLD 2

static bool threads_live(const struct service_watch *watch)
{
    bool engine = runtime_alive_at(watch->runtime) >= watch->asked_at;
    bool http = server_alive_at(watch->public_server) >= watch->asked_at &&
                server_alive_at(watch->private_server) >= watch->asked_at;
    if ((!engine || !http) && watch->missed + 1 == MISSED_TOLD)
        log_warning("no sign of life", log_text("engine", engine ? "works" : "hangs"),
                    log_text("http", http ? "works" : "hangs"));
    return engine && http;
}

void service_watch_begin(struct service_watch *watch)
{
    watch->asked_at = clock_boot_ms();
    watch->due_at = watch->asked_at + notify_interval(watch->notify);
    runtime_rouse(watch->runtime);
}

int64_t service_watch_step(struct service_watch *watch, int64_t longest)
{
    int64_t now = clock_boot_ms();
    if (!notify_interval(watch->notify))
        return longest;
    if (now >= watch->due_at) {
        bool live = threads_live(watch);
        if (live)
            notify_tell(watch->notify, "WATCHDOG=1");
        watch->missed = live ? 0 : watch->missed + 1;
        watch->asked_at = live ? now : watch->asked_at;
        watch->due_at = now + notify_interval(watch->notify);
        runtime_rouse(watch->runtime);
    }
    int64_t wait = watch->due_at - now;
    return wait < longest ? wait : longest;
}
