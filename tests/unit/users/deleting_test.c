/* A user, or an avatar, goes: every answer of the commit, and of the wait after it. */
#include "support/check.h"
#include "users/deleting.h"

#include <string.h>

#define ADA "01900000-0000-7000-8000-00000000000a"
#define KEY "avatars/1"

static struct flow_settings settings;
static struct flow flow;

static void begin_user(void)
{
    flow = (struct flow){0};
    deleting_init_user(&flow, &settings, ADA);
}

static void begin_avatar(void)
{
    flow = (struct flow){0};
    deleting_init_avatar(&flow, &settings, ADA, KEY);
}

static const struct kind {
    void (*begin)(void);
    enum repository_verb verb;
    const char *subject;
} kinds[] = {{begin_user, USER_MARK, ADA}, {begin_avatar, AVATAR_CLEAR, KEY}};

/* To the answer of the commit, with a key to delete if `key`. */
static enum flow_step step_committed(const struct kind *kind, enum repository_outcome outcome,
                                     bool key)
{
    kind->begin();
    assert_int_equal(flow.next(&flow, 0), FLOW_WRITE);
    assert_int_equal(flow.op.verb, kind->verb);
    assert_string_equal(flow.op.id, ADA);
    if (key)
        assert_true(repository_keys_add(&flow.op.keys, KEY));
    flow.op.outcome = outcome;
    enum flow_step taken = flow.next(&flow, 0);
    repository_op_deinit(&flow.op);
    return taken;
}

static void deleting__ends_on_what_the_commit_says(void **state)
{
    (void)state;
    static const struct {
        enum repository_outcome outcome;
        enum flow_result result;
    } rows[] = {{REPOSITORY_OK, FLOW_DONE},
                {REPOSITORY_GONE, FLOW_DONE},
                {REPOSITORY_NOT_FOUND, FLOW_NOT_FOUND},
                {REPOSITORY_CONFLICT, FLOW_UNAVAILABLE},
                {REPOSITORY_FAILED, FLOW_UNAVAILABLE}};
    settings.hands_over = true;
    for (size_t i = 0; i < COUNT_OF(rows) * COUNT_OF(kinds); i++) {
        const struct kind *kind = &kinds[i % COUNT_OF(kinds)];
        assert_int_equal(step_committed(kind, rows[i / COUNT_OF(kinds)].outcome, false),
                         FLOW_END);
        assert_int_equal(flow.result, rows[i / COUNT_OF(kinds)].result);
        assert_false(flow.wakes);
        assert_int_equal(flow.why != NULL, flow.result == FLOW_UNAVAILABLE);
    }
}

static void deleting__waits_for_its_subject(void **state)
{
    (void)state;
    settings.hands_over = true;
    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        static const struct {
            enum waiter_outcome waited;
            enum flow_result result;
        } rows[] = {{WAITER_DONE, FLOW_DONE}, {WAITER_PENDING, FLOW_PENDING}};
        for (size_t j = 0; j < COUNT_OF(rows); j++) {
            assert_int_equal(step_committed(&kinds[i], REPOSITORY_PENDING, true), FLOW_WAIT);
            assert_true(flow.waits);
            assert_string_equal(flow.waiter.subject, kinds[i].subject);
            flow.waiter.outcome = rows[j].waited;
            assert_int_equal(flow.next(&flow, 0), FLOW_END);
            assert_int_equal(flow.result, rows[j].result);
        }
    }
}

static void deleting__waits_for_nothing_that_may_not_be_tried_yet(void **state)
{
    (void)state;
    settings.hands_over = true;
    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        assert_int_equal(step_committed(&kinds[i], REPOSITORY_PENDING, false), FLOW_END);
        assert_int_equal(flow.result, FLOW_PENDING);
        assert_true(flow.wakes);
    }
}

/* Its end says nothing about the one that went, nor does that of a key that there never was. */
static void deleting__waits_for_no_other_avatar_than_the_one_that_went(void **state)
{
    (void)state;
    static const char *const read[] = {"avatars/2", "avatars/", ""};
    settings.hands_over = true;
    for (size_t i = 0; i < COUNT_OF(read); i++) {
        flow = (struct flow){0};
        deleting_init_avatar(&flow, &settings, ADA, read[i]);
        assert_int_equal(flow.next(&flow, 0), FLOW_WRITE);
        assert_true(repository_keys_add(&flow.op.keys, KEY));
        flow.op.outcome = REPOSITORY_PENDING;
        assert_int_equal(flow.next(&flow, 0), FLOW_END);
        assert_int_equal(flow.result, FLOW_PENDING);
        assert_true(flow.wakes);
        repository_op_deinit(&flow.op);
    }
}

static void deleting__waits_for_nobody_when_inline_work_is_off(void **state)
{
    (void)state;
    settings.hands_over = false;
    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        assert_int_equal(step_committed(&kinds[i], REPOSITORY_PENDING, true), FLOW_END);
        assert_int_equal(flow.result, FLOW_PENDING);
        assert_true(flow.wakes);
        assert_false(flow.waits);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CHECK(deleting__ends_on_what_the_commit_says),
        CHECK(deleting__waits_for_its_subject),
        CHECK(deleting__waits_for_nothing_that_may_not_be_tried_yet),
        CHECK(deleting__waits_for_no_other_avatar_than_the_one_that_went),
        CHECK(deleting__waits_for_nobody_when_inline_work_is_off),
    };
    return cmocka_run_group_tests_name("users: deleting", tests, NULL, NULL);
}
