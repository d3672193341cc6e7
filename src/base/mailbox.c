#include "base/mailbox.h"

#include <time.h>

int mailbox_init(struct mailbox *mailbox, size_t capacity, void (*notify)(void *owner),
                 void *owner)
{
    *mailbox = (struct mailbox){.capacity = capacity, .notify = notify, .owner = owner};
    mailbox->last = &mailbox->first;
    if (pthread_mutex_init(&mailbox->lock, NULL) != 0)
        return -1;
    pthread_condattr_t attributes;
    int failed = pthread_condattr_init(&attributes);
    if (!failed) {
        failed = pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC) != 0 ||
                 pthread_cond_init(&mailbox->filled, &attributes) != 0;
        pthread_condattr_destroy(&attributes);
    }
    if (failed) {
        pthread_mutex_destroy(&mailbox->lock);
        return -1;
    }
    return 0;
}

void mailbox_deinit(struct mailbox *mailbox)
{
    if (!mailbox->last)
        return;
    pthread_cond_destroy(&mailbox->filled);
    pthread_mutex_destroy(&mailbox->lock);
    mailbox->last = NULL;
}

bool mailbox_reserve(struct mailbox *mailbox)
{
    pthread_mutex_lock(&mailbox->lock);
    bool free_place = mailbox->taken < mailbox->capacity;
    if (free_place)
        mailbox->taken++;
    pthread_mutex_unlock(&mailbox->lock);
    return free_place;
}

void mailbox_release(struct mailbox *mailbox)
{
    pthread_mutex_lock(&mailbox->lock);
    mailbox->taken--;
    pthread_mutex_unlock(&mailbox->lock);
}

/* The reader may take what was posted, and end the mailbox, as soon as the lock is free. */
static void mailbox_unlock_and_notify(struct mailbox *mailbox)
{
    void (*notify)(void *owner) = mailbox->notify;
    void *owner = mailbox->owner;
    pthread_cond_signal(&mailbox->filled);
    pthread_mutex_unlock(&mailbox->lock);
    if (notify)
        notify(owner);
}

void mailbox_post_reserved(struct mailbox *mailbox, struct message *message)
{
    pthread_mutex_lock(&mailbox->lock);
    message->next = NULL;
    *mailbox->last = message;
    mailbox->last = &message->next;
    mailbox_unlock_and_notify(mailbox);
}

bool mailbox_post(struct mailbox *mailbox, struct message *message)
{
    if (!mailbox_reserve(mailbox))
        return false;
    mailbox_post_reserved(mailbox, message);
    return true;
}

void mailbox_post_always(struct mailbox *mailbox, struct message *message)
{
    pthread_mutex_lock(&mailbox->lock);
    mailbox->taken++;
    pthread_mutex_unlock(&mailbox->lock);
    mailbox_post_reserved(mailbox, message);
}

void mailbox_wake(struct mailbox *mailbox)
{
    pthread_mutex_lock(&mailbox->lock);
    mailbox->woken = true;
    mailbox_unlock_and_notify(mailbox);
}

static void mailbox_wait(struct mailbox *mailbox, int64_t timeout_ms)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += (time_t)(timeout_ms / 1000);
    until.tv_nsec += (long)(timeout_ms % 1000) * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_nsec -= 1000000000;
        until.tv_sec++;
    }
    while (!mailbox->first && !mailbox->woken) {
        int result = timeout_ms < 0
                         ? pthread_cond_wait(&mailbox->filled, &mailbox->lock)
                         : pthread_cond_timedwait(&mailbox->filled, &mailbox->lock, &until);
        if (result != 0)
            return;
    }
}

struct message *mailbox_take(struct mailbox *mailbox, int64_t timeout_ms)
{
    pthread_mutex_lock(&mailbox->lock);
    if (timeout_ms != 0)
        mailbox_wait(mailbox, timeout_ms);
    mailbox->woken = false;
    struct message *chain = mailbox->first;
    for (struct message *message = chain; message; message = message->next)
        mailbox->taken--;
    mailbox->first = NULL;
    mailbox->last = &mailbox->first;
    pthread_mutex_unlock(&mailbox->lock);
    return chain;
}

size_t mailbox_depth(struct mailbox *mailbox)
{
    pthread_mutex_lock(&mailbox->lock);
    size_t depth = mailbox->taken;
    pthread_mutex_unlock(&mailbox->lock);
    return depth;
}
