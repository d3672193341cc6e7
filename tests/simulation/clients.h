/*
 * clients: people who add, change and delete users and their avatars, all at once, through
 * whatever replica answers, and remember what they were told.
 */
#ifndef SIMULATION_CLIENTS_H
#define SIMULATION_CLIENTS_H

#include <stdbool.h>
#include <stdint.h>

/* Plans what they ask for, between now and `until_ms`. */
void clients_begin(int64_t until_ms);
void clients_end(void);

/* Some more come at about this time, unless nobody comes any more. */
void clients_gather(void);

/* The replica ended: its clients are told nothing. */
struct replica;
void clients_abandon(const struct replica *replica);

/* Nobody waits for an answer. */
bool clients_rest(void);

#endif
