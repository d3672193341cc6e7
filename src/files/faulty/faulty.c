#include "files/faulty/faulty.h"

#include "base/clock.h"
#include "base/random.h"
#include "files/driver.h"
#include "files/faulty/spec.h"

#include <stdlib.h>
#include <sys/queue.h>

enum fate { FATE_PASS, FATE_FAIL, FATE_HANG };

/* An operation, and the one that the inner driver gets in its place. */
struct call {
    TAILQ_ENTRY(call) entry;
    struct faulty *faulty;
    struct files_op *outer;
    struct files_op inner;
    enum fate fate;
    bool lost;
    int64_t due_ms; /* boot-time clock */
};

TAILQ_HEAD(call_list, call);

struct faulty {
    struct files_driver driver;
    struct files_driver *inner;
    struct faulty_spec spec;
    struct random random;
    struct call_list waiting;
};

static struct faulty *faulty_of(struct files_driver *driver)
{
    return (struct faulty *)driver;
}

static const struct faulty_rule *rule_of(const struct faulty *faulty, enum files_verb verb)
{
    static const enum faulty_verb rules[] = {
        [FILES_PUT] = FAULTY_PUT,
        [FILES_GET] = FAULTY_GET,
        [FILES_DELETE] = FAULTY_DELETE,
        [FILES_LIST] = FAULTY_GET,
        [FILES_VERSIONING] = FAULTY_GET,
        [FILES_LINK] = FAULTY_GET,
        [FILES_IDENTITY_READ] = FAULTY_IDENTITY,
        [FILES_IDENTITY_CREATE] = FAULTY_IDENTITY,
    };
    return &faulty->spec.rules[rules[verb]];
}

/* Draws once, whatever the probability, so that one setting does not shift the others. */
static bool drawn(struct random *random, double probability)
{
    return (double)(random_next(random) >> 11) * 0x1p-53 < probability;
}

/* Answers the outer operation; the call is gone. */
static void call_fail(struct call *call, int status, const char *code, const char *text)
{
    struct files_op *op = call->outer;
    free(call);
    files_op_fail(op, status, code, text);
}

static void answers_forget(struct files_op *op)
{
    for (size_t i = 0; op->verb == FILES_DELETE && i < op->count; i++)
        op->answers[i] = (struct files_answer){0};
}

static void call_done(struct files_op *inner)
{
    struct call *call = inner->owner;
    struct files_op *op = call->outer;
    op->body = inner->body;
    op->identity = inner->identity;
    op->answer = inner->answer;
    op->address_changed = inner->address_changed;
    op->one_by_one = inner->one_by_one;
    op->more = inner->more;
    op->keeps_versions = inner->keeps_versions;
    op->mfa_delete = inner->mfa_delete;
    if (!call->lost) {
        free(call);
        op->done(op);
        return;
    }
    buffer_deinit(&op->body);
    answers_forget(op);
    call_fail(call, 0, FILES_CODE_RESET, "the answer was lost on purpose");
}

/* Carries out what was drawn for a call that waits no longer. */
static void call_release(struct call *call)
{
    const struct faulty_rule *rule = rule_of(call->faulty, call->outer->verb);
    if (call->fate == FATE_HANG || clock_boot_ms() >= call->outer->deadline_ms) {
        call_fail(call, 0, FILES_CODE_TIMEOUT, "no answer came, on purpose");
    } else if (call->fate == FATE_FAIL) {
        call_fail(call, rule->status, rule->code, "it failed on purpose");
    } else {
        struct files_driver *inner = call->faulty->inner;
        inner->start(inner, &call->inner);
    }
}

static void faulty_start(struct files_driver *driver, struct files_op *op)
{
    struct faulty *faulty = faulty_of(driver);
    const struct faulty_rule *rule = rule_of(faulty, op->verb);
    if (!files_op_begin(op))
        return;
    struct call *call = calloc(1, sizeof *call);
    if (!call) {
        files_op_fail(op, 0, FILES_CODE_NO_MEMORY, NULL);
        return;
    }
    *call = (struct call){.faulty = faulty, .outer = op, .inner = *op};
    call->inner.done = call_done;
    call->inner.owner = call;
    bool hangs = drawn(&faulty->random, rule->hang), fails = drawn(&faulty->random, rule->fail);
    call->lost = drawn(&faulty->random, rule->lost);
    call->fate = hangs ? FATE_HANG : fails ? FATE_FAIL : FATE_PASS;
    int64_t now = clock_boot_ms(), left_ms = op->deadline_ms - now;
    call->due_ms =
        hangs || rule->latency_ms > left_ms ? op->deadline_ms : now + rule->latency_ms;
    if (call->due_ms <= now)
        call_release(call);
    else
        TAILQ_INSERT_TAIL(&faulty->waiting, call, entry);
}

static void faulty_poll(struct files_driver *driver, int64_t timeout_ms)
{
    struct faulty *faulty = faulty_of(driver);
    struct call *call, *next;
    int64_t now = clock_boot_ms();
    TAILQ_FOREACH(call, &faulty->waiting, entry)
    {
        int64_t left_ms = call->due_ms > now ? call->due_ms - now : 0;
        timeout_ms = left_ms < timeout_ms ? left_ms : timeout_ms;
    }
    faulty->inner->poll(faulty->inner, timeout_ms);
    now = clock_boot_ms();
    for (call = TAILQ_FIRST(&faulty->waiting); call; call = next) {
        next = TAILQ_NEXT(call, entry);
        if (call->due_ms <= now) {
            TAILQ_REMOVE(&faulty->waiting, call, entry);
            call_release(call);
        }
    }
}

static void faulty_wake(struct files_driver *driver)
{
    struct files_driver *inner = faulty_of(driver)->inner;
    inner->wake(inner);
}

static void faulty_close(struct files_driver *driver)
{
    struct faulty *faulty = faulty_of(driver);
    struct call *call;
    while ((call = TAILQ_FIRST(&faulty->waiting))) {
        TAILQ_REMOVE(&faulty->waiting, call, entry);
        call_fail(call, 0, FILES_CODE_RESET, "the service is stopping");
    }
    faulty->inner->close(faulty->inner);
    free(faulty);
}

int files_faulty_open(struct files_driver *inner, const char *spec,
                      struct files_driver **ret_driver, struct error *error)
{
    struct faulty_spec parsed;
    struct faulty *faulty = NULL;
    if (faulty_spec_parse(spec, &parsed, error) == 0) {
        faulty = calloc(1, sizeof *faulty);
        if (!faulty)
            error_set(error, ERROR_NO_MEMORY, "no memory for the faults");
    }
    if (!faulty) {
        inner->close(inner);
        return -1;
    }
    *faulty = (struct faulty){
        .driver = {"faulty", faulty_start, faulty_poll, faulty_wake, faulty_close},
        .inner = inner,
        .spec = parsed,
        .random = {.state = parsed.seed},
    };
    TAILQ_INIT(&faulty->waiting);
    *ret_driver = &faulty->driver;
    return 0;
}
