#include "job/slots.h"

#include "job/next.h"

/* A clock that is put back by less does not make a fixed time due again. */
#define SET_BACK_MAX_S (3 * 3600)

/* Counted from the last slot, so that nothing drifts. */
static int64_t every_next(const struct slots *slots, int64_t now_s)
{
    int64_t every_s = slots->schedule->every_s;
    if (slots->last_s == SLOTS_NONE || slots->last_s > now_s)
        return now_s + every_s;
    return slots->last_s + ((now_s - slots->last_s) / every_s + 1) * every_s;
}

/* What comes again after the clock was put back waits until the time between two slots is over.
 */
static int elapsed_next(const struct slots *slots, int64_t now_s, int64_t boot_ms,
                        int64_t *ret_slot)
{
    int64_t slot, after_last;
    if (next_instant(slots->schedule, slots->zone, now_s, &slot) < 0)
        return -1;
    if (slot <= slots->last_s &&
        next_instant(slots->schedule, slots->zone, slots->last_s, &after_last) == 0) {
        int64_t gap_s = after_last - slots->last_s;
        int64_t gone_s = (boot_ms - slots->last_boot_ms) / 1000 - now_s;
        while (slot <= slots->last_s && gone_s + slot < gap_s) {
            if (next_instant(slots->schedule, slots->zone, slot, &slot) < 0)
                return -1;
        }
    }
    *ret_slot = slot;
    return 0;
}

int slots_next(const struct slots *slots, int64_t now_s, int64_t boot_ms, int64_t *ret_slot)
{
    if (slots->schedule->every_s) {
        *ret_slot = every_next(slots, now_s);
        return 0;
    }
    if (slots->schedule->elapsed)
        return elapsed_next(slots, now_s, boot_ms, ret_slot);
    if (slots->last_s > now_s && slots->last_s - now_s < SET_BACK_MAX_S)
        now_s = slots->last_s;
    return next_instant(slots->schedule, slots->zone, now_s, ret_slot);
}

/* There are too many to walk through: halves the stretch that the latest one lies in. */
static int64_t latest_search(const struct slots *slots, int64_t low_s, int64_t limit_s)
{
    int64_t high_s = limit_s;
    while (low_s < high_s) {
        int64_t middle_s = low_s + (high_s - low_s + 1) / 2;
        int64_t slot;
        if (next_instant(slots->schedule, slots->zone, middle_s - 1, &slot) == 0 &&
            slot <= limit_s)
            low_s = slot;
        else
            high_s = middle_s - 1;
    }
    return low_s;
}

int64_t slots_until(const struct slots *slots, int64_t first_s, int64_t limit_s,
                    int64_t *ret_count)
{
    int64_t every_s = slots->schedule->every_s;
    int64_t latest_s = first_s, next_s;
    *ret_count = 1;
    if (every_s) {
        int64_t more = (limit_s - first_s) / every_s;
        *ret_count = more < SLOTS_COUNTED_MAX ? more + 1 : SLOTS_COUNTED_MAX;
        return first_s + more * every_s;
    }
    while (next_instant(slots->schedule, slots->zone, latest_s, &next_s) == 0 &&
           next_s <= limit_s) {
        latest_s = next_s;
        if (++*ret_count == SLOTS_COUNTED_MAX)
            return latest_search(slots, latest_s, limit_s);
    }
    return latest_s;
}
