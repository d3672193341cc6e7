/* A cron expression, then an instant in the last eight bytes, in a zone with daylight saving.
 */
#include "fuzz.h"

#include "job/next.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    static struct zone *zone;
    struct error error;
    struct schedule schedule;
    int64_t instant = 0, first, second;
    if (!zone)
        FUZZ_HOLDS(zone_open("Europe/Berlin", &zone, &error) == 0);
    if (length < sizeof instant)
        return 0;
    memcpy(&instant, bytes + length - sizeof instant, sizeof instant);
    instant %= (int64_t)4000 * 366 * 86400;
    char *text = fuzz_text(bytes, length - sizeof instant);
    if (schedule_parse(text, &schedule, &error) == 0 &&
        next_instant(&schedule, zone, instant, &first) == 0) {
        FUZZ_HOLDS(first > instant);
        /* Nothing fires between an instant and the next time it was told. */
        FUZZ_HOLDS(next_instant(&schedule, zone, first - 1, &second) == 0);
        FUZZ_HOLDS(second == first || schedule.every_s);
    }
    free(text);
    return 0;
}
