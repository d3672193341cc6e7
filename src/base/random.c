#include "base/random.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>

void random_fill(void *bytes, size_t length)
{
    unsigned char *at = bytes;
    while (length) {
        ssize_t got = getrandom(at, length, 0);
        if (got < 0 && errno == EINTR)
            continue;
        /* Without unguessable bytes, keys could repeat: nothing may go on. */
        if (got <= 0)
            abort();
        at += got;
        length -= (size_t)got;
    }
}

uint64_t random_next(struct random *random)
{
    uint64_t mixed = random->state += 0x9e3779b97f4a7c15u;
    mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9u;
    mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111ebu;
    return mixed ^ (mixed >> 31);
}

uint64_t random_below(struct random *random, uint64_t bound)
{
    if (bound == 0)
        return 0;
    /* Values under the remainder of 2^64 / bound would be drawn once too often. */
    uint64_t unfair = (0 - bound) % bound;
    uint64_t drawn;
    do {
        drawn = random_next(random);
    } while (drawn < unfair);
    return drawn % bound;
}
