#include "faults.h"

#include "virtual.h"

#include <string.h>

static struct {
    int64_t from, until;
} windows[FAULT_COUNT];

static int64_t end;

const char *fault_name(enum fault fault)
{
    static const char *const names[FAULT_COUNT] = {
        [FAULT_STORE_DOWN] = "store down",
        [FAULT_STORE_HANGS] = "store hangs",
        [FAULT_STORE_ERRORS] = "store errors",
        [FAULT_STORE_REFUSES] = "store refuses",
        [FAULT_STORE_SWAPPED] = "store swapped",
        [FAULT_STORE_SLOW] = "store slow",
        [FAULT_ANSWERS_LOST] = "answers lost",
        [FAULT_ANSWERS_PARTIAL] = "answers partial",
        [FAULT_PUTS_LATE] = "puts late",
        [FAULT_DELETES_LATE] = "deletes late",
        [FAULT_DATABASE_DOWN] = "database down",
        [FAULT_COMMITS_UNKNOWN] = "commits unknown",
        [FAULT_DATABASE_SLOW] = "database slow",
        [FAULT_CRASHES] = "crashes",
        [FAULT_PAUSES] = "pauses",
        [FAULT_DATABASE_CLOCK] = "database clock",
        [FAULT_JOB_CLOCK] = "job clock",
        [FAULT_JOB_SIGNALS] = "job signals",
        [FAULT_WAKES] = "wakes",
        [FAULT_NETWORK] = "network",
        [FAULT_SQL] = "sql",
    };
    return names[fault];
}

/* None in a tenth of the runs, one or two in most, and three to six, at once, in a third. */
static int count_draw(void)
{
    int64_t drawn = chance_between(0, 99);
    if (drawn < 10)
        return 0;
    return drawn < 65 ? (int)chance_between(1, 2) : (int)chance_between(3, 6);
}

/*
 * For longer than a good look lasts: two flips between two looks are seen by nobody (M3). Not
 * before the database knows its store.
 */
static void swap_plan(void)
{
    windows[FAULT_STORE_SWAPPED].from = chance_between(SECONDS(40), SECONDS(140));
    windows[FAULT_STORE_SWAPPED].until =
        windows[FAULT_STORE_SWAPPED].from + chance_between(SECONDS(90), SECONDS(150));
}

static void window_plan(enum fault fault, int64_t middle, int64_t until_ms)
{
    windows[fault].from = chance_between(0, middle);
    windows[fault].until = chance_between(middle + 1, until_ms);
    if (fault == FAULT_STORE_SWAPPED)
        swap_plan();
    if (windows[fault].until > end)
        end = windows[fault].until;
    trace_say("fault: %s from %.3f to %.3f", fault_name(fault),
              (double)windows[fault].from / 1000, (double)windows[fault].until / 1000);
}

void faults_plan(int64_t until_ms, bool clock_goes_back)
{
    memset(windows, 0, sizeof windows);
    end = 0;
    int count = count_draw();
    int64_t middle = chance_between(until_ms / 4, until_ms * 3 / 4);
    for (int i = 0; i < count; i++) {
        enum fault fault = (enum fault)chance_between(0, FAULT_COUNT - 1);
        if (windows[fault].until || (fault == FAULT_DATABASE_CLOCK && !clock_goes_back))
            continue;
        window_plan(fault, middle, until_ms);
        /* Only a walk that lasts can see the clock fall. */
        if (fault == FAULT_DATABASE_CLOCK && !windows[FAULT_STORE_SLOW].until && chance_of(500))
            window_plan(FAULT_STORE_SLOW, middle, until_ms);
    }
}

bool fault_is_on(enum fault fault)
{
    return virtual_now() >= windows[fault].from && virtual_now() < windows[fault].until;
}

int64_t faults_end(void)
{
    return end;
}

int faults_at_once(void)
{
    int most = 0;
    for (int i = 0; i < FAULT_COUNT; i++) {
        int count = 0;
        for (int j = 0; j < FAULT_COUNT && windows[i].until; j++)
            count += windows[j].from <= windows[i].from && windows[j].until > windows[i].from;
        most = count > most ? count : most;
    }
    return most;
}
