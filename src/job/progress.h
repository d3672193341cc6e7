/*
 * progress: how far runs are: a bar for each on a terminal, lines of the log elsewhere.
 *
 * The bars stand below everything else that is written; progress_clear takes them away, so that
 * a line can be written in their place.
 */
#ifndef JOB_PROGRESS_H
#define JOB_PROGRESS_H

#include "job/call.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Longest bar, with its end; wider terminals get no wider bar. */
#define PROGRESS_BAR_SIZE 161

/* Jobs that have a bar at one time; the others run without. */
#define PROGRESS_BARS_MAX 16

struct progress_state {
    const char *job; /* NULL: there is only one */
    bool counted;    /* the service told how far it is: what follows is filled */
    struct call_counts counts;
    int64_t left_s; /* until it is done at this pace; -1: nobody knows */
};

struct progress_bar {
    const void *owner; /* NULL: nobody's */
    int64_t began_ms;
    struct progress_state state;
};

struct progress {
    bool terminal;
    size_t shown; /* bars that stand on the terminal's last lines */
    int64_t shown_ms;
    struct progress_bar bars[PROGRESS_BARS_MAX];
};

void progress_init(struct progress *progress, bool terminal);

/* A run of `owner` begins. */
void progress_begin(struct progress *progress, const void *owner, const char *job,
                    int64_t now_ms);

/* Its counts so far; bars are drawn ten times a second at most. `now_ms`: boot-time clock. */
void progress_show(struct progress *progress, const void *owner,
                   const struct call_counts *counts, int64_t now_ms);

/* The run is over. */
void progress_end(struct progress *progress, const void *owner);

/* Takes all bars away until the next progress_show or progress_refresh. */
void progress_clear(struct progress *progress);

/* Puts bars back that a line of the log took away. */
void progress_refresh(struct progress *progress);

/* Seconds until `remaining` are done at the pace of `deleted` in `elapsed_ms`; -1: no pace yet.
 */
int64_t progress_left_s(const struct call_counts *counts, int64_t elapsed_ms);

/* Writes the bar for a terminal of `columns`; it is always shorter than that. */
void progress_format(const struct progress_state *state, size_t columns,
                     char ret_bar[static PROGRESS_BAR_SIZE]);

#endif
