/* Where credentials come from: one case for each link of the chain, and for what cuts it. */
#include "files/s3/source.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define REGION "eu-west-1"

static struct s3_source source;
static struct s3_credentials credentials;
static struct error error;
static char home[] = "/tmp/files-source-XXXXXX";

static void home_file(const char *name, char *path, size_t size)
{
    assert_true(snprintf(path, size, "%s/%s", home, name) < (int)size);
}

static void write_file(const char *name, const char *content)
{
    char path[256];
    home_file(name, path, sizeof path);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(content, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static int environment_clear(void **state)
{
    static const char *const names[] = {"AWS_ACCESS_KEY_ID",
                                        "AWS_SECRET_ACCESS_KEY",
                                        "AWS_SESSION_TOKEN",
                                        "AWS_SHARED_CREDENTIALS_FILE",
                                        "AWS_CONFIG_FILE",
                                        "AWS_PROFILE",
                                        "AWS_ROLE_ARN",
                                        "AWS_ROLE_SESSION_NAME",
                                        "AWS_WEB_IDENTITY_TOKEN_FILE",
                                        "AWS_ENDPOINT_URL",
                                        "AWS_ENDPOINT_URL_STS",
                                        "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
                                        "AWS_CONTAINER_CREDENTIALS_FULL_URI",
                                        "AWS_CONTAINER_AUTHORIZATION_TOKEN",
                                        "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
                                        "AWS_EC2_METADATA_DISABLED",
                                        "AWS_EC2_METADATA_SERVICE_ENDPOINT",
                                        "AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE"};
    static const char *const files[] = {".aws/credentials", ".aws/config"};
    char path[256];
    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        unsetenv(names[i]);
    for (size_t i = 0; i < 2; i++) {
        home_file(files[i], path, sizeof path);
        unlink(path);
    }
    setenv("HOME", home, 1);
    error = (struct error){0};
    return 0;
}

static void found(enum s3_source_kind kind)
{
    if (s3_source_find(REGION, &source, &credentials, &error) < 0)
        fail_msg("%s", error.text);
    assert_int_equal(source.kind, kind);
}

static void refused(const char *says)
{
    assert_int_equal(s3_source_find(REGION, &source, &credentials, &error), -1);
    assert_int_equal(error.class, ERROR_CONFIG);
    if (!strstr(error.text, says))
        fail_msg("\"%s\" does not say \"%s\"", error.text, says);
    assert_string_equal(credentials.secret, "");
}

static void the_environment_has_the_first_word(void **state)
{
    (void)state;
    write_file(".aws/credentials",
               "[default]\naws_access_key_id=no\naws_secret_access_key=no\n");
    setenv("AWS_WEB_IDENTITY_TOKEN_FILE", "/token", 1);
    setenv("AWS_ROLE_ARN", "arn", 1);
    setenv("AWS_ACCESS_KEY_ID", "id", 1);
    refused("AWS_SECRET_ACCESS_KEY is not");
    setenv("AWS_SECRET_ACCESS_KEY", "shh", 1);
    found(S3_SOURCE_VARIABLES);
    assert_string_equal(credentials.key_id, "id");
    assert_string_equal(credentials.secret, "shh");
    assert_string_equal(credentials.token, "");
    setenv("AWS_SESSION_TOKEN", "tok", 1);
    found(S3_SOURCE_VARIABLES);
    assert_string_equal(credentials.token, "tok");
    setenv("AWS_SECRET_ACCESS_KEY", "shh\r\nx: y", 1);
    refused("unprintable");
    assert_null(strstr(error.text, "shh"));
}

static void the_credentials_file_has_profiles(void **state)
{
    (void)state;
    write_file(".aws/credentials", "# mine\n"
                                   "[other]\n"
                                   "aws_access_key_id = other-id\n"
                                   "aws_secret_access_key = other-shh\n"
                                   "aws_session_token=other-tok\n"
                                   "[default]\n"
                                   "region = eu-west-1\r\n"
                                   "aws_access_key_id=id\r\n"
                                   "; aws_access_key_id=not\n"
                                   "  aws_secret_access_key =  shh/+=  \n"
                                   "[last]\n"
                                   "aws_access_key_id = alone\n");
    found(S3_SOURCE_FILES);
    assert_string_equal(credentials.key_id, "id");
    assert_string_equal(credentials.secret, "shh/+=");
    assert_string_equal(credentials.token, "");
    setenv("AWS_PROFILE", "other", 1);
    found(S3_SOURCE_FILES);
    assert_string_equal(credentials.secret, "other-shh");
    assert_string_equal(credentials.token, "other-tok");
    setenv("AWS_PROFILE", "last", 1);
    refused("[last]");
    setenv("AWS_PROFILE", "nobody", 1);
    refused("[nobody]");
}

static void a_session_token_may_be_long(void **state)
{
    char line[S3_TOKEN_SIZE + 200], token[S3_TOKEN_SIZE];
    (void)state;
    memset(token, 't', sizeof token - 1);
    token[sizeof token - 1] = '\0';
    snprintf(line, sizeof line,
             "[default]\naws_access_key_id=id\naws_secret_access_key=shh\n"
             "aws_session_token=%s\n",
             token);
    write_file(".aws/credentials", line);
    found(S3_SOURCE_FILES);
    assert_string_equal(credentials.token, token);
}

static void the_config_file_names_its_sections_otherwise(void **state)
{
    char region[S3_SESSION_SIZE];
    (void)state;
    write_file(".aws/config", "[default]\nregion = eu-north-1\n"
                              "[other]\naws_access_key_id=no\naws_secret_access_key=no\n"
                              "[profile other]\nregion=eu-south-1\n"
                              "aws_access_key_id=id\naws_secret_access_key=shh\n");
    s3_source_region(region);
    assert_string_equal(region, "eu-north-1");
    setenv("AWS_PROFILE", "other", 1);
    found(S3_SOURCE_FILES);
    assert_string_equal(credentials.key_id, "id");
    s3_source_region(region);
    assert_string_equal(region, "eu-south-1");
    /* The credentials file has the last word, on the pair as a whole. */
    write_file(".aws/credentials", "[other]\naws_access_key_id=shared\n");
    refused("[other]");
}

static void a_file_that_is_named_must_be_there(void **state)
{
    (void)state;
    setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent/file", 1);
    refused("/nonexistent/file");
    unsetenv("AWS_SHARED_CREDENTIALS_FILE");
    setenv("AWS_CONFIG_FILE", "/nonexistent/config", 1);
    refused("/nonexistent/config");
}

static void a_profile_that_asks_for_more_is_refused(void **state)
{
    (void)state;
    write_file(".aws/config",
               "[default]\ncredential_process = /bin/keys\n"
               "[profile role]\nrole_arn = arn:role\nsource_profile = default\n");
    refused("credential_process");
    setenv("AWS_PROFILE", "role", 1);
    refused("source_profile");
}

static void a_role_with_a_token_file(void **state)
{
    (void)state;
    setenv("AWS_WEB_IDENTITY_TOKEN_FILE", "/var/run/token", 1);
    refused("AWS_ROLE_ARN is not");
    setenv("AWS_ROLE_ARN", "arn:aws:iam::1:role/users", 1);
    found(S3_SOURCE_WEB_IDENTITY);
    assert_true(s3_source_is_asked(&source));
    assert_string_equal(source.url, "https://sts." REGION ".amazonaws.com/");
    assert_string_equal(source.token_file, "/var/run/token");
    assert_string_equal(source.role_arn, "arn:aws:iam::1:role/users");
    assert_string_equal(source.session_name, "users-service");
    setenv("AWS_ROLE_SESSION_NAME", "me", 1);
    setenv("AWS_ENDPOINT_URL", "https://everything.example", 1);
    found(S3_SOURCE_WEB_IDENTITY);
    assert_string_equal(source.session_name, "me");
    assert_string_equal(source.url, "https://everything.example");
    setenv("AWS_ENDPOINT_URL_STS", "https://sts.example", 1);
    found(S3_SOURCE_WEB_IDENTITY);
    assert_string_equal(source.url, "https://sts.example");
    /* Before the profile's keys, but not before a profile that has a role itself. */
    write_file(".aws/credentials",
               "[default]\naws_access_key_id=no\naws_secret_access_key=no\n");
    found(S3_SOURCE_WEB_IDENTITY);
    write_file(".aws/config", "[default]\nrole_arn=arn:mine\nweb_identity_token_file=/mine\n");
    found(S3_SOURCE_WEB_IDENTITY);
    assert_string_equal(source.role_arn, "arn:mine");
    assert_string_equal(source.token_file, "/mine");
}

static void a_container_has_an_address(void **state)
{
    (void)state;
    setenv("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/v2/credentials/1", 1);
    setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN", "Basic abc", 1);
    found(S3_SOURCE_CONTAINER);
    assert_string_equal(source.url, "http://169.254.170.2/v2/credentials/1");
    assert_string_equal(source.authorization, "Basic abc");
    setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", "/token", 1);
    found(S3_SOURCE_CONTAINER);
    assert_string_equal(source.token_file, "/token");
    assert_string_equal(source.authorization, "");
    setenv("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "v2", 1);
    refused("begin with a '/'");
}

static void a_container_is_asked_nearby_or_behind_tls(void **state)
{
    (void)state;
    static const char *const good[] = {"http://127.0.0.1:9/x",     "http://127.1.2.3/",
                                       "http://localhost/a",       "http://[::1]:1/",
                                       "http://169.254.170.2",     "http://169.254.170.23/",
                                       "http://[fd00:ec2::23]/v1", "https://example.org/x"};
    static const char *const bad[] = {"http://example.org/",
                                      "http://127.0.0.1.example.org/",
                                      "http://127.evil/",
                                      "http://169.254.170.20/",
                                      "http://localhost@example.org/",
                                      "ftp://127.0.0.1/",
                                      "127.0.0.1"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", good[i], 1);
        found(S3_SOURCE_CONTAINER);
        assert_string_equal(source.url, good[i]);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", bad[i], 1);
        refused("must be https");
    }
}

static void a_machine_is_asked_last(void **state)
{
    (void)state;
    found(S3_SOURCE_METADATA);
    assert_true(source.implied);
    assert_string_equal(source.url, "http://169.254.169.254");
    setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE", "IPv6", 1);
    found(S3_SOURCE_METADATA);
    assert_string_equal(source.url, "http://[fd00:ec2::254]");
    setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", "http://127.0.0.1:1/", 1);
    found(S3_SOURCE_METADATA);
    assert_false(source.implied);
    assert_string_equal(source.url, "http://127.0.0.1:1");
    setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", "127.0.0.1", 1);
    refused("http://");
}

static void without_any_of_them_there_is_no_store(void **state)
{
    (void)state;
    setenv("AWS_EC2_METADATA_DISABLED", "TRUE", 1);
    refused("AWS_ACCESS_KEY_ID");
    refused("/.aws/credentials");
    unsetenv("HOME");
    refused("AWS_ACCESS_KEY_ID");
}

int main(void)
{
    char path[256];
    if (!mkdtemp(home))
        return 1;
    home_file(".aws", path, sizeof path);
    if (mkdir(path, 0700) < 0)
        return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(the_environment_has_the_first_word, environment_clear),
        cmocka_unit_test_setup(the_credentials_file_has_profiles, environment_clear),
        cmocka_unit_test_setup(a_session_token_may_be_long, environment_clear),
        cmocka_unit_test_setup(the_config_file_names_its_sections_otherwise, environment_clear),
        cmocka_unit_test_setup(a_file_that_is_named_must_be_there, environment_clear),
        cmocka_unit_test_setup(a_profile_that_asks_for_more_is_refused, environment_clear),
        cmocka_unit_test_setup(a_role_with_a_token_file, environment_clear),
        cmocka_unit_test_setup(a_container_has_an_address, environment_clear),
        cmocka_unit_test_setup(a_container_is_asked_nearby_or_behind_tls, environment_clear),
        cmocka_unit_test_setup(a_machine_is_asked_last, environment_clear),
        cmocka_unit_test_setup(without_any_of_them_there_is_no_store, environment_clear),
    };
    int failed = cmocka_run_group_tests_name("files: S3 credentials", tests, NULL, NULL);
    environment_clear(NULL);
    rmdir(path);
    rmdir(home);
    return failed;
}
