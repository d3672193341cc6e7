/* Ranges and lists of entity tags; the first byte is the length of what they are about. */
#include "fuzz.h"

#include "http/condition.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    if (length == 0)
        return 0;
    size_t body = bytes[0], first, last;
    char *text = fuzz_text(bytes + 1, length - 1);
    if (condition_read_range(text, body, &first, &last) == RANGE_PART)
        FUZZ_HOLDS(first <= last && last < body);
    bool strong = condition_lists_tag(text, "\"tag\"", false);
    FUZZ_HOLDS(!strong || condition_lists_tag(text, "\"tag\"", true));
    free(text);
    return 0;
}
