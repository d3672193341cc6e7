/* Credentials that are given for a time: by STS, a container's service, a machine's. */
#include "s3_store.h"

#include "base/clock.h"
#include "files/s3/renewal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define FINE reply("204 No Content", "", "")
#define ROLE "arn:aws:iam::1:role/u+s"

static char token_file[] = "/tmp/files-renewal-XXXXXX";
static struct files_op writing;

static void token_write(const char *text)
{
    FILE *file = fopen(token_file, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static int environment_clear(void **state)
{
    static const char *const names[] = {"AWS_ACCESS_KEY_ID",
                                        "AWS_SECRET_ACCESS_KEY",
                                        "AWS_SESSION_TOKEN",
                                        "AWS_SHARED_CREDENTIALS_FILE",
                                        "AWS_ROLE_ARN",
                                        "AWS_WEB_IDENTITY_TOKEN_FILE",
                                        "AWS_ENDPOINT_URL_STS",
                                        "AWS_CONTAINER_CREDENTIALS_FULL_URI",
                                        "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
                                        "AWS_EC2_METADATA_DISABLED",
                                        "AWS_EC2_METADATA_SERVICE_ENDPOINT"};
    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        unsetenv(names[i]);
    setenv("HOME", "/nonexistent", 1);
    writing = (struct files_op){.verb = FILES_PUT, .key = keys[0], .bytes = "png", .length = 3};
    return 0;
}

static const char *instant_in(int64_t ms)
{
    static char text[CLOCK_TEXT_SIZE];
    clock_format_utc(clock_wall_ms() + ms, text);
    return text;
}

/* What a container's or a machine's service answers; `life_ms` 0: no end is said. */
static const char *grant(const char *id, int64_t life_ms)
{
    char body[512], expiration[128] = "";
    if (life_ms)
        snprintf(expiration, sizeof expiration, ",\"Expiration\":\"%s\"", instant_in(life_ms));
    snprintf(body, sizeof body,
             "{\"Code\":\"Success\",\"AccessKeyId\":\"%s\",\"SecretAccessKey\":\"verysecret\","
             "\"Token\":\"tok-%s\"%s}",
             id, id, expiration);
    return reply("200 OK", "Content-Type: application/json\r\n", body);
}

/* What STS answers: "AssumeRoleWithWebIdentity" in its API reference. */
static const char *sts_grant(const char *id)
{
    char body[1024];
    snprintf(body, sizeof body,
             "<AssumeRoleWithWebIdentityResponse "
             "xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">"
             "<AssumeRoleWithWebIdentityResult><SubjectFromWebIdentityToken>x"
             "</SubjectFromWebIdentityToken><Credentials><SessionToken>tok-%s</SessionToken>"
             "<SecretAccessKey>verysecret</SecretAccessKey><Expiration>%s</Expiration>"
             "<AccessKeyId>%s</AccessKeyId></Credentials></AssumeRoleWithWebIdentityResult>"
             "<ResponseMetadata><RequestId>1</RequestId></ResponseMetadata>"
             "</AssumeRoleWithWebIdentityResponse>",
             id, instant_in(3600000), id);
    return reply("200 OK", "Content-Type: text/xml\r\n", body);
}

/* Starts the server, which is everybody at once, and says in `variable` where it is. */
static void open_with(const char *variable, const char *path,
                      const struct server_reply *replies, size_t count)
{
    char url[128];
    server_start(&server, replies, count);
    snprintf(url, sizeof url, "http://127.0.0.1:%u%s", server.port, path);
    setenv(variable, url, 1);
    driver_open("127.0.0.1", server.port, "");
}

static void container_open(const struct server_reply *replies, size_t count)
{
    open_with("AWS_CONTAINER_CREDENTIALS_FULL_URI", "/grant", replies, count);
}

static void assert_request(size_t index, const char *holds)
{
    assert_true(index < server.request_count);
    if (!strstr(server.requests[index], holds))
        fail_msg("request %zu holds no \"%s\":\n%s", index, holds, server.requests[index]);
}

/* The request was signed with this key, and carries its session token. */
static void assert_signed(size_t index, const char *id)
{
    char text[128];
    snprintf(text, sizeof text, "Credential=%s/", id);
    assert_request(index, text);
    snprintf(text, sizeof text, "x-amz-security-token: tok-%s\r\n", id);
    assert_request(index, text);
}

/* Lets the driver work until the server was asked `count` times. */
static void await_requests(size_t count)
{
    int64_t until = clock_boot_ms() + PATIENCE;
    while (__atomic_load_n(&server.request_count, __ATOMIC_ACQUIRE) < count) {
        assert_true(clock_boot_ms() < until);
        driver->poll(driver, 20);
    }
}

static void a_container_gives_them(void **state)
{
    (void)state;
    token_write("Bearer one\n");
    setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", token_file, 1);
    const struct server_reply replies[] = {{grant("id1", 0), SERVER_KEEP}, {FINE, SERVER_KEEP}};
    container_open(replies, 2);
    run(&writing, PATIENCE);
    store_close();
    assert_answer(&writing.answer, 204, "");
    assert_request(0, "GET /grant HTTP/1.1\r\n");
    assert_request(0, "\r\nAuthorization: Bearer one\r\n");
    assert_signed(1, "id1");
    assert_null(strstr(server.requests[1], "verysecret"));
}

static void a_machine_gives_them_in_three_steps(void **state)
{
    (void)state;
    const struct server_reply replies[] = {{reply("200 OK", "", "session=="), SERVER_KEEP},
                                           {reply("200 OK", "", "the-role\n"), SERVER_KEEP},
                                           {grant("id1", 3600000), SERVER_KEEP},
                                           {FINE, SERVER_KEEP}};
    open_with("AWS_EC2_METADATA_SERVICE_ENDPOINT", "/", replies, 4);
    run(&writing, PATIENCE);
    store_close();
    assert_answer(&writing.answer, 204, "");
    assert_request(0, "PUT /latest/api/token HTTP/1.1\r\n");
    assert_request(0, "X-aws-ec2-metadata-token-ttl-seconds: 21600\r\n");
    assert_request(1, "GET /latest/meta-data/iam/security-credentials/ HTTP/1.1\r\n");
    assert_request(1, "X-aws-ec2-metadata-token: session==\r\n");
    assert_request(2, "GET /latest/meta-data/iam/security-credentials/the-role HTTP/1.1\r\n");
    assert_request(2, "X-aws-ec2-metadata-token: session==\r\n");
    assert_signed(3, "id1");
}

static void sts_gives_them_for_a_token(void **state)
{
    (void)state;
    token_write("head.body+x.tail\n");
    setenv("AWS_ROLE_ARN", ROLE, 1);
    setenv("AWS_WEB_IDENTITY_TOKEN_FILE", token_file, 1);
    const struct server_reply replies[] = {{sts_grant("id1"), SERVER_KEEP},
                                           {FINE, SERVER_KEEP}};
    open_with("AWS_ENDPOINT_URL_STS", "/", replies, 2);
    run(&writing, PATIENCE);
    store_close();
    assert_answer(&writing.answer, 204, "");
    assert_request(0, "POST / HTTP/1.1\r\n");
    assert_request(0, "\r\n\r\nAction=AssumeRoleWithWebIdentity&Version=2011-06-15&"
                      "RoleArn=arn%3Aaws%3Aiam%3A%3A1%3Arole%2Fu%2Bs&"
                      "RoleSessionName=users-service&WebIdentityToken=head.body%2Bx.tail");
    assert_null(strstr(server.requests[0], "Authorization"));
    assert_signed(1, "id1");
}

static void what_sts_says_against_it_is_passed_on(void **state)
{
    (void)state;
    token_write("token");
    setenv("AWS_ROLE_ARN", ROLE, 1);
    setenv("AWS_WEB_IDENTITY_TOKEN_FILE", token_file, 1);
    /* STS, "Errors" of the same page. */
    const struct server_reply replies[] = {
        {reply("400 Bad Request", "",
               "<ErrorResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><Error>"
               "<Type>Sender</Type><Code>ExpiredTokenException</Code><Message>Token expired"
               "</Message></Error><RequestId>1</RequestId></ErrorResponse>"),
         SERVER_KEEP}};
    open_with("AWS_ENDPOINT_URL_STS", "/", replies, 1);
    run(&writing, PATIENCE);
    store_close();
    assert_answer(&writing.answer, 400, "ExpiredTokenException");
    assert_string_equal(writing.answer.text, "Token expired");
}

static void a_token_that_is_not_there_is_named(void **state)
{
    (void)state;
    setenv("AWS_ROLE_ARN", ROLE, 1);
    setenv("AWS_WEB_IDENTITY_TOKEN_FILE", "/nonexistent/token", 1);
    open_with("AWS_ENDPOINT_URL_STS", "/", NULL, 0);
    run(&writing, PATIENCE);
    assert_answer(&writing.answer, 0, S3_CODE_NO_CREDENTIALS);
    assert_non_null(strstr(writing.answer.text, "/nonexistent/token"));
    store_close();
    assert_int_equal(server.request_count, 0);
}

static void who_was_named_and_is_silent_may_come_back(void **state)
{
    (void)state;
    setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://127.0.0.1:1/grant", 1);
    driver_open("127.0.0.1", 1, "");
    run(&writing, PATIENCE);
    assert_answer(&writing.answer, 0, FILES_CODE_UNREACHABLE);
    driver->close(driver);
}

static void a_machine_without_a_role_has_none(void **state)
{
    (void)state;
    const struct server_reply replies[] = {{reply("200 OK", "", "session"), SERVER_KEEP},
                                           {reply("404 Not Found", "", ""), SERVER_KEEP}};
    open_with("AWS_EC2_METADATA_SERVICE_ENDPOINT", "", replies, 2);
    run(&writing, PATIENCE);
    store_close();
    assert_answer(&writing.answer, 404, S3_CODE_NO_CREDENTIALS);
}

static void what_is_no_grant_is_not_taken(void **state)
{
    (void)state;
    static const char *const bodies[] = {
        "",
        "{}",
        "[]",
        "<html>login</html>",
        "{\"AccessKeyId\":\"id\"}",
        "{\"AccessKeyId\":\"id\",\"SecretAccessKey\":\"a\\r\\nb: c\"}",
        "{\"AccessKeyId\":\"id\",\"SecretAccessKey\":\"s\",\"Expiration\":\"tomorrow\"}",
        "{\"AccessKeyId\":\"id\",\"SecretAccessKey\":\"s\"",
    };
    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
        const struct server_reply replies[] = {{reply("200 OK", "", bodies[i]), SERVER_KEEP}};
        container_open(replies, 1);
        run(&writing, PATIENCE);
        store_close();
        assert_answer(&writing.answer, 200, FILES_CODE_MALFORMED);
    }
    const struct server_reply refused[] = {
        {reply("200 OK", "", "{\"Code\":\"AssumeRoleUnauthorizedAccess\",\"Message\":\"no\"}"),
         SERVER_KEEP}};
    container_open(refused, 1);
    run(&writing, PATIENCE);
    store_close();
    assert_answer(&writing.answer, 200, "AssumeRoleUnauthorizedAccess");
}

static void they_are_renewed_before_they_end(void **state)
{
    (void)state;
    const struct server_reply replies[] = {{grant("id1", 2400), SERVER_KEEP},
                                           {FINE, SERVER_KEEP},
                                           {grant("id2", 0), SERVER_KEEP},
                                           {FINE, SERVER_KEEP}};
    int64_t began = clock_boot_ms();
    container_open(replies, 4);
    run(&writing, PATIENCE);
    await_requests(3);
    /* At half time, and not while anybody waits. */
    assert_true(clock_boot_ms() - began < 2400);
    driver->poll(driver, 50);
    run(&writing, PATIENCE);
    store_close();
    assert_answer(&writing.answer, 204, "");
    assert_signed(1, "id1");
    assert_request(2, "GET /grant");
    assert_signed(3, "id2");
}

/* The renewal hangs; a request goes out meanwhile, with what there is. */
static void nobody_waits_for_a_renewal(void **state)
{
    (void)state;
    const struct server_reply replies[] = {{grant("id1", 2400), SERVER_KEEP},
                                           {FINE, SERVER_KEEP},
                                           {"", SERVER_HANG},
                                           {FINE, SERVER_KEEP}};
    container_open(replies, 4);
    run(&writing, PATIENCE);
    await_requests(3);
    int64_t began = clock_boot_ms();
    run(&writing, PATIENCE);
    assert_true(clock_boot_ms() - began < S3_RENEWAL_TIMEOUT_MS / 2);
    store_close();
    assert_answer(&writing.answer, 204, "");
    assert_signed(3, "id1");
}

static void the_old_ones_stay_while_a_renewal_fails(void **state)
{
    (void)state;
    const struct server_reply replies[] = {{grant("id1", 1500), SERVER_KEEP},
                                           {FINE, SERVER_KEEP},
                                           {reply("500 Oops", "", "{}"), SERVER_KEEP},
                                           {FINE, SERVER_KEEP},
                                           {grant("id2", 0), SERVER_KEEP},
                                           {FINE, SERVER_KEEP}};
    container_open(replies, 6);
    run(&writing, PATIENCE);
    await_requests(3);
    driver->poll(driver, 50);
    run(&writing, PATIENCE);
    assert_answer(&writing.answer, 204, "");
    await_requests(5);
    driver->poll(driver, 50);
    run(&writing, PATIENCE);
    store_close();
    assert_signed(3, "id1");
    assert_signed(5, "id2");
}

/* "Error responses" of the S3 API reference: 400 ExpiredToken. */
static void a_refusal_of_them_asks_for_new_ones(void **state)
{
    (void)state;
    const struct server_reply replies[] = {
        {grant("id1", 0), SERVER_KEEP},
        {reply("400 Bad Request", "", "<Error><Code>ExpiredToken</Code></Error>"), SERVER_KEEP},
        {grant("id2", 0), SERVER_KEEP},
        {FINE, SERVER_KEEP}};
    container_open(replies, 4);
    run(&writing, PATIENCE);
    assert_answer(&writing.answer, 400, "ExpiredToken");
    await_requests(3);
    driver->poll(driver, 50);
    run(&writing, PATIENCE);
    store_close();
    assert_answer(&writing.answer, 204, "");
    assert_signed(3, "id2");
}

static void a_file_is_read_again_when_its_keys_are_refused(void **state)
{
    (void)state;
    const struct server_reply replies[] = {
        {reply("403 Forbidden", "", "<Error><Code>InvalidAccessKeyId</Code></Error>"),
         SERVER_KEEP},
        {FINE, SERVER_KEEP}};
    token_write("[default]\naws_access_key_id=id1\naws_secret_access_key=s\n"
                "aws_session_token=tok-id1\n");
    setenv("AWS_SHARED_CREDENTIALS_FILE", token_file, 1);
    store_open(replies, 2);
    run(&writing, PATIENCE);
    assert_answer(&writing.answer, 403, "InvalidAccessKeyId");
    token_write("[default]\naws_access_key_id=id2\naws_secret_access_key=s\n"
                "aws_session_token=tok-id2\n");
    int64_t until = clock_boot_ms() + S3_RENEWAL_PAUSE_MS / 10;
    while (clock_boot_ms() < until)
        driver->poll(driver, 10);
    run(&writing, PATIENCE);
    store_close();
    assert_answer(&writing.answer, 204, "");
    assert_signed(0, "id1");
    assert_signed(1, "id2");
}

static void who_waits_for_them_has_a_deadline(void **state)
{
    (void)state;
    const struct server_reply replies[] = {{"", SERVER_HANG}};
    container_open(replies, 1);
    run(&writing, BRIEF);
    store_close();
    assert_answer(&writing.answer, 0, FILES_CODE_NOT_SENT);
}

int main(void)
{
    int file = mkstemp(token_file);
    if (file < 0)
        return 1;
    close(file);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_container_gives_them, environment_clear),
        cmocka_unit_test_setup(a_machine_gives_them_in_three_steps, environment_clear),
        cmocka_unit_test_setup(sts_gives_them_for_a_token, environment_clear),
        cmocka_unit_test_setup(what_sts_says_against_it_is_passed_on, environment_clear),
        cmocka_unit_test_setup(a_token_that_is_not_there_is_named, environment_clear),
        cmocka_unit_test_setup(who_was_named_and_is_silent_may_come_back, environment_clear),
        cmocka_unit_test_setup(a_machine_without_a_role_has_none, environment_clear),
        cmocka_unit_test_setup(what_is_no_grant_is_not_taken, environment_clear),
        cmocka_unit_test_setup(they_are_renewed_before_they_end, environment_clear),
        cmocka_unit_test_setup(nobody_waits_for_a_renewal, environment_clear),
        cmocka_unit_test_setup(the_old_ones_stay_while_a_renewal_fails, environment_clear),
        cmocka_unit_test_setup(a_refusal_of_them_asks_for_new_ones, environment_clear),
        cmocka_unit_test_setup(a_file_is_read_again_when_its_keys_are_refused,
                               environment_clear),
        cmocka_unit_test_setup(who_waits_for_them_has_a_deadline, environment_clear),
    };
    int failed =
        cmocka_run_group_tests_name("files: S3 credentials' renewal", tests, NULL, NULL);
    unlink(token_file);
    return failed;
}
