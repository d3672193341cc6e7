#include "files/driver.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void keys_stay_below_a_root(void **state)
{
    (void)state;
    static const char *const good[] = {"a",  "avatars/0190", "a/b/c",   "...",   "a..b/c",
                                       ".a", "a b~",         "..a/b..", "a/...", "%2e"};
    static const char *const bad[] = {"",       "/",    "/a",    "a/",      "a//b", ".",
                                      "..",     "./a",  "../a",  "a/.",     "a/..", "a/./b",
                                      "a/../b", "a\tb", "a\x7f", "\xc3\xa9"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        assert_true(files_key_is_valid(good[i]));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(files_key_is_valid(bad[i]));
}

static void keys_have_up_to_512_bytes(void **state)
{
    (void)state;
    char key[FILES_KEY_SIZE + 1];
    memset(key, 'k', sizeof key);
    key[512] = '\0';
    assert_true(files_key_is_valid(key));
    key[512] = 'k';
    key[513] = '\0';
    assert_false(files_key_is_valid(key));
}

static void our_own_keys_are_known(void **state)
{
    (void)state;
    static const char *const ours[] = {"avatars",
                                       "avatars/x",
                                       "AVATARS/x",
                                       ".fallback-store",
                                       ".tmp/a",
                                       ".tmp",
                                       ".Fallback-Store",
                                       "avatars/x/y",
                                       ".fallback-store/x",
                                       ".fallback-store-epoch-7"};
    static const char *const others[] = {"avatar", "avatarsx/y", "x/avatars/y",
                                         ".tmpx",  "my/.tmp/",   ".fallback-stores"};
    for (size_t i = 0; i < sizeof ours / sizeof *ours; i++)
        assert_true(files_key_is_ours(ours[i]));
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        assert_false(files_key_is_ours(others[i]));
}

static void an_answer_is_ok_without_an_error_only(void **state)
{
    (void)state;
    struct files_answer answer;
    static const int bad[] = {0, 199, 300, 404, 500};
    files_answer_set(&answer, 204, NULL, NULL);
    assert_true(files_answer_is_ok(&answer));
    files_answer_set(&answer, 200, "SlowDown", NULL);
    assert_false(files_answer_is_ok(&answer));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        files_answer_set(&answer, bad[i], NULL, NULL);
        assert_false(files_answer_is_ok(&answer));
    }
}

static void an_answers_text_is_one_line_of_whole_characters(void **state)
{
    (void)state;
    char text[FILES_TEXT_SIZE + 10];
    struct files_answer answer;
    files_answer_set(&answer, 500, "a b\r\nc", "one\r\ntwo\x7f");
    assert_string_equal(answer.code, "abc");
    assert_string_equal(answer.text, "one  two ");
    memset(text, 'x', sizeof text);
    memcpy(text + FILES_TEXT_SIZE - 2, "\xc3\xa9", 2);
    text[FILES_TEXT_SIZE + 1] = '\0';
    files_answer_set(&answer, 500, NULL, text);
    assert_int_equal(strlen(answer.text), FILES_TEXT_SIZE - 2);
}

static void an_identity_is_read_as_it_was_written(void **state)
{
    (void)state;
    struct files_identity identity = {0}, found;
    struct buffer json;
    uuid_generate(identity.store_id);
    uuid_generate(identity.database_id);
    buffer_init(&json, FILES_IDENTITY_BYTES_MAX);
    assert_int_equal(files_identity_format(&identity, &json), 0);
    assert_int_equal(files_identity_parse(json.bytes, json.length, &found), 0);
    assert_true(files_identity_equals(&identity, &found));
    for (size_t length = 0; length < json.length - 1; length++)
        assert_int_equal(files_identity_parse(json.bytes, length, &found), -1);
    buffer_deinit(&json);

    static const char *const bad[] = {"{}",
                                      "[]",
                                      "null",
                                      "{\"store\":1,\"database\":2}",
                                      "{\"store\":\"x\",\"database\":\"y\"}",
                                      "\xff"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(files_identity_parse(bad[i], strlen(bad[i]), &found), -1);
}

static void url_parts_are_decoded(void **state)
{
    (void)state;
    char text[8];
    assert_int_equal(files_url_decode("a%20b", 5, text, sizeof text), 0);
    assert_string_equal(text, "a b");
    assert_int_equal(files_url_decode("%2F%2f", 6, text, sizeof text), 0);
    assert_string_equal(text, "//");
    static const char *const bad[] = {"%", "%2", "a%2", "%zz", "%00", "12345678"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(files_url_decode(bad[i], strlen(bad[i]), text, sizeof text), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_stay_below_a_root),
        cmocka_unit_test(keys_have_up_to_512_bytes),
        cmocka_unit_test(our_own_keys_are_known),
        cmocka_unit_test(an_answer_is_ok_without_an_error_only),
        cmocka_unit_test(an_answers_text_is_one_line_of_whole_characters),
        cmocka_unit_test(an_identity_is_read_as_it_was_written),
        cmocka_unit_test(url_parts_are_decoded),
    };
    return cmocka_run_group_tests_name("files: keys and answers", tests, NULL, NULL);
}
