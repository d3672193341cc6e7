/*
 * beneath: opening paths that never leave the folder they start from, nor follow a link.
 *
 * Paths are relative, without empty, "." or ".." parts. Errors are errno values; a link
 * anywhere in a path is ELOOP, never ENOTDIR, so that nobody takes what lies behind it for
 * missing.
 */
#ifndef FILES_LOCAL_BENEATH_H
#define FILES_LOCAL_BENEATH_H

#include <sys/types.h>

/* Like openat; O_CLOEXEC is added. Returns the handle, or -1 with errno. */
int beneath_open(int root, const char *path, int flags, mode_t mode);

/* The same for kernels without openat2, part by part. */
int beneath_open_walk(int root, const char *path, int flags, mode_t mode);

/*
 * Opens the folder `path`, making it and those above it (0700) as needed. A folder's name is
 * durable before the next one is made in it. Returns the handle, or -1 with errno.
 */
int beneath_make_folder(int root, const char *path);

#endif
