#include "fallback/engine_state.h"

#include <string.h>

/* One look for all who wait, the longest first. */
void engine_watch(struct engine *engine, int64_t now)
{
    struct watched *watched = engine->watched;
    if (!watched || engine->watching || !engine->waiters.oldest || now < engine->watch_at)
        return;
    size_t count = 0;
    for (const struct waiter *waiter = engine->waiters.oldest; waiter && count < WATCH_MAX;
         waiter = waiter->newer) {
        memcpy(watched->subjects[count], waiter->subject, OBJECT_KEY_SIZE);
        watched->pointers[count] = watched->subjects[count];
        count++;
    }
    watched->op = (struct repository_op){.verb = FINISHED_FIND,
                                         .watch = {.subjects = watched->pointers,
                                                   .count = count,
                                                   .finished = watched->finished}};
    engine->watching = true;
    engine->watch_at = now + engine->options.watch_ms;
    engine_command(engine,
                   (struct engine_command){.kind = ENGINE_READ, .repository = &watched->op});
}

void engine_watch_read(struct engine *engine)
{
    const struct watched *watched = engine->watched;
    engine->watching = false;
    for (size_t i = 0; i < watched->op.watch.count; i++) {
        if (watched->op.outcome == REPOSITORY_OK && watched->finished[i])
            engine_answer_subject(engine, watched->subjects[i], WAITER_DONE);
    }
}
