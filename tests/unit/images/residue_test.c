/* What may not be left in a cleaned image: found where it works, and nowhere else. */
#include "images/residue.h"
#include "support/check.h"

#include <stdlib.h>
#include <string.h>

#define BYTES(text) text, sizeof(text) - 1

/* A directory of one entry that names nothing, and an end record that says it begins at `at`.
 */
#define DIRECTORY        "PK\1\2 an entry of twenty-eight"
#define END_OF(size, at) "PK\5\6\0\0\0\0\1\0\1\0" size "\0\0\0" at "\0\0\0\0\0"

static const char *find(const char *bytes, size_t length)
{
    /* As long as it is and no longer, so that reading past the end is seen. */
    unsigned char *copy = malloc(length ? length : 1);
    assert_non_null(copy);
    memcpy(copy, bytes, length);
    const char *found = residue_find(copy, length);
    free(copy);
    return found;
}

static void residue__is_found_in_any_case_and_up_to_the_last_byte(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t length;
        const char *fault;
    } rows[] = {
        {BYTES("pixels<script"), "holds a script"},
        {BYTES("<ScRiPt>pixels"), "holds a script"},
        {BYTES("<<script"), "holds a script"},
        {BYTES("\0<iframe\0"), "holds a page"},
        {BYTES("x<!DOCTYPE html"), "holds a page"},
        {BYTES("x<HTML>"), "holds a page"},
        {BYTES("x<?php\n"), "holds a program"},
        {BYTES("x__HALT_COMPILER();"), "holds a program"},
        {BYTES("x%PDF-1.7"), "holds a document"},
        {BYTES("x" DIRECTORY END_OF("\x1d", "\1")), "holds an archive"},
        {BYTES("x" DIRECTORY END_OF("\x1d", "\1") "and a comment"), "holds an archive"},
        /* Moved as a whole, so that only the distance is right. */
        {BYTES("moved" DIRECTORY END_OF("\x1d", "\1")), "holds an archive"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        const char *found = find(rows[i].bytes, rows[i].length);
        if (!found || strcmp(found, rows[i].fault) != 0)
            fail_msg("%s is taken for: %s", rows[i].bytes, found ? found : "nothing");
    }
}

static void residue__is_not_what_only_begins_like_it(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t length;
    } rows[] = {
        {BYTES("")},
        {BYTES("<")},
        {BYTES("<scrip")},
        {BYTES("<scrip<cript")},
        {BYTES("<?phpx")},
        {BYTES("<?php")},
        {BYTES("_HALT_COMPILER")},
        {BYTES("%PDX-%PD")},
        {BYTES("PK\5\6")},
        {BYTES("PK\5\6 an end that is cut")},
        /* An end of a directory that is not there: at neither place that it could mean. */
        {BYTES("x" DIRECTORY END_OF("\x1e", "\2"))},
        {BYTES("x" DIRECTORY "PK\5\6\0\0\0\0\1\0\1\0\xff\xff\xff\xff\xff\xff\xff\xff\0\0")},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        const char *found = find(rows[i].bytes, rows[i].length);
        if (found)
            fail_msg("%s is said to be one that %s", rows[i].bytes, found);
    }
}

/* Short marks count only where their readers look for them: else chance would have them. */
static void residue__of_the_first_bytes_is_looked_for_in_them_alone(void **state)
{
    (void)state;
    static const char *const marks[] = {"<html", "%PDF-"};
    for (size_t i = 0; i < COUNT_OF(marks); i++) {
        char bytes[2048] = {0};
        size_t size = strlen(marks[i]);
        memcpy(bytes + 1024 - size, marks[i], size);
        assert_non_null(find(bytes, sizeof bytes));
        memset(bytes, 0, sizeof bytes);
        memcpy(bytes + 1025 - size, marks[i], size);
        assert_null(find(bytes, sizeof bytes));
    }
}

/* The record of an archive is found as far from the end as its comment can be long. */
static void residue__of_an_archive_is_found_before_the_longest_comment(void **state)
{
    (void)state;
    static char bytes[70000];
    static const char archive[] = DIRECTORY END_OF("\x1d", "\0");
    memcpy(bytes, archive, sizeof archive - 1);
    size_t most = sizeof archive - 1 + 65535;
    assert_non_null(find(bytes, most));
    assert_null(find(bytes, most + 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CHECK(residue__is_found_in_any_case_and_up_to_the_last_byte),
        CHECK(residue__is_not_what_only_begins_like_it),
        CHECK(residue__of_the_first_bytes_is_looked_for_in_them_alone),
        CHECK(residue__of_an_archive_is_found_before_the_longest_comment),
    };
    return cmocka_run_group_tests_name("images: residue", tests, NULL, NULL);
}
