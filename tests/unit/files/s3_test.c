/* The S3 driver's other requests, and what holds for all of them. */
#include "s3_store.h"

#include "base/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static void an_object_that_never_ends_is_too_large(void **state)
{
    (void)state;
    const struct server_reply replies[] = {{"HTTP/1.1 200 OK\r\n\r\nx", SERVER_ENDLESS}};
    struct files_op op = {.verb = FILES_GET, .key = "avatars/a"};
    buffer_init(&op.body, 100000);
    store_open(replies, 1);
    run(&op, PATIENCE);
    store_close();
    assert_answer(&op.answer, 200, FILES_CODE_TOO_LARGE);
    assert_true(op.body.length <= 100000);
    buffer_deinit(&op.body);
}

static void a_part_of_an_object_is_not_the_object(void **state)
{
    (void)state;
    const struct server_reply replies[] = {
        {"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc", SERVER_CLOSE},
        {reply("206 Partial Content", "", "abc"), SERVER_KEEP},
        {reply("200 OK", "", "abc"), SERVER_KEEP}};
    struct files_op op = {.verb = FILES_GET, .key = "avatars/a"};
    buffer_init(&op.body, 100);
    store_open(replies, 3);
    run(&op, PATIENCE);
    assert_answer(&op.answer, 200, FILES_CODE_MALFORMED);
    run(&op, PATIENCE);
    assert_answer(&op.answer, 206, FILES_CODE_MALFORMED);
    buffer_deinit(&op.body);
    run(&op, PATIENCE);
    assert_answer(&op.answer, 200, "");
    assert_string_equal(op.body.bytes, "abc");
    buffer_deinit(&op.body);
    store_close();
}

static void nobody_there_is_unreachable(void **state)
{
    (void)state;
    struct files_op op = {
        .verb = FILES_DELETE, .keys = keys, .answers = answers, .count = KEYS};
    store_open(NULL, 0);
    server_stop(&server);
    run(&op, PATIENCE);
    driver->close(driver);
    assert_all(0, FILES_CODE_UNREACHABLE);
}

static struct files_op put_op(void)
{
    return (struct files_op){.verb = FILES_PUT,
                             .key = "avatars/a",
                             .content_type = "image/png",
                             .bytes = "png",
                             .length = 3};
}

/* A connection that died while it was idle makes curl send the request again: not of a PUT. */
static void a_put_is_sent_once_on_a_fresh_connection(void **state)
{
    (void)state;
    const struct server_reply replies[] = {{KEEPS_NO_VERSIONS, SERVER_KEEP},
                                           {reply("204 No Content", "", ""), SERVER_KEEP},
                                           {"", SERVER_CLOSE},
                                           {reply("200 OK", "", ""), SERVER_KEEP}};
    struct files_op op = {.verb = FILES_DELETE, .keys = keys, .answers = answers, .count = 1};
    struct files_op put = put_op();
    store_open(replies, 4);
    run(&op, PATIENCE);
    assert_answer(&answers[0], 204, "");
    run(&put, PATIENCE);
    assert_answer(&put.answer, 0, FILES_CODE_RESET);
    store_close();
    assert_int_equal(server.request_count, 3);
    assert_int_equal(server.connection_count, 2);
}

static void a_put_is_done_only_when_nothing_is_said_against_it(void **state)
{
    (void)state;
    const struct server_reply replies[] = {
        {reply("200 OK", "", ""), SERVER_KEEP},
        {reply("200 OK", "", "<Error><Code>InternalError</Code></Error>"), SERVER_KEEP},
        {reply("403 Forbidden", "", "<Error><Code>AccessDenied</Code></Error>"), SERVER_KEEP},
        {reply("500 Oops", "", "<html>oops</html>"), SERVER_KEEP}};
    static const struct {
        int status;
        const char *code;
    } expected[] = {
        {200, ""}, {200, "InternalError"}, {403, "AccessDenied"}, {500, FILES_CODE_MALFORMED}};
    struct files_op put = put_op();
    store_open(replies, 4);
    for (size_t i = 0; i < 4; i++) {
        run(&put, PATIENCE);
        assert_answer(&put.answer, expected[i].status, expected[i].code);
    }
    store_close();
    const char *request = server.requests[0];
    assert_non_null(strstr(request, "PUT /bucket/pre/avatars/a HTTP/1.1\r\n"));
    assert_non_null(strstr(request, "\r\nContent-Type: image/png\r\n"));
    assert_non_null(strstr(request, "\r\n\r\npng"));
    assert_null(strstr(request, "verysecret"));
}

static void a_batch_is_signed_and_written_as_s3_wants_it(void **state)
{
    (void)state;
    assert_int_equal(setenv("AWS_SESSION_TOKEN", "temporary/token==", 1), 0);
    batch(RESULT(DELETED("avatars/a")));
    unsetenv("AWS_SESSION_TOKEN");
    const char *request = server.requests[1];
    assert_non_null(strstr(request, "POST /bucket?delete= HTTP/1.1\r\n"));
    assert_non_null(strstr(request, "\r\nx-amz-content-sha256: "));
    assert_non_null(strstr(request, "\r\nContent-MD5: "));
    assert_non_null(strstr(request, "\r\nx-amz-security-token: temporary/token==\r\n"));
    assert_non_null(strstr(request, "\r\nContent-Type: application/xml\r\n"));
    assert_non_null(strstr(request, "/eu-west-1/s3/aws4_request, SignedHeaders="));
    assert_non_null(strstr(request, "<Object><Key>pre/avatars/b&amp;c</Key></Object>"));
    assert_null(strstr(request, "Quiet"));
    assert_null(strstr(request, "verysecret"));
}

/* MD5 and SHA-256 of "png": printf png | openssl dgst -md5 -binary | base64. */
#define PNG_MD5    "v/E5+gWsWD9oWlI6s9EQoA=="
#define PNG_SHA256 "j4y7fc9G4Lx9UyZXSabBfRFgk6a6leRCdkBgx2/UqGw="

static void a_put_is_written_as_its_store_wants_it(void **state)
{
    (void)state;
    const struct server_reply fine[] = {{reply("200 OK", "", ""), SERVER_KEEP}};
    struct files_op put = put_op();
    store_open(fine, 1);
    run(&put, PATIENCE);
    store_close();
    assert_non_null(strstr(server.requests[0], "\r\nContent-MD5: " PNG_MD5 "\r\n"));
    assert_null(strstr(server.requests[0], "x-amz-checksum"));
    assert_null(strstr(server.requests[0], "x-amz-request-payer"));
    assert_null(strstr(server.requests[0], "encryption"));

    store_open_at("127.0.0.1",
                  "&checksum=sha256&requester-pays=on&sse=aws:kms&sse-kms-key=key-1", fine, 1);
    run(&put, PATIENCE);
    store_close();
    const char *request = server.requests[0];
    assert_non_null(strstr(request, "\r\nContent-MD5: " PNG_MD5 "\r\n"));
    assert_non_null(strstr(request, "\r\nx-amz-checksum-sha256: " PNG_SHA256 "\r\n"));
    assert_non_null(strstr(request, "\r\nx-amz-request-payer: requester\r\n"));
    assert_non_null(strstr(request, "\r\nx-amz-server-side-encryption: aws:kms\r\n"));
    assert_non_null(
        strstr(request, "\r\nx-amz-server-side-encryption-aws-kms-key-id: key-1\r\n"));
}

/* A DELETE with a header about encryption would be refused. */
static void only_a_put_is_encrypted(void **state)
{
    (void)state;
    const struct server_reply fine[] = {{KEEPS_NO_VERSIONS, SERVER_KEEP},
                                        {reply("200 OK", "", RESULT("")), SERVER_KEEP}};
    struct files_op op = {
        .verb = FILES_DELETE, .keys = keys, .answers = answers, .count = KEYS};
    store_open_at("127.0.0.1", "&requester-pays=on&sse=AES256&checksum=sha256", fine, 2);
    run(&op, PATIENCE);
    store_close();
    assert_non_null(strstr(server.requests[1], "\r\nx-amz-request-payer: requester\r\n"));
    assert_non_null(strstr(server.requests[1], "\r\nx-amz-checksum-sha256: "));
    assert_null(strstr(server.requests[1], "encryption"));
}

static struct files_identity some_identity(void)
{
    struct files_identity identity = {0};
    uuid_generate(identity.store_id);
    uuid_generate(identity.database_id);
    return identity;
}

static const char *identity_json(const struct files_identity *identity)
{
    static char text[256];
    snprintf(text, sizeof text, "{\"store\":\"%s\",\"database\":\"%s\"}", identity->store_id,
             identity->database_id);
    return text;
}

/* A store that takes If-None-Match for nothing, and another writer between look and write. */
static void a_store_that_overwrites_is_caught_by_reading_back(void **state)
{
    (void)state;
    struct files_identity other = some_identity();
    const struct server_reply replies[] = {
        {reply("404 Not Found", "", "<Error><Code>NoSuchKey</Code></Error>"), SERVER_KEEP},
        {reply("200 OK", "", ""), SERVER_KEEP},
        {reply("200 OK", "", identity_json(&other)), SERVER_KEEP}};
    struct files_op op = {.verb = FILES_IDENTITY_CREATE, .identity = some_identity()};
    store_open(replies, 3);
    run(&op, PATIENCE);
    store_close();
    assert_answer(&op.answer, 412, "");
    assert_memory_equal(&op.identity, &other, sizeof other);
    assert_non_null(strstr(server.requests[1], "\r\nIf-None-Match: *\r\n"));
}

static void an_identity_is_never_written_over_another(void **state)
{
    (void)state;
    struct files_identity other = some_identity();
    const struct server_reply found[] = {
        {reply("200 OK", "", identity_json(&other)), SERVER_KEEP}};
    struct files_op op = {.verb = FILES_IDENTITY_CREATE, .identity = some_identity()};
    store_open(found, 1);
    run(&op, PATIENCE);
    store_close();
    assert_answer(&op.answer, 412, "");
    assert_memory_equal(&op.identity, &other, sizeof other);
    assert_int_equal(server.request_count, 1);

    static const struct {
        const char *status, *code;
        int number;
    } refusals[] = {{"404 Not Found", "NoSuchBucket", 404}, {"503 Busy", "SlowDown", 503}};
    for (size_t i = 0; i < 2; i++) {
        char body[128];
        snprintf(body, sizeof body, "<Error><Code>%s</Code></Error>", refusals[i].code);
        const struct server_reply refused[] = {
            {reply(refusals[i].status, "", body), SERVER_KEEP}};
        store_open(refused, 1);
        run(&op, PATIENCE);
        store_close();
        assert_answer(&op.answer, refusals[i].number, refusals[i].code);
        assert_int_equal(server.request_count, 1);
    }
}

/* "localhost" has two addresses: the provider leaves one for the other. */
static void another_address_is_noticed(void **state)
{
    (void)state;
    static struct server second;
    const struct server_reply fine[] = {{KEEPS_NO_VERSIONS, SERVER_CLOSE},
                                        {reply("204 No Content", "", ""), SERVER_CLOSE},
                                        {reply("204 No Content", "", ""), SERVER_CLOSE}};
    const struct server_reply then[] = {{reply("404 Not Found", "", ""), SERVER_CLOSE},
                                        {reply("204 No Content", "", ""), SERVER_CLOSE},
                                        {reply("204 No Content", "", ""), SERVER_CLOSE}};
    struct files_op op = {.verb = FILES_DELETE, .keys = keys, .answers = answers, .count = 1};
    struct files_op get = {.verb = FILES_GET, .key = keys[0]};
    store_open_at("localhost", "", fine, 3);
    for (int i = 0; i < 2; i++) {
        run(&op, PATIENCE);
        assert_answer(&answers[0], 204, "");
        assert_false(op.address_changed);
    }
    server_stop(&server);
    if (!server_start_v6(&second, server.port, then, 3)) {
        driver->close(driver);
        skip();
    }
    /* Who reads there first is not who asks whether the store is still ours. */
    buffer_init(&get.body, 100);
    run(&get, PATIENCE);
    assert_int_equal(get.answer.status, 404);
    buffer_deinit(&get.body);
    run(&op, PATIENCE);
    assert_answer(&answers[0], 204, "");
    assert_true(op.address_changed);
    run(&op, PATIENCE);
    assert_false(op.address_changed);
    driver->close(driver);
    server_stop(&second);
}

static void a_bucket_may_be_part_of_the_host(void **state)
{
    (void)state;
    const struct server_reply fine[] = {{KEEPS_NO_VERSIONS, SERVER_KEEP},
                                        {reply("204 No Content", "", ""), SERVER_KEEP},
                                        {reply("200 OK", "", RESULT("")), SERVER_KEEP}};
    struct files_op op = {.verb = FILES_DELETE, .keys = keys, .answers = answers, .count = 1};
    store_open_at("localhost", "&path-style=off", fine, 3);
    run(&op, PATIENCE);
    op.count = KEYS;
    run(&op, PATIENCE);
    store_close();
    assert_non_null(
        strstr(server.requests[1], "DELETE /pre/avatars/a HTTP/1.1\r\nHost: bucket."));
    assert_non_null(strstr(server.requests[2], "POST /?delete= HTTP/1.1\r\nHost: bucket."));
}

#define MANY (S3_CONNECTIONS_MAX + 8)

/* Begins more PUTs than there are connections, which nobody answers; the last one is impatient.
 */
static int many_begin(struct files_op *ops, unsigned *done)
{
    unsigned port;
    int deaf = server_listen_deaf(&port);
    driver_open("127.0.0.1", port, "");
    for (size_t i = 0; i < MANY; i++) {
        ops[i] = put_op();
        ops[i].deadline_ms = clock_boot_ms() + (i == MANY - 1 ? BRIEF : PATIENCE);
        ops[i].owner = done;
        ops[i].done = on_done;
        driver->start(driver, &ops[i]);
    }
    return deaf;
}

static void closing_answers_what_is_under_way(void **state)
{
    (void)state;
    static struct files_op ops[MANY];
    unsigned done = 0;
    int deaf = many_begin(ops, &done);
    driver->poll(driver, 0);
    driver->close(driver);
    close(deaf);
    assert_int_equal(done, MANY);
    for (size_t i = 0; i < MANY; i++)
        assert_answer(&ops[i].answer, 0, FILES_CODE_RESET);
}

static void what_waits_past_its_deadline_was_not_sent(void **state)
{
    (void)state;
    static struct files_op ops[MANY];
    unsigned done = 0;
    int64_t began = clock_boot_ms();
    int deaf = many_begin(ops, &done);
    while (!done)
        driver->poll(driver, PATIENCE);
    assert_answer(&ops[MANY - 1].answer, 0, FILES_CODE_NOT_SENT);
    assert_true(clock_boot_ms() - began < PATIENCE);
    assert_int_equal(done, 1);
    driver->close(driver);
    close(deaf);
    assert_int_equal(done, MANY);
}

int main(void)
{
    environment_set();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_object_that_never_ends_is_too_large),
        cmocka_unit_test(a_part_of_an_object_is_not_the_object),
        cmocka_unit_test(nobody_there_is_unreachable),
        cmocka_unit_test(a_put_is_sent_once_on_a_fresh_connection),
        cmocka_unit_test(a_put_is_done_only_when_nothing_is_said_against_it),
        cmocka_unit_test(a_batch_is_signed_and_written_as_s3_wants_it),
        cmocka_unit_test(a_put_is_written_as_its_store_wants_it),
        cmocka_unit_test(only_a_put_is_encrypted),
        cmocka_unit_test(a_store_that_overwrites_is_caught_by_reading_back),
        cmocka_unit_test(an_identity_is_never_written_over_another),
        cmocka_unit_test(another_address_is_noticed),
        cmocka_unit_test(a_bucket_may_be_part_of_the_host),
        cmocka_unit_test(closing_answers_what_is_under_way),
        cmocka_unit_test(what_waits_past_its_deadline_was_not_sent),
    };
    return cmocka_run_group_tests_name("files: S3 driver", tests, NULL, NULL);
}
