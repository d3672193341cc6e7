/*
 * allocations: memory that is refused, at the nth time that the code asks, once or from then
 * on.
 *
 * What the code calls is put behind these by the linker (meson.build here lists the names), so
 * it is our own calls that are counted, and no library's. Libraries that let themselves be
 * given another allocator are counted too where in_*.c is linked in.
 *
 * A test in C says what is to fail by the calls below. A program is told by whoever started it:
 * the variable ALLOCATIONS_FILE names a file that begins with a struct allocations and may be
 * written while the program runs. The first refusal is written on standard error, with the
 * place.
 */
#ifndef TESTS_ALLOCATIONS_H
#define TESTS_ALLOCATIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum allocations_mode { ALLOCATIONS_GRANTED, ALLOCATIONS_ONE_FAILS, ALLOCATIONS_FAIL_FROM };

/* Whose allocations are counted; SQLite's are many more than all others. */
enum allocations_whose { ALLOCATIONS_ALL, ALLOCATIONS_OWN, ALLOCATIONS_SQLITE };

struct allocations {
    int64_t mode;
    int64_t number; /* the one that fails first, counted from 1 */
    int64_t asked;
    int64_t failed;
    int64_t whose;
};

/* The `number`th of those from here on fails, and if it `lasts`, all that follow. */
void allocations_fail(enum allocations_whose whose, int64_t number, bool lasts);

/* No other fails; returns how many did. */
int64_t allocations_spare(void);

/* Counts one; true if it is to fail. Any thread. Jansson's and curl's are our own. */
bool allocations_refuse(enum allocations_whose whose, const void *caller);

/* What is behind the linker's names: not counted. */
void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t size);
void *__real_reallocarray(void *old, size_t count, size_t size);
char *__real_strdup(const char *text);
char *__real_strndup(const char *text, size_t length);

#endif
