/* SQLite's memory, counted with our own. */
#include "allocations.h"

#include <sqlite3.h>

static sqlite3_mem_methods under;

static void *sqlite_allocate(int size)
{
    return allocations_refuse(ALLOCATIONS_SQLITE, __builtin_return_address(0))
               ? NULL
               : under.xMalloc(size);
}

static void *sqlite_allocate_again(void *old, int size)
{
    return allocations_refuse(ALLOCATIONS_SQLITE, __builtin_return_address(0))
               ? NULL
               : under.xRealloc(old, size);
}

__attribute__((constructor)) static void sqlite_start(void)
{
    sqlite3_config(SQLITE_CONFIG_GETMALLOC, &under);
    sqlite3_mem_methods over = under;
    over.xMalloc = sqlite_allocate;
    over.xRealloc = sqlite_allocate_again;
    sqlite3_config(SQLITE_CONFIG_MALLOC, &over);
    /* What a connection has put by would not be asked for. */
    sqlite3_config(SQLITE_CONFIG_LOOKASIDE, 0, 0);
}
