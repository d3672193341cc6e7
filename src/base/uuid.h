/*
 * uuid: version 7 identifiers (RFC 9562, section 5.7), which sort by the time they were made.
 */
#ifndef BASE_UUID_H
#define BASE_UUID_H

#include <stdbool.h>
#include <stdint.h>

/* 36 characters and the end. */
#define UUID_TEXT_SIZE 37

/* Makes a new one from the wall clock and the kernel's randomness, in lower case. Any thread.
 */
void uuid_generate(char ret_text[static UUID_TEXT_SIZE]);

/*
 * Reads the 8-4-4-4-12 form in either case into lower case.
 * Returns false, with `ret_text` untouched, if `text` is anything else.
 */
bool uuid_parse(const char *text, char ret_text[static UUID_TEXT_SIZE]);

#endif
