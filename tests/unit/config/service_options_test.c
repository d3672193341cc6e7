/* What users-service's options say together. */
#include "config/service_options.h"
#include "support/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct service_options options;
static struct error error;

static int read_settled(const char *const *given)
{
    char *arguments[20];
    int count = 0;
    bool help;
    for (; given[count]; count++)
        arguments[count] = (char *)(uintptr_t)given[count];
    options = (struct service_options){0};
    error = (struct error){0};
    if (options_read(&service_option_table, count, arguments, &options, &help, &error) < 0)
        return -1;
    return service_options_settle(&options, &error);
}

#define NEEDED      "--database=sqlite:users.db", "--files=file:///srv", "--token-file=token"
#define SETTLE(...) read_settled((const char *const[]){__VA_ARGS__, NULL})

static void service_options__need_a_database_files_and_a_token(void **state)
{
    (void)state;
    assert_int_equal(SETTLE(NEEDED), 0);
    assert_string_equal(options.listen, "127.0.0.1:8080");
    assert_string_equal(options.private_listen, "127.0.0.1:8081");
    assert_int_equal(options.delete_wait, 2000);
    assert_int_equal(options.upload_guard, 900000);
    assert_int_equal(options.second_look, 86400000);
    assert_int_equal(options.lease, 60000);
    assert_true(options.use_inline && options.use_timer);

    static const char *const needed[] = {NEEDED};
    for (size_t left_out = 0; left_out < COUNT_OF(needed); left_out++) {
        const char *given[COUNT_OF(needed) + 1] = {0};
        size_t count = 0;
        for (size_t i = 0; i < COUNT_OF(needed); i++) {
            if (i != left_out)
                given[count++] = needed[i];
        }
        assert_int_equal(read_settled(given), -1);
        assert_int_equal(error.class, ERROR_USAGE);
        char name[32];
        snprintf(name, sizeof name, "%.*s", (int)strcspn(needed[left_out], "="),
                 needed[left_out]);
        assert_non_null(strstr(error.text, name));
    }
    assert_int_equal(SETTLE(NEEDED, "--files="), -1);
    assert_int_equal(error.class, ERROR_USAGE);
}

static void service_options__derive_the_time_of_a_call_from_the_lease(void **state)
{
    (void)state;
    static const struct {
        const char *lease;
        int64_t files_timeout;
    } rows[] = {{"--lease=1s", 400},
                {"--lease=10s", 4000},
                {"--lease=25s", 10000},
                {"--lease=60s", 10000},
                {"--lease=1h", 10000}};
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        assert_int_equal(SETTLE(NEEDED, rows[i].lease), 0);
        assert_int_equal(options.files_timeout, rows[i].files_timeout);
        assert_true(2 * options.files_timeout < options.lease);
    }
}

/* R5: a provider call ends under half the lease, queueing included. */
static void service_options__refuse_a_call_of_half_a_lease(void **state)
{
    (void)state;
    assert_int_equal(SETTLE(NEEDED, "--lease=20s", "--files-timeout=9999ms"), 0);
    assert_int_equal(SETTLE(NEEDED, "--lease=20s", "--files-timeout=10s"), -1);
    assert_int_equal(error.class, ERROR_CONFIG);
    assert_non_null(strstr(error.text, "--files-timeout"));
    assert_non_null(strstr(error.text, "--lease"));
    assert_int_equal(SETTLE(NEEDED, "--lease=20s", "--files-timeout=1m"), -1);
}

static void service_options__refuse_a_second_look_before_an_upload_has_ended(void **state)
{
    (void)state;
    assert_int_equal(SETTLE(NEEDED, "--upload-guard=1h", "--second-look=1h"), 0);
    assert_int_equal(SETTLE(NEEDED, "--upload-guard=1h", "--second-look=59m"), -1);
    assert_int_equal(error.class, ERROR_CONFIG);
    assert_non_null(strstr(error.text, "--second-look"));
    assert_non_null(strstr(error.text, "--upload-guard"));
}

static void service_options__come_from_the_environment_too(void **state)
{
    (void)state;
    assert_int_equal(setenv("USERS_DELETE_WAIT", "7s", 1), 0);
    assert_int_equal(setenv("USERS_INLINE", "off", 1), 0);
    assert_int_equal(SETTLE(NEEDED), 0);
    assert_int_equal(unsetenv("USERS_DELETE_WAIT"), 0);
    assert_int_equal(unsetenv("USERS_INLINE"), 0);
    assert_int_equal(options.delete_wait, 7000);
    assert_false(options.use_inline);
}

static void service_options__defaults_hold_their_own_bounds(void **state)
{
    (void)state;
    for (size_t i = 0; i < service_option_table.count; i++) {
        const struct option *row = &service_option_table.options[i];
        assert_non_null(row->prose);
        if (row->type == OPTION_FLAG)
            continue;
        assert_non_null(row->value);
        if (row->type == OPTION_DURATION || row->type == OPTION_BYTES ||
            row->type == OPTION_INTEGER)
            assert_true(row->most > row->least);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CHECK(service_options__need_a_database_files_and_a_token),
        CHECK(service_options__derive_the_time_of_a_call_from_the_lease),
        CHECK(service_options__refuse_a_call_of_half_a_lease),
        CHECK(service_options__refuse_a_second_look_before_an_upload_has_ended),
        CHECK(service_options__come_from_the_environment_too),
        CHECK(service_options__defaults_hold_their_own_bounds),
    };
    return cmocka_run_group_tests_name("config: service options", tests, NULL, NULL);
}
