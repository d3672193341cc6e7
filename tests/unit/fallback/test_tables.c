/* The class table row by row, backoff, breaker and pace. */
#include "fallback/backoff.h"
#include "fallback/breaker.h"
#include "fallback/pace.h"
#include "fallback/verdict.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void verdict__of_every_answer(void **state)
{
    (void)state;
    static const struct {
        int status;
        const char *code;
        enum verdict verdict;
    } rows[] = {
        {200, "", VERDICT_DONE},
        {202, "", VERDICT_DONE},
        {204, "", VERDICT_DONE},
        {404, "", VERDICT_DONE},
        {404, "NoSuchKey", VERDICT_DONE},
        {404, "NoSuchVersion", VERDICT_DONE},
        {0, FILES_CODE_TIMEOUT, VERDICT_RETRY},
        {0, FILES_CODE_UNREACHABLE, VERDICT_RETRY},
        {0, FILES_CODE_RESET, VERDICT_RETRY},
        {0, FILES_CODE_NOT_SENT, VERDICT_RETRY},
        {0, FILES_CODE_IO, VERDICT_RETRY},
        {507, FILES_CODE_NO_SPACE, VERDICT_RETRY},
        {0, FILES_CODE_NO_MEMORY, VERDICT_RETRY},
        {200, FILES_CODE_MALFORMED, VERDICT_RETRY},
        {200, FILES_CODE_UNANSWERED, VERDICT_RETRY},
        {200, "InternalError", VERDICT_RETRY},
        {200, "SlowDown", VERDICT_RETRY},
        {408, "", VERDICT_RETRY},
        {429, "", VERDICT_RETRY},
        {500, "", VERDICT_RETRY},
        {502, "", VERDICT_RETRY},
        {503, "", VERDICT_RETRY},
        {504, "", VERDICT_RETRY},
        {503, "SlowDown", VERDICT_RETRY},
        {503, "SomethingNew", VERDICT_RETRY},
        {409, "OperationAborted", VERDICT_RETRY},
        {400, "RequestTimeout", VERDICT_RETRY},
        {401, "", VERDICT_BLOCKED},
        {403, "", VERDICT_BLOCKED},
        {403, "AccessDenied", VERDICT_BLOCKED},
        {200, "AccessDenied", VERDICT_BLOCKED},
        {403, "InvalidAccessKeyId", VERDICT_BLOCKED},
        {409, "ObjectLocked", VERDICT_BLOCKED},
        {412, "PreconditionFailed", VERDICT_BLOCKED},
        {404, "NoSuchBucket", VERDICT_BLOCKED},
        {301, FILES_CODE_REDIRECT, VERDICT_BLOCKED},
        {0, FILES_CODE_TLS, VERDICT_BLOCKED},
        /* Unknown is never done. */
        {0, "", VERDICT_BLOCKED},
        {201, "", VERDICT_BLOCKED},
        {302, "", VERDICT_BLOCKED},
        {400, "", VERDICT_BLOCKED},
        {418, "", VERDICT_BLOCKED},
        {501, "NotImplemented", VERDICT_BLOCKED},
        {200, "SomethingNew", VERDICT_BLOCKED},
        {404, "SomethingNew", VERDICT_BLOCKED},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct files_answer answer = {.status = rows[i].status};
        strcpy(answer.code, rows[i].code);
        if (verdict_of_delete(&answer) != rows[i].verdict)
            fail_msg("status %d, code \"%s\"", rows[i].status, rows[i].code);
    }
}

static void verdict__names_a_class_for_every_answer(void **state)
{
    (void)state;
    char class[FILES_CODE_SIZE];
    verdict_class_name(&(struct files_answer){.status = 418}, class, sizeof class);
    assert_string_equal(class, "http-418");
    verdict_class_name(&(struct files_answer){.status = 503, .code = "SlowDown"}, class,
                       sizeof class);
    assert_string_equal(class, "SlowDown");
}

static void verdict__knows_who_asks_for_less(void **state)
{
    (void)state;
    assert_true(verdict_is_throttle(&(struct files_answer){.status = 429}));
    assert_true(verdict_is_throttle(&(struct files_answer){.status = 503}));
    assert_true(verdict_is_throttle(&(struct files_answer){.status = 200, .code = "SlowDown"}));
    assert_true(
        verdict_is_throttle(&(struct files_answer){.status = 400, .code = "Throttling"}));
    assert_true(verdict_is_throttle(
        &(struct files_answer){.status = 400, .code = "ThrottlingException"}));
    assert_false(
        verdict_is_throttle(&(struct files_answer){.status = 400, .code = "Throttle"}));
    assert_false(verdict_is_throttle(&(struct files_answer){.status = 500}));
}

static void backoff__is_drawn_from_the_whole_of_a_doubling_range(void **state)
{
    (void)state;
    struct random random = {1};
    for (int64_t attempts = 0; attempts < 20; attempts++) {
        int64_t bound = attempts < 12 ? 1000LL << attempts : BACKOFF_RETRY_MAX_MS;
        if (bound > BACKOFF_RETRY_MAX_MS)
            bound = BACKOFF_RETRY_MAX_MS;
        int64_t least = INT64_MAX, most = 0;
        for (int i = 0; i < 1000; i++) {
            int64_t delay = backoff_retry_ms(attempts, 0, &random);
            assert_in_range(delay, 1, bound);
            least = delay < least ? delay : least;
            most = delay > most ? delay : most;
        }
        assert_in_range(least, 1, bound / 10);
        assert_in_range(most, bound - bound / 10, bound);
    }
}

static void backoff__honours_retry_after_within_an_hour(void **state)
{
    (void)state;
    struct random random = {1};
    assert_int_equal(backoff_retry_ms(0, 30000, &random), 30000);
    assert_int_equal(backoff_retry_ms(0, 10LL * BACKOFF_RETRY_MAX_MS, &random),
                     BACKOFF_RETRY_MAX_MS);
}

static void backoff__of_blocked_is_an_hour_to_a_day(void **state)
{
    (void)state;
    struct random random = {1};
    for (int64_t attempts = 0; attempts < 100; attempts++)
        assert_in_range(backoff_blocked_ms(attempts, &random), 3600000, 86400000);
}

static void breaker__opens_after_five_failures_in_a_row(void **state)
{
    (void)state;
    struct random random = {1};
    struct breaker breaker = {0};
    for (int i = 0; i < 4; i++)
        assert_false(breaker_failed(&breaker, 0, &random));
    breaker_succeeded(&breaker);
    for (int i = 0; i < 4; i++)
        assert_false(breaker_failed(&breaker, 0, &random));
    assert_true(breaker_allows(&breaker, 0));
    assert_true(breaker_failed(&breaker, 0, &random));
    assert_false(breaker_allows(&breaker, 999));
    assert_true(breaker_allows(&breaker, 1250));
}

static void breaker__lets_one_probe_through_and_closes_on_its_success(void **state)
{
    (void)state;
    struct random random = {1};
    struct breaker breaker = {.state = BREAKER_OPEN, .probe_at = 10};
    breaker_sent(&breaker);
    assert_int_equal(breaker.state, BREAKER_HALF_OPEN);
    assert_false(breaker_allows(&breaker, 1000000));
    assert_false(breaker_failed(&breaker, 100, &random));
    assert_int_equal(breaker.state, BREAKER_OPEN);
    assert_in_range(breaker.probe_at, 1100, 1350);
    breaker_sent(&breaker);
    assert_true(breaker_succeeded(&breaker));
    assert_int_equal(breaker.state, BREAKER_CLOSED);
}

static void breaker__ignores_stragglers_from_before_it_opened(void **state)
{
    (void)state;
    struct random random = {1};
    struct breaker breaker = {.state = BREAKER_OPEN, .probe_at = 10};
    assert_false(breaker_succeeded(&breaker));
    assert_int_equal(breaker.state, BREAKER_OPEN);
    assert_false(breaker_failed(&breaker, 5, &random));
    assert_int_equal(breaker.probe_at, 10);
}

static void pace__starts_at_the_most_halves_and_grows(void **state)
{
    (void)state;
    struct pace pace;
    pace_init(&pace, 2000);
    assert_int_equal(pace_room(&pace, 0, 0), 2000);
    assert_int_equal(pace_room(&pace, 1990, 0), 10);
    assert_int_equal(pace_room(&pace, 2000, 0), 0);
    pace_throttled(&pace, 0, 0);
    assert_int_equal(pace_room(&pace, 0, 0), 1000);
    /* The same burst counts once. */
    pace_throttled(&pace, 0, 500);
    assert_int_equal(pace_room(&pace, 0, 500), 1000);
    pace_throttled(&pace, 0, 1000);
    assert_int_equal(pace_room(&pace, 0, 1000), 500);
    for (int i = 0; i < 1000; i++)
        pace_succeeded(&pace);
    assert_int_equal(pace_room(&pace, 0, 1000), 2000);
    for (int i = 0; i < 100; i++)
        pace_throttled(&pace, 0, 1000 * (i + 2));
    assert_int_equal(pace_room(&pace, 0, 200000), 8);
}

static void pace__waits_as_long_as_it_is_asked_to(void **state)
{
    (void)state;
    struct pace pace;
    pace_init(&pace, 100);
    pace_throttled(&pace, 5000, 1000);
    assert_int_equal(pace_room(&pace, 0, 5999), 0);
    assert_int_equal(pace_room(&pace, 0, 6000), 50);
    pace_throttled(&pace, 1000000000, 10000);
    assert_int_equal(pace_room(&pace, 0, 70000), 25);
}

static void pace__of_little_work_never_grows_beyond_it(void **state)
{
    (void)state;
    struct pace pace;
    pace_init(&pace, 4);
    pace_throttled(&pace, 0, 0);
    assert_int_equal(pace_room(&pace, 0, 0), 4);
}

static void breaker__of_several_stores_is_the_worst_of_them(void **state)
{
    (void)state;
    static const enum breaker_state worst[3][3] = {
        [BREAKER_CLOSED] = {[BREAKER_CLOSED] = BREAKER_CLOSED,
                            [BREAKER_OPEN] = BREAKER_OPEN,
                            [BREAKER_HALF_OPEN] = BREAKER_HALF_OPEN},
        [BREAKER_OPEN] = {BREAKER_OPEN, BREAKER_OPEN, BREAKER_OPEN},
        [BREAKER_HALF_OPEN] = {[BREAKER_CLOSED] = BREAKER_HALF_OPEN,
                               [BREAKER_OPEN] = BREAKER_OPEN,
                               [BREAKER_HALF_OPEN] = BREAKER_HALF_OPEN},
    };
    for (int a = 0; a < 3; a++) {
        for (int b = 0; b < 3; b++)
            assert_int_equal(breaker_worse((enum breaker_state)a, (enum breaker_state)b),
                             worst[a][b]);
    }
    assert_string_equal(breaker_state_name(BREAKER_CLOSED), "closed");
    assert_string_equal(breaker_state_name(BREAKER_OPEN), "open");
    assert_string_equal(breaker_state_name(BREAKER_HALF_OPEN), "half-open");
}

/* A look or a claim that had nothing to send gives its place back to the next. */
static void breaker__gives_the_place_of_a_probe_back_that_was_not_sent(void **state)
{
    (void)state;
    struct breaker breaker = {.state = BREAKER_OPEN, .probe_at = 10};
    breaker_unsent(&breaker, 500);
    assert_int_equal(breaker.probe_at, 10);
    breaker_sent(&breaker);
    breaker_unsent(&breaker, 500);
    assert_int_equal(breaker.state, BREAKER_OPEN);
    assert_false(breaker_allows(&breaker, 1499));
    assert_true(breaker_allows(&breaker, 1500));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(verdict__of_every_answer),
        cmocka_unit_test(verdict__names_a_class_for_every_answer),
        cmocka_unit_test(verdict__knows_who_asks_for_less),
        cmocka_unit_test(backoff__is_drawn_from_the_whole_of_a_doubling_range),
        cmocka_unit_test(backoff__honours_retry_after_within_an_hour),
        cmocka_unit_test(backoff__of_blocked_is_an_hour_to_a_day),
        cmocka_unit_test(breaker__opens_after_five_failures_in_a_row),
        cmocka_unit_test(breaker__lets_one_probe_through_and_closes_on_its_success),
        cmocka_unit_test(breaker__ignores_stragglers_from_before_it_opened),
        cmocka_unit_test(pace__starts_at_the_most_halves_and_grows),
        cmocka_unit_test(pace__waits_as_long_as_it_is_asked_to),
        cmocka_unit_test(pace__of_little_work_never_grows_beyond_it),
        cmocka_unit_test(breaker__of_several_stores_is_the_worst_of_them),
        cmocka_unit_test(breaker__gives_the_place_of_a_probe_back_that_was_not_sent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
