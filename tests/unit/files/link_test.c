/* URLs that are signed themselves. */
#include "files/s3/link.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* 2013-05-24T00:00:00Z */
#define THEN ((int64_t)1369353600 * 1000)

/* Amazon's own example key, in two parts so that nobody takes it for a secret. */
static const struct s3_credentials example = {
    .key_id = "AKIA"
              "IOSFODNN7EXAMPLE",
    .secret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
};

static struct buffer url;

static const char *link_of(const char *address, const struct s3_credentials *credentials,
                           const char *method, const char *key, int64_t seconds)
{
    struct s3_location location;
    struct error error = {0};
    if (s3_location_parse(address, &location, &error) < 0)
        fail_msg("%s", error.text);
    buffer_deinit(&url);
    buffer_init(&url, S3_LINK_BYTES_MAX);
    assert_int_equal(s3_link_write(&location, credentials, method, key, seconds, THEN, &url),
                     0);
    return url.bytes;
}

static const char *signature_of(const char *link)
{
    const char *signature = strstr(link, "&X-Amz-Signature=");
    assert_non_null(signature);
    return signature + 17;
}

/* docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html, its example. */
static void a_link_is_signed_as_amazon_shows(void **state)
{
    (void)state;
    assert_string_equal(
        link_of("s3://examplebucket?region=us-east-1&endpoint=https://s3.amazonaws.com&"
                "path-style=off",
                &example, "GET", "test.txt", 86400),
        "https://examplebucket.s3.amazonaws.com/test.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256"
        "&X-Amz-Credential=AKIA"
        "IOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request"
        "&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host"
        "&X-Amz-Signature="
        "aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404");
}

static void a_link_is_good_for_what_it_was_made_for(void **state)
{
    (void)state;
    static const char address[] = "s3://bucket/pre?region=eu-west-1&endpoint=http://h:1";
    char signature[65];
    memcpy(signature, signature_of(link_of(address, &example, "GET", "a", 60)), 65);
    assert_string_equal(signature, signature_of(link_of(address, &example, "GET", "a", 60)));
    assert_string_not_equal(signature,
                            signature_of(link_of(address, &example, "HEAD", "a", 60)));
    assert_string_not_equal(signature,
                            signature_of(link_of(address, &example, "GET", "b", 60)));
    assert_string_not_equal(signature,
                            signature_of(link_of(address, &example, "GET", "a", 61)));
}

static void a_session_token_and_who_pays_are_signed_too(void **state)
{
    (void)state;
    struct s3_credentials lent = example;
    strcpy(lent.token, "a/token==");
    const char *link =
        link_of("s3://bucket?region=eu-west-1&requester-pays=on", &lent, "GET", "a", 60);
    assert_non_null(strstr(link, "&X-Amz-Security-Token=a%2Ftoken%3D%3D&X-Amz-SignedHeaders="
                                 "host&x-amz-request-payer=requester&X-Amz-Signature="));
}

static void the_longest_token_fits(void **state)
{
    (void)state;
    struct s3_credentials lent = example;
    memset(lent.token, '=', sizeof lent.token - 1);
    link_of("s3://bucket", &lent, "GET", "a", 60);
}

static void readers_may_have_an_address_of_their_own(void **state)
{
    (void)state;
    const char *link = link_of("s3://bucket/pre?endpoint=http://inside:9000&"
                               "public-endpoint=https://images.example.org",
                               &example, "GET", "avatars/a b", 60);
    assert_ptr_equal(strstr(link, "https://images.example.org/bucket/pre/avatars/a%20b?X-Amz-"),
                     link);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_link_is_signed_as_amazon_shows),
        cmocka_unit_test(a_link_is_good_for_what_it_was_made_for),
        cmocka_unit_test(a_session_token_and_who_pays_are_signed_too),
        cmocka_unit_test(the_longest_token_fits),
        cmocka_unit_test(readers_may_have_an_address_of_their_own),
    };
    setenv("HOME", "/nonexistent", 1);
    int failed = cmocka_run_group_tests_name("files: S3 links", tests, NULL, NULL);
    buffer_deinit(&url);
    return failed;
}
