#include "fallback/pace.h"

#define WINDOW_LEAST 8
#define WINDOW_STEP  32
/* Answers of one burst count once: the requests behind them went out at the old pace. */
#define HALVE_EVERY_MS 1000
/* Longest wait that one answer can ask for. */
#define HOLD_MAX_MS 60000

void pace_init(struct pace *pace, size_t most)
{
    *pace = (struct pace){.window = most, .most = most, .halved_at = -HALVE_EVERY_MS};
}

size_t pace_room(const struct pace *pace, size_t under_way, int64_t now)
{
    if (now < pace->held_until || under_way >= pace->window)
        return 0;
    return pace->window - under_way;
}

void pace_succeeded(struct pace *pace)
{
    size_t grown = pace->window + WINDOW_STEP;
    pace->window = grown < pace->most ? grown : pace->most;
}

void pace_throttled(struct pace *pace, int64_t asked_ms, int64_t now)
{
    if (asked_ms > HOLD_MAX_MS)
        asked_ms = HOLD_MAX_MS;
    if (now + asked_ms > pace->held_until)
        pace->held_until = now + asked_ms;
    if (now - pace->halved_at < HALVE_EVERY_MS)
        return;
    pace->halved_at = now;
    pace->window = pace->window / 2 > WINDOW_LEAST ? pace->window / 2 : WINDOW_LEAST;
    if (pace->window > pace->most)
        pace->window = pace->most;
}
