/*
 * service_watch: gives the supervisor a sign of life while the service really lives.
 *
 * The main thread asks, and gives the sign only if since it asked the last time the engine's
 * thread and every HTTP thread have been at their work. One that hangs ends the signs, and the
 * supervisor starts the service anew. A database or a store that does not answer hangs nobody
 * for long.
 */
#ifndef PROGRAMS_SERVICE_WATCH_H
#define PROGRAMS_SERVICE_WATCH_H

#include "base/notify.h"
#include "http/server.h"
#include "runtime/runtime.h"

struct service_watch {
    const struct notify *notify;
    struct runtime *runtime;
    const struct server *public_server, *private_server;
    int64_t asked_at, due_at; /* boot time */
    unsigned missed;          /* signs since the last one was given */
};

/* Asks the threads for the first time. What is handed in outlives the watch. */
void service_watch_begin(struct service_watch *watch);

/* Gives a sign if one is due and the threads are at work; returns in how many milliseconds to
 * call it again, at most `longest`. */
int64_t service_watch_step(struct service_watch *watch, int64_t longest);

#endif
