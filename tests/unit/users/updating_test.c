/* A user's columns written anew: one write, and what it says. */
#include "support/check.h"
#include "users/updating.h"

static const struct flow_settings settings;
static struct flow flow;

static void updating__ends_on_what_its_write_says(void **state)
{
    (void)state;
    static const struct {
        enum repository_outcome outcome;
        enum flow_result result;
    } rows[] = {{REPOSITORY_OK, FLOW_DONE},
                {REPOSITORY_NOT_FOUND, FLOW_NOT_FOUND},
                {REPOSITORY_CONFLICT, FLOW_CONFLICT},
                {REPOSITORY_FAILED, FLOW_UNAVAILABLE}};
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        flow = (struct flow){0};
        updating_init(&flow, &settings, 7);
        assert_int_equal(flow.next(&flow, 0), FLOW_WRITE);
        assert_int_equal(flow.op.verb, USER_REPLACE);
        assert_int_equal(flow.op.if_version, 7);
        flow.op.outcome = rows[i].outcome;
        assert_int_equal(flow.next(&flow, 0), FLOW_END);
        assert_int_equal(flow.result, rows[i].result);
        assert_false(flow.wakes || flow.waits);
        assert_int_equal(flow.why != NULL, flow.result == FLOW_UNAVAILABLE);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CHECK(updating__ends_on_what_its_write_says),
    };
    return cmocka_run_group_tests_name("users: updating", tests, NULL, NULL);
}
