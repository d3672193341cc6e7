/*
 * call: the request that makes the service finish what was left undone, and what its answer
 * means.
 *
 * A service that knows the sweep answers with counts, and with `more` and a cursor until every
 * row was tried. Any other good answer, with whatever body, means that the work is done. No
 * I/O.
 */
#ifndef JOB_CALL_H
#define JOB_CALL_H

#include "base/buffer.h"
#include "base/error.h"
#include "http/client.h"

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

/* Most bytes of an answer, or of one line of it. */
#define CALL_BODY_MAX (1 << 20)

/* Longest cursor, with its end. */
#define CALL_CURSOR_SIZE 1024

/* Longest address of a call. */
#define CALL_URL_MAX 16384

struct call_counts {
    int64_t attempted, deleted, failed, blocked;
    int64_t remaining; /* pending and blocked now, after the call */
};

/* The statuses that mean success: bit n of the set for status n. */
struct call_success {
    unsigned char statuses[600 / CHAR_BIT];
};

struct call_verdict {
    int exit_code;              /* 0: the call went well; else what the job should end with */
    char text[ERROR_TEXT_SIZE]; /* why it did not */
    int status;                 /* 0: no answer began */
    bool retry;                 /* it may go better in a while, and asking again does no harm */
    int64_t retry_after_ms;     /* the least that the service asks to wait; 0: nothing */

    bool counted; /* the answer told counts: what follows is filled */
    struct call_counts counts;
    int64_t oldest_pending_s;
    bool more;
    char cursor[CALL_CURSOR_SIZE]; /* not "" if `more` */
};

/*
 * Writes the address of a call: `url` with limit= (0: left out), timeout= (0: left out) and
 * cursor= ("": left out) added to its query. Returns 0, or -1 if it gets too long.
 */
int call_url(const char *url, int64_t limit, int64_t timeout_ms, const char *cursor,
             struct buffer *ret_url);

/* True, with the counts so far, if a line of the answer tells progress. */
bool call_progress_read(const char *line, size_t length, struct call_counts *ret_counts);

/* Reads "200,204" or "200-299,304"; returns 0, or -1 for anything else. */
int call_success_parse(const char *text, struct call_success *ret_success);

/*
 * Judges an answer. The service's own words are part of the reason, but never where they hold
 * one of `secrets` (ended by NULL), which a server could play back.
 */
void call_judge(const struct http_response *response, const struct call_success *success,
                const char *const *secrets, struct call_verdict *ret_verdict);

#endif
