#include "job/token.h"

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

static char folder[] = "/tmp/tokens.XXXXXX";
static char path[64];

static int folder_make(void **state)
{
    (void)state;
    if (!mkdtemp(folder))
        return -1;
    snprintf(path, sizeof path, "%s/token", folder);
    return 0;
}

static int folder_remove(void **state)
{
    (void)state;
    unlink(path);
    return rmdir(folder);
}

static void file_write(const char *text, size_t length, mode_t mode)
{
    unlink(path);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, length, file), length);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(chmod(path, mode), 0);
}

static void token__is_read_without_the_blanks_around(void **state)
{
    (void)state;
    static const char *const texts[] = {"abc~.-_/+=1", "abc~.-_/+=1\n", " \tabc~.-_/+=1\r\n\n"};
    char token[TOKEN_SIZE];
    struct error error = {0};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        file_write(texts[i], strlen(texts[i]), 0600);
        assert_int_equal(token_read(path, token, &error), 0);
        assert_string_equal(token, "abc~.-_/+=1");
    }
}

static void refuse(const char *text, size_t length, mode_t mode)
{
    char token[TOKEN_SIZE];
    struct error error = {0};
    file_write(text, length, mode);
    if (token_read(path, token, &error) == 0)
        fail_msg("taken, with mode %o", (unsigned)mode);
    assert_int_equal(error.class, ERROR_CONFIG);
    assert_null(strstr(error.text, "abc"));
    assert_int_equal(*token, '\0');
}

static void token__is_refused_when_others_have_access(void **state)
{
    (void)state;
    static const mode_t modes[] = {0640, 0604, 0644, 0620, 0602, 0601, 0666, 0777};
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++)
        refuse("abc\n", 4, modes[i]);
}

static void token__is_refused_when_it_is_none(void **state)
{
    (void)state;
    static const char *const texts[] = {"",         "\n",      " \t\n",      "abc def",
                                        "abc\ndef", "abc\x7f", "abc\xc3\xa9"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        refuse(texts[i], strlen(texts[i]), 0600);
    refuse("abc\0d", 5, 0600);
    static char large[TOKEN_SIZE + 10];
    memset(large, 'a', sizeof large);
    refuse(large, TOKEN_SIZE, 0600);
}

static void token__needs_a_regular_file(void **state)
{
    (void)state;
    char token[TOKEN_SIZE];
    struct error error = {0};
    unlink(path);
    assert_int_equal(token_read(path, token, &error), -1);
    assert_int_equal(error.class, ERROR_CONFIG);
    assert_int_equal(token_read(folder, token, &error), -1);
    assert_int_equal(mkfifo(path, 0600), 0);
    /* Must not wait for a writer. */
    assert_int_equal(token_read(path, token, &error), -1);
    assert_int_equal(error.class, ERROR_CONFIG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(token__is_read_without_the_blanks_around),
        cmocka_unit_test(token__is_refused_when_others_have_access),
        cmocka_unit_test(token__is_refused_when_it_is_none),
        cmocka_unit_test(token__needs_a_regular_file),
    };
    return cmocka_run_group_tests(tests, folder_make, folder_remove);
}
