/* An upload of any bytes. */
#include "fuzz.h"

#include "users/image.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    const char *content_type = NULL;
    /* A copy of just this length: reading past it is seen. */
    uint8_t *copy = malloc(length ? length : 1);
    if (!copy)
        abort();
    if (length)
        memcpy(copy, bytes, length);
    enum image_verdict verdict = image_inspect(copy, length, &content_type);
    FUZZ_HOLDS(verdict == IMAGE_UNKNOWN || content_type);
    free(copy);
    return 0;
}
