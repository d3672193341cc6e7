#include "job/credentials.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define FILE_NAME "credentials_test_file"

static void file_write(const char *text, mode_t mode)
{
    unlink(FILE_NAME);
    FILE *file = fopen(FILE_NAME, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
    assert_int_equal(chmod(FILE_NAME, mode), 0);
}

static void credentials__come_from_everywhere_at_once(void **state)
{
    (void)state;
    struct option_texts variables = {.items = {"X-Second:CREDENTIALS_SECOND"}, .count = 1};
    struct credentials_sources sources = {.token_variable = "CREDENTIALS_TOKEN",
                                          .header_file = FILE_NAME,
                                          .header_variables = &variables};
    struct credentials credentials;
    struct error error = {0};
    setenv("CREDENTIALS_TOKEN", "t0ken", 1);
    setenv("CREDENTIALS_SECOND", "s3cond value", 1);
    file_write("# words\n\nX-First:f1rst \r\nX-Empty:\n", 0600);
    if (credentials_read(&sources, &credentials, &error) < 0)
        fail_msg("%s", error.text);
    assert_int_equal(credentials.count, 4);
    assert_string_equal(credentials.headers[0], "Authorization: Bearer t0ken");
    assert_string_equal(credentials.secrets[0], "t0ken");
    assert_string_equal(credentials.headers[1], "X-First: f1rst");
    assert_string_equal(credentials.secrets[1], "f1rst");
    assert_string_equal(credentials.secrets[2], "");
    assert_string_equal(credentials.headers[3], "X-Second: s3cond value");
    assert_null(credentials.secrets[4]);
    credentials_forget(&credentials);
    assert_int_equal(credentials.count, 0);
    unlink(FILE_NAME);
}

static void credentials__never_show_what_they_refuse(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        mode_t mode;
    } rows[] = {{"X-Key: s3cret", 0604},
                {"X-Key: s3cret", 0660},
                {"s3cret", 0600},
                {": s3cret", 0600},
                {"X Key: s3cret", 0600},
                {"X-Key: s3cret\x7f", 0600},
                {"X-Key: s3cret\xc3\xa9", 0600}};
    struct credentials_sources sources = {.header_file = FILE_NAME};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct credentials credentials;
        struct error error = {0};
        file_write(rows[i].text, rows[i].mode);
        if (credentials_read(&sources, &credentials, &error) == 0)
            fail_msg("row %zu was taken", i);
        assert_int_equal(error.class, ERROR_CONFIG);
        assert_null(strstr(error.text, "s3cret"));
        assert_int_equal(credentials.count, 0);
    }
    unlink(FILE_NAME);
}

static void credentials__are_bounded(void **state)
{
    (void)state;
    char text[4096] = "";
    struct credentials_sources sources = {.header_file = FILE_NAME};
    struct credentials credentials;
    struct error error = {0};
    for (int i = 0; i <= CREDENTIALS_MAX; i++) {
        file_write(text, 0600);
        assert_int_equal(credentials_read(&sources, &credentials, &error), 0);
        assert_int_equal(credentials.count, i);
        credentials_forget(&credentials);
        sprintf(text + strlen(text), "X-%d: v\n", i);
    }
    file_write(text, 0600);
    assert_int_equal(credentials_read(&sources, &credentials, &error), -1);
    unlink(FILE_NAME);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(credentials__come_from_everywhere_at_once),
        cmocka_unit_test(credentials__never_show_what_they_refuse),
        cmocka_unit_test(credentials__are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
