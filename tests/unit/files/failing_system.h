/*
 * failing_system: calls of the system that fail when they are told to.
 *
 * They take the place of the real ones through the linker (--wrap).
 */
#ifndef TESTS_UNIT_FILES_FAILING_SYSTEM_H
#define TESTS_UNIT_FILES_FAILING_SYSTEM_H

#include <stddef.h>
#include <sys/types.h>

#define SYNCED_MAX 32

/* What the calls of the system are to do; errno values, 0 for what they always do. */
struct failing_system {
    int fsync_code;
    int fsync_after; /* so many go well first */
    int write_code;
    size_t write_most; /* bytes a write takes; 0: all */
    int rename_code;
    int access_code;
    int openat2_code;
    ino_t synced[SYNCED_MAX];
    size_t synced_count;
};

extern struct failing_system fault;

#endif
