#include "base/clock.h"
#include "base/uuid.h"
#include "support/check.h"

#include <stdlib.h>
#include <string.h>

static uint64_t time_of(const char *uuid)
{
    char digits[13] = {0};
    memcpy(digits, uuid, 8);
    memcpy(digits + 8, uuid + 9, 4);
    return strtoull(digits, NULL, 16);
}

static void uuid__is_of_version_7_and_made_now(void **state)
{
    (void)state;
    for (int i = 0; i < 100; i++) {
        char uuid[UUID_TEXT_SIZE], parsed[UUID_TEXT_SIZE];
        uint64_t before = (uint64_t)clock_wall_ms();
        uuid_generate(uuid);
        assert_true(uuid_parse(uuid, parsed));
        assert_string_equal(uuid, parsed);
        assert_int_equal(uuid[14], '7');
        assert_non_null(strchr("89ab", uuid[19]));
        assert_in_range(time_of(uuid), before, (uint64_t)clock_wall_ms());
    }
}

static void uuid__made_later_sorts_later(void **state)
{
    (void)state;
    char earlier[UUID_TEXT_SIZE], later[UUID_TEXT_SIZE];
    uuid_generate(earlier);
    for (int changes = 0; changes < 5;) {
        uuid_generate(later);
        if (time_of(later) == time_of(earlier))
            continue;
        assert_true(strcmp(earlier, later) < 0);
        memcpy(earlier, later, sizeof earlier);
        changes++;
    }
}

static int texts_compare(const void *a, const void *b)
{
    return strcmp(a, b);
}

static void uuid__does_not_repeat_itself(void **state)
{
    (void)state;
    enum { COUNT = 2000 };
    static char made[COUNT][UUID_TEXT_SIZE];
    for (int i = 0; i < COUNT; i++)
        uuid_generate(made[i]);
    qsort(made, COUNT, sizeof made[0], texts_compare);
    for (int i = 1; i < COUNT; i++)
        assert_string_not_equal(made[i - 1], made[i]);
}

static void uuid__is_read_in_either_case_into_lower_case(void **state)
{
    (void)state;
    static const char *const texts[] = {"01900000-0000-7000-8000-00000000abcd",
                                        "01900000-0000-7000-8000-00000000ABCD",
                                        "01900000-0000-7000-8000-00000000aBcD"};
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        char uuid[UUID_TEXT_SIZE];
        assert_true(uuid_parse(texts[i], uuid));
        assert_string_equal(uuid, "01900000-0000-7000-8000-00000000abcd");
    }
}

static void uuid__is_nothing_else(void **state)
{
    (void)state;
    static const char *const texts[] = {"",
                                        "-",
                                        "fallback",
                                        "01900000-0000-7000-8000-00000000abc",
                                        "01900000-0000-7000-8000-00000000abcde",
                                        "01900000-0000-7000-8000-00000000abcg",
                                        "01900000000070008000000000000abcd",
                                        "01900000-0000-7000-8000000000000-abcd",
                                        "0190000-00000-7000-8000-00000000abcd",
                                        "{01900000-0000-7000-8000-00000000abc}",
                                        " 01900000-0000-7000-8000-00000000abcd",
                                        "01900000-0000-7000-8000-00000000abc\xe9"};
    char uuid[UUID_TEXT_SIZE] = "untouched";
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        /* On the heap, so that reading past the end is seen. */
        char *text = strdup(texts[i]);
        assert_non_null(text);
        assert_false(uuid_parse(text, uuid));
        assert_string_equal(uuid, "untouched");
        free(text);
    }
}

static void uuid__may_be_read_into_itself(void **state)
{
    (void)state;
    char uuid[UUID_TEXT_SIZE] = "01900000-0000-7000-8000-00000000ABCD";
    assert_true(uuid_parse(uuid, uuid));
    assert_string_equal(uuid, "01900000-0000-7000-8000-00000000abcd");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CHECK(uuid__is_of_version_7_and_made_now),
        CHECK(uuid__made_later_sorts_later),
        CHECK(uuid__does_not_repeat_itself),
        CHECK(uuid__is_read_in_either_case_into_lower_case),
        CHECK(uuid__is_nothing_else),
        CHECK(uuid__may_be_read_into_itself),
    };
    return cmocka_run_group_tests_name("base: uuid", tests, NULL, NULL);
}
