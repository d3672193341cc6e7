/* The one fact that is kept of EXIF, and every way in which it may be written down wrong. */
#include "images/orientation.h"
#include "support/check.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define LITTLE "II*\0\x8\0\0\0"
#define BIG    "MM\0*\0\0\0\x8"
#define REST   "\0\0\0\0"

/* Of what `tiff` says; 0: nothing is kept. In a place of just its length. */
static unsigned extract(const char *tiff, size_t length)
{
    unsigned char exif[ORIENTATION_SIZE] = {0};
    unsigned char *copy = malloc(length ? length : 1);
    assert_non_null(copy);
    memcpy(copy, tiff, length);
    size_t size = orientation_extract(copy, length, exif);
    free(copy);
    assert_true(size == 0 || size == ORIENTATION_SIZE);
    return size ? exif[19] : 0;
}

#define EXTRACT(text) extract(text, sizeof(text) - 1)

static void orientation__is_found_in_either_order_of_bytes(void **state)
{
    (void)state;
    assert_int_equal(EXTRACT(LITTLE "\1\0\x12\1\3\0\1\0\0\0\6\0\0\0" REST), 6);
    assert_int_equal(EXTRACT(BIG "\0\1\1\x12\0\3\0\0\0\1\0\6\0\0" REST), 6);
}

static void orientation__is_found_among_other_entries(void **state)
{
    (void)state;
    assert_int_equal(EXTRACT(LITTLE "\2\0\x10\1\2\0\1\0\0\0x\0\0\0"
                                    "\x12\1\3\0\1\0\0\0\3\0\0\0" REST),
                     3);
    /* A directory further on. */
    assert_int_equal(EXTRACT("II*\0\x0c\0\0\0....\1\0\x12\1\3\0\1\0\0\0\4\0\0\0" REST), 4);
}

static void orientation__of_an_upright_image_is_not_kept(void **state)
{
    (void)state;
    assert_int_equal(EXTRACT(LITTLE "\1\0\x12\1\3\0\1\0\0\0\1\0\0\0" REST), 0);
}

static void orientation__that_is_none_is_not_kept(void **state)
{
    (void)state;
    assert_int_equal(EXTRACT(LITTLE "\1\0\x12\1\3\0\1\0\0\0\0\0\0\0" REST), 0);
    assert_int_equal(EXTRACT(LITTLE "\1\0\x12\1\3\0\1\0\0\0\x9\0\0\0" REST), 0);
    assert_int_equal(EXTRACT(LITTLE "\1\0\x12\1\3\0\1\0\0\0\6\1\0\0" REST), 0);
    assert_int_equal(EXTRACT(LITTLE "\1\0\x12\1\4\0\1\0\0\0\6\0\0\0" REST), 0);
    assert_int_equal(EXTRACT(LITTLE "\1\0\x12\1\3\0\2\0\0\0\6\0\0\0" REST), 0);
    assert_int_equal(EXTRACT(LITTLE "\1\0\x13\1\3\0\1\0\0\0\6\0\0\0" REST), 0);
}

static void orientation__of_a_wrong_container_is_not_kept(void **state)
{
    (void)state;
    assert_int_equal(EXTRACT("IM*\0\x8\0\0\0\1\0\x12\1\3\0\1\0\0\0\6\0\0\0" REST), 0);
    assert_int_equal(EXTRACT("II+\0\x8\0\0\0\1\0\x12\1\3\0\1\0\0\0\6\0\0\0" REST), 0);
    /* A directory inside the head, at the end, behind it, and one of more than there is. */
    assert_int_equal(EXTRACT("II*\0\x7\0\0\0\1\0\x12\1\3\0\1\0\0\0\6\0\0\0" REST), 0);
    assert_int_equal(EXTRACT("II*\0\x18\0\0\0\1\0\x12\1\3\0\1\0\0\0\6\0\0\0" REST), 0);
    assert_int_equal(EXTRACT("II*\0\x1a\0\0\0\1\0\x12\1\3\0\1\0\0\0\6\0\0\0" REST), 0);
    assert_int_equal(EXTRACT("II*\0\xff\xff\xff\xff\1\0\x12\1\3\0\1\0\0\0\6\0\0\0" REST), 0);
    assert_int_equal(EXTRACT(LITTLE "\2\0\x12\1\3\0\1\0\0\0\6\0\0\0" REST), 0);
    assert_int_equal(EXTRACT(LITTLE "\xff\xff\x12\1\3\0\1\0\0\0\6\0\0\0" REST), 0);
}

static void orientation__that_is_cut_anywhere_is_not_kept(void **state)
{
    (void)state;
    static const char whole[] = LITTLE "\1\0\x12\1\3\0\1\0\0\0\6\0\0\0" REST;
    for (size_t length = 0; length < sizeof whole - 1; length++)
        assert_int_equal(extract(whole, length), 0);
}

static void orientation__that_is_kept_is_kept_again(void **state)
{
    (void)state;
    for (unsigned value = 2; value <= 8; value++) {
        unsigned char first[ORIENTATION_SIZE], second[ORIENTATION_SIZE];
        char sent[] = LITTLE "\1\0\x12\1\3\0\1\0\0\0\0\0\0\0" REST;
        sent[18] = (char)value;
        assert_int_equal(orientation_extract((unsigned char *)sent, sizeof sent - 1, first),
                         ORIENTATION_SIZE);
        assert_int_equal(orientation_extract(first, sizeof first, second), ORIENTATION_SIZE);
        assert_memory_equal(first, second, sizeof first);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CHECK(orientation__is_found_in_either_order_of_bytes),
        CHECK(orientation__is_found_among_other_entries),
        CHECK(orientation__of_an_upright_image_is_not_kept),
        CHECK(orientation__that_is_none_is_not_kept),
        CHECK(orientation__of_a_wrong_container_is_not_kept),
        CHECK(orientation__that_is_cut_anywhere_is_not_kept),
        CHECK(orientation__that_is_kept_is_kept_again),
    };
    return cmocka_run_group_tests_name("images: orientation", tests, NULL, NULL);
}
