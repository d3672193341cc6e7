/*
 * repository_cast: three users that hand-typed SQL is tried on.
 *
 * Ada has avatars/1. Bob has none; his avatars/4 has a receipt, and avatars/5 is in deletions.
 * Eve is marked, still points at avatars/3, and that is in deletions too.
 */
#ifndef CONTRACT_REPOSITORY_CAST_H
#define CONTRACT_REPOSITORY_CAST_H

#include "contract/repository_support.h"

#define NEW_ID "'01900000-0000-7000-8000-00000000001f'"
#define POINT  " users SET avatar_store_id = '" STORE "', avatar_key = "

#define INSERT_WITH(id, key)                                                                   \
    "INTO users (id, first_name, last_name, user_name, email, created_at, updated_at, "        \
    "avatar_key, avatar_store_id) VALUES (" id ", 'x', 'x', 'x', 'x@x.x', 1, 1, " key          \
    ", '" STORE "')"

static inline void cast_make(void)
{
    user_add_with_avatar(ADA, "avatars/1");
    user_add_with_avatar(BOB, "avatars/4");
    clear(BOB);
    finish("avatars/4");
    avatar_give(BOB, "avatars/5");
    clear(BOB);
    user_add_with_avatar(EVE, "avatars/3");
    mark(EVE);
}

/* All is as it was made. */
static inline void cast_check(void)
{
    assert_int_equal(sql_number("SELECT count(*) FROM users"), 3);
    assert_string_equal(sql_text("SELECT avatar_key FROM users WHERE id = '" ADA "'"),
                        "avatars/1");
    assert_string_equal(sql_text("SELECT first_name FROM users WHERE id = '" ADA "'"), "Ada");
    assert_int_equal(sql_number("SELECT count(*) FROM users WHERE id = '" EVE
                                "' AND avatar_should_be_deleted = true"),
                     1);
    assert_true(row_exists("avatars/3") && row_exists("avatars/5"));
    assert_int_equal(sql_number("SELECT count(*) FROM deletions"), 2);
}

#endif
