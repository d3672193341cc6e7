/*
 * progress: how far a run is: a bar on a terminal, a line of the log elsewhere.
 */
#ifndef JOB_PROGRESS_H
#define JOB_PROGRESS_H

#include "job/call.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Longest bar, with its end; wider terminals get no wider bar. */
#define PROGRESS_BAR_SIZE 161

struct progress {
    bool terminal;
    bool shown; /* a bar stands on the terminal's last line */
    int64_t shown_ms;
};

void progress_init(struct progress *progress, bool terminal);

/* Shows `counts`; a bar is drawn ten times a second at most. `now_ms`: boot-time clock. */
void progress_show(struct progress *progress, const struct call_counts *counts, int64_t now_ms);

/* Takes the bar away, so that a line can be written in its place. */
void progress_clear(struct progress *progress);

/* Writes the bar for a terminal of `columns`; it is always shorter than that. */
void progress_format(const struct call_counts *counts, size_t columns,
                     char ret_bar[static PROGRESS_BAR_SIZE]);

#endif
