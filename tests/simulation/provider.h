/*
 * provider: a file store on a virtual network: calls that fail, hang, land late, or have an
 * effect that nobody is told of.
 */
#ifndef SIMULATION_PROVIDER_H
#define SIMULATION_PROVIDER_H

#include <stdbool.h>

void provider_begin(void);

/* The store's name leads to another one. */
bool provider_is_swapped(void);

/* An upload may still land. */
bool provider_expects_uploads(void);

#endif
