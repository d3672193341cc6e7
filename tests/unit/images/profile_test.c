/* A colour profile is reduced to its numbers, or goes. */
#include "images/profile.h"
#include "support/check.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define HEADER_SIZE 128
#define ENTRY_SIZE  12
#define ENTRIES_MAX 16
#define PROFILE_MAX 4096

#define XYZ(letters)    "XYZ \0\0\0\0" letters letters letters
#define CURVE           "curv\0\0\0\0\0\0\0\2\0\0\xff\xff"
#define GAMMA           "para\0\0\0\0\0\0\0\0\0\2\x33\x33"
#define BYTES(text)     text, sizeof(text) - 1
#define SERIAL          "text\0\0\0\0serial number 4711"
#define SHARES_THE_LAST NULL, 0

/* A profile under construction. */
struct draft {
    unsigned char bytes[PROFILE_MAX];
    size_t length;
    unsigned count;
};

static void number_write(unsigned char *bytes, size_t value)
{
    for (unsigned i = 0; i < 4; i++)
        bytes[i] = (unsigned char)(value >> (24 - 8 * i));
}

static size_t number_read(const unsigned char *bytes)
{
    return (size_t)bytes[0] << 24 | (size_t)bytes[1] << 16 | (size_t)bytes[2] << 8 | bytes[3];
}

static void draft_begin(struct draft *draft, unsigned char version, const char *colours)
{
    *draft = (struct draft){.length = HEADER_SIZE + 4 + ENTRIES_MAX * ENTRY_SIZE};
    memset(draft->bytes, 'x', HEADER_SIZE);
    draft->bytes[8] = version;
    memcpy(draft->bytes + 12, "mntr", 4);
    memcpy(draft->bytes + 16, colours, 4);
    memcpy(draft->bytes + 20, "XYZ ", 4);
    memcpy(draft->bytes + 36, "acsp", 4);
}

static void draft_add(struct draft *draft, const char *name, const char *value, size_t length)
{
    unsigned char *entry = draft->bytes + HEADER_SIZE + 4 + draft->count * ENTRY_SIZE;
    if (value) {
        memcpy(entry, name, 4);
        number_write(entry + 4, draft->length);
        number_write(entry + 8, length);
        memcpy(draft->bytes + draft->length, value, length);
        draft->length += length;
    } else {
        memcpy(entry, entry - ENTRY_SIZE, ENTRY_SIZE);
        memcpy(entry, name, 4);
    }
    number_write(draft->bytes + HEADER_SIZE, ++draft->count);
    number_write(draft->bytes, draft->length);
}

/* One of a display, with its name and serial number. */
static void draft_make(struct draft *draft, unsigned char version)
{
    draft_begin(draft, version, "RGB ");
    draft_add(draft, "desc",
              BYTES("desc\0\0\0\0\0\0\0\x10"
                    "the one in the hall"));
    draft_add(draft, "mmod", BYTES(SERIAL));
    draft_add(draft, "wtpt", BYTES(XYZ("wwww")));
    draft_add(draft, "bXYZ", BYTES(XYZ("bbbb")));
    draft_add(draft, "gXYZ", BYTES(XYZ("gggg")));
    draft_add(draft, "rXYZ", BYTES(XYZ("rrrr")));
    draft_add(draft, "rTRC", BYTES(CURVE));
    draft_add(draft, "gTRC", SHARES_THE_LAST);
    draft_add(draft, "bTRC", BYTES(GAMMA));
}

static bool contains(const unsigned char *bytes, size_t length, const char *text, size_t size)
{
    for (size_t at = 0; at + size <= length; at++) {
        if (memcmp(bytes + at, text, size) == 0)
            return true;
    }
    return false;
}

/* The value of a tag, where its type stands; NULL: there is none. */
static const unsigned char *tag_find(const unsigned char *bytes, const char *name)
{
    for (size_t i = 0; i < number_read(bytes + HEADER_SIZE); i++) {
        const unsigned char *entry = bytes + HEADER_SIZE + 4 + i * ENTRY_SIZE;
        if (memcmp(entry, name, 4) == 0)
            return bytes + number_read(entry + 4);
    }
    return NULL;
}

/* In a place of just its length, so that reading or writing past it is seen. */
static int clean(const unsigned char *bytes, size_t *length, unsigned char **ret_bytes)
{
    *ret_bytes = malloc(*length ? *length : 1);
    assert_non_null(*ret_bytes);
    memcpy(*ret_bytes, bytes, *length);
    return profile_clean(*ret_bytes, length);
}

static void check_dropped(const struct draft *draft, const char *why)
{
    unsigned char *bytes;
    size_t length = draft->length;
    if (clean(draft->bytes, &length, &bytes) != 0)
        fail_msg("a profile is kept %s", why);
    free(bytes);
}

static void profile__keeps_its_numbers_and_no_text(void **state)
{
    (void)state;
    static const unsigned char versions[] = {2, 4};
    for (size_t i = 0; i < COUNT_OF(versions); i++) {
        struct draft draft;
        unsigned char *bytes;
        draft_make(&draft, versions[i]);
        size_t length = draft.length;
        assert_int_equal(clean(draft.bytes, &length, &bytes), 1);
        assert_true(length < draft.length);
        assert_int_equal(number_read(bytes), length);
        assert_int_equal(bytes[8], versions[i]);
        assert_memory_equal(tag_find(bytes, "wtpt"), XYZ("wwww"), 20);
        assert_memory_equal(tag_find(bytes, "rXYZ"), XYZ("rrrr"), 20);
        assert_memory_equal(tag_find(bytes, "gXYZ"), XYZ("gggg"), 20);
        assert_memory_equal(tag_find(bytes, "bXYZ"), XYZ("bbbb"), 20);
        assert_memory_equal(tag_find(bytes, "rTRC"), CURVE, 16);
        assert_ptr_equal(tag_find(bytes, "gTRC"), tag_find(bytes, "rTRC"));
        assert_memory_equal(tag_find(bytes, "bTRC"), GAMMA, 16);
        assert_non_null(tag_find(bytes, "desc"));
        assert_non_null(tag_find(bytes, "cprt"));
        assert_null(tag_find(bytes, "mmod"));
        assert_false(contains(bytes, length, "hall", 4));
        assert_false(contains(bytes, length, "4711", 4));
        assert_false(contains(bytes, length, "xx", 2));
        free(bytes);
    }
}

static void profile__of_grey_needs_one_curve_and_its_white(void **state)
{
    (void)state;
    struct draft draft;
    unsigned char *bytes;
    draft_begin(&draft, 4, "GRAY");
    draft_add(&draft, "mmod", BYTES(SERIAL));
    draft_add(&draft, "kTRC", BYTES(GAMMA));
    check_dropped(&draft, "without its white");
    draft_add(&draft, "wtpt", BYTES(XYZ("wwww")));
    size_t length = draft.length;
    assert_int_equal(clean(draft.bytes, &length, &bytes), 1);
    assert_memory_equal(tag_find(bytes, "kTRC"), GAMMA, 16);
    free(bytes);
}

static void profile__made_anew_does_not_change_again(void **state)
{
    (void)state;
    struct draft draft;
    unsigned char *first, *second;
    draft_make(&draft, 4);
    size_t length = draft.length, again;
    assert_int_equal(clean(draft.bytes, &length, &first), 1);
    again = length;
    assert_int_equal(clean(first, &again, &second), 1);
    assert_int_equal(again, length);
    assert_memory_equal(first, second, length);
    free(first);
    free(second);
}

static void profile__of_another_build_goes(void **state)
{
    (void)state;
    static const struct {
        size_t at;
        const char *bytes;
        const char *why;
    } rows[] = {
        {8, "\1", "of version 1"},
        {8, "\5", "of version 5"},
        {12, "prtr", "of a printer"},
        {12, "link", "of a link"},
        {16, "CMYK", "of inks"},
        {20, "Lab ", "that is computed in Lab"},
        {36, "acsq", "without its mark"},
        {0, "\xff", "longer than it is"},
        {HEADER_SIZE, "\xff", "of endless tags"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct draft draft;
        draft_make(&draft, 2);
        memcpy(draft.bytes + rows[i].at, rows[i].bytes, strlen(rows[i].bytes));
        check_dropped(&draft, rows[i].why);
    }
}

/* Without any one of its numbers it computes nothing. */
static void profile__without_one_of_its_numbers_goes(void **state)
{
    (void)state;
    static const char *const needed[] = {"wtpt", "rXYZ", "gXYZ", "bXYZ",
                                         "rTRC", "gTRC", "bTRC"};
    for (size_t i = 0; i < COUNT_OF(needed); i++) {
        struct draft draft;
        draft_make(&draft, 4);
        for (unsigned n = 0; n < draft.count; n++) {
            unsigned char *entry = draft.bytes + HEADER_SIZE + 4 + n * ENTRY_SIZE;
            if (memcmp(entry, needed[i], 4) == 0)
                *entry = '?';
        }
        check_dropped(&draft, needed[i]);
    }
}

static void profile__with_a_malformed_number_goes(void **state)
{
    (void)state;
    static const struct {
        const char *name, *value;
        size_t length;
    } rows[] = {
        {"wtpt", BYTES("XYZ \0\0\0\0short")},
        {"wtpt", BYTES("ZYX \0\0\0\0wwwwwwwwwwww")},
        {"rTRC", BYTES("curv\0\0\0\0\xff\xff\xff\xff")},
        {"rTRC", BYTES("curv\0\0\0\0\0\0\x10\1")},
        {"rTRC", BYTES("curv\0\0\0\0\0\0\0\3\0\0\xff\xff")},
        {"rTRC", BYTES("para\0\0\0\0\0\5\0\0aaaabbbbccccddddeeeeffffgggg")},
        {"rTRC", BYTES("para\0\0\0\0\0\1\0\0aaaabbbb")},
        {"rTRC", BYTES("text\0\0\0\0<script>")},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct draft draft;
        draft_begin(&draft, 4, "RGB ");
        /* The first of a name counts. */
        draft_add(&draft, rows[i].name, rows[i].value, rows[i].length);
        draft_add(&draft, "rTRC", BYTES(GAMMA));
        draft_add(&draft, "gTRC", SHARES_THE_LAST);
        draft_add(&draft, "bTRC", SHARES_THE_LAST);
        draft_add(&draft, "wtpt", BYTES(XYZ("wwww")));
        draft_add(&draft, "rXYZ", BYTES(XYZ("rrrr")));
        draft_add(&draft, "gXYZ", BYTES(XYZ("gggg")));
        draft_add(&draft, "bXYZ", BYTES(XYZ("bbbb")));
        check_dropped(&draft, rows[i].value);
    }
}

static void profile__whose_number_is_elsewhere_goes(void **state)
{
    (void)state;
    struct draft draft;
    draft_make(&draft, 4);
    unsigned char *white = draft.bytes + HEADER_SIZE + 4 + 2 * ENTRY_SIZE;
    assert_memory_equal(white, "wtpt", 4);
    number_write(white + 4, draft.length - 19);
    check_dropped(&draft, "with a number that ends behind it");
    number_write(white + 4, draft.length + 1);
    check_dropped(&draft, "with a number behind it");
    number_write(white + 4, 0xfffffff0);
    check_dropped(&draft, "with a number far behind it");
}

static void profile__that_is_cut_anywhere_goes(void **state)
{
    (void)state;
    struct draft draft;
    draft_make(&draft, 2);
    for (; draft.length > 0; draft.length--) {
        struct draft cut = draft;
        cut.length--;
        check_dropped(&cut, "that is cut");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CHECK(profile__keeps_its_numbers_and_no_text),
        CHECK(profile__of_grey_needs_one_curve_and_its_white),
        CHECK(profile__made_anew_does_not_change_again),
        CHECK(profile__of_another_build_goes),
        CHECK(profile__without_one_of_its_numbers_goes),
        CHECK(profile__with_a_malformed_number_goes),
        CHECK(profile__whose_number_is_elsewhere_goes),
        CHECK(profile__that_is_cut_anywhere_goes),
    };
    return cmocka_run_group_tests_name("images: profile", tests, NULL, NULL);
}
