/*
 * What services that speak S3 really answer, and what it means here. Each case names where it
 * was seen or is written down; ids and names are shortened.
 */
#include "s3_store.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

struct provider_case {
    const char *status, *headers, *body;
    int expected_status;
    const char *expected_code;
    const char *text; /* part of what a person is told; NULL: anything */
    int64_t retry_after_ms;
};

/* Reads the identity object, deletes one key and puts another: the same is said of all. */
static void check(const struct provider_case *one)
{
    const struct server_reply replies[] = {
        {reply(one->status, one->headers, one->body), SERVER_KEEP},
        {KEEPS_NO_VERSIONS, SERVER_KEEP},
        {reply(one->status, one->headers, one->body), SERVER_KEEP},
        {reply(one->status, one->headers, one->body), SERVER_KEEP}};
    struct files_op ops[] = {
        {.verb = FILES_IDENTITY_READ},
        {.verb = FILES_DELETE, .keys = keys, .answers = answers, .count = 1},
        {.verb = FILES_PUT, .key = "avatars/a", .bytes = "png", .length = 3}};
    store_open(replies, 4);
    for (size_t i = 0; i < 3; i++) {
        run(&ops[i], PATIENCE);
        assert_answer(&ops[i].answer, one->expected_status, one->expected_code);
        if (one->text && !strstr(ops[i].answer.text, one->text))
            fail_msg("\"%s\" does not say \"%s\"", ops[i].answer.text, one->text);
        assert_int_equal(ops[i].answer.retry_after_ms, one->retry_after_ms);
    }
    store_close();
}

static void check_all(const struct provider_case *cases, size_t count)
{
    for (size_t i = 0; i < count; i++)
        check(&cases[i]);
}

/* A bucket elsewhere: docs.aws.amazon.com/AmazonS3/latest/API/UsingRouting.html */
static void amazon_says_where_the_bucket_is(void **state)
{
    (void)state;
    static const struct provider_case cases[] = {
        /* "PermanentRedirect", with the region in a header. */
        {"301 Moved Permanently", "x-amz-bucket-region: eu-north-1\r\n",
         "<Error><Code>PermanentRedirect</Code><Message>The bucket you are attempting to "
         "access "
         "must be addressed using the specified endpoint.</Message>"
         "<Endpoint>bucket.s3.eu-north-1.amazonaws.com</Endpoint></Error>",
         301, FILES_CODE_REDIRECT, "region eu-north-1: set region=", 0},
        /* The same without the header. */
        {"301 Moved Permanently", "",
         "<Error><Code>PermanentRedirect</Code><Message>elsewhere</Message>"
         "<Endpoint>bucket.s3-eu-west-1.amazonaws.com</Endpoint></Error>",
         301, FILES_CODE_REDIRECT, "bucket.s3-eu-west-1.amazonaws.com: set endpoint=", 0},
        /* A new bucket's name is not known everywhere yet. */
        {"307 Temporary Redirect", "Location: https://bucket.s3-eu-west-1.amazonaws.com/\r\n",
         "<Error><Code>TemporaryRedirect</Code></Error>", 307, FILES_CODE_REDIRECT,
         "set endpoint=", 0},
        /* Regions of after March 2019, and a wrong scope: github.com/minio/minio-go/issues/677
         */
        {"400 Bad Request", "X-Amz-Bucket-Region: us-east-1\r\n",
         "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
         "<Error><Code>AuthorizationHeaderMalformed</Code><Message>The authorization header is "
         "malformed; the region 'us-west-2' is wrong; expecting 'us-east-1'</Message>"
         "<Region>us-east-1</Region><RequestId>C4</RequestId></Error>",
         400, "AuthorizationHeaderMalformed", "region us-east-1: set region=", 0},
        /* The code is used for other faults too: github.com/
           deliciousbrains/wp-amazon-s3-and-cloudfront/issues/460 */
        {"400 Bad Request", "",
         "<Error><Code>AuthorizationHeaderMalformed</Code><Message>The authorization header is "
         "malformed; the Credential is mal-formed</Message><Region>us-east-1</Region></Error>",
         400, "AuthorizationHeaderMalformed", "Credential is mal-formed", 0},
    };
    check_all(cases, sizeof cases / sizeof *cases);
}

/* docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html */
static void amazon_asks_for_patience(void **state)
{
    (void)state;
    static const struct provider_case cases[] = {
        {"503 Slow Down", "",
         "<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message>"
         "</Error>",
         503, "SlowDown", "reduce your request rate", 0},
        {"503 Service Unavailable", "", "<Error><Code>ServiceUnavailable</Code></Error>", 503,
         "ServiceUnavailable", NULL, 0},
        {"500 Internal Server Error", "", "<Error><Code>InternalError</Code></Error>", 500,
         "InternalError", NULL, 0},
        {"403 Forbidden", "",
         "<Error><Code>RequestTimeTooSkewed</Code><Message>The difference between the request "
         "time and the server's time is too large.</Message></Error>",
         403, "RequestTimeTooSkewed", "difference", 0},
    };
    check_all(cases, sizeof cases / sizeof *cases);
}

static void minio_starts_slowly(void **state)
{
    (void)state;
    /* github.com/minio/minio/pull/15002, a trace in it. */
    check(&(struct provider_case){
        "503 Service Unavailable", "Retry-After: 120\r\nServer: MinIO\r\n",
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
        "<Error><Code>XMinioServerNotInitialized</Code><Message>Server not initialized, please "
        "try again.</Message><Key></Key><BucketName>b</BucketName></Error>",
        503, "XMinioServerNotInitialized", "try again", 120000});
}

static void minio_reports_what_was_not_there(void **state)
{
    (void)state;
    /* github.com/minio/minio/issues/2630 and pull/11086: an error for a missing key in a batch,
       where Amazon says Deleted. */
    batch(RESULT(REFUSED("avatars/a", "NoSuchKey") REFUSED("avatars/b&amp;c", "NoSuchVersion")
                     DELETED("avatars/d")));
    assert_answer(&answers[0], 404, "");
    assert_answer(&answers[1], 404, "");
    assert_answer(&answers[2], 200, "");
}

static void versity_reports_what_was_not_there(void **state)
{
    (void)state;
    /* github.com/versity/versitygw/issues/834: to a single DELETE, too. */
    delete_against(1,
                   reply("404 Not Found", "",
                         "<Error><Code>NoSuchKey</Code><Message>The specified key does not "
                         "exist.</Message></Error>"),
                   SERVER_KEEP, PATIENCE);
    assert_answer(&answers[0], 404, "");
}

/* src/api/s3/delete.rs and error.rs of git.deuxfleurs.fr/Deuxfleurs/garage */
static void garage_has_markers_without_versions(void **state)
{
    (void)state;
    /* Each key comes back with ids of a version and of a marker; it is gone all the same. */
    batch(RESULT("<Deleted><Key>pre/avatars/a</Key><VersionId>5f</VersionId>"
                 "<DeleteMarkerVersionId>60</DeleteMarkerVersionId></Deleted>"
                 "<Deleted><Key>pre/avatars/b&amp;c</Key><VersionId>61</VersionId>"
                 "<DeleteMarkerVersionId>62</DeleteMarkerVersionId></Deleted>"
                 "<Error><Code>NoSuchKey</Code><Key>pre/avatars/d</Key>"
                 "<Message>Key not found</Message></Error>"));
    assert_answer(&answers[0], 200, "");
    assert_answer(&answers[1], 200, "");
    assert_answer(&answers[2], 404, "");
}

static void garage_names_its_region(void **state)
{
    (void)state;
    static const struct provider_case cases[] = {
        {"400 Bad Request", "",
         "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Error>"
         "<Code>AuthorizationHeaderMalformed</Code><Message>Authorization header malformed, "
         "unexpected scope: 20261123/eu-west-1/s3/aws4_request</Message>"
         "<Resource>/bucket/</Resource><Region>garage</Region></Error>",
         400, "AuthorizationHeaderMalformed", "region garage: set region=", 0},
        /* Every error names it; in others it is no news. */
        {"403 Forbidden", "",
         "<Error><Code>AccessDenied</Code><Message>Forbidden: no</Message>"
         "<Region>garage</Region></Error>",
         403, "AccessDenied", "Forbidden: no", 0},
        {"501 Not Implemented", "",
         "<Error><Code>NotImplemented</Code><Message>Unimplemented action: X</Message>"
         "<Region>garage</Region></Error>",
         501, "NotImplemented", "Unimplemented action", 0},
    };
    check_all(cases, sizeof cases / sizeof *cases);
}

static void r2_refuses_headers_that_it_does_not_know(void **state)
{
    (void)state;
    static const struct provider_case cases[] = {
        /* github.com/cloudflare/cloudflare-docs/pull/19236 */
        {"501 Not Implemented", "",
         "<Error><Code>NotImplemented</Code><Message>Header 'x-amz-checksum-crc32' with value "
         "'8FJbTw==' not implemented</Message></Error>",
         501, "NotImplemented", "x-amz-checksum-crc32", 0},
        /* github.com/saltbo/zpan/issues/199: sometimes without a word. */
        {"501 Not Implemented", "", "", 501, "", NULL, 0},
    };
    check_all(cases, sizeof cases / sizeof *cases);
}

static void riak_adds_errors_of_nobody(void **state)
{
    (void)state;
    /* github.com/basho/riak_cs/pull/899: entries with an empty key beside the real one. */
    static const char nobody[] =
        "<Error><Key></Key><Code>ServiceUnavailable</Code><Message>Please reduce your request "
        "rate.</Message></Error>";
    char body[2048];
    snprintf(body, sizeof body, RESULT("%s%s%s%s"), nobody,
             REFUSED("avatars/a", "ServiceUnavailable"), nobody, DELETED("avatars/d"));
    batch(body);
    assert_answer(&answers[0], 200, "ServiceUnavailable");
    assert_answer(&answers[1], 200, FILES_CODE_UNANSWERED);
    assert_answer(&answers[2], 200, "");
}

static void supabase_takes_no_word_for_quiet(void **state)
{
    (void)state;
    /* github.com/supabase/storage/issues/1415, and Amazon's own words on Quiet: what is left
       out of an answer is deleted. We never ask for that, so what is left out is not. */
    batch(RESULT(""));
    assert_all(200, FILES_CODE_UNANSWERED);
    assert_null(strstr(server.requests[0], "Quiet"));
}

/* Deletes three keys twice at a store that answers the first batch with `refusal`. */
static void check_no_bulk_delete(const char *refusal)
{
    const char *gone = reply("204 No Content", "", "");
    const struct server_reply replies[] = {
        {KEEPS_NO_VERSIONS, SERVER_KEEP},
        {refusal, SERVER_KEEP},
        {gone, SERVER_KEEP},
        {reply("404 Not Found", "", ""), SERVER_KEEP},
        {gone, SERVER_KEEP},
        {gone, SERVER_KEEP},
        {gone, SERVER_KEEP},
        {reply("503 Slow Down", "Retry-After: 3\r\n", "<Error><Code>SlowDown</Code></Error>"),
         SERVER_KEEP}};
    struct files_op op = {
        .verb = FILES_DELETE, .keys = keys, .answers = answers, .count = KEYS};
    store_open(replies, 8);
    run(&op, PATIENCE);
    size_t absent = 0;
    for (size_t i = 0; i < KEYS; i++) {
        absent += answers[i].status == 404;
        assert_answer(&answers[i], answers[i].status == 404 ? 404 : 204, "");
    }
    assert_int_equal(absent, 1);
    run(&op, PATIENCE);
    store_close();
    /* Each key has its own truth, and the call as a whole the worst of them. */
    size_t refused = 0;
    for (size_t i = 0; i < KEYS; i++)
        refused += strcmp(answers[i].code, "SlowDown") == 0;
    assert_int_equal(refused, 1);
    assert_answer(&op.answer, 503, "SlowDown");
    assert_int_equal(op.answer.retry_after_ms, 3000);
    assert_int_equal(server.request_count, 8);
    assert_non_null(strstr(server.requests[1], "POST /bucket?delete= "));
    for (size_t i = 2; i < 8; i++)
        assert_memory_equal(server.requests[i], "DELETE /bucket/pre/avatars/", 27);
}

static void who_has_no_bulk_delete_is_asked_once(void **state)
{
    (void)state;
    /* Google, as it was for years: github.com/minio/mc/issues/2398 */
    check_no_bulk_delete(
        reply("400 Bad Request", "",
              "<?xml version='1.0' encoding='UTF-8'?><Error><Code>InvalidArgument</Code>"
              "<Message>Invalid argument.</Message><Details>Cannot create buckets using a POST."
              "</Details></Error>"));
    /* Google, later: github.com/supabase/storage/issues/898 */
    check_no_bulk_delete(reply(
        "400 Bad Request", "",
        "<Error><Code>NotImplemented</Code><Message>A header or query you provided requested a "
        "function that is not implemented.</Message></Error>"));
    /* HTTP's own words: RFC 9110, sections 15.5.6 and 15.6.2 */
    check_no_bulk_delete(reply("405 Method Not Allowed", "", ""));
    check_no_bulk_delete(reply("501 Not Implemented", "", ""));
}

static void bulk_deletes_can_be_forbidden(void **state)
{
    (void)state;
    const char *gone = reply("204 No Content", "", "");
    const struct server_reply replies[] = {{KEEPS_NO_VERSIONS, SERVER_KEEP},
                                           {gone, SERVER_KEEP},
                                           {gone, SERVER_KEEP},
                                           {gone, SERVER_KEEP}};
    struct files_op op = {
        .verb = FILES_DELETE, .keys = keys, .answers = answers, .count = KEYS};
    store_open_at("127.0.0.1", "&bulk-delete=off", replies, 4);
    run(&op, PATIENCE);
    store_close();
    assert_all(204, "");
    assert_int_equal(server.request_count, 4);
    assert_non_null(strstr(server.requests[1], "DELETE /bucket/pre/avatars/"));
}

/* A proxy or a captive portal in between speaks no S3 at all. */
static void who_speaks_html_is_not_believed(void **state)
{
    (void)state;
    static const struct provider_case cases[] = {
        {"502 Bad Gateway", "Content-Type: text/html\r\n",
         "<html><head><title>502</title></head><body>nginx</body></html>", 502,
         FILES_CODE_MALFORMED, NULL, 0},
        {"302 Found", "Location: https://login.example.org/\r\n", "", 302, FILES_CODE_REDIRECT,
         "set endpoint=", 0},
    };
    check_all(cases, sizeof cases / sizeof *cases);
}

int main(void)
{
    environment_set();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(amazon_says_where_the_bucket_is),
        cmocka_unit_test(amazon_asks_for_patience),
        cmocka_unit_test(minio_starts_slowly),
        cmocka_unit_test(minio_reports_what_was_not_there),
        cmocka_unit_test(versity_reports_what_was_not_there),
        cmocka_unit_test(garage_has_markers_without_versions),
        cmocka_unit_test(garage_names_its_region),
        cmocka_unit_test(r2_refuses_headers_that_it_does_not_know),
        cmocka_unit_test(riak_adds_errors_of_nobody),
        cmocka_unit_test(supabase_takes_no_word_for_quiet),
        cmocka_unit_test(who_has_no_bulk_delete_is_asked_once),
        cmocka_unit_test(bulk_deletes_can_be_forbidden),
        cmocka_unit_test(who_speaks_html_is_not_believed),
    };
    return cmocka_run_group_tests_name("files: S3 as it is answered", tests, NULL, NULL);
}
