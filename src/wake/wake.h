/*
 * wake: tells workers in other processes that something may be due.
 *
 * A wake carries nothing that matters. A lost one costs time until a due time or the job comes
 * by; a repeated or a forged one costs a look that finds nothing. So a wake is never waited
 * for, and many at once are sent and heard as one. A thread of its own talks to the driver;
 * while it cannot, the thread tries again, longer and longer apart, and nobody else notices.
 */
#ifndef WAKE_WAKE_H
#define WAKE_WAKE_H

#include "base/error.h"

#include <stdbool.h>
#include <stdint.h>

/* Longest that any call of a driver takes. */
#define WAKE_CALL_TIMEOUT_MS 5000

/* One thread at a time. A call that fails means that the connection is of no use any more. */
struct wake_driver {
    const char *name;
    int (*open)(struct wake_driver *driver, struct error *error);
    /* Returns once it is known that the others are told. */
    int (*announce)(struct wake_driver *driver, struct error *error);
    /* Takes what has arrived, without waiting: 1: a wake was among it; 0: none; -1: failed. */
    int (*hear)(struct wake_driver *driver, struct error *error);
    /* Becomes readable when something arrives; -1: nothing ever does. */
    int (*descriptor)(const struct wake_driver *driver);
    /* Drops the connection; allowed in any state. */
    void (*shut)(struct wake_driver *driver);
    void (*close)(struct wake_driver *driver);
    int64_t interval_ms; /* `hear` wants to be called at least so often */
};

struct wake;

/*
 * Starts the thread over `driver`, which it owns from here on (also on failure). It calls
 * `heard` for others' wakes, and after each time without a connection; it must not block.
 */
int wake_open(struct wake_driver *driver, void (*heard)(void *owner), void *owner,
              struct wake **ret_wake, struct error *error);

/* Something was committed that may be due. Any thread; never waits. NULL is allowed. */
void wake_announce(struct wake *wake);

/* Ends the thread; what was announced last may be lost. NULL is allowed. */
void wake_close(struct wake *wake);

#endif
