/*
 * delay: slows down those who try credentials that are none.
 *
 * Each failed attempt of an address within a minute makes its next answer wait longer, up to
 * two seconds. A good credential is never delayed.
 */
#ifndef HTTP_DELAY_H
#define HTTP_DELAY_H

#include "http/request.h"

#include <sys/socket.h>

struct delay;

/* NULL without memory or threads. */
struct delay *delay_open(void);

/* Resumes what is held, at once, and ends. NULL is allowed. */
void delay_close(struct delay *delay);

/* Resumes what is held, and holds nothing more. NULL is allowed. */
void delay_release(struct delay *delay);

/* Counts a failed attempt from `address`; milliseconds that its answer is to wait. */
int64_t delay_of_failure(struct delay *delay, const struct sockaddr *address);

/*
 * Resumes `request`, which is suspended, in so many milliseconds. False, with nothing done, if
 * too many are held already.
 */
bool delay_hold(struct delay *delay, struct request *request, int64_t milliseconds);

/* Failed attempts so far. */
int64_t delay_failures(struct delay *delay);

#endif
