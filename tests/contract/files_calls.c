#include "files_calls.h"

#include "base/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define PATIENCE 30000

struct files *files;

static void on_done(struct files_op *op)
{
    struct call *call = op->owner;
    call->done++;
    sem_post(call->finished);
}

void call_submit(struct call *call, sem_t *finished)
{
    call->finished = finished;
    call->op.owner = call;
    call->op.done = on_done;
    if (!call->op.deadline_ms)
        call->op.deadline_ms = clock_boot_ms() + PATIENCE;
    assert_true(files_submit(files, &call->op));
}

void call_run(struct call *call)
{
    sem_t finished;
    assert_int_equal(sem_init(&finished, 0, 0), 0);
    call_submit(call, &finished);
    while (sem_wait(&finished) != 0)
        ;
    assert_int_equal(call->done, 1);
    sem_destroy(&finished);
}

struct files_answer put(const char *key, const void *bytes, size_t length)
{
    struct call call = {.op = {.verb = FILES_PUT,
                               .key = key,
                               .content_type = "image/png",
                               .bytes = bytes,
                               .length = length}};
    call_run(&call);
    return call.op.answer;
}

struct files_answer get(const char *key, struct buffer *body)
{
    struct call call = {.op = {.verb = FILES_GET, .key = key, .body = *body}};
    call_run(&call);
    *body = call.op.body;
    return call.op.answer;
}

struct files_answer delete_keys(const char *const *keys, size_t count,
                                struct files_answer *answers)
{
    struct call call = {
        .op = {.verb = FILES_DELETE, .keys = keys, .count = count, .answers = answers}};
    call_run(&call);
    return call.op.answer;
}

struct files_answer delete_key(const char *key)
{
    struct files_answer answer;
    delete_keys(&key, 1, &answer);
    return answer;
}

struct files_answer identity_run(enum files_verb verb, struct files_identity *identity)
{
    struct call call = {.op = {.verb = verb, .identity = *identity}};
    call_run(&call);
    *identity = call.op.identity;
    return call.op.answer;
}

const char *fresh_key(char key[static FILES_KEY_SIZE])
{
    char id[UUID_TEXT_SIZE];
    uuid_generate(id);
    snprintf(key, FILES_KEY_SIZE, FILES_AVATAR_PREFIX "%s", id);
    return key;
}

void assert_ok(const struct files_answer *answer)
{
    if (!files_answer_is_ok(answer))
        fail_msg("answer %d '%s' %s", answer->status, answer->code, answer->text);
}

void assert_absent(const struct files_answer *answer)
{
    bool done = answer->status == 404 || (answer->status >= 200 && answer->status < 300);
    if (!done || answer->code[0])
        fail_msg("answer %d '%s' %s", answer->status, answer->code, answer->text);
}

void assert_content(const char *key, const void *bytes, size_t length)
{
    struct buffer body;
    buffer_init(&body, length);
    struct files_answer answer = get(key, &body);
    assert_ok(&answer);
    assert_int_equal(answer.status, 200);
    assert_int_equal(body.length, length);
    if (length)
        assert_memory_equal(body.bytes, bytes, length);
    buffer_deinit(&body);
}

void assert_missing(const char *key)
{
    struct buffer body;
    buffer_init(&body, 64);
    struct files_answer answer = get(key, &body);
    assert_int_equal(answer.status, 404);
    assert_string_equal(answer.code, "NoSuchKey");
    assert_int_equal(body.length, 0);
    buffer_deinit(&body);
}

void calls_wait(struct call *calls, size_t count, sem_t *finished)
{
    for (size_t i = 0; i < count; i++) {
        while (sem_wait(finished) != 0)
            ;
    }
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(calls[i].done, 1);
        assert_ok(&calls[i].op.answer);
    }
}
