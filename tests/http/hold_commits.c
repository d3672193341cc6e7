/*
 * Loaded into a service by a test: while the first byte of the file HOLD_COMMITS is not zero,
 * what it writes does not reach the disk, as with a disk that hangs, so its store thread waits.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static const volatile char *hold;

__attribute__((constructor)) static void hold_open(void)
{
    const char *path = getenv("HOLD_COMMITS");
    int handle = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    void *mapped = handle < 0 ? MAP_FAILED : mmap(NULL, 1, PROT_READ, MAP_SHARED, handle, 0);
    if (mapped == MAP_FAILED)
        abort();
    hold = mapped;
    close(handle);
}

int fdatasync(int handle)
{
    const struct timespec moment = {.tv_nsec = 1000000};
    while (*hold)
        nanosleep(&moment, NULL);
    return (int)syscall(SYS_fdatasync, handle);
}
