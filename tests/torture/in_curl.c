/* Curl's memory, counted with our own. */
#include "allocations.h"

#include <curl/curl.h>
#include <stdlib.h>

#define REFUSES() allocations_refuse(ALLOCATIONS_OWN, __builtin_return_address(0))

static void *curl_allocate(size_t size)
{
    return REFUSES() ? NULL : __real_malloc(size);
}

static void *curl_allocate_zeroed(size_t count, size_t size)
{
    return REFUSES() ? NULL : __real_calloc(count, size);
}

static void *curl_allocate_again(void *old, size_t size)
{
    return REFUSES() ? NULL : __real_realloc(old, size);
}

static char *curl_copy(const char *text)
{
    return REFUSES() ? NULL : __real_strdup(text);
}

__attribute__((constructor)) static void curl_start(void)
{
    curl_global_init_mem(CURL_GLOBAL_DEFAULT, curl_allocate, free, curl_allocate_again,
                         curl_copy, curl_allocate_zeroed);
}
