#include "job/progress.h"

#include "base/log.h"

#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define REDRAW_MS       100
#define COLUMNS_DEFAULT 80

/* Cells of the bar itself; under the least of them, only the words are shown. */
#define CELLS_MOST  40
#define CELLS_LEAST 5

/* The words with four numbers of 19 digits each. */
#define WORDS_SIZE 112

void progress_init(struct progress *progress, bool terminal)
{
    *progress = (struct progress){.terminal = terminal, .shown_ms = INT64_MIN / 2};
}

static size_t cells_filled(const struct call_counts *counts, size_t cells)
{
    double all = (double)counts->deleted + (double)counts->remaining;
    double part = all > 0 ? (double)counts->deleted / all : 1;
    return (size_t)(part * (double)cells);
}

void progress_format(const struct call_counts *counts, size_t columns,
                     char ret_bar[static PROGRESS_BAR_SIZE])
{
    char words[WORDS_SIZE];
    int written =
        snprintf(words, sizeof words, "%lld deleted, %lld failed, %lld blocked, %lld left",
                 (long long)counts->deleted, (long long)counts->failed,
                 (long long)counts->blocked, (long long)counts->remaining);
    size_t length = (size_t)written < sizeof words ? (size_t)written : sizeof words - 1;
    size_t room = columns < PROGRESS_BAR_SIZE ? columns : PROGRESS_BAR_SIZE;
    room = room ? room - 1 : 0;
    size_t taken = length + 3; /* two brackets and a blank */
    size_t cells = room > taken ? room - taken : 0;
    if (cells > CELLS_MOST)
        cells = CELLS_MOST;
    if (cells < CELLS_LEAST) {
        snprintf(ret_bar, room + 1, "%s", words);
        return;
    }
    ret_bar[0] = '[';
    memset(ret_bar + 1, '.', cells);
    memset(ret_bar + 1, '#', cells_filled(counts, cells));
    snprintf(ret_bar + 1 + cells, PROGRESS_BAR_SIZE - 1 - cells, "] %s", words);
}

static size_t terminal_columns(void)
{
    struct winsize size;
    if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) < 0 || !size.ws_col)
        return COLUMNS_DEFAULT;
    return size.ws_col;
}

static void terminal_write(const char *bar)
{
    char line[PROGRESS_BAR_SIZE + 8];
    int length = snprintf(line, sizeof line, "\r\033[K%s", bar);
    /* Nobody can be told that standard error is gone. */
    ssize_t written = write(STDERR_FILENO, line, (size_t)length);
    (void)written;
}

void progress_show(struct progress *progress, const struct call_counts *counts, int64_t now_ms)
{
    if (!progress->terminal) {
        log_info("progress", log_number("attempted", counts->attempted),
                 log_number("deleted", counts->deleted), log_number("failed", counts->failed),
                 log_number("blocked", counts->blocked),
                 log_number("remaining", counts->remaining));
        return;
    }
    if (progress->shown && now_ms - progress->shown_ms < REDRAW_MS)
        return;
    char bar[PROGRESS_BAR_SIZE];
    progress_format(counts, terminal_columns(), bar);
    terminal_write(bar);
    progress->shown = true;
    progress->shown_ms = now_ms;
}

void progress_clear(struct progress *progress)
{
    if (progress->shown)
        terminal_write("");
    progress->shown = false;
}
