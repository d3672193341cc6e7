/* The token file, and who is let in with it. */
#include "config/limits.h"
#include "http/auth.h"
#include "support/check.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define TOKEN   "0123456789abcdef"
#define ANOTHER "another-token-of-some-length"

static char folder[] = "/tmp/auth.XXXXXX";
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
    int file = open(path, O_WRONLY | O_CREAT | O_EXCL, 0600);
    assert_true(file >= 0);
    assert_int_equal(write(file, text, length), length);
    close(file);
    assert_int_equal(chmod(path, mode), 0);
}

static struct auth *auth_of(const char *text)
{
    struct auth *auth = NULL;
    struct error error = {0};
    file_write(text, strlen(text), 0600);
    if (auth_open(path, &auth, &error) < 0)
        fail_msg("%s", error.text);
    return auth;
}

static void auth__admits_the_bearers_of_its_tokens(void **state)
{
    (void)state;
    static const char *const files[] = {TOKEN "\n" ANOTHER "\n", TOKEN "\n" ANOTHER,
                                        "\n\n " TOKEN " \r\n\t" ANOTHER "\t\r\n\n"};
    static const struct {
        const char *header;
        bool admitted;
    } rows[] = {{"Bearer " TOKEN, true},
                {"Bearer " ANOTHER, true},
                {"bearer " TOKEN, true},
                {"BEARER " TOKEN, true},
                {"Bearer  " TOKEN, true},
                {NULL, false},
                {"", false},
                {"Bearer", false},
                {"Bearer ", false},
                {"Bearer  ", false},
                {TOKEN, false},
                {"Basic " TOKEN, false},
                {"Bearer" TOKEN, false},
                {"Bearer 0123456789abcde", false},
                {"Bearer " TOKEN "0", false},
                {"Bearer " TOKEN " ", false},
                {"Bearer " TOKEN " " ANOTHER, false},
                {"Bearer 0123456789ABCDEF", false},
                {"Bearer " TOKEN "\n" ANOTHER, false},
                {" Bearer " TOKEN, false}};
    for (size_t file = 0; file < COUNT_OF(files); file++) {
        struct auth *auth = auth_of(files[file]);
        for (size_t i = 0; i < COUNT_OF(rows); i++) {
            if (auth_admits(auth, rows[i].header) != rows[i].admitted)
                fail_msg("%s", rows[i].header ? rows[i].header : "no header");
        }
        auth_close(auth);
    }
}

static void open_refuse(const char *expected)
{
    struct auth *auth = NULL;
    struct error error = {0};
    assert_int_equal(auth_open(path, &auth, &error), -1);
    assert_int_equal(error.class, ERROR_CONFIG);
    if (!strstr(error.text, expected))
        fail_msg("says nothing of \"%s\": %s", expected, error.text);
    assert_non_null(strstr(error.text, path));
    assert_null(strstr(error.text, "secret"));
    assert_null(auth);
}

static void auth__refuses_a_file_that_others_may_touch(void **state)
{
    (void)state;
    static const mode_t modes[] = {0640, 0620, 0610, 0604, 0602, 0601, 0644, 0666, 0777};
    for (size_t i = 0; i < COUNT_OF(modes); i++) {
        file_write(TOKEN, strlen(TOKEN), modes[i]);
        open_refuse("chmod 600");
    }
    file_write(TOKEN, strlen(TOKEN), 0400);
    struct auth *auth = NULL;
    struct error error = {0};
    assert_int_equal(auth_open(path, &auth, &error), 0);
    auth_close(auth);
}

static void auth__refuses_a_file_without_a_token(void **state)
{
    (void)state;
    static const char *const texts[] = {"", "\n", " \t\r\n\n"};
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        file_write(texts[i], strlen(texts[i]), 0600);
        open_refuse("empty");
    }
}

static void auth__refuses_a_token_that_can_be_guessed(void **state)
{
    (void)state;
    static const char *const texts[] = {"secret", "secret-15-chars", TOKEN "\nsecret\n"};
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        file_write(texts[i], strlen(texts[i]), 0600);
        open_refuse("16 characters");
    }
}

static void auth__refuses_more_than_it_can_hold(void **state)
{
    (void)state;
    char text[LIMIT_TOKEN_BYTES + 2];
    char *end = text;
    for (int i = 0; i < 17; i++)
        end += sprintf(end, "secret-secret-%02d\n", i);
    file_write(text, (size_t)(end - text), 0600);
    open_refuse("more than 16 tokens");
    file_write(text, (size_t)(end - text) - 17, 0600);
    struct auth *auth = NULL;
    struct error error = {0};
    assert_int_equal(auth_open(path, &auth, &error), 0);
    assert_true(auth_admits(auth, "Bearer secret-secret-15"));
    assert_false(auth_admits(auth, "Bearer secret-secret-16"));
    auth_close(auth);

    memset(text, 's', sizeof text);
    file_write(text, LIMIT_TOKEN_BYTES + 1, 0600);
    open_refuse("longer than");
    file_write(text, LIMIT_TOKEN_BYTES, 0600);
    assert_int_equal(auth_open(path, &auth, &error), 0);
    auth_close(auth);
}

static void auth__refuses_what_cannot_be_read(void **state)
{
    (void)state;
    unlink(path);
    open_refuse("there is no token file");
    assert_int_equal(mkdir(path, 0700), 0);
    open_refuse("cannot read");
    assert_int_equal(rmdir(path), 0);
}

static void auth__may_be_closed_when_it_was_never_opened(void **state)
{
    (void)state;
    auth_close(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CHECK(auth__admits_the_bearers_of_its_tokens),
        CHECK(auth__refuses_a_file_that_others_may_touch),
        CHECK(auth__refuses_a_file_without_a_token),
        CHECK(auth__refuses_a_token_that_can_be_guessed),
        CHECK(auth__refuses_more_than_it_can_hold),
        CHECK(auth__refuses_what_cannot_be_read),
        CHECK(auth__may_be_closed_when_it_was_never_opened),
    };
    return cmocka_run_group_tests_name("http: auth", tests, folder_make, folder_remove);
}
