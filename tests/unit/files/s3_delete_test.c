/* Deletions at S3: what is done is what the provider said of that key. */
#include "s3_store.h"

#include "base/clock.h"
#include "files/s3/answer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void each_key_has_its_own_truth(void **state)
{
    (void)state;
    batch(RESULT(DELETED("avatars/d") REFUSED("avatars/b&amp;c", "AccessDenied")
                     DELETED("avatars/a")));
    assert_answer(&answers[0], 200, "");
    assert_answer(&answers[1], 200, "AccessDenied");
    assert_string_equal(answers[1].text, "said so");
    assert_answer(&answers[2], 200, "");
}

static void a_key_that_is_not_named_is_not_done(void **state)
{
    (void)state;
    batch(RESULT(DELETED("avatars/a") DELETED("avatars/a-longer-key") DELETED("avatars/d")));
    assert_answer(&answers[0], 200, "");
    assert_answer(&answers[1], 200, FILES_CODE_UNANSWERED);
    assert_answer(&answers[2], 200, "");
    /* The same names, of another prefix or of none. */
    batch(
        "<DeleteResult><Deleted><Key>avatars/a</Key></Deleted><Deleted><Key>prf/avatars/d</Key>"
        "</Deleted></DeleteResult>");
    assert_all(200, FILES_CODE_UNANSWERED);
    batch(RESULT(""));
    assert_all(200, FILES_CODE_UNANSWERED);
}

static void absence_is_done(void **state)
{
    (void)state;
    batch(RESULT(REFUSED("avatars/a", "NoSuchKey") REFUSED("avatars/b&amp;c", "NoSuchVersion")
                     REFUSED("avatars/d", "NoSuchBucket")));
    assert_answer(&answers[0], 404, "");
    assert_answer(&answers[1], 404, "");
    assert_answer(&answers[2], 200, "NoSuchBucket");
}

static void one_failed_version_outweighs_the_others(void **state)
{
    (void)state;
    batch(RESULT(DELETED("avatars/a") REFUSED("avatars/a", "InternalError") REFUSED(
        "avatars/d", "InternalError") DELETED("avatars/d") DELETED("avatars/b&amp;c")));
    assert_answer(&answers[0], 200, "InternalError");
    assert_answer(&answers[1], 200, "");
    assert_answer(&answers[2], 200, "InternalError");
}

static void an_error_with_status_200_fails_every_key(void **state)
{
    (void)state;
    batch("<Error><Code>SlowDown</Code><Message>later\nplease</Message></Error>");
    assert_all(200, "SlowDown");
    assert_string_equal(answers[0].text, "later please");
    delete_against(1, reply("200 OK", "", "<Error><Code>InternalError</Code></Error>"),
                   SERVER_KEEP, PATIENCE);
    assert_answer(&answers[0], 200, "InternalError");
}

static void a_body_that_is_not_whole_is_no_answer(void **state)
{
    (void)state;
    static const char *const bodies[] = {
        "",
        " ",
        "deleted",
        "<DeleteResult>" DELETED("avatars/a") DELETED("avatars/b&amp;c") DELETED("avatars/d"),
        "<!DOCTYPE x [<!ENTITY e 'a'>]><DeleteResult>" DELETED("avatars/&e;") "</DeleteResult>",
        "<ListResult>" DELETED("avatars/a") "</ListResult>",
        RESULT(DELETED("avatars/a")) RESULT(DELETED("avatars/d")),
        "<Error><Message>no code</Message></Error>",
        "<html><Error><Code>x</Code></Error></html>",
    };
    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
        batch(bodies[i]);
        assert_all(200, FILES_CODE_MALFORMED);
    }
}

static void a_cut_connection_is_no_answer(void **state)
{
    (void)state;
    static const char cut[] = "HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n" RESULT(
        DELETED("avatars/a") DELETED("avatars/b&amp;c") DELETED("avatars/d"));
    delete_against(KEYS, cut, SERVER_CLOSE, PATIENCE);
    assert_all(200, FILES_CODE_MALFORMED);
    delete_against(KEYS, cut, SERVER_RESET, PATIENCE);
    assert_all(0, FILES_CODE_RESET);
    delete_against(KEYS, "", SERVER_RESET, PATIENCE);
    assert_all(0, FILES_CODE_RESET);
    delete_against(KEYS, "", SERVER_CLOSE, PATIENCE);
    assert_all(0, FILES_CODE_RESET);
    delete_against(KEYS, "SSH-2.0-OpenSSH_9.2\r\n", SERVER_CLOSE, PATIENCE);
    assert_all(0, FILES_CODE_MALFORMED);
}

static void a_batch_that_is_not_found_deletes_nothing(void **state)
{
    (void)state;
    delete_against(KEYS, reply("404 Not Found", "", ""), SERVER_KEEP, PATIENCE);
    assert_all(404, FILES_CODE_MALFORMED);
    delete_against(KEYS, reply("404 Not Found", "", "<Error><Code>NoSuchBucket</Code></Error>"),
                   SERVER_KEEP, PATIENCE);
    assert_all(404, "NoSuchBucket");
}

static void one_key_alone(void **state)
{
    (void)state;
    delete_against(1, reply("204 No Content", "", ""), SERVER_KEEP, PATIENCE);
    assert_answer(&answers[0], 204, "");
    assert_non_null(strstr(server.requests[1], "DELETE /bucket/pre/avatars/a HTTP/1.1\r\n"));
    delete_against(1, reply("404 Not Found", "", ""), SERVER_KEEP, PATIENCE);
    assert_answer(&answers[0], 404, "");
    delete_against(1, reply("404 Not Found", "", "<Error><Code>NoSuchKey</Code></Error>"),
                   SERVER_KEEP, PATIENCE);
    assert_answer(&answers[0], 404, "");
    delete_against(1, reply("404 Not Found", "", "<Error><Code>NoSuchBucket</Code></Error>"),
                   SERVER_KEEP, PATIENCE);
    assert_answer(&answers[0], 404, "NoSuchBucket");
    delete_against(1, reply("404 Not Found", "", "<html>no such page</html>"), SERVER_KEEP,
                   PATIENCE);
    assert_answer(&answers[0], 404, FILES_CODE_MALFORMED);
    delete_against(1, reply("200 OK", "", "<html>welcome</html>"), SERVER_KEEP, PATIENCE);
    assert_answer(&answers[0], 200, FILES_CODE_MALFORMED);
}

static void a_slow_down_says_for_how_long(void **state)
{
    (void)state;
    struct files_op op =
        delete_against(KEYS,
                       reply("503 Slow Down", "Retry-After: 7\r\n",
                             "<Error><Code>SlowDown</Code><Message>rate</Message></Error>"),
                       SERVER_KEEP, PATIENCE);
    assert_all(503, "SlowDown");
    assert_int_equal(op.answer.retry_after_ms, 7000);
    assert_int_equal(answers[KEYS - 1].retry_after_ms, 7000);
    delete_against(1, reply("503 Busy", "Retry-After: 99999999\r\n", ""), SERVER_KEEP,
                   PATIENCE);
    assert_answer(&answers[0], 503, "");
    assert_int_equal(answers[0].retry_after_ms, S3_RETRY_AFTER_MS_MAX);
}

static void a_code_holds_nothing_odd(void **state)
{
    (void)state;
    batch("<Error><Code>Sl\xc3\xb6w Down\n&lt;script&gt;</Code></Error>");
    assert_all(200, "SlwDownscript");
}

static void a_redirect_is_named_and_not_followed(void **state)
{
    (void)state;
    char location[128];
    delete_against(1,
                   reply("301 Moved", "x-amz-bucket-region: eu-north-1\r\n",
                         "<Error><Code>PermanentRedirect</Code></Error>"),
                   SERVER_KEEP, PATIENCE);
    assert_answer(&answers[0], 301, FILES_CODE_REDIRECT);
    assert_non_null(strstr(answers[0].text, "eu-north-1"));
    snprintf(location, sizeof location, "Location: http://127.0.0.1:%u/other\r\n", server.port);
    delete_against(KEYS, reply("307 Temporary Redirect", location, ""), SERVER_KEEP, PATIENCE);
    assert_all(307, FILES_CODE_REDIRECT);
    assert_int_equal(server.request_count, 2);
}

static void a_hang_ends_at_the_deadline(void **state)
{
    (void)state;
    int64_t began = clock_boot_ms();
    delete_against(KEYS, "", SERVER_HANG, BRIEF);
    assert_true(clock_boot_ms() - began >= BRIEF - ROUNDING);
    assert_all(0, FILES_CODE_TIMEOUT);
    delete_against(KEYS, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n<Del", SERVER_HANG,
                   BRIEF);
    assert_all(0, FILES_CODE_TIMEOUT);
}

static void what_never_ends_is_cut_off(void **state)
{
    (void)state;
    delete_against(KEYS, "HTTP/1.1 200 OK\r\n\r\n<DeleteResult> ", SERVER_ENDLESS, PATIENCE);
    assert_all(200, FILES_CODE_MALFORMED);
    delete_against(KEYS, "HTTP/1.1 200 OK\r\nx-long: a", SERVER_ENDLESS, PATIENCE);
    assert_string_not_equal(answers[0].code, "");
}

int main(void)
{
    environment_set();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_key_has_its_own_truth),
        cmocka_unit_test(a_key_that_is_not_named_is_not_done),
        cmocka_unit_test(absence_is_done),
        cmocka_unit_test(one_failed_version_outweighs_the_others),
        cmocka_unit_test(an_error_with_status_200_fails_every_key),
        cmocka_unit_test(a_body_that_is_not_whole_is_no_answer),
        cmocka_unit_test(a_cut_connection_is_no_answer),
        cmocka_unit_test(a_batch_that_is_not_found_deletes_nothing),
        cmocka_unit_test(one_key_alone),
        cmocka_unit_test(a_slow_down_says_for_how_long),
        cmocka_unit_test(a_code_holds_nothing_odd),
        cmocka_unit_test(a_redirect_is_named_and_not_followed),
        cmocka_unit_test(a_hang_ends_at_the_deadline),
        cmocka_unit_test(what_never_ends_is_cut_off),
    };
    return cmocka_run_group_tests_name("files: S3 deletions", tests, NULL, NULL);
}
