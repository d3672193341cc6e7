#include "images/residue.h"

#include "images/pass.h"

#include <string.h>

/* An archive's directory is found from its end record, which a comment of this length may
 * follow (APPNOTE.TXT, 4.3.16). */
#define ZIP_END_SIZE    22
#define ZIP_COMMENT_MAX 65535

static const struct mark {
    const char *text; /* in small letters; a blank stands for any white space */
    size_t within;    /* of the first bytes; 0: anywhere */
    const char *fault;
} marks[] = {
    {"<script", 0, "holds a script"},    {"<iframe", 0, "holds a page"},
    {"<!doctype", 0, "holds a page"},    {"<html", 1024, "holds a page"},
    {"<?php ", 0, "holds a program"},    {"__halt_compiler", 0, "holds a program"},
    {"%pdf-", 1024, "holds a document"},
};

static bool letter_matches(char wanted, unsigned char found)
{
    if (wanted == ' ')
        return found == ' ' || found == '\t' || found == '\n' || found == '\r';
    if (found >= 'A' && found <= 'Z')
        found |= 0x20;
    return (unsigned char)wanted == found;
}

static bool mark_stands_at(const struct mark *mark, const unsigned char *bytes)
{
    for (size_t i = 0; mark->text[i]; i++) {
        if (!letter_matches(mark->text[i], bytes[i]))
            return false;
    }
    return true;
}

/* Its first character is no letter, so it looks the same in any case. */
static bool mark_is_in(const struct mark *mark, const unsigned char *bytes, size_t length)
{
    size_t size = strlen(mark->text);
    const unsigned char *at = bytes;
    if (mark->within && length > mark->within)
        length = mark->within;
    const unsigned char *end = bytes + length;
    while ((size_t)(end - at) >= size) {
        at = memchr(at, mark->text[0], (size_t)(end - at) - size + 1);
        if (!at)
            return false;
        if (mark_stands_at(mark, at))
            return true;
        at++;
    }
    return false;
}

static bool directory_stands_at(const unsigned char *bytes, size_t length, size_t at)
{
    return at <= length - 4 && memcmp(bytes + at, "PK\1\2", 4) == 0;
}

/* An end record whose directory is where it says, counted from the start or from itself. */
static bool zip_ends_at(const unsigned char *bytes, size_t length, size_t at)
{
    const unsigned char *record = bytes + at;
    size_t size = pass_read_le32(record + 12), offset = pass_read_le32(record + 16);
    return memcmp(record, "PK\5\6", 4) == 0 &&
           (directory_stands_at(bytes, length, offset) ||
            (size <= at && directory_stands_at(bytes, length, at - size)));
}

static bool zip_is_in(const unsigned char *bytes, size_t length)
{
    size_t tail = ZIP_END_SIZE + ZIP_COMMENT_MAX;
    for (size_t at = length > tail ? length - tail : 0; at + ZIP_END_SIZE <= length; at++) {
        if (bytes[at] == 'P' && zip_ends_at(bytes, length, at))
            return true;
    }
    return false;
}

const char *residue_find(const unsigned char *bytes, size_t length)
{
    for (size_t i = 0; i < sizeof marks / sizeof *marks; i++) {
        if (mark_is_in(&marks[i], bytes, length))
            return marks[i].fault;
    }
    return zip_is_in(bytes, length) ? "holds an archive" : NULL;
}
