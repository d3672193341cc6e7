/* A colour profile of any bytes: reduced, it is never longer, and does not change again. */
#include "fuzz.h"

#include "images/profile.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    /* Of just these lengths: reading or writing past them is seen. */
    uint8_t *first = malloc(length ? length : 1);
    size_t kept = length;
    if (!first)
        abort();
    if (length)
        memcpy(first, bytes, length);
    if (profile_clean(first, &kept) == 1) {
        size_t again = kept;
        FUZZ_HOLDS(kept <= length);
        uint8_t *second = malloc(kept);
        if (!second)
            abort();
        memcpy(second, first, kept);
        FUZZ_HOLDS(profile_clean(second, &again) == 1);
        FUZZ_HOLDS(again == kept && memcmp(first, second, kept) == 0);
        free(second);
    }
    free(first);
    return 0;
}
