/* A user's reply, printed and as a tree: who reads it cannot tell which it was. */
#include "handlers/user_json.h"
#include "support/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct user ada(void)
{
    return (struct user){.id = "01900000-0000-7000-8000-00000000000a",
                         .first_name = "Ada",
                         .last_name = "Lovelace",
                         .user_name = "ada",
                         .email = "ada@example.org",
                         .created_at = 1700000000123,
                         .updated_at = 1700000001000,
                         .version = 1};
}

static char *as_tree(const struct user *user)
{
    json_t *tree = json_pack("{s:s, s:o}", "status", "ok", "data", user_json_encode(user));
    char *text = json_dumps(tree, JSON_COMPACT);
    json_decref(tree);
    assert_non_null(text);
    return text;
}

static void assert_printed(const struct user *user)
{
    char *printed = user_json_print(user), *expected = as_tree(user);
    assert_non_null(printed);
    assert_string_equal(printed, expected);
    free(printed);
    free(expected);
}

static void user__is_printed_as_the_tree_would_be(void **state)
{
    (void)state;
    struct user user = ada();
    assert_printed(&user);
    snprintf(user.country_id, sizeof user.country_id, "GB");
    snprintf(user.birth_date, sizeof user.birth_date, "1815-12-10");
    assert_printed(&user);
    snprintf(user.avatar.key, sizeof user.avatar.key, "avatars/1");
    assert_printed(&user);
    snprintf(user.avatar.content_type, sizeof user.avatar.content_type, "image/png");
    memset(user.avatar.sha256, 'f', sizeof user.avatar.sha256 - 1);
    user.avatar.bytes = INT64_MAX;
    assert_printed(&user);
}

static void user__of_the_longest_texts_is_printed_whole(void **state)
{
    (void)state;
    struct user user = ada();
    memset(user.first_name, ' ', sizeof user.first_name - 1);
    memset(user.last_name, '~', sizeof user.last_name - 1);
    memset(user.user_name, '/', sizeof user.user_name - 1);
    memset(user.email, '%', sizeof user.email - 1);
    memset(user.country_id, 'Z', sizeof user.country_id - 1);
    memset(user.birth_date, '9', sizeof user.birth_date - 1);
    memset(user.avatar.key, 'k', sizeof user.avatar.key - 1);
    memset(user.avatar.content_type, 't', sizeof user.avatar.content_type - 1);
    memset(user.avatar.sha256, 'f', sizeof user.avatar.sha256 - 1);
    user.avatar.bytes = INT64_MIN;
    assert_printed(&user);
}

/* Whatever of it would be written otherwise, or may be no UTF-8. */
static void user__with_a_text_that_is_not_plain_is_left_to_the_tree(void **state)
{
    (void)state;
    static const char *const texts[] = {"\"", "\\", "\n", "\x1f", "\x7f", "\xc3\xa9", "\xff"};
    static const size_t places[] = {
        offsetof(struct user, id),           offsetof(struct user, first_name),
        offsetof(struct user, last_name),    offsetof(struct user, user_name),
        offsetof(struct user, email),        offsetof(struct user, country_id),
        offsetof(struct user, birth_date),   offsetof(struct user, avatar.content_type),
        offsetof(struct user, avatar.sha256)};
    for (size_t place = 0; place < COUNT_OF(places); place++) {
        for (size_t i = 0; i < COUNT_OF(texts); i++) {
            struct user user = ada();
            memcpy((char *)&user + places[place], texts[i], strlen(texts[i]) + 1);
            assert_null(user_json_print(&user));
        }
    }
    struct user user = ada();
    user.updated_at = 0;
    assert_null(user_json_print(&user));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CHECK(user__is_printed_as_the_tree_would_be),
        CHECK(user__of_the_longest_texts_is_printed_whole),
        CHECK(user__with_a_text_that_is_not_plain_is_left_to_the_tree),
    };
    return cmocka_run_group_tests_name("handlers: a user as JSON", tests, NULL, NULL);
}
