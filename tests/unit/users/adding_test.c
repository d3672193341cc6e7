/* A new user, alone or with an avatar: every answer of every step: R1, R8, S1, C5. */
#include "support/check.h"
#include "users/adding.h"

#include <stdio.h>

#define ADA "01900000-0000-7000-8000-00000000000a"

static const struct flow_settings settings = {
    .hands_over = true, .guard_ms = 900000, .put_timeout_ms = 10000};
static struct flow flow;
static const char bytes[] = "image";

static void begin(bool with_avatar)
{
    flow = (struct flow){0};
    snprintf(flow.op.user.id, sizeof flow.op.user.id, "%s", ADA);
    snprintf(flow.op.idempotency.key, sizeof flow.op.idempotency.key, "digest");
    if (with_avatar) {
        snprintf(flow.op.user.avatar.key, sizeof flow.op.user.avatar.key, "avatars/1");
        flow.op.user.avatar.bytes = sizeof bytes;
    }
    adding_init(&flow, &settings, with_avatar ? bytes : NULL);
}

static enum flow_step step(void)
{
    return flow.next(&flow, 0);
}

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

/* What a first write can meet, with or without an avatar. */
static const struct {
    enum repository_outcome outcome;
    enum flow_result result;
} first_writes[] = {
    {REPOSITORY_REPEATED, FLOW_REPEATED}, {REPOSITORY_MISMATCHED, FLOW_MISMATCHED},
    {REPOSITORY_BUSY, FLOW_BUSY},         {REPOSITORY_NOT_FOUND, FLOW_NOT_FOUND},
    {REPOSITORY_CONFLICT, FLOW_CONFLICT}, {REPOSITORY_FAILED, FLOW_UNAVAILABLE}};

static void adding__without_an_avatar_is_one_write(void **state)
{
    (void)state;
    begin(false);
    assert_int_equal(step(), FLOW_WRITE);
    assert_int_equal(flow.op.verb, USER_ADD);
    assert_int_equal(step_written(REPOSITORY_OK), FLOW_END);
    assert_int_equal(flow.result, FLOW_DONE);
    assert_false(flow.wakes);
}

static void adding__ends_on_what_its_first_write_meets(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2 * COUNT_OF(first_writes); i++) {
        begin(i % 2);
        assert_int_equal(step(), FLOW_WRITE);
        assert_int_equal(flow.op.verb, i % 2 ? GUARD_ADD : USER_ADD);
        assert_int_equal(step_written(first_writes[i / 2].outcome), FLOW_END);
        assert_int_equal(flow.result, first_writes[i / 2].result);
        assert_int_equal(flow.why != NULL, flow.result == FLOW_UNAVAILABLE);
        assert_false(flow.wakes);
    }
}

static void to_put(void)
{
    begin(true);
    assert_int_equal(step(), FLOW_WRITE);
    assert_int_equal(flow.op.verb, GUARD_ADD);
    assert_string_equal(flow.op.id, "");
    assert_string_equal(flow.op.key, "avatars/1");
    assert_int_equal(step_written(REPOSITORY_OK), FLOW_FILES);
    assert_int_equal(flow.files.verb, FILES_PUT);
}

static void adding__with_an_avatar_puts_it_between_guard_and_user(void **state)
{
    (void)state;
    to_put();
    assert_int_equal(step_put(200, ""), FLOW_WRITE);
    assert_int_equal(flow.op.verb, USER_ADD);
    assert_int_equal(flow.op.guard_ms, settings.guard_ms);
    assert_int_equal(step_written(REPOSITORY_OK), FLOW_END);
    assert_int_equal(flow.result, FLOW_DONE);
}

/* The key of a PUT that may still land is its guard's; the request may be repeated either way.
 */
static void adding__forgets_the_request_of_a_put_that_failed(void **state)
{
    (void)state;
    static const struct {
        int status;
        const char *code, *settled;
    } rows[] = {{403, "AccessDenied", "avatars/1"},
                {404, "NoSuchBucket", "avatars/1"},
                {503, "SlowDown", ""},
                {0, FILES_CODE_TIMEOUT, ""},
                {200, FILES_CODE_MALFORMED, ""}};
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        to_put();
        assert_int_equal(step_put(rows[i].status, rows[i].code), FLOW_WRITE);
        assert_int_equal(flow.op.verb, GUARD_SETTLE);
        assert_string_equal(flow.op.key, rows[i].settled);
        assert_string_equal(flow.op.idempotency.key, "digest");
        assert_int_equal(step_written(REPOSITORY_OK), FLOW_END);
        assert_int_equal(flow.result, FLOW_UNAVAILABLE);
        assert_non_null(flow.why);
        assert_true(flow.wakes);
    }
}

static void adding__settles_the_guard_of_an_upload_that_took_too_long(void **state)
{
    (void)state;
    to_put();
    step_put(200, "");
    assert_int_equal(step_written(REPOSITORY_CONFLICT), FLOW_WRITE);
    assert_int_equal(flow.op.verb, GUARD_SETTLE);
    assert_string_equal(flow.op.key, "avatars/1");
    assert_int_equal(step_written(REPOSITORY_FAILED), FLOW_END);
    assert_int_equal(flow.result, FLOW_UNAVAILABLE);
    assert_true(flow.wakes);
}

static void adding__leaves_a_write_of_unknown_outcome_alone(void **state)
{
    (void)state;
    to_put();
    step_put(200, "");
    assert_int_equal(step_written(REPOSITORY_FAILED), FLOW_END);
    assert_int_equal(flow.result, FLOW_UNAVAILABLE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CHECK(adding__without_an_avatar_is_one_write),
        CHECK(adding__ends_on_what_its_first_write_meets),
        CHECK(adding__with_an_avatar_puts_it_between_guard_and_user),
        CHECK(adding__forgets_the_request_of_a_put_that_failed),
        CHECK(adding__settles_the_guard_of_an_upload_that_took_too_long),
        CHECK(adding__leaves_a_write_of_unknown_outcome_alone),
    };
    return cmocka_run_group_tests_name("users: adding", tests, NULL, NULL);
}
