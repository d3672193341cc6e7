/*
 * random: unguessable bytes from the kernel, and a seeded generator for what the core decides.
 *
 * The core takes a `struct random`, so that a run can be repeated from its seed.
 */
#ifndef BASE_RANDOM_H
#define BASE_RANDOM_H

#include <stddef.h>
#include <stdint.h>

/* Fills `bytes` from the kernel's generator. Cannot fail once the kernel is up; aborts if it
 * does. */
void random_fill(void *bytes, size_t length);

struct random {
    uint64_t state;
};

/* Next 64 bits (SplitMix64: Steele, Lea, Flood 2014). */
uint64_t random_next(struct random *random);

/* Evenly drawn from 0 to `bound` - 1; 0 when bound is 0. */
uint64_t random_below(struct random *random, uint64_t bound);

#endif
