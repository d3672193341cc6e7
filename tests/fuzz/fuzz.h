/*
 * fuzz: what a target is. The same function is called by libFuzzer, and by replay.c with the
 * files of tests/fuzz/corpus in the ordinary tests.
 */
#ifndef TESTS_FUZZ_H
#define TESTS_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

/* The input as a text with an end, owned by the caller. Ends the process without memory. */
static inline char *fuzz_text(const uint8_t *bytes, size_t length)
{
    char *text = malloc(length + 1);
    if (!text)
        abort();
    if (length)
        memcpy(text, bytes, length);
    text[length] = '\0';
    return text;
}

/* A promise that must hold for every input. */
#define FUZZ_HOLDS(condition)                                                                  \
    do {                                                                                       \
        if (!(condition))                                                                      \
            abort();                                                                           \
    } while (0)

#endif
