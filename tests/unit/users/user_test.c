/* What a user's fields must be, row by row. */
#include "support/check.h"
#include "users/user.h"

#include <stdlib.h>
#include <string.h>

#define TEN     "0123456789"
#define HUNDRED TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN
#define E_ACUTE "\xc3\xa9"
#define CLEF    "\xf0\x9d\x84\x9e"
#define CLEFS10 CLEF CLEF CLEF CLEF CLEF CLEF CLEF CLEF CLEF CLEF
#define CLEFS   CLEFS10 CLEFS10 CLEFS10 CLEFS10 CLEFS10 CLEFS10 CLEFS10 CLEFS10 CLEFS10 CLEFS10
#define LOCAL63 TEN TEN TEN TEN TEN TEN "012"
#define LOCAL64 LOCAL63 "3"
#define DOMAIN  LOCAL63 "." LOCAL63 "." LOCAL63 "."

struct row {
    const char *text;
    bool holds;
};

static const struct field *find(const char *name)
{
    return field_find(user_fields, user_fields_count, name);
}

static void rows_check(const char *name, const struct row *rows, size_t count)
{
    const struct field *field = find(name);
    assert_non_null(field);
    for (size_t i = 0; i < count; i++) {
        /* On the heap, so that reading past the end is seen. */
        char *text = strdup(rows[i].text);
        assert_non_null(text);
        const char *rule = field_check(field, text);
        if (!rule != rows[i].holds)
            fail_msg("%s \"%s\": %s", name, text, rule ? rule : "taken");
        if (rule)
            assert_ptr_equal(rule, field->rule);
        free(text);
    }
}

static void user__names_are_of_1_to_100_characters_without_controls(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"A", true},
        {"Ada Lovelace", true},
        {"  Ada", true},
        {"Zo" E_ACUTE, true},
        {"\xe6\x9d\x8e", true},
        {HUNDRED, true},
        {CLEFS, true},
        {"<script>alert(1)</script>", true},
        {"'; DROP TABLE users; --", true},
        {"", false},
        {" ", false},
        {"    ", false},
        {HUNDRED "0", false},
        {CLEFS "x", false},
        {"a\nb", false},
        {"a\tb", false},
        {"\x01", false},
        {"a\x7f", false},
        {"a\xc2\x80", false},
        {"\xc2\x9f"
         "a",
         false},
        {"\xc2\xa0"
         "a",
         true},
        {"\xc3\x80", true},
    };
    static const char *const names[] = {"firstName", "lastName", "userName"};
    for (size_t i = 0; i < COUNT_OF(names); i++)
        rows_check(names[i], rows, COUNT_OF(rows));
}

static void user__emails_have_one_at_sign_and_a_domain_with_a_dot(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"ada@example.org", true},
        {"a@b.c", true},
        {"ada+lovelace@mail.example.org", true},
        {"zo" E_ACUTE "@example.org", true},
        {LOCAL64 "@example.org", true},
        {"", false},
        {"ada", false},
        {"@example.org", false},
        {"ada@", false},
        {"ada@example", false},
        {"ada@.org", false},
        {"ada@example.", false},
        {"ada@example..org", false},
        {"ada@b@example.org", false},
        {"ada lovelace@example.org", false},
        {"ada@exam ple.org", false},
        {"ada@example.org\n", false},
        {"ada\x7f@example.org", false},
        {"<ada@example.org>", false},
        {"\"ada\"@example.org", false},
        {"ada,bob@example.org", false},
        {"ada;bob@example.org", false},
        {"ada\\@example.org", false},
        {"ada.lovelace@example.org", true},
        {"o'hara!#$%&*+-/=?^_`{|}~@example.org", true},
        {".ada@example.org", false},
        {"ada.@example.org", false},
        {"ada..lovelace@example.org", false},
        {"ada@[192.0.2.1]", false},
        {"ada@ex_ample.org", false},
        {"ada@-example.org", false},
        {"ada@example-.org", false},
        {"ada@example.-org", false},
        {"ada@example.org-", false},
        {"ada@ex--ample.org", true},
        {"ada@xn--bcher-kva.example", true},
        {"ada@b" E_ACUTE "cher.example", true},
        {"ada\xc2\x85@example.org", false},
        {"ada@" LOCAL63 ".org", true},
        {"ada@" LOCAL63 "x.org", false},
        {LOCAL64 "4@example.org", false},
        {"a@" DOMAIN TEN TEN TEN TEN TEN "0123456789", true},
        {"a@" DOMAIN TEN TEN TEN TEN TEN "0123456789a", false},
    };
    rows_check("email", rows, COUNT_OF(rows));
}

static void user__countries_are_assigned_codes_in_capitals(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"PT", true},  {"AD", true},  {"ZW", true},   {"GB", true},    {"US", true},
        {"", false},   {"P", false},  {"pt", false},  {"Pt", false},   {"PRT", false},
        {"UK", false}, {"XX", false}, {"ZZ", false},  {"DA", false},   {"D ", false},
        {" A", false}, {"P1", false}, {"P\n", false}, {E_ACUTE, false}};
    rows_check("countryId", rows, COUNT_OF(rows));
}

static void user__countries_are_249(void **state)
{
    (void)state;
    const struct field *field = find("countryId");
    int count = 0;
    for (char first = 'A'; first <= 'Z'; first++) {
        for (char second = 'A'; second <= 'Z'; second++) {
            char code[] = {first, second, '\0'};
            count += !field_check(field, code);
        }
    }
    assert_int_equal(count, 249);
}

static void user__birth_dates_are_days_that_exist_at_midnight_utc(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"1990-12-31", true},
        {"2000-02-29", true},
        {"2024-02-29", true},
        {"1990-12-31T00:00:00Z", true},
        {"1990-12-31t00:00:00z", true},
        {"1990-12-31T00:00:00.000Z", true},
        {"1990-12-31T00:00:00+00:00", true},
        {"1990-12-31T00:00:00-00:00", true},
        {"1990-12-31T00:00:00.0+00:00", true},
        {"", false},
        {"1990", false},
        {"1990-12", false},
        {"1990-1-1", false},
        {"1990-12-3", false},
        {"1990-12-32", false},
        {"1990-00-10", false},
        {"1990-13-10", false},
        {"1990-12-00", false},
        {"1990-02-29", false},
        {"1900-02-29", false},
        {"1990-04-31", false},
        {"1990/12/31", false},
        {"31-12-1990", false},
        {"+990-12-31", false},
        {"-990-12-31", false},
        {" 990-12-31", false},
        {"1990-12-31 ", false},
        {"1990-12-31T", false},
        {"1990-12-31T00:00:00", false},
        {"1990-12-31T00:00:01Z", false},
        {"1990-12-31T23:59:60Z", false},
        {"1990-12-31T00:00:00.Z", false},
        {"1990-12-31T00:00:00.001Z", false},
        {"1990-12-31T00:00:00+01:00", false},
        {"1990-12-31T00:00:00+00:00x", false},
        {"1990-12-31 00:00:00Z", false},
        {"1990-12-31T00:00:00.000000000000Z", false},
    };
    rows_check("birthDate", rows, COUNT_OF(rows));
}

static void user__fields_have_the_contracts_names(void **state)
{
    (void)state;
    static const char *const required[] = {"firstName", "lastName", "userName", "email"};
    static const char *const unknown[] = {"id", "avatar", "FirstName", "firstname", "", "x"};
    assert_int_equal(user_fields_count, 6);
    for (size_t i = 0; i < COUNT_OF(required); i++)
        assert_true(find(required[i])->required);
    assert_false(find("countryId")->required);
    assert_false(find("birthDate")->required);
    for (size_t i = 0; i < COUNT_OF(unknown); i++)
        assert_null(find(unknown[i]));
}

/* What is taken fits where it is kept, however many bytes its characters have. */
static void user__fields_fit_into_the_struct(void **state)
{
    (void)state;
    for (size_t i = 0; i < user_fields_count; i++) {
        const struct field *field = &user_fields[i];
        assert_true(field->offset + field->size <= sizeof(struct user));
        char longest[1024];
        memset(longest, 'x', sizeof longest - 1);
        longest[sizeof longest - 1] = '\0';
        for (size_t length = field->size; length < sizeof longest; length++)
            assert_non_null(field_check(field, longest + sizeof longest - 1 - length));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CHECK(user__names_are_of_1_to_100_characters_without_controls),
        CHECK(user__emails_have_one_at_sign_and_a_domain_with_a_dot),
        CHECK(user__countries_are_assigned_codes_in_capitals),
        CHECK(user__countries_are_249),
        CHECK(user__birth_dates_are_days_that_exist_at_midnight_utc),
        CHECK(user__fields_have_the_contracts_names),
        CHECK(user__fields_fit_into_the_struct),
    };
    return cmocka_run_group_tests_name("users: fields", tests, NULL, NULL);
}
