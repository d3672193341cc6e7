/* The upload, step by step, with every answer that each step can get: R1, R8, R9, R20, S1. */
#include "support/check.h"
#include "users/uploading.h"

#include <stdio.h>
#include <string.h>

#define ADA   "01900000-0000-7000-8000-00000000000a"
#define STORE "01900000-0000-7000-8000-0000000000f1"
#define NOW   INT64_C(5000000)

static struct flow_settings settings;
static struct flow flow;
static const char bytes[] = "image";

static void flow_begin(void)
{
    settings =
        (struct flow_settings){.hands_over = true, .guard_ms = 900000, .put_timeout_ms = 10000};
    flow = (struct flow){0};
    snprintf(flow.op.id, sizeof flow.op.id, "%s", ADA);
    snprintf(flow.op.user.avatar.key, sizeof flow.op.user.avatar.key, "avatars/1");
    snprintf(flow.op.user.avatar.store_id, sizeof flow.op.user.avatar.store_id, "%s", STORE);
    snprintf(flow.op.user.avatar.content_type, sizeof flow.op.user.avatar.content_type,
             "image/png");
    flow.op.user.avatar.bytes = sizeof bytes;
    uploading_init(&flow, &settings, bytes);
}

static enum flow_step step(void)
{
    return flow.next(&flow, NOW);
}

/* The write under way ends so. */
static enum flow_step step_written(enum repository_outcome outcome)
{
    flow.op.outcome = outcome;
    return step();
}

static enum flow_step step_put(int status, const char *code)
{
    flow.files.answer = (struct files_answer){.status = status};
    snprintf(flow.files.answer.code, sizeof flow.files.answer.code, "%s", code);
    return step();
}

static void to_put(void)
{
    flow_begin();
    assert_int_equal(step(), FLOW_WRITE);
    assert_int_equal(step_written(REPOSITORY_OK), FLOW_FILES);
}

static void to_attach(void)
{
    to_put();
    assert_int_equal(step_put(200, ""), FLOW_WRITE);
    assert_int_equal(flow.op.verb, AVATAR_ATTACH);
}

static void assert_settles(enum flow_step taken)
{
    assert_int_equal(taken, FLOW_WRITE);
    assert_int_equal(flow.op.verb, GUARD_SETTLE);
    assert_string_equal(flow.op.key, "avatars/1");
}

static void uploading__commits_the_guard_before_the_first_byte(void **state)
{
    (void)state;
    flow_begin();
    assert_int_equal(step(), FLOW_WRITE);
    assert_int_equal(flow.op.verb, GUARD_ADD);
    assert_string_equal(flow.op.id, ADA);
    assert_string_equal(flow.op.key, "avatars/1");
    assert_string_equal(flow.op.store_id, STORE);
    assert_int_equal(flow.op.guard_ms, settings.guard_ms);
}

static void uploading__ends_without_a_guard(void **state)
{
    (void)state;
    static const struct {
        enum repository_outcome outcome;
        enum flow_result result;
    } rows[] = {{REPOSITORY_NOT_FOUND, FLOW_NOT_FOUND},
                {REPOSITORY_FAILED, FLOW_UNAVAILABLE},
                {REPOSITORY_CONFLICT, FLOW_UNAVAILABLE}};
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        flow_begin();
        step();
        assert_int_equal(step_written(rows[i].outcome), FLOW_END);
        assert_int_equal(flow.result, rows[i].result);
        assert_false(flow.wakes);
        if (flow.result == FLOW_UNAVAILABLE)
            assert_non_null(flow.why);
    }
}

static void uploading__puts_the_object_once(void **state)
{
    (void)state;
    to_put();
    assert_int_equal(flow.files.verb, FILES_PUT);
    assert_string_equal(flow.files.key, "avatars/1");
    assert_string_equal(flow.files.content_type, "image/png");
    assert_ptr_equal(flow.files.bytes, bytes);
    assert_int_equal(flow.files.length, sizeof bytes);
    assert_int_equal(flow.files.deadline_ms, NOW + settings.put_timeout_ms);
}

/* R20: the PUT ends under half the guard, counted from before the guard was written. */
static void uploading__ends_the_put_under_half_the_guard(void **state)
{
    (void)state;
    static const struct {
        int64_t guard_ms, written_after, deadline_after;
    } rows[] = {{900000, 0, 10000},
                {10000, 0, 5000},
                {900000, 440001, 450000},
                {900000, 500000, 450000}};
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        flow_begin();
        settings.guard_ms = rows[i].guard_ms;
        flow.next(&flow, NOW);
        flow.op.outcome = REPOSITORY_OK;
        assert_int_equal(flow.next(&flow, NOW + rows[i].written_after), FLOW_FILES);
        assert_int_equal(flow.files.deadline_ms, NOW + rows[i].deadline_after);
    }
}

/* S1: the answer is known, so nothing lands later. R8: silence is left to the guard. */
static void uploading__settles_the_guard_only_when_the_answer_is_known(void **state)
{
    (void)state;
    static const struct {
        int status;
        const char *code;
        bool settles;
    } rows[] = {{400, "InvalidRequest", true},
                {403, "AccessDenied", true},
                {404, "NoSuchBucket", true},
                {413, "EntityTooLarge", true},
                {429, "SlowDown", true},
                {408, "RequestTimeout", false},
                {0, FILES_CODE_TIMEOUT, false},
                {0, FILES_CODE_RESET, false},
                {0, FILES_CODE_UNREACHABLE, false},
                {500, "InternalError", false},
                {503, "SlowDown", false},
                {307, FILES_CODE_REDIRECT, false},
                {200, "InternalError", false},
                {200, FILES_CODE_MALFORMED, false}};
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        to_put();
        enum flow_step taken = step_put(rows[i].status, rows[i].code);
        if (rows[i].settles) {
            assert_settles(taken);
            taken = step_written(REPOSITORY_OK);
        }
        assert_int_equal(taken, FLOW_END);
        assert_int_equal(flow.result, FLOW_UNAVAILABLE);
        assert_non_null(flow.why);
        assert_true(flow.wakes);
    }
}

static void uploading__attaches_what_the_provider_has(void **state)
{
    (void)state;
    static const int statuses[] = {200, 201, 204};
    for (size_t i = 0; i < COUNT_OF(statuses); i++) {
        to_put();
        assert_int_equal(step_put(statuses[i], ""), FLOW_WRITE);
        assert_int_equal(flow.op.verb, AVATAR_ATTACH);
        assert_int_equal(flow.op.guard_ms, settings.guard_ms);
        assert_int_equal(step_written(REPOSITORY_OK), FLOW_END);
        assert_int_equal(flow.result, FLOW_DONE);
        assert_false(flow.wakes);
    }
}

static void uploading__hands_the_avatar_before_to_the_engine(void **state)
{
    (void)state;
    to_attach();
    assert_true(repository_keys_add(&flow.op.keys, "avatars/0"));
    assert_int_equal(step_written(REPOSITORY_OK), FLOW_HAND);
    assert_int_equal(step(), FLOW_END);
    assert_int_equal(flow.result, FLOW_DONE);
    repository_op_deinit(&flow.op);
}

static void uploading__only_wakes_the_engine_when_inline_work_is_off(void **state)
{
    (void)state;
    to_attach();
    settings.hands_over = false;
    assert_true(repository_keys_add(&flow.op.keys, "avatars/0"));
    assert_int_equal(step_written(REPOSITORY_OK), FLOW_END);
    assert_int_equal(flow.result, FLOW_DONE);
    assert_true(flow.wakes);
    repository_op_deinit(&flow.op);
}

static void uploading__settles_the_guard_of_an_object_that_nobody_takes(void **state)
{
    (void)state;
    static const struct {
        enum repository_outcome attached;
        enum flow_result result;
    } rows[] = {{REPOSITORY_NOT_FOUND, FLOW_NOT_FOUND},
                {REPOSITORY_CONFLICT, FLOW_UNAVAILABLE}};
    static const enum repository_outcome settled[] = {REPOSITORY_OK, REPOSITORY_FAILED};
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        for (size_t j = 0; j < COUNT_OF(settled); j++) {
            to_attach();
            assert_settles(step_written(rows[i].attached));
            assert_int_equal(step_written(settled[j]), FLOW_END);
            assert_int_equal(flow.result, rows[i].result);
            assert_true(flow.wakes);
        }
    }
}

/* R8: it may be attached all the same, so nothing is inserted, settled or deleted. */
static void uploading__leaves_an_attach_of_unknown_outcome_alone(void **state)
{
    (void)state;
    to_attach();
    assert_int_equal(step_written(REPOSITORY_FAILED), FLOW_END);
    assert_int_equal(flow.result, FLOW_UNAVAILABLE);
    assert_non_null(flow.why);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CHECK(uploading__commits_the_guard_before_the_first_byte),
        CHECK(uploading__ends_without_a_guard),
        CHECK(uploading__puts_the_object_once),
        CHECK(uploading__ends_the_put_under_half_the_guard),
        CHECK(uploading__settles_the_guard_only_when_the_answer_is_known),
        CHECK(uploading__attaches_what_the_provider_has),
        CHECK(uploading__hands_the_avatar_before_to_the_engine),
        CHECK(uploading__only_wakes_the_engine_when_inline_work_is_off),
        CHECK(uploading__settles_the_guard_of_an_object_that_nobody_takes),
        CHECK(uploading__leaves_an_attach_of_unknown_outcome_alone),
    };
    return cmocka_run_group_tests_name("users: uploading", tests, NULL, NULL);
}
