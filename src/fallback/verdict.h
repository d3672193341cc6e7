/*
 * verdict: what an answer of a provider means for a deletion. One table, no exceptions
 * elsewhere.
 */
#ifndef FALLBACK_VERDICT_H
#define FALLBACK_VERDICT_H

#include "files/files.h"

#include <stdbool.h>

enum verdict {
    VERDICT_DONE,    /* the provider said, of this key, that nothing is there any more */
    VERDICT_RETRY,   /* it may work later: the same request, after a while */
    VERDICT_BLOCKED, /* it will not work until somebody changes something; also: unknown */
};

/* Judges one answer to a DELETE. What the table does not know is blocked, never done. */
enum verdict verdict_of_delete(const struct files_answer *answer);

/* True if the provider asks for fewer requests (429, 503, SlowDown): the pace halves. */
bool verdict_is_throttle(const struct files_answer *answer);

/* The class that people see and filter by: the answer's code, or "http-418" without one. */
void verdict_class_name(const struct files_answer *answer, char *text, size_t size);

#endif
