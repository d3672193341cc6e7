/* Where the S3 driver finds its bucket, and how it speaks to it. */
#include "files/s3/location.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static int environment_clear(void **state)
{
    static const char *const names[] = {"AWS_REGION", "AWS_DEFAULT_REGION",
                                        "AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "HOME"};
    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        unsetenv(names[i]);
    return 0;
}

static struct s3_location location_of(const char *url)
{
    struct s3_location location;
    struct error error = {0};
    if (s3_location_parse(url, &location, &error) < 0)
        fail_msg("%s", error.text);
    return location;
}

static void assert_url(const char *address, const char *key, const char *expected)
{
    struct s3_location location = location_of(address);
    struct buffer url;
    buffer_init(&url, S3_URL_BYTES_MAX);
    assert_int_equal(s3_location_url(&location, key, NULL, 0, &url), 0);
    assert_string_equal(url.bytes, expected);
    buffer_deinit(&url);
}

static void an_address_says_everything(void **state)
{
    (void)state;
    struct s3_location location =
        location_of("s3://bucket/a/b/?region=eu-west-1&endpoint=http%3A//127.0.0.1:9000/"
                    "&path-style=off");
    assert_string_equal(location.bucket, "bucket");
    assert_string_equal(location.prefix, "a/b/");
    assert_string_equal(location.region, "eu-west-1");
    assert_string_equal(location.authority, "127.0.0.1:9000");
    assert_false(location.tls);
    assert_false(location.path_style);
}

static void the_environment_says_the_rest(void **state)
{
    (void)state;
    struct s3_location location = location_of("s3://bucket");
    assert_string_equal(location.region, "us-east-1");
    assert_string_equal(location.authority, "s3.us-east-1.amazonaws.com");
    assert_true(location.tls && location.path_style);
    assert_string_equal(location.prefix, "");
    setenv("AWS_DEFAULT_REGION", "eu-west-2", 1);
    setenv("AWS_ENDPOINT_URL", "https://other.example", 1);
    location = location_of("s3://bucket");
    assert_string_equal(location.region, "eu-west-2");
    assert_string_equal(location.authority, "other.example");
    setenv("AWS_REGION", "eu-west-3", 1);
    setenv("AWS_ENDPOINT_URL_S3", "http://s3.example:81", 1);
    location = location_of("s3://bucket");
    assert_string_equal(location.region, "eu-west-3");
    assert_string_equal(location.authority, "s3.example:81");
    location = location_of("s3://bucket?region=x-1&endpoint=https://y");
    assert_string_equal(location.region, "x-1");
    assert_string_equal(location.authority, "y");
}

static void what_is_wrong_is_named(void **state)
{
    (void)state;
    static const struct {
        const char *url, *word;
    } cases[] = {
        {"http://bucket", "s3://BUCKET"},
        {"s3://", "bucket is missing"},
        {"s3:///prefix", "bucket is missing"},
        {"s3://ab", "3 to 255"},
        {"s3://buck et", "bucket's name"},
        {"s3://user:secret@bucket", "bucket's name"},
        {"s3://bucket/a//b", "prefix"},
        {"s3://bucket/../b", "prefix"},
        {"s3://bucket/a%zz", "prefix"},
        {"s3://bucket#x", "'#'"},
        {"s3://bucket?regio=x", "'regio' is not known"},
        {"s3://bucket?region", "region"},
        {"s3://bucket?region=a:b", "region"},
        {"s3://bucket?region=a&region=b", "twice"},
        {"s3://bucket?endpoint=ftp://x", "endpoint"},
        {"s3://bucket?endpoint=http://", "endpoint"},
        {"s3://bucket?endpoint=http://u:p@x", "endpoint"},
        {"s3://bucket?endpoint=http://x/path", "endpoint"},
        {"s3://bucket?endpoint=%zz", "malformed"},
        {"s3://bucket?path-style=yes", "path-style"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct s3_location location;
        struct error error = {0};
        assert_int_equal(s3_location_parse(cases[i].url, &location, &error), -1);
        assert_int_equal(error.class, ERROR_USAGE);
        if (!strstr(error.text, cases[i].word))
            fail_msg("%s: %s", cases[i].url, error.text);
        assert_null(strstr(error.text, "secret"));
    }
}

static void urls_are_written_as_they_are_signed(void **state)
{
    (void)state;
    assert_url("s3://bucket?endpoint=http://h:1", "a/b c+d%~*é",
               "http://h:1/bucket/a/b%20c%2Bd"
               "%25~%2A%C3%A9");
    assert_url("s3://bucket/p%20q?endpoint=http://h", "k", "http://h/bucket/p%20q/k");
    assert_url("s3://bucket?endpoint=https://h&path-style=off", "k", "https://bucket.h/k");
    assert_url("s3://bucket?endpoint=https://h&path-style=off", NULL, "https://bucket.h/");
    assert_url("s3://bucket/p?endpoint=https://h", NULL, "https://h/bucket");

    struct s3_location location = location_of("s3://bucket?endpoint=http://h");
    struct s3_parameter parameters[] = {
        {"versions", ""}, {"key-marker", "a/b c"}, {"delete", ""}};
    struct buffer url;
    buffer_init(&url, S3_URL_BYTES_MAX);
    assert_int_equal(s3_location_url(&location, NULL, parameters, 3, &url), 0);
    assert_string_equal(url.bytes, "http://h/bucket?delete=&key-marker=a%2Fb%20c&versions=");
    buffer_deinit(&url);
}

static void the_longest_url_fits(void **state)
{
    (void)state;
    char prefix[S3_PREFIX_SIZE - 1], key[513], address[1024];
    memset(prefix, '*', sizeof prefix - 1);
    prefix[sizeof prefix - 1] = '\0';
    memset(key, '&', sizeof key - 1);
    key[sizeof key - 1] = '\0';
    snprintf(address, sizeof address, "s3://bucket/%s", prefix);
    struct s3_location location = location_of(address);
    struct buffer url;
    buffer_init(&url, S3_URL_BYTES_MAX);
    assert_int_equal(s3_location_url(&location, key, NULL, 0, &url), 0);
    buffer_deinit(&url);
}

static void an_address_says_how_to_write(void **state)
{
    (void)state;
    struct s3_location location =
        location_of("s3://bucket?sse=aws:kms&sse-kms-key=arn:aws:kms:eu-west-1:1:key/a-b&"
                    "requester-pays=on&checksum=sha256&bulk-delete=off&ca=/etc/ca%20s.pem");
    assert_string_equal(location.encryption, "aws:kms");
    assert_string_equal(location.encryption_key, "arn:aws:kms:eu-west-1:1:key/a-b");
    assert_string_equal(location.ca, "/etc/ca s.pem");
    assert_true(location.requester_pays && location.with_sha256 && location.single_deletes);
    location = location_of("s3://bucket");
    assert_false(location.requester_pays || location.with_sha256 || location.single_deletes);
    assert_string_equal(location.encryption, "");
}

static void how_to_write_is_checked(void **state)
{
    (void)state;
    static const struct {
        const char *url, *says;
    } cases[] = {
        {"s3://bucket?sse=rot13", "AES256"},
        {"s3://bucket?sse-kms-key=abc", "sse=aws:kms"},
        {"s3://bucket?sse=AES256&sse-kms-key=abc", "sse=aws:kms"},
        {"s3://bucket?sse=aws:kms&sse-kms-key=a%0D%0Ax", "a key's id"},
        {"s3://bucket?checksum=crc32", "'sha256'"},
        {"s3://bucket?requester-pays=yes", "'on' or 'off'"},
        {"s3://bucket?bulk-delete=1", "'on' or 'off'"},
        {"s3://bucket?ca=ca.pem", "whole path"},
        {"s3://Bucket?path-style=off", "path-style=on"},
        {"s3://buc_ket?path-style=off", "path-style=on"},
        {"s3://buc.ket?path-style=off", "path-style=on"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct s3_location location;
        struct error error = {0};
        assert_int_equal(s3_location_parse(cases[i].url, &location, &error), -1);
        assert_int_equal(error.class, ERROR_USAGE);
        if (!strstr(error.text, cases[i].says))
            fail_msg("%s: %s", cases[i].url, error.text);
    }
    location_of("s3://buc.ket?path-style=off&endpoint=http://127.0.0.1:1");
}

static void amazon_in_china_has_another_name(void **state)
{
    (void)state;
    assert_string_equal(location_of("s3://bucket?region=cn-north-1").authority,
                        "s3.cn-north-1.amazonaws.com.cn");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(an_address_says_everything, environment_clear),
        cmocka_unit_test_setup(the_environment_says_the_rest, environment_clear),
        cmocka_unit_test_setup(what_is_wrong_is_named, environment_clear),
        cmocka_unit_test_setup(urls_are_written_as_they_are_signed, environment_clear),
        cmocka_unit_test_setup(the_longest_url_fits, environment_clear),
        cmocka_unit_test_setup(an_address_says_how_to_write, environment_clear),
        cmocka_unit_test_setup(how_to_write_is_checked, environment_clear),
        cmocka_unit_test_setup(amazon_in_china_has_another_name, environment_clear),
    };
    return cmocka_run_group_tests_name("files: S3 location", tests, NULL, NULL);
}
