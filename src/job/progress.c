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

/* The words with five numbers of 19 digits each, and a name. */
#define WORDS_SIZE 208

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

static void left_format(int64_t left_s, char *text, size_t size)
{
    text[0] = '\0';
    if (left_s >= 3600)
        snprintf(text, size, ", %lldh%02lldm to go", (long long)left_s / 3600,
                 (long long)left_s / 60 % 60);
    else if (left_s >= 60)
        snprintf(text, size, ", %lldm%02llds to go", (long long)left_s / 60,
                 (long long)left_s % 60);
    else if (left_s >= 0)
        snprintf(text, size, ", %llds to go", (long long)left_s);
}

int64_t progress_left_s(const struct call_counts *counts, int64_t elapsed_ms)
{
    if (counts->deleted <= 0 || elapsed_ms <= 0)
        return -1;
    double left_ms = (double)counts->remaining * (double)elapsed_ms / (double)counts->deleted;
    return left_ms < 1e15 ? (int64_t)(left_ms / 1000) : -1;
}

void progress_format(const struct progress_state *state, size_t columns,
                     char ret_bar[static PROGRESS_BAR_SIZE])
{
    const struct call_counts *counts = &state->counts;
    char words[WORDS_SIZE], left[48];
    ret_bar[0] = '\0';
    if (!state->counted) {
        snprintf(ret_bar, columns < PROGRESS_BAR_SIZE ? columns : PROGRESS_BAR_SIZE,
                 "%s%srunning", state->job ? state->job : "", state->job ? ": " : "");
        return;
    }
    left_format(state->left_s, left, sizeof left);
    int written = snprintf(words, sizeof words,
                           "%s%s%lld deleted, %lld failed, %lld blocked, %lld left%s",
                           state->job ? state->job : "", state->job ? ": " : "",
                           (long long)counts->deleted, (long long)counts->failed,
                           (long long)counts->blocked, (long long)counts->remaining, left);
    size_t length = (size_t)written < sizeof words ? (size_t)written : sizeof words - 1;
    size_t room = columns < PROGRESS_BAR_SIZE ? columns : PROGRESS_BAR_SIZE;
    room = room ? room - 1 : 0;
    size_t taken = length + 3; /* two brackets and a blank */
    size_t cells = room > taken ? room - taken : 0;
    if (cells > CELLS_MOST)
        cells = CELLS_MOST;
    if (cells < CELLS_LEAST) {
        snprintf(ret_bar, room + 1, "%.*s", (int)room, words);
        return;
    }
    ret_bar[0] = '[';
    memset(ret_bar + 1, '.', cells);
    memset(ret_bar + 1, '#', cells_filled(counts, cells));
    snprintf(ret_bar + 1 + cells, PROGRESS_BAR_SIZE - 1 - cells, "] %.*s", (int)length, words);
}

static size_t terminal_columns(void)
{
    struct winsize size;
    if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) < 0 || !size.ws_col)
        return COLUMNS_DEFAULT;
    return size.ws_col;
}

static void text_write(const char *text)
{
    /* Nobody can be told that standard error is gone. */
    ssize_t written = write(STDERR_FILENO, text, strlen(text));
    (void)written;
}

/* The cursor rests behind the last bar; from there it goes up to the first one's line. */
static void bars_rewind(const struct progress *progress)
{
    char up[32] = "\r";
    if (progress->shown > 1)
        snprintf(up, sizeof up, "\r\033[%zuA\033[J", progress->shown - 1);
    text_write(up);
}

static void bars_draw(struct progress *progress)
{
    size_t columns = terminal_columns(), drawn = 0;
    bars_rewind(progress);
    for (size_t i = 0; i < PROGRESS_BARS_MAX; i++) {
        char bar[PROGRESS_BAR_SIZE], line[PROGRESS_BAR_SIZE + 16];
        if (!progress->bars[i].owner)
            continue;
        progress_format(&progress->bars[i].state, columns, bar);
        snprintf(line, sizeof line, "%s\033[K%s", drawn++ ? "\n" : "", bar);
        text_write(line);
    }
    progress->shown = drawn;
}

static struct progress_bar *bar_find(struct progress *progress, const void *owner)
{
    for (size_t i = 0; i < PROGRESS_BARS_MAX; i++) {
        if (progress->bars[i].owner == owner)
            return &progress->bars[i];
    }
    return NULL;
}

void progress_begin(struct progress *progress, const void *owner, const char *job,
                    int64_t now_ms)
{
    struct progress_bar *bar = bar_find(progress, NULL);
    if (bar)
        *bar = (struct progress_bar){
            .owner = owner, .began_ms = now_ms, .state = {.job = job, .left_s = -1}};
}

void progress_show(struct progress *progress, const void *owner,
                   const struct call_counts *counts, int64_t now_ms)
{
    struct progress_bar *bar = bar_find(progress, owner);
    if (!progress->terminal) {
        struct log_field job =
            bar && bar->state.job ? log_text("job", bar->state.job) : (struct log_field){0};
        log_info("progress", job, log_number("attempted", counts->attempted),
                 log_number("deleted", counts->deleted), log_number("failed", counts->failed),
                 log_number("blocked", counts->blocked),
                 log_number("remaining", counts->remaining));
        return;
    }
    if (!bar)
        return;
    bar->state.counted = true;
    bar->state.counts = *counts;
    bar->state.left_s = progress_left_s(counts, now_ms - bar->began_ms);
    if (progress->shown && now_ms - progress->shown_ms < REDRAW_MS)
        return;
    bars_draw(progress);
    progress->shown_ms = now_ms;
}

void progress_end(struct progress *progress, const void *owner)
{
    struct progress_bar *bar = bar_find(progress, owner);
    progress_clear(progress);
    if (bar)
        bar->owner = NULL;
}

void progress_clear(struct progress *progress)
{
    if (!progress->shown)
        return;
    bars_rewind(progress);
    text_write("\033[K");
    progress->shown = 0;
}

void progress_refresh(struct progress *progress)
{
    if (!progress->terminal || progress->shown)
        return;
    for (size_t i = 0; i < PROGRESS_BARS_MAX; i++) {
        if (progress->bars[i].owner) {
            bars_draw(progress);
            return;
        }
    }
}
