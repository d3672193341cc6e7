#include "repository/lookups.h"

/* Look-ups of one round trip: enough to share it, few enough that the first are not kept. */
#define BATCH_OPS_MAX 256

/* Returns false when the last message was among those taken. */
static bool batch_answer(struct lookups *lookups, struct message **chain)
{
    struct repository_op *ops[BATCH_OPS_MAX];
    size_t count = 0;
    bool stop = false;
    while (*chain && count < BATCH_OPS_MAX) {
        struct message *message = *chain;
        *chain = message->next;
        if (message == &lookups->stop)
            stop = true;
        else
            ops[count++] = (struct repository_op *)message;
    }
    if (count)
        lookups->driver->look_up(lookups->driver, ops, count);
    for (size_t i = 0; i < count; i++)
        ops[i]->done(ops[i]);
    return !stop;
}

static void *lookups_thread(void *argument)
{
    struct lookups *lookups = argument;
    bool running = true;
    while (running) {
        struct message *chain = mailbox_take(&lookups->mailbox, -1);
        while (chain)
            running = batch_answer(lookups, &chain) && running;
    }
    return NULL;
}

int lookups_start(struct lookups *lookups, struct repository_driver *driver, size_t capacity)
{
    lookups->driver = driver;
    if (mailbox_init(&lookups->mailbox, capacity, NULL, NULL) != 0)
        return -1;
    if (pthread_create(&lookups->thread, NULL, lookups_thread, lookups) == 0)
        return 0;
    mailbox_deinit(&lookups->mailbox);
    return -1;
}

void lookups_stop(struct lookups *lookups)
{
    mailbox_post_always(&lookups->mailbox, &lookups->stop);
    pthread_join(lookups->thread, NULL);
    mailbox_deinit(&lookups->mailbox);
}

bool lookups_post(struct lookups *lookups, struct repository_op *op)
{
    return mailbox_post(&lookups->mailbox, &op->message);
}
