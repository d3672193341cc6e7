/* What only SQLite's dialect can try: D1, D2. */
#include "contract/repository_cast.h"

static const char *const refused[] = {
    "REPLACE " INSERT_WITH("'" ADA "'", "NULL"),
    "INSERT OR REPLACE " INSERT_WITH("'" ADA "'", "NULL"),
    "INSERT OR REPLACE " INSERT_WITH("'" ADA "'", "'avatars/1'"),
    "INSERT OR REPLACE " INSERT_WITH("'" EVE "'", "NULL"),
    "INSERT OR REPLACE " INSERT_WITH(NEW_ID, "'avatars/1'"),
    "INSERT OR REPLACE " INSERT_WITH(NEW_ID, "'avatars/3'"),
    "INSERT OR REPLACE " INSERT_WITH(NEW_ID, "'avatars/4'"),
    "INSERT OR IGNORE " INSERT_WITH("'" ADA "'", "'avatars/7'"),
    "INSERT OR IGNORE " INSERT_WITH(NEW_ID, "'avatars/3'"),
    "INSERT OR IGNORE " INSERT_WITH(NEW_ID, "'avatars/5'"),
    "INSERT " INSERT_WITH("'" ADA "'", "'avatars/7'") " ON CONFLICT (id) DO NOTHING",
    "INSERT " INSERT_WITH("'" ADA "'", "'avatars/7'") " ON CONFLICT (id) DO UPDATE SET "
                                                      "avatar_key = excluded.avatar_key",
    "UPDATE OR REPLACE" POINT "'avatars/1' WHERE id = '" BOB "'",
    "UPDATE OR REPLACE" POINT "'avatars/3' WHERE id = '" BOB "'",
    "UPDATE OR REPLACE" POINT "'avatars/5' WHERE id = '" BOB "'",
    "UPDATE OR IGNORE" POINT "'avatars/4' WHERE id = '" BOB "'",
    "UPDATE OR REPLACE users SET id = '" BOB "' WHERE id = '" ADA "'",
    "UPDATE OR IGNORE users SET id = " NEW_ID " WHERE id = '" ADA "'",
    "UPDATE OR REPLACE users SET avatar_should_be_deleted = NULL WHERE id = '" EVE "'",
    "UPDATE OR IGNORE users SET avatar_should_be_deleted = 0 WHERE id = '" EVE "'",
};

static void rules__no_form_of_or_replace_gets_past_them(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(refused); i++) {
        contract_renew(refused[i]);
        cast_make();
        driver_close();
        bool was_refused = sql_is_refused("%s", refused[i]);
        driver_open();
        assert_true(was_refused);
        cast_check();
    }
}

static const char *const repeats[] = {
    "UPDATE OR REPLACE users SET avatar_key = NULL",
    "UPDATE OR IGNORE users SET avatar_key = NULL",
    "UPDATE OR REPLACE users SET avatar_key = 'avatars/9'",
};

static void triggers__an_outer_or_replace_keeps_the_row_as_it_is(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(repeats); i++) {
        contract_renew(repeats[i]);
        user_add_with_avatar(ADA, "avatars/1");
        mark(ADA);
        confirm(row_claim("avatars/1"), CONFIRM_BLOCKED);
        sql("%s", repeats[i]);
        assert_int_equal(row_number("avatars/1", "claim"), 1);
        assert_int_equal(row_number("avatars/1", "attempts"), 1);
        assert_string_equal(row_text("avatars/1", "state"), "blocked");
    }
}

static void triggers__an_outer_or_replace_schedules_what_is_new(void **state)
{
    (void)state;
    user_add_with_avatar(ADA, "avatars/1");
    sql("UPDATE OR REPLACE users SET avatar_key = NULL");
    assert_true(row_exists("avatars/1"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CONTRACT(rules__no_form_of_or_replace_gets_past_them),
        CONTRACT(triggers__an_outer_or_replace_keeps_the_row_as_it_is),
        CONTRACT(triggers__an_outer_or_replace_schedules_what_is_new),
    };
    return cmocka_run_group_tests_name("repository: SQLite's dialect", tests, NULL, NULL);
}
