/*
 * virtual: time, chance, order and memory of one run: all that a run depends on is its seed.
 *
 * Whatever happens is an event on one agenda; events of the same instant happen in the order in
 * which they were asked for. Chance is drawn from one generator. What is said of a run goes
 * into a hash, so that two runs can be compared. Memory taken here lives until the run's end.
 */
#ifndef SIMULATION_VIRTUAL_H
#define SIMULATION_VIRTUAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Wall time at the beginning of a run: a Monday in 2027. */
#define VIRTUAL_EPOCH_MS INT64_C(1799999940000)

#define SECONDS(number) ((int64_t)(number)*1000)
#define MINUTES(number) ((int64_t)(number)*60000)

void virtual_begin(uint64_t seed, bool traced);
void virtual_end(void);

/* Milliseconds since the run's beginning. */
int64_t virtual_now(void);

/* Zeroed memory until the run's end; the program ends without. */
void *virtual_take(size_t size);

/* Evenly drawn from `least` to `most`. */
int64_t chance_between(int64_t least, int64_t most);
/* True so many times in a thousand. */
bool chance_of(int64_t permille);

void agenda_add(int64_t delay_ms, void (*happen)(void *owner), void *owner);
/* Lets the next event up to `until_ms` happen; false, with the time set on to it, if there is
 * none. */
bool agenda_step(int64_t until_ms);

/* One line of the trace: printed if the run is traced, hashed in any case. */
void trace_say(const char *format, ...) __attribute__((format(printf, 1, 2)));
uint64_t trace_hash(void);
int64_t trace_lines(void);

/* A promise is broken: the first one is kept, and ends the run. */
void broken(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* NULL: none is. */
const char *broken_promise(void);

/* What the clocks of this process show, beside virtual_now. */
extern int64_t virtual_boot_offset; /* of whoever is at work */
extern int64_t virtual_wall_offset;
extern int64_t virtual_database_offset;

#endif
