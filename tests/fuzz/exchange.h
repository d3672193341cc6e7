/*
 * exchange: bytes through the HTTP library and the request guard, without a port or a thread.
 */
#ifndef TESTS_FUZZ_EXCHANGE_H
#define TESTS_FUZZ_EXCHANGE_H

#include "fuzz.h"

#include "http/exchange.h"

/* A request whose head the guard let pass, after its body was read. */
typedef void exchange_handler(struct request *request);

/* Told of each request that begins, and what the guard says to it. */
typedef void exchange_witness(const struct request *request,
                              const struct guard_refusal *refusal);

/* Sends `bytes` as a client does that then says no more; returns when all is answered. */
void exchange_run(const uint8_t *bytes, size_t length, exchange_witness *witness,
                  exchange_handler *handler);

#endif
