#include "provider.h"

#include "faults.h"
#include "files/driver.h"
#include "judge.h"
#include "ledger.h"
#include "nemesis.h"
#include "replica.h"
#include "virtual.h"

#include <stdio.h>
#include <string.h>

/* The longest that an upload travels after its request was given up. */
#define LATE_MS MINUTES(5)

/* More starts than a life has. */
#define EPOCHS_MAX 1024

struct call {
    struct replica *replica;
    unsigned life;       /* of the replica */
    struct files_op *op; /* nobody's once `answered`, or once its replica has ended */
    bool answered;
    bool other;    /* it went to another store */
    int64_t until; /* virtual time */
    enum files_verb verb;
    size_t count;
    struct ledger_key **keys;
    struct files_answer answer, *answers; /* of each key */
    struct files_identity identity;
};

/* The store's own identity, and one for each epoch that a start began. */
static struct files_identity stored[EPOCHS_MAX];
static size_t stored_count;
static int uploads;
static int64_t other_until; /* the other store stays so long, for what it has said */

void provider_begin(void)
{
    stored_count = 0;
    uploads = 0;
    other_until = 0;
}

bool provider_is_swapped(void)
{
    return fault_is_on(FAULT_STORE_SWAPPED) || virtual_now() < other_until;
}

bool provider_expects_uploads(void)
{
    return uploads > 0;
}

static void answer_give(struct replica *replica, void *what)
{
    struct call *call = what;
    struct files_op *op = call->op;
    if (call->answered)
        return;
    call->answered = true;
    op->answer = call->answer;
    op->identity = call->identity;
    /* As the S3 driver has it: of what the engine hears of. */
    if (call->verb == FILES_DELETE || call->verb == FILES_IDENTITY_READ ||
        call->verb == FILES_IDENTITY_CREATE) {
        op->address_changed = replica->saw_other != call->other;
        replica->saw_other = call->other;
    }
    for (size_t i = 0; i < call->count && call->verb == FILES_DELETE; i++) {
        if (files_key_is_open(op, i))
            op->answers[i] = call->answers[i];
    }
    files_op_finish(op);
}

static void call_fail(struct call *call, int64_t delay_ms, int status, const char *code)
{
    files_answer_set(&call->answer, status, code, "simulated");
    for (size_t i = 0; i < call->count && call->verb == FILES_DELETE; i++)
        call->answers[i] = call->answer;
    if (status == 429)
        call->answer.retry_after_ms = 1000;
    replica_later(call->replica, delay_ms, answer_give, call);
}

/* At the deadline there is an answer: that there was none. */
static void call_expire(struct replica *replica, void *what)
{
    struct call *call = what;
    if (call->answered)
        return;
    trace_say("replica %d: no answer in time", replica->index);
    files_answer_set(&call->answer, 0, FILES_CODE_TIMEOUT, "simulated");
    for (size_t i = 0; i < call->count && call->verb == FILES_DELETE; i++)
        call->answers[i] = call->answer;
    answer_give(replica, call);
}

static const struct files_identity *identity_find(int64_t epoch)
{
    for (size_t i = 0; i < stored_count; i++) {
        if (stored[i].epoch == epoch)
            return &stored[i];
    }
    return NULL;
}

static void identity_create(struct call *call)
{
    const struct files_identity *there = identity_find(call->identity.epoch);
    if (!there && stored_count < EPOCHS_MAX)
        stored[stored_count++] = call->identity;
    else if (there)
        call->identity = *there;
    files_answer_set(&call->answer, there ? 412 : 200, there ? "PreconditionFailed" : "", "");
}

static void identity_read(struct call *call)
{
    const struct files_identity *there = identity_find(call->identity.epoch);
    if (there)
        call->identity = *there;
    else
        files_answer_set(&call->answer, 404, "NoSuchKey", "");
}

/* One key in three of a partial answer fails, or is not mentioned, whether it is gone or not.
 */
static void key_delete(struct call *call, size_t at)
{
    bool partial = fault_is_on(FAULT_ANSWERS_PARTIAL) && chance_of(350);
    if (partial && chance_of(500)) {
        files_answer_set(&call->answers[at], 200,
                         chance_of(500) ? "InternalError" : "AccessDenied", "simulated");
        return;
    }
    if (!partial || chance_of(500)) {
        judge_deletes(call->keys[at]);
        call->keys[at]->present = false;
    }
    if (partial)
        files_answer_set(&call->answers[at], 0, FILES_CODE_UNANSWERED, "simulated");
    else
        files_answer_set(&call->answers[at], 204, "", "");
}

/* An empty store with another's identity, or none: whatever is to be deleted is not there. */
static void other_answers(struct call *call)
{
    if (call->verb != FILES_DELETE) {
        files_answer_set(&call->answer, 404, "NoSuchKey", "");
        return;
    }
    for (size_t i = 0; i < call->count; i++) {
        trace_say("another store: %s deleted", call->keys[i]->name);
        call->keys[i]->doubtful |= call->keys[i]->present;
        files_answer_set(&call->answers[i], 204, "", "");
    }
    if (!call->answered)
        other_until = virtual_now() + LEASE_MS;
}

/* The store does what it was asked for. */
static void call_effect(void *owner)
{
    struct call *call = owner;
    files_answer_set(&call->answer, 200, "", "");
    if (call->other) {
        other_answers(call);
        return;
    }
    switch (call->verb) {
    case FILES_PUT:
        trace_say("store: %s is there", call->keys[0]->name);
        call->keys[0]->present = true;
        call->keys[0]->putting--;
        uploads--;
        break;
    case FILES_DELETE:
        for (size_t i = 0; i < call->count; i++) {
            key_delete(call, i);
            trace_say("store: %s deleted: %d %s", call->keys[i]->name, call->answers[i].status,
                      call->answers[i].code);
        }
        break;
    case FILES_IDENTITY_READ:
        identity_read(call);
        break;
    case FILES_IDENTITY_CREATE:
        identity_create(call);
        break;
    default:
        break;
    }
    judge_look();
    if (call->life != call->replica->life)
        return;
    if (call->verb == FILES_PUT)
        nemesis_upload_moment(call->replica);
    else
        nemesis_moment(call->replica);
}

static void call_effect_answered(void *owner)
{
    struct call *call = owner;
    call_effect(call);
    if (call->life == call->replica->life)
        replica_later(call->replica, chance_between(0, 20), answer_give, call);
}

static void effect_plan(struct call *call, int64_t delay_ms, bool answered)
{
    if (call->verb == FILES_PUT) {
        call->keys[0]->putting++;
        uploads++;
    }
    agenda_add(delay_ms, answered ? call_effect_answered : call_effect, call);
}

/* What becomes of a call that went out; the deadline is waited for beside it. */
static void call_travel(struct call *call)
{
    int64_t delay = chance_between(1, 30);
    bool is_put = call->verb == FILES_PUT;
    bool late = is_put ? fault_is_on(FAULT_PUTS_LATE)
                       : call->verb == FILES_DELETE && fault_is_on(FAULT_DELETES_LATE);
    call->other = provider_is_swapped();
    if (fault_is_on(FAULT_STORE_DOWN) ||
        (call->other && (is_put || call->verb == FILES_IDENTITY_CREATE))) {
        call_fail(call, delay, 0, FILES_CODE_UNREACHABLE);
    } else if (fault_is_on(FAULT_STORE_REFUSES) && chance_of(800)) {
        call_fail(call, delay, 403, "AccessDenied");
    } else if (fault_is_on(FAULT_STORE_HANGS) && chance_of(400)) {
        if (chance_of(500))
            effect_plan(call, delay, false);
    } else if (late && chance_of(500)) {
        effect_plan(call, call->until - virtual_now() + chance_between(0, LATE_MS), false);
        if (chance_of(500))
            call_fail(call, delay, 0, FILES_CODE_RESET);
    } else if (fault_is_on(FAULT_ANSWERS_LOST) && chance_of(400)) {
        effect_plan(call, delay, false);
        if (chance_of(500))
            call_fail(call, delay + 5, 0, FILES_CODE_RESET);
    } else if (fault_is_on(FAULT_STORE_ERRORS) && chance_of(500)) {
        static const int statuses[] = {500, 503, 429, 408};
        int status = statuses[chance_between(0, 3)];
        if (status != 429 && chance_of(300))
            effect_plan(call, delay, false);
        call_fail(call, delay + 5, status, status == 503 ? "SlowDown" : "InternalError");
    } else {
        bool slow = fault_is_on(FAULT_STORE_SLOW) && chance_of(500);
        effect_plan(call, delay + (slow ? chance_between(0, 2 * CALL_MS) : 0), true);
    }
}

static void call_describe(const struct call *call)
{
    static const char *const verbs[] = {[FILES_PUT] = "PUT",
                                        [FILES_DELETE] = "DELETE",
                                        [FILES_IDENTITY_READ] = "read identity",
                                        [FILES_IDENTITY_CREATE] = "create identity"};
    trace_say("replica %d: %s %s%s", call->replica->index, verbs[call->verb],
              call->count ? call->keys[0]->name : "", call->count > 1 ? " and others" : "");
}

static void keys_fill(struct call *call)
{
    const struct files_op *op = call->op;
    call->count = op->verb == FILES_DELETE ? op->count : op->verb == FILES_PUT;
    call->keys = virtual_take((call->count + 1) * sizeof(struct ledger_key *));
    call->answers = virtual_take((call->count + 1) * sizeof *call->answers);
    for (size_t i = 0; i < call->count; i++)
        call->keys[i] = ledger_key(op->verb == FILES_PUT ? op->key : op->keys[i]);
}

/* On the files thread. */
static void call_begin(struct replica *replica, void *what)
{
    struct files_op *op = what;
    struct call *call = virtual_take(sizeof *call);
    *call =
        (struct call){.replica = replica, .life = replica->life, .op = op, .verb = op->verb};
    call->until = op->deadline_ms - virtual_boot_offset;
    if (!files_op_begin(op))
        return;
    call->identity = op->identity;
    keys_fill(call);
    call_describe(call);
    judge_sends(op, call->until);
    replica_later(replica, call->until - virtual_now(), call_expire, call);
    call_travel(call);
}

/* What the runtime calls in the place of files/files.c: see meson.build. */

void __wrap_files_submit_always(struct files *files, struct files_op *op);
bool __wrap_files_submit(struct files *files, struct files_op *op);
size_t __wrap_files_queued(struct files *files);

void __wrap_files_submit_always(struct files *files, struct files_op *op)
{
    replica_later(files->replica, chance_between(0, 2), call_begin, op);
}

bool __wrap_files_submit(struct files *files, struct files_op *op)
{
    __wrap_files_submit_always(files, op);
    return true;
}

size_t __wrap_files_queued(struct files *files)
{
    (void)files;
    return 0;
}
