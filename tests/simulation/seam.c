/*
 * seam: the clocks, the kernel's randomness, the thread, the wakes and the log of this process,
 * as everything that is linked into it sees them. meson.build names each function that is
 * exchanged; the code around them is the service's own.
 */
#include "base/log.h"
#include "faults.h"
#include "job_host.h"
#include "replica.h"
#include "virtual.h"
#include "wake/wake.h"

#include <pthread.h>
#include <string.h>

int64_t __wrap_clock_boot_ms(void);
int64_t __wrap_clock_boot_us(void);
int64_t __wrap_clock_wall_ms(void);
void __wrap_random_fill(void *bytes, size_t length);
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes,
                          void *(*start)(void *), void *argument);
int __wrap_pthread_join(pthread_t thread, void **ret_result);
void __wrap_wake_announce(struct wake *wake);
void __wrap_log_write(enum log_level level, const char *event, const struct log_field *fields,
                      size_t count);

int64_t __wrap_clock_boot_ms(void)
{
    return virtual_now() + virtual_boot_offset;
}

int64_t __wrap_clock_boot_us(void)
{
    return 1000 * __wrap_clock_boot_ms();
}

int64_t __wrap_clock_wall_ms(void)
{
    return VIRTUAL_EPOCH_MS + virtual_now() + virtual_wall_offset;
}

void __wrap_random_fill(void *bytes, size_t length)
{
    for (unsigned char *at = bytes; length; length--)
        *at++ = (unsigned char)chance_between(0, 255);
}

/* The engine's thread: its turns are events. */
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes,
                          void *(*start)(void *), void *argument)
{
    (void)attributes;
    (void)start;
    (void)argument;
    memset(thread, 0, sizeof *thread);
    return 0;
}

int __wrap_pthread_join(pthread_t thread, void **ret_result)
{
    (void)thread;
    (void)ret_result;
    return 0;
}

static void wake_arrive(struct replica *replica, void *what)
{
    (void)what;
    runtime_hear(replica->runtime);
}

/* To all replicas, as a queue or NOTIFY would bring it. */
void __wrap_wake_announce(struct wake *wake)
{
    (void)wake;
    bool broken_wakes = fault_is_on(FAULT_WAKES);
    for (int i = 0; i < replicas_settings.count; i++) {
        if (!replicas[i].alive || (broken_wakes && chance_of(400)))
            continue;
        replica_later(&replicas[i], chance_between(0, 20), wake_arrive, NULL);
        if (broken_wakes && chance_of(400))
            replica_later(&replicas[i], chance_between(0, 5000), wake_arrive, NULL);
    }
}

void __wrap_log_write(enum log_level level, const char *event, const struct log_field *fields,
                      size_t count)
{
    const struct replica *replica = replica_current();
    if (!replica)
        job_host_hear(event, fields, count);
    if (level < LOG_WARNING)
        return;
    if (replica)
        trace_say("replica %d: %s", replica->index, event);
    else
        trace_say("job: %s", event);
}
