#include "allocations.h"

#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sysexits.h>
#include <unistd.h>

static struct allocations own;
static struct allocations *told = &own;

/* Frames that are shown of the first refusal. */
#define FRAMES_MAX 12

#define REFUSES() allocations_refuse(ALLOCATIONS_OWN, __builtin_return_address(0))

void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *old, size_t size);
void *__wrap_reallocarray(void *old, size_t count, size_t size);
char *__wrap_strdup(const char *text);
char *__wrap_strndup(const char *text, size_t length);

/* Before main, and before the program gives up the right to open files. */
__attribute__((constructor(101))) static void allocations_start(void)
{
    void *frame;
    const char *path = getenv("ALLOCATIONS_FILE");
    if (!path)
        return;
    int file = open(path, O_RDWR | O_CLOEXEC);
    told = mmap(NULL, sizeof *told, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    if (told == MAP_FAILED) {
        dprintf(STDERR_FILENO, "ALLOCATIONS_FILE cannot be mapped\n");
        _exit(EX_USAGE);
    }
    close(file);
    /* The first call loads what it needs. */
    backtrace(&frame, 1);
}

void allocations_fail(enum allocations_whose whose, int64_t number, bool lasts)
{
    own = (struct allocations){.number = number, .whose = whose};
    __atomic_store_n(&own.mode, lasts ? ALLOCATIONS_FAIL_FROM : ALLOCATIONS_ONE_FAILS,
                     __ATOMIC_SEQ_CST);
}

int64_t allocations_spare(void)
{
    __atomic_store_n(&own.mode, ALLOCATIONS_GRANTED, __ATOMIC_SEQ_CST);
    return __atomic_load_n(&own.failed, __ATOMIC_SEQ_CST);
}

static void place_show(const void *caller)
{
    void *frames[FRAMES_MAX];
    if (told == &own)
        return;
    dprintf(STDERR_FILENO, "allocation refused to %p:\n", caller);
    backtrace_symbols_fd(frames, backtrace(frames, FRAMES_MAX), STDERR_FILENO);
}

bool allocations_refuse(enum allocations_whose whose, const void *caller)
{
    int64_t mode = __atomic_load_n(&told->mode, __ATOMIC_SEQ_CST);
    if (mode == ALLOCATIONS_GRANTED || (told->whose && told->whose != (int64_t)whose))
        return false;
    int64_t asked = __atomic_add_fetch(&told->asked, 1, __ATOMIC_SEQ_CST);
    if (mode == ALLOCATIONS_ONE_FAILS ? asked != told->number : asked < told->number)
        return false;
    if (__atomic_add_fetch(&told->failed, 1, __ATOMIC_SEQ_CST) == 1)
        place_show(caller);
    errno = ENOMEM;
    return true;
}

void *__wrap_malloc(size_t size)
{
    return REFUSES() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
    return REFUSES() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *old, size_t size)
{
    return REFUSES() ? NULL : __real_realloc(old, size);
}

void *__wrap_reallocarray(void *old, size_t count, size_t size)
{
    return REFUSES() ? NULL : __real_reallocarray(old, count, size);
}

char *__wrap_strdup(const char *text)
{
    return REFUSES() ? NULL : __real_strdup(text);
}

char *__wrap_strndup(const char *text, size_t length)
{
    return REFUSES() ? NULL : __real_strndup(text, length);
}
