/*
 * json_text: JSON read and written, whole or not at all.
 *
 * Without memory for a part of a text the library goes on (Jansson 2.14): what it then reads
 * lacks a character, or what it writes lacks a key, and no error says so. Here that is an
 * error.
 */
#ifndef HTTP_JSON_TEXT_H
#define HTTP_JSON_TEXT_H

#include <jansson.h>

/* Called by a program before it uses the library and has threads; else lacks are not noticed.
 */
void json_text_prepare(void);

/* json_loadb; NULL without memory, and then the fault's text is "". */
json_t *json_text_read(const char *bytes, size_t length, size_t flags, json_error_t *ret_fault);

/* The text of `json`, which may be NULL, by the flags of json_dumps; NULL without memory. */
char *json_text_write(const json_t *json, size_t flags);

#endif
