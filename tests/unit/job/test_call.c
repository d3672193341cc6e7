#include "job/call.h"

#include "job/probe.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define SECRET "s3cret-token"
#define NDJSON "application/x-ndjson"
#define JSON   "application/json"

static void call__url_adds_to_the_query(void **state)
{
    (void)state;
    static const struct {
        const char *url;
        int64_t limit, timeout_ms;
        const char *cursor, *result;
    } rows[] = {
        {"http://h/f", 0, 0, "", "http://h/f"},
        {"http://h/f", 0, 0, "a b/+&=%\xc3\xa9~",
         "http://h/f?cursor=a%20b%2F%2B%26%3D%25%C3%A9~"},
        {"http://h/f", 500, 25000, "x", "http://h/f?limit=500&timeout=25s&cursor=x"},
        {"http://h/f?a=1", 0, 1999, "", "http://h/f?a=1&timeout=1s"},
        {"http://h/f?", 7, 0, "", "http://h/f?limit=7"},
        {"http://h/f?a=1&", 7, 0, "", "http://h/f?a=1&limit=7"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct buffer url;
        buffer_init(&url, CALL_URL_MAX);
        assert_int_equal(
            call_url(rows[i].url, rows[i].limit, rows[i].timeout_ms, rows[i].cursor, &url), 0);
        assert_string_equal(url.bytes, rows[i].result);
        buffer_deinit(&url);
    }
    struct buffer small;
    buffer_init(&small, 20);
    assert_int_equal(call_url("http://h/f", 0, 0, "aaaaaaaaaaaa", &small), -1);
    buffer_deinit(&small);
}

static void judge(enum http_outcome outcome, int status, const char *type, const char *body,
                  struct call_verdict *ret_verdict)
{
    struct http_response response = {.outcome = outcome, .status = status};
    buffer_init(&response.body, CALL_BODY_MAX);
    strcpy(response.content_type, type);
    strcpy(response.text, outcome ? "why" : "");
    if (*body)
        assert_int_equal(buffer_append_text(&response.body, body), 0);
    struct call_success success;
    const char *const secrets[] = {"", SECRET, NULL};
    assert_int_equal(call_success_parse("200-299", &success), 0);
    call_judge(&response, &success, secrets, ret_verdict);
    http_response_deinit(&response);
}

#define OK_DATA(fields) "{\"status\":\"ok\",\"data\":{" fields "}}"

static void call__judges_row_by_row(void **state)
{
    (void)state;
    static const struct {
        enum http_outcome outcome;
        int status;
        const char *type, *body;
        int exit_code;
        bool counted, more;
    } rows[] = {
        {HTTP_ANSWERED, 200, JSON, OK_DATA("\"more\":false,\"cursor\":null"), 0, true, false},
        {HTTP_ANSWERED, 200, JSON, OK_DATA("\"more\":true,\"cursor\":\"c1\""), 0, true, true},
        {HTTP_ANSWERED, 200, "", OK_DATA("\"more\":true,\"cursor\":\"c1\""), 0, true, true},
        {HTTP_ANSWERED, 200, NDJSON, OK_DATA("\"more\":false"), 0, true, false},
        {HTTP_ANSWERED, 200, NDJSON "; charset=utf-8", OK_DATA("\"more\":false"), 0, true,
         false},
        /* Services that know nothing of sweeps. */
        {HTTP_ANSWERED, 204, "", "", 0, false, false},
        {HTTP_ANSWERED, 200, "", "", 0, false, false},
        {HTTP_ANSWERED, 202, "text/plain", "done", 0, false, false},
        {HTTP_ANSWERED, 200, JSON, "[1,2]", 0, false, false},
        {HTTP_ANSWERED, 200, JSON, "{\"status\":\"success\",\"message\":\"x\"}", 0, false,
         false},
        {HTTP_ANSWERED, 200, JSON, OK_DATA(""), 0, false, false},
        {HTTP_ANSWERED, 200, JSON, "{\"data\":7}", 0, false, false},
        {HTTP_ANSWERED, 200, JSON, "{cut", 0, false, false},
        /* A sweep's answer that cannot be followed. */
        {HTTP_ANSWERED, 200, JSON, OK_DATA("\"more\":true"), 70, true, false},
        {HTTP_ANSWERED, 200, JSON, OK_DATA("\"more\":true,\"cursor\":null"), 70, true, false},
        {HTTP_ANSWERED, 200, JSON, OK_DATA("\"more\":true,\"cursor\":\"\""), 70, true, false},
        {HTTP_ANSWERED, 200, JSON, OK_DATA("\"more\":true,\"cursor\":5"), 70, true, false},
        {HTTP_ANSWERED, 200, JSON, OK_DATA("\"more\":\"yes\""), 70, false, false},
        {HTTP_ANSWERED, 200, JSON, OK_DATA("\"more\":false,\"failed\":-1"), 70, false, false},
        {HTTP_ANSWERED, 200, JSON, OK_DATA("\"more\":false,\"deleted\":\"3\""), 70, false,
         false},
        {HTTP_ANSWERED, 200, JSON, OK_DATA("\"more\":false,\"remaining\":1.5"), 70, false,
         false},
        {HTTP_ANSWERED, 200, JSON, OK_DATA("\"more\":false,\"oldestPendingSeconds\":[]"), 70,
         false, false},
        /* A stream says how it went in its last line only. */
        {HTTP_ANSWERED, 200, NDJSON, "", 70, false, false},
        {HTTP_ANSWERED, 200, NDJSON, "{\"status\":\"ok\",\"da", 70, false, false},
        {HTTP_ANSWERED, 200, NDJSON, "{\"status\":\"Unavailable\",\"message\":\"m\"}", 70,
         false, false},
        /* Statuses. */
        {HTTP_ANSWERED, 199, "", "", 70, false, false},
        {HTTP_ANSWERED, 301, "", "", 70, false, false},
        {HTTP_ANSWERED, 304, "", "", 70, false, false},
        {HTTP_ANSWERED, 401, JSON, "{}", 70, false, false},
        {HTTP_ANSWERED, 404, JSON, OK_DATA("\"more\":false"), 70, false, false},
        {HTTP_ANSWERED, 500, "", "", 70, false, false},
        {HTTP_ANSWERED, 503, NDJSON, "", 70, false, false},
        /* No whole answer. */
        {HTTP_UNREACHABLE, 0, "", "", 70, false, false},
        {HTTP_TIMEOUT, 0, "", "", 75, false, false},
        {HTTP_TIMEOUT, 200, JSON, OK_DATA("\"more\":false"), 75, false, false},
        {HTTP_TLS, 0, "", "", 70, false, false},
        {HTTP_CUT, 200, JSON, OK_DATA("\"more\":false"), 70, false, false},
        {HTTP_TOO_LARGE, 200, "", "", 70, false, false},
        {HTTP_FAILED, 0, "", "", 70, false, false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct call_verdict verdict;
        judge(rows[i].outcome, rows[i].status, rows[i].type, rows[i].body, &verdict);
        if (verdict.exit_code != rows[i].exit_code || verdict.more != rows[i].more ||
            verdict.counted != rows[i].counted)
            fail_msg("row %zu, %d %s: exit %d, counted %d, more %d: %s", i, rows[i].status,
                     rows[i].body, verdict.exit_code, verdict.counted, verdict.more,
                     verdict.text);
        assert_int_equal(*verdict.text != '\0', rows[i].exit_code != 0);
    }
}

static void call__retries_only_what_can_pass(void **state)
{
    (void)state;
    static const struct {
        enum http_outcome outcome;
        int status;
        int64_t after_s, wait_ms;
        bool retry;
    } rows[] = {
        {HTTP_ANSWERED, 200, 5, 0, false},
        {HTTP_ANSWERED, 301, 5, 0, false},
        {HTTP_ANSWERED, 400, 5, 0, false},
        {HTTP_ANSWERED, 401, 0, 0, false},
        {HTTP_ANSWERED, 403, 0, 0, false},
        {HTTP_ANSWERED, 404, 0, 0, false},
        {HTTP_ANSWERED, 408, 0, 0, true},
        {HTTP_ANSWERED, 409, 0, 0, false},
        {HTTP_ANSWERED, 425, 0, 0, true},
        {HTTP_ANSWERED, 429, 7, 7000, true},
        {HTTP_ANSWERED, 500, 0, 0, true},
        {HTTP_ANSWERED, 501, 0, 0, false},
        {HTTP_ANSWERED, 502, 0, 0, true},
        {HTTP_ANSWERED, 503, 30, 30000, true},
        {HTTP_ANSWERED, 503, 1 << 30, 86400000, true},
        {HTTP_ANSWERED, 504, -1, 0, true},
        {HTTP_UNREACHABLE, 0, 0, 0, true},
        {HTTP_TIMEOUT, 0, 0, 0, true},
        {HTTP_CUT, 200, 0, 0, true},
        {HTTP_TLS, 0, 0, 0, false},
        {HTTP_TOO_LARGE, 200, 0, 0, false},
        {HTTP_FAILED, 0, 0, 0, false},
    };
    struct call_success success;
    assert_int_equal(call_success_parse("200-299", &success), 0);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct http_response response = {.outcome = rows[i].outcome,
                                         .status = rows[i].status,
                                         .retry_after_s = rows[i].after_s};
        struct call_verdict verdict;
        call_judge(&response, &success, (const char *const[]){NULL}, &verdict);
        if (verdict.retry != rows[i].retry || verdict.retry_after_ms != rows[i].wait_ms)
            fail_msg("row %zu", i);
        assert_int_equal(verdict.status, rows[i].status);
    }
}

static void call__takes_the_statuses_that_are_listed(void **state)
{
    (void)state;
    static const char *const bad[] = {"",        "2",       "20",       "200,", ",200",
                                      "200-",    "300-200", "099",      "600",  "200 204",
                                      "200;204", "2000",    "200-299-", "all"};
    struct call_success success;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        if (call_success_parse(bad[i], &success) == 0)
            fail_msg("\"%s\" was taken", bad[i]);
    }
    assert_int_equal(call_success_parse("204,400-402,599", &success), 0);
    for (int status = 0; status < 700; status++) {
        struct http_response response = {.status = status};
        struct call_verdict verdict;
        call_judge(&response, &success, (const char *const[]){NULL}, &verdict);
        bool good = status == 204 || (status >= 400 && status <= 402) || status == 599;
        assert_int_equal(verdict.exit_code, good ? 0 : 70);
    }
}

static void call__reads_all_counts(void **state)
{
    (void)state;
    struct call_verdict verdict;
    judge(HTTP_ANSWERED, 200, JSON,
          OK_DATA("\"attempted\":10,\"deleted\":7,\"failed\":2,\"blocked\":1,\"remaining\":3,"
                  "\"scheduled\":5,\"more\":true,\"cursor\":\"k\\u00e9y\","
                  "\"oldestPendingSeconds\":61,\"nextDueAt\":null,\"breaker\":\"closed\""),
          &verdict);
    assert_int_equal(verdict.counts.attempted, 10);
    assert_int_equal(verdict.counts.deleted, 7);
    assert_int_equal(verdict.counts.failed, 2);
    assert_int_equal(verdict.counts.blocked, 1);
    assert_int_equal(verdict.counts.remaining, 3);
    assert_int_equal(verdict.oldest_pending_s, 61);
    assert_string_equal(verdict.cursor, "k\xc3\xa9y");
}

static void call__bounds_the_cursor(void **state)
{
    (void)state;
    char body[CALL_CURSOR_SIZE + 128];
    struct call_verdict verdict;
    for (int extra = 0; extra < 2; extra++) {
        char cursor[CALL_CURSOR_SIZE + 1];
        memset(cursor, 'c', sizeof cursor);
        cursor[CALL_CURSOR_SIZE - 1 + extra] = '\0';
        snprintf(body, sizeof body, OK_DATA("\"more\":true,\"cursor\":\"%s\""), cursor);
        judge(HTTP_ANSWERED, 200, JSON, body, &verdict);
        assert_int_equal(verdict.exit_code, extra ? 70 : 0);
    }
}

static void call__passes_words_on_but_no_secret(void **state)
{
    (void)state;
    struct call_verdict verdict;
    judge(HTTP_ANSWERED, 503, JSON, "{\"status\":\"Unavailable\",\"message\":\"no database\"}",
          &verdict);
    assert_string_equal(verdict.text, "the call was answered with status 503: no database");
    judge(HTTP_ANSWERED, 401, JSON, "{\"message\":\"no such token: " SECRET "\"}", &verdict);
    assert_string_equal(verdict.text, "the call was answered with status 401");
    judge(HTTP_ANSWERED, 500, JSON, "{\"message\":\"two\\nlines\"}", &verdict);
    assert_string_equal(verdict.text, "the call was answered with status 500");
    judge(HTTP_ANSWERED, 200, NDJSON, "{\"status\":\"Internal\",\"message\":\"" SECRET "\"}",
          &verdict);
    assert_null(strstr(verdict.text, SECRET));
}

static void call__tells_progress_from_the_result(void **state)
{
    (void)state;
    struct call_counts counts = {0};
    const char *line = "{\"progress\":{\"attempted\":250,\"deleted\":249,\"failed\":1,"
                       "\"blocked\":0,\"remaining\":12000}}";
    assert_true(call_progress_read(line, strlen(line), &counts));
    assert_int_equal(counts.attempted, 250);
    assert_int_equal(counts.deleted, 249);
    assert_int_equal(counts.failed, 1);
    assert_int_equal(counts.remaining, 12000);
    static const char *const others[] = {"",
                                         "{}",
                                         "[]",
                                         "{\"progress\":1}",
                                         "{\"progress\":{\"deleted\":-1}}",
                                         "{\"status\":\"ok\",\"data\":{}}",
                                         "{\"progress\":{}"};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        assert_false(call_progress_read(others[i], strlen(others[i]), &counts));
}

static void probe__takes_only_a_whole_2xx(void **state)
{
    (void)state;
    static const struct {
        enum http_outcome outcome;
        int status;
        bool healthy;
    } rows[] = {{HTTP_ANSWERED, 200, true},  {HTTP_ANSWERED, 204, true},
                {HTTP_ANSWERED, 302, false}, {HTTP_ANSWERED, 503, false},
                {HTTP_CUT, 200, false},      {HTTP_TOO_LARGE, 200, false},
                {HTTP_UNREACHABLE, 0, false}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char reason[ERROR_TEXT_SIZE];
        struct http_response response = {
            .outcome = rows[i].outcome, .status = rows[i].status, .text = "why"};
        assert_int_equal(probe_judge(&response, reason), rows[i].healthy);
        assert_int_equal(*reason == '\0', rows[i].healthy);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(call__url_adds_to_the_query),
        cmocka_unit_test(call__judges_row_by_row),
        cmocka_unit_test(call__retries_only_what_can_pass),
        cmocka_unit_test(call__takes_the_statuses_that_are_listed),
        cmocka_unit_test(call__reads_all_counts),
        cmocka_unit_test(call__bounds_the_cursor),
        cmocka_unit_test(call__passes_words_on_but_no_secret),
        cmocka_unit_test(call__tells_progress_from_the_result),
        cmocka_unit_test(probe__takes_only_a_whole_2xx),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
