/* A sweep's cursor: what is taken is written back as it was. */
#include "fuzz.h"

#include "fallback/sweep.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    struct sweep *sweep = calloc(1, sizeof *sweep);
    char *text = fuzz_text(bytes, length), again[SWEEP_CURSOR_SIZE];
    if (!sweep)
        abort();
    if (sweep_cursor_parse(text, sweep) == 0 && *text) {
        sweep_cursor_format(sweep, again);
        /* Leading zeros of the time are the only freedom. */
        FUZZ_HOLDS(strcmp(strchr(text, '~'), strchr(again, '~')) == 0);
    }
    free(text);
    free(sweep);
    return 0;
}
