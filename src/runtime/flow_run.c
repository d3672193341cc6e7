/* Runs flows: carries each step out, and goes on with whatever thread finished it. */
#include "runtime/runtime_state.h"

#include "base/clock.h"

#include <string.h>

static void flow_carry(struct flow_run *run, enum flow_step step);

static void flow_go_on(struct flow_run *run)
{
    flow_carry(run, run->flow.next(&run->flow, clock_boot_ms()));
}

static void flow_written(struct repository_op *op)
{
    flow_go_on(op->owner);
}

static void flow_filed(struct files_op *op)
{
    struct flow_run *run = op->owner;
    if (!files_answer_is_ok(&op->answer))
        memcpy(run->cause, op->answer.code, sizeof run->cause);
    flow_go_on(run);
}

static void flow_finish(struct flow_run *run)
{
    for (; run->places; run->places--)
        mailbox_release(&run->runtime->mailbox);
    /* Whoever leaves the deletes to others tells those. */
    bool aside = run->runtime->options.engine.aside;
    if (run->flow.wakes && run->unserved && !aside)
        runtime_hear(run->runtime);
    else if (run->flow.wakes)
        runtime_wake(run->runtime);
    run->done(run);
}

static void flow_post(struct flow_run *run, struct message *message, enum message_kind kind)
{
    message->kind = (int)kind;
    run->places--;
    mailbox_post_reserved(&run->runtime->mailbox, message);
}

static void flow_end_run(struct flow_run *run)
{
    if (!run->registered) {
        flow_finish(run);
        return;
    }
    run->ending = true;
    flow_post(run, &run->handing, MESSAGE_STOPS_WAITING);
}

/* The first write took its place beforehand; the others are few, and never refused. */
static void flow_submit(struct flow_run *run)
{
    bool first = !run->submitted;
    /* From the submission on, the run is another thread's. */
    run->submitted = true;
    if (first)
        repository_submit_reserved(run->runtime->repository, &run->flow.op);
    else
        repository_submit_always(run->runtime->repository, &run->flow.op);
}

static void flow_carry(struct flow_run *run, enum flow_step step)
{
    switch (step) {
    case FLOW_WRITE:
        run->flow.op.done = flow_written;
        run->flow.op.owner = run;
        flow_submit(run);
        break;
    case FLOW_FILES:
        run->flow.files.done = flow_filed;
        run->flow.files.owner = run;
        run->flow.files.trace = run->trace;
        files_submit_always(run->runtime->files[0], &run->flow.files);
        break;
    case FLOW_HAND:
    case FLOW_WAIT:
        flow_post(run, &run->handing, MESSAGE_HANDED);
        break;
    case FLOW_END:
        flow_end_run(run);
        break;
    }
}

static bool places_reserve(struct flow_run *run, size_t count)
{
    for (; run->places < count; run->places++) {
        if (!mailbox_reserve(&run->runtime->mailbox)) {
            for (; run->places; run->places--)
                mailbox_release(&run->runtime->mailbox);
            return false;
        }
    }
    return true;
}

bool runtime_run_flow(struct runtime *runtime, struct flow_run *run)
{
    run->runtime = runtime;
    /* While nobody is served the engine has no part in it: the answer is known with the COMMIT.
     */
    run->unserved = run->flow.waits && !atomic_load(&runtime->serves);
    run->flow.waits = run->flow.waits && !run->unserved;
    /* All room that an answer needs is taken before the transaction, or the answer is 503 (M1).
     */
    if (!run->unserved && !places_reserve(run, 2))
        return false;
    if (!repository_reserve(runtime->repository)) {
        for (; run->places; run->places--)
            mailbox_release(&runtime->mailbox);
        return false;
    }
    if (run->flow.waits) {
        run->registered = true;
        flow_post(run, &run->waiting, MESSAGE_WAITS);
    }
    flow_go_on(run);
    return true;
}

void flow_run_handed(struct runtime *runtime, struct flow_run *run, int64_t now)
{
    struct waiter *waiter = run->registered ? &run->flow.waiter : NULL;
    if (runtime->options.engine.aside)
        wake_announce(runtime->wake);
    engine_handed(runtime->engine, now, &run->flow.op.keys, &run->trace, waiter,
                  now + runtime->options.delete_wait_ms);
    if (!waiter)
        flow_go_on(run);
}

void flow_run_answered(struct waiter *waiter)
{
    struct flow_run *run = CONTAINER_OF(waiter, struct flow_run, flow.waiter);
    run->registered = false;
    if (run->ending)
        flow_finish(run);
    else
        flow_go_on(run);
}
