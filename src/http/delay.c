#include "http/delay.h"

#include "base/clock.h"

#include <netinet/in.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define HELD_MAX  256
#define ADDRESSES 1024
/* Attempts that are answered at once: somebody mistyped. */
#define FREE_ATTEMPTS 3
#define FIRST_MS      50
#define LONGEST_MS    2000
#define FORGET_MS     60000

struct held {
    struct request *request;
    int64_t until; /* boot-time clock */
};

struct address_count {
    uint32_t hash;
    int failures;
    int64_t last;
};

struct delay {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    pthread_t thread;
    bool releasing, ending;
    struct held held[HELD_MAX];
    size_t held_count;
    struct address_count addresses[ADDRESSES]; /* one place a hash: the newest wins */
    int64_t failures;
};

/* Takes out one that is due; NULL if there is none. `ret_next` gets when the next one is. */
static struct request *held_take(struct delay *delay, int64_t now, int64_t *ret_next)
{
    *ret_next = now + FORGET_MS;
    for (size_t i = 0; i < delay->held_count; i++) {
        if (delay->releasing || delay->held[i].until <= now) {
            struct request *request = delay->held[i].request;
            delay->held[i] = delay->held[--delay->held_count];
            return request;
        }
        if (delay->held[i].until < *ret_next)
            *ret_next = delay->held[i].until;
    }
    return NULL;
}

static void delay_wait(struct delay *delay, int64_t milliseconds)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += (time_t)(milliseconds / 1000);
    until.tv_nsec += (long)(milliseconds % 1000) * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_nsec -= 1000000000;
        until.tv_sec++;
    }
    pthread_cond_timedwait(&delay->changed, &delay->lock, &until);
}

static void *delay_thread(void *argument)
{
    struct delay *delay = argument;
    pthread_mutex_lock(&delay->lock);
    while (!delay->ending || delay->held_count) {
        int64_t now = clock_boot_ms(), next;
        struct request *request = held_take(delay, now, &next);
        if (!request) {
            delay_wait(delay, next - now);
            continue;
        }
        pthread_mutex_unlock(&delay->lock);
        request_resume(request);
        pthread_mutex_lock(&delay->lock);
    }
    pthread_mutex_unlock(&delay->lock);
    return NULL;
}

/* By a clock that nobody sets. */
static int condition_init(pthread_cond_t *condition)
{
    pthread_condattr_t attributes;
    if (pthread_condattr_init(&attributes) != 0)
        return -1;
    int failed = pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC) != 0 ||
                 pthread_cond_init(condition, &attributes) != 0;
    pthread_condattr_destroy(&attributes);
    return failed ? -1 : 0;
}

struct delay *delay_open(void)
{
    struct delay *delay = calloc(1, sizeof *delay);
    if (!delay || pthread_mutex_init(&delay->lock, NULL) != 0) {
        free(delay);
        return NULL;
    }
    if (condition_init(&delay->changed) == 0) {
        if (pthread_create(&delay->thread, NULL, delay_thread, delay) == 0)
            return delay;
        pthread_cond_destroy(&delay->changed);
    }
    pthread_mutex_destroy(&delay->lock);
    free(delay);
    return NULL;
}

void delay_release(struct delay *delay)
{
    if (!delay)
        return;
    pthread_mutex_lock(&delay->lock);
    delay->releasing = true;
    pthread_cond_signal(&delay->changed);
    pthread_mutex_unlock(&delay->lock);
}

void delay_close(struct delay *delay)
{
    if (!delay)
        return;
    pthread_mutex_lock(&delay->lock);
    delay->releasing = delay->ending = true;
    pthread_cond_signal(&delay->changed);
    pthread_mutex_unlock(&delay->lock);
    pthread_join(delay->thread, NULL);
    pthread_cond_destroy(&delay->changed);
    pthread_mutex_destroy(&delay->lock);
    free(delay);
}

/* FNV-1a over the address without its port; of IPv6 the network's half. */
static uint32_t address_hash(const struct sockaddr *address)
{
    uint32_t hash = 2166136261u;
    const unsigned char *bytes = (const unsigned char *)"";
    size_t length = 0;
    if (address && address->sa_family == AF_INET) {
        bytes = (const unsigned char *)&((const struct sockaddr_in *)address)->sin_addr;
        length = 4;
    } else if (address && address->sa_family == AF_INET6) {
        bytes = (const unsigned char *)&((const struct sockaddr_in6 *)address)->sin6_addr;
        length = 8;
    }
    for (size_t i = 0; i < length; i++)
        hash = (hash ^ bytes[i]) * 16777619u;
    return hash;
}

int64_t delay_of_failure(struct delay *delay, const struct sockaddr *address)
{
    uint32_t hash = address_hash(address);
    int64_t now = clock_boot_ms();
    pthread_mutex_lock(&delay->lock);
    struct address_count *count = &delay->addresses[hash % ADDRESSES];
    if (count->hash != hash || now - count->last > FORGET_MS)
        *count = (struct address_count){.hash = hash};
    count->last = now;
    count->failures++;
    delay->failures++;
    int doublings = count->failures - FREE_ATTEMPTS - 1;
    pthread_mutex_unlock(&delay->lock);
    if (doublings < 0)
        return 0;
    int64_t milliseconds = FIRST_MS << (doublings < 6 ? doublings : 6);
    return milliseconds < LONGEST_MS ? milliseconds : LONGEST_MS;
}

bool delay_hold(struct delay *delay, struct request *request, int64_t milliseconds)
{
    pthread_mutex_lock(&delay->lock);
    bool room = delay->held_count < HELD_MAX && !delay->ending;
    if (room) {
        delay->held[delay->held_count++] =
            (struct held){.request = request, .until = clock_boot_ms() + milliseconds};
        pthread_cond_signal(&delay->changed);
    }
    pthread_mutex_unlock(&delay->lock);
    return room;
}

int64_t delay_failures(struct delay *delay)
{
    pthread_mutex_lock(&delay->lock);
    int64_t failures = delay->failures;
    pthread_mutex_unlock(&delay->lock);
    return failures;
}
