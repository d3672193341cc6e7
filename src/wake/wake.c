#include "wake/wake.h"

#include "base/clock.h"
#include "base/log.h"

#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* Between attempts to connect, doubled each time. */
#define RETRY_PAUSE_LEAST_MS 100
#define RETRY_PAUSE_MOST_MS  10000

/* However many wakes come, the engine is told no more often. */
#define HEARD_PAUSE_MS 5

struct wake {
    struct wake_driver *driver;
    void (*heard)(void *owner);
    void *owner;
    pthread_t thread;
    int bell; /* rings for the thread: something to announce, or the end */
    atomic_bool announced, stopping;

    bool connected, troubled; /* the thread's alone */
    int64_t retry_at, retry_pause_ms;
};

static void bell_ring(const struct wake *wake)
{
    /* Full means that it rings already. */
    ssize_t written = write(wake->bell, &(uint64_t){1}, sizeof(uint64_t));
    (void)written;
}

static void connection_lose(struct wake *wake, const struct error *error)
{
    wake->driver->shut(wake->driver);
    wake->connected = false;
    wake->retry_at = clock_boot_ms() + wake->retry_pause_ms;
    if (wake->retry_pause_ms < RETRY_PAUSE_MOST_MS)
        wake->retry_pause_ms *= 2;
    if (!wake->troubled)
        log_warning("the queue does not answer; work is found by time until it does",
                    log_text("queue", wake->driver->name), log_text("error", error->text));
    wake->troubled = true;
}

static void connection_make(struct wake *wake)
{
    struct error error = {0};
    if (wake->driver->open(wake->driver, &error) < 0) {
        connection_lose(wake, &error);
        return;
    }
    wake->connected = true;
    /* Whatever was announced meanwhile has not been heard. */
    wake->heard(wake->owner);
}

/* A connection that proved itself: the next loss is told again, and met without delay. */
static void connection_trust(struct wake *wake)
{
    wake->retry_pause_ms = RETRY_PAUSE_LEAST_MS;
    if (wake->troubled)
        log_info("the queue answers again", log_text("queue", wake->driver->name));
    wake->troubled = false;
}

static void connection_use(struct wake *wake)
{
    struct error error = {0};
    if (atomic_exchange(&wake->announced, false) &&
        wake->driver->announce(wake->driver, &error) < 0) {
        atomic_store(&wake->announced, true);
        connection_lose(wake, &error);
        return;
    }
    int heard = wake->driver->hear(wake->driver, &error);
    if (heard < 0) {
        connection_lose(wake, &error);
        return;
    }
    connection_trust(wake);
    if (heard) {
        wake->heard(wake->owner);
        usleep(HEARD_PAUSE_MS * 1000);
    }
}

static void thread_wait(struct wake *wake)
{
    int64_t timeout_ms =
        wake->connected ? wake->driver->interval_ms : wake->retry_at - clock_boot_ms();
    struct pollfd waits[] = {
        {.fd = wake->bell, .events = POLLIN},
        {.fd = wake->connected ? wake->driver->descriptor(wake->driver) : -1, .events = POLLIN},
    };
    int ready = timeout_ms > 0 ? poll(waits, 2, (int)timeout_ms) : 0;
    if (ready > 0 && waits[0].revents) {
        uint64_t rung;
        ssize_t taken = read(wake->bell, &rung, sizeof rung);
        (void)taken;
    }
}

static void *wake_thread(void *argument)
{
    struct wake *wake = argument;
    while (!atomic_load(&wake->stopping)) {
        if (!wake->connected && clock_boot_ms() >= wake->retry_at)
            connection_make(wake);
        if (wake->connected)
            connection_use(wake);
        thread_wait(wake);
    }
    wake->driver->shut(wake->driver);
    return NULL;
}

int wake_open(struct wake_driver *driver, void (*heard)(void *owner), void *owner,
              struct wake **ret_wake, struct error *error)
{
    struct wake *wake = calloc(1, sizeof *wake);
    if (!wake) {
        driver->close(driver);
        return error_set(error, ERROR_NO_MEMORY, "no memory for the queue");
    }
    wake->driver = driver;
    wake->heard = heard;
    wake->owner = owner;
    wake->retry_pause_ms = RETRY_PAUSE_LEAST_MS;
    wake->bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (wake->bell >= 0 && pthread_create(&wake->thread, NULL, wake_thread, wake) == 0) {
        *ret_wake = wake;
        return 0;
    }
    if (wake->bell >= 0)
        close(wake->bell);
    driver->close(driver);
    free(wake);
    return error_set(error, ERROR_UNAVAILABLE,
                     "cannot start the queue's thread: raise the limits of threads and files");
}

void wake_announce(struct wake *wake)
{
    if (wake && !atomic_exchange(&wake->announced, true))
        bell_ring(wake);
}

void wake_close(struct wake *wake)
{
    if (!wake)
        return;
    atomic_store(&wake->stopping, true);
    bell_ring(wake);
    pthread_join(wake->thread, NULL);
    wake->driver->close(wake->driver);
    close(wake->bell);
    free(wake);
}
