/*
 * probe: is the service well? Judges the answer to a health request; no I/O.
 */
#ifndef JOB_PROBE_H
#define JOB_PROBE_H

#include "base/error.h"
#include "http/client.h"

#include <stdbool.h>

/* Most bytes of a health answer: only its status counts. */
#define PROBE_BODY_MAX 65536

/* True for a whole 2xx answer; otherwise fills `ret_text` with the reason. */
bool probe_judge(const struct http_response *response, char ret_text[static ERROR_TEXT_SIZE]);

#endif
