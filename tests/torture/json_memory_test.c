/* JSON is written whole or not at all, wherever memory lacks; Jansson asks through us. */
#include "allocations.h"
#include "http/json_text.h"
#include "support/check.h"

#include <stdlib.h>
#include <string.h>

static void text__is_whole_or_none(void **state)
{
    (void)state;
    json_t *json =
        json_pack("{s:s, s:{s:[i, i], s:s}, s:n, s:f, s:b}", "status", "ok", "data", "numbers",
                  1, 2, "quoted", "\"\\\n", "next", "real", 0.5, "true", 1);
    char *whole = json_text_write(json, JSON_COMPACT);
    assert_string_equal(whole, "{\"status\":\"ok\",\"data\":{\"numbers\":[1,2],\"quoted\":"
                               "\"\\\"\\\\\\n\"},\"next\":null,\"real\":0.5,\"true\":true}");
    bool refused = true;
    for (int64_t number = 1; refused; number++) {
        for (int lasts = 0; lasts < 2; lasts++) {
            allocations_fail(ALLOCATIONS_ALL, number, lasts);
            char *text = json_text_write(json, JSON_COMPACT);
            refused = allocations_spare() > 0;
            if (text)
                assert_string_equal(text, whole);
            else
                assert_true(refused);
            free(text);
        }
        assert_true(number > 1 || refused);
    }
    free(whole);
    json_decref(json);
}

/* A character that is lost would be one of somebody's name. */
static void text__is_read_whole_or_not(void **state)
{
    (void)state;
    static const char text[] =
        "{\"lastName\":\"a name of more than sixteen characters, \\u00e9\","
        "\"numbers\":[1234567890123456,0.25],\"other\":{\"x\":null}}";
    json_error_t fault;
    json_t *whole = json_text_read(text, sizeof text - 1, JSON_REJECT_DUPLICATES, &fault);
    assert_non_null(whole);
    bool refused = true;
    for (int64_t number = 1; refused; number++) {
        for (int lasts = 0; lasts < 2; lasts++) {
            allocations_fail(ALLOCATIONS_ALL, number, lasts);
            json_t *json =
                json_text_read(text, sizeof text - 1, JSON_REJECT_DUPLICATES, &fault);
            refused = allocations_spare() > 0;
            assert_true(refused ? !json && !*fault.text : json_equal(json, whole));
            json_decref(json);
        }
    }
    json_decref(whole);
    assert_null(json_text_read("{", 1, 0, &fault));
    assert_true(*fault.text);
}

static void text__of_nothing_is_none(void **state)
{
    (void)state;
    assert_null(json_text_write(NULL, JSON_COMPACT));
}

int main(void)
{
    const struct CMUnitTest tests[] = {CHECK(text__is_whole_or_none),
                                       CHECK(text__is_read_whole_or_not),
                                       CHECK(text__of_nothing_is_none)};
    json_text_prepare();
    return cmocka_run_group_tests_name("json text: no memory", tests, NULL, NULL);
}
