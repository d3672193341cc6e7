#include "base/error.h"
#include "support/check.h"

#include <errno.h>
#include <string.h>

static void error__is_set_from_a_format_and_returned(void **state)
{
    (void)state;
    struct error error = {0};
    assert_int_equal(error_set(&error, ERROR_CONFIG, "port %d is %s", 80, "taken"), -1);
    assert_int_equal(error.class, ERROR_CONFIG);
    assert_string_equal(error.text, "port 80 is taken");
    assert_int_equal(error_set(&error, ERROR_IO, "again"), -1);
    assert_int_equal(error.class, ERROR_IO);
    assert_string_equal(error.text, "again");
}

static void error__may_be_wanted_by_nobody(void **state)
{
    (void)state;
    assert_int_equal(error_set(NULL, ERROR_CONFIG, "x"), -1);
    assert_int_equal(error_wrap(NULL, "x"), -1);
    assert_int_equal(error_set_errno(NULL, ERROR_CONFIG, ENOENT, "x"), -1);
}

static void error__is_wrapped_from_the_inside_out(void **state)
{
    (void)state;
    struct error error = {0};
    error_set(&error, ERROR_CONFIG, "100%% wrong: %%s %%n");
    assert_int_equal(error_wrap(&error, "file %s", "a.conf"), -1);
    assert_int_equal(error_wrap(&error, "service"), -1);
    assert_string_equal(error.text, "service: file a.conf: 100% wrong: %s %n");
    assert_int_equal(error.class, ERROR_CONFIG);
}

static void error__that_is_too_long_is_cut_at_its_end(void **state)
{
    (void)state;
    char longest[2 * ERROR_TEXT_SIZE];
    memset(longest, 'x', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    struct error error = {0};
    error_set(&error, ERROR_CONFIG, "%s", longest);
    assert_int_equal(strlen(error.text), ERROR_TEXT_SIZE - 1);
    error_wrap(&error, "context");
    assert_int_equal(strlen(error.text), ERROR_TEXT_SIZE - 1);
    assert_memory_equal(error.text, "context: xxx", 12);
    error_wrap(&error, "%s", longest);
    assert_int_equal(strlen(error.text), ERROR_TEXT_SIZE - 1);
    error_set_errno(&error, ERROR_IO, ENOENT, "%s", longest);
    assert_int_equal(strlen(error.text), ERROR_TEXT_SIZE - 1);
}

static void error__of_a_system_call_ends_in_the_systems_words(void **state)
{
    (void)state;
    struct error error = {0};
    assert_int_equal(error_set_errno(&error, ERROR_CONFIG, ENOENT, "cannot open %s", "a"), -1);
    assert_string_equal(error.text, "cannot open a: No such file or directory");
    error_set_errno(&error, ERROR_CONFIG, 123456, "x");
    assert_memory_equal(error.text, "x: ", 3);
}

static void error__has_the_exit_code_of_its_class(void **state)
{
    (void)state;
    static const struct {
        enum error_class class;
        int code;
    } rows[] = {{ERROR_NONE, 0},         {ERROR_USAGE, 64},   {ERROR_CONFIG, 78},
                {ERROR_UNAVAILABLE, 69}, {ERROR_INVALID, 78}, {ERROR_NO_MEMORY, 69},
                {ERROR_IO, 69},          {ERROR_INTERNAL, 70}};
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct error error = {.class = rows[i].class};
        assert_int_equal(error_exit_code(&error), rows[i].code);
    }
}

/* A supervisor starts again what ends with 69, and leaves alone what ends with 78. */
static void error__of_a_call_that_may_work_later_is_no_ones_to_mend(void **state)
{
    (void)state;
    static const int passing[] = {EAGAIN, EDQUOT, EINTR, EIO, EMFILE, ENFILE, ENOMEM, ENOSPC};
    for (size_t i = 0; i < COUNT_OF(passing); i++)
        assert_int_equal(error_class_of(passing[i]), ERROR_UNAVAILABLE);
    static const int wrong[] = {EACCES, ENOENT, ENOTDIR, EPERM, EROFS, ELOOP};
    for (size_t i = 0; i < COUNT_OF(wrong); i++)
        assert_int_equal(error_class_of(wrong[i]), ERROR_CONFIG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CHECK(error__is_set_from_a_format_and_returned),
        CHECK(error__may_be_wanted_by_nobody),
        CHECK(error__is_wrapped_from_the_inside_out),
        CHECK(error__that_is_too_long_is_cut_at_its_end),
        CHECK(error__of_a_system_call_ends_in_the_systems_words),
        CHECK(error__has_the_exit_code_of_its_class),
        CHECK(error__of_a_call_that_may_work_later_is_no_ones_to_mend),
    };
    return cmocka_run_group_tests_name("base: error", tests, NULL, NULL);
}
