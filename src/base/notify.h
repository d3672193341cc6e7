/*
 * notify: tells the supervisor that started the process how it is, as systemd has it.
 *
 * The supervisor names a socket (NOTIFY_SOCKET) and how long it waits for a sign of life before
 * it starts the process anew (WATCHDOG_USEC). The socket is connected at once: a sandbox that
 * is entered later lets no other be reached, and leaves this one.
 */
#ifndef BASE_NOTIFY_H
#define BASE_NOTIFY_H

#include "base/error.h"

#include <stdbool.h>
#include <stdint.h>

struct notify {
    int socket;          /* -1: nobody wants to be told */
    int64_t watchdog_ms; /* a sign of life is due within this time, again and again; 0: none */
};

/*
 * Reads the environment and takes the variables out of it, so that no program that is started
 * later speaks in this one's name. Call it before there are other threads. ERROR_CONFIG: what
 * the environment says cannot be; then, as without a supervisor, telling does nothing.
 */
int notify_open(struct notify *ret_notify, struct error *error);

void notify_close(struct notify *notify);

/*
 * Tells it "READY=1", "STOPPING=1" or "WATCHDOG=1", or a line of each. True if it was taken;
 * waits up to five seconds for a supervisor with too much to do. Any thread.
 */
bool notify_tell(const struct notify *notify, const char *state);

/* Tells it that the start, or the end, may take this long from now on. */
bool notify_extend(const struct notify *notify, int64_t ms);

/* How often to give a sign of life, in milliseconds; 0: nobody waits for one. */
int64_t notify_interval(const struct notify *notify);

#endif
