#include "room.h"

#include "base/clock.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <time.h>

struct room {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    pthread_t thread;
    struct guest ends; /* a ring, in order of time; `after` is the first */
    bool closing;
};

static void guest_leave(struct guest *guest)
{
    guest->before->after = guest->after;
    guest->after->before = guest->before;
    MHD_resume_connection(guest->connection);
}

/* Waits, with the lock held, for a change or until the boot-time clock shows `due_ms`. */
static void room_wait(struct room *room, int64_t due_ms)
{
    if (due_ms == ROOM_FOREVER) {
        pthread_cond_wait(&room->changed, &room->lock);
        return;
    }
    /* Conditions cannot wait on the boot-time clock; waking early is harmless. */
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    int64_t left_ms = due_ms - clock_boot_ms();
    if (left_ms <= 0)
        return;
    until.tv_sec += left_ms / 1000;
    until.tv_nsec += left_ms % 1000 * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_nsec -= 1000000000;
        until.tv_sec++;
    }
    pthread_cond_clockwait(&room->changed, &room->lock, CLOCK_MONOTONIC, &until);
}

static void *room_run(void *data)
{
    struct room *room = data;
    pthread_mutex_lock(&room->lock);
    while (!room->closing) {
        struct guest *first = room->ends.after;
        if (first != &room->ends && first->due_ms <= clock_boot_ms())
            guest_leave(first);
        else
            room_wait(room, first == &room->ends ? ROOM_FOREVER : first->due_ms);
    }
    while (room->ends.after != &room->ends)
        guest_leave(room->ends.after);
    pthread_mutex_unlock(&room->lock);
    return NULL;
}

struct room *room_create(void)
{
    struct room *room = calloc(1, sizeof *room);
    if (!room)
        return NULL;
    room->ends.before = room->ends.after = &room->ends;
    if (pthread_mutex_init(&room->lock, NULL) != 0)
        goto fail_lock;
    if (pthread_cond_init(&room->changed, NULL) != 0)
        goto fail_condition;
    if (pthread_create(&room->thread, NULL, room_run, room) != 0)
        goto fail_thread;
    return room;
fail_thread:
    pthread_cond_destroy(&room->changed);
fail_condition:
    pthread_mutex_destroy(&room->lock);
fail_lock:
    free(room);
    return NULL;
}

void room_close(struct room *room)
{
    pthread_mutex_lock(&room->lock);
    room->closing = true;
    pthread_cond_signal(&room->changed);
    pthread_mutex_unlock(&room->lock);
    pthread_join(room->thread, NULL);
}

void room_free(struct room *room)
{
    pthread_cond_destroy(&room->changed);
    pthread_mutex_destroy(&room->lock);
    free(room);
}

/* Puts `guest` behind all who leave no later. */
static void guest_queue(struct room *room, struct guest *guest)
{
    struct guest *at = room->ends.before;
    while (at != &room->ends && at->due_ms > guest->due_ms)
        at = at->before;
    guest->before = at;
    guest->after = at->after;
    at->after->before = guest;
    at->after = guest;
    if (at == &room->ends)
        pthread_cond_signal(&room->changed);
}

bool room_enter(struct room *room, struct guest *guest, struct MHD_Connection *connection,
                int64_t due_ms)
{
    guest->connection = connection;
    guest->due_ms = due_ms;
    pthread_mutex_lock(&room->lock);
    bool open = !room->closing;
    if (open) {
        MHD_suspend_connection(connection);
        guest_queue(room, guest);
    }
    pthread_mutex_unlock(&room->lock);
    return open;
}

void room_release(struct room *room)
{
    pthread_mutex_lock(&room->lock);
    while (room->ends.before != &room->ends && room->ends.before->due_ms == ROOM_FOREVER)
        guest_leave(room->ends.before);
    pthread_mutex_unlock(&room->lock);
}

uint64_t room_hanging(struct room *room)
{
    uint64_t count = 0;
    pthread_mutex_lock(&room->lock);
    for (struct guest *at = room->ends.before; at != &room->ends && at->due_ms == ROOM_FOREVER;
         at = at->before)
        count++;
    pthread_mutex_unlock(&room->lock);
    return count;
}
