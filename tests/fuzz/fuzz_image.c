/*
 * An upload of any bytes. What comes out clean is never longer, fits the bounds, and comes out
 * the same when it is cleaned again.
 */
#include "fuzz.h"

#include "config/limits.h"
#include "images/image.h"

#include <zlib.h>

#define SIGNATURE_SIZE 8
#define CHUNK_HEAD     8

/* Of just this length: reading or writing past it is seen. */
static uint8_t *bytes_copy(const uint8_t *bytes, size_t length)
{
    uint8_t *copy = malloc(length ? length : 1);
    if (!copy)
        abort();
    if (length)
        memcpy(copy, bytes, length);
    return copy;
}

static void clean_try(const uint8_t *bytes, size_t length)
{
    uint8_t *first = bytes_copy(bytes, length);
    size_t kept = length;
    struct image image, again;
    enum image_verdict verdict = image_clean(first, &kept, &image);
    FUZZ_HOLDS(verdict == IMAGE_UNKNOWN || image.content_type);
    FUZZ_HOLDS((verdict == IMAGE_DAMAGED || verdict == IMAGE_TOO_LARGE) ==
               (image.fault != NULL));
    if (verdict == IMAGE_CLEAN) {
        uint8_t *second = bytes_copy(first, kept);
        size_t kept_again = kept;
        FUZZ_HOLDS(kept <= length && image_type_is_taken(image.content_type));
        FUZZ_HOLDS((uint64_t)image.width * image.height <= LIMIT_IMAGE_PIXELS);
        FUZZ_HOLDS(image_clean(second, &kept_again, &again) == IMAGE_CLEAN);
        FUZZ_HOLDS(kept_again == kept && memcmp(first, second, kept) == 0);
        FUZZ_HOLDS(again.width == image.width && again.height == image.height &&
                   again.frames == image.frames);
        free(second);
    }
    free(first);
}

static uint32_t number_read(const uint8_t *bytes)
{
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 |
           bytes[3];
}

/* A changed PNG has a wrong checksum, and would be looked at no further: makes them right. */
static void sums_mend(uint8_t *bytes, size_t length)
{
    for (size_t at = SIGNATURE_SIZE;
         length >= CHUNK_HEAD + 4 && at <= length - CHUNK_HEAD - 4;) {
        uint32_t said = number_read(bytes + at);
        if (said > length - at - CHUNK_HEAD - 4)
            return;
        uLong sum = crc32_z(0, bytes + at + 4, (size_t)said + 4);
        uint8_t *place = bytes + at + CHUNK_HEAD + said;
        for (unsigned i = 0; i < 4; i++)
            place[i] = (uint8_t)(sum >> (24 - 8 * i));
        at += CHUNK_HEAD + (size_t)said + 4;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    clean_try(bytes, length);
    if (length > SIGNATURE_SIZE && bytes[0] == 0x89) {
        uint8_t *mended = bytes_copy(bytes, length);
        sums_mend(mended, length);
        clean_try(mended, length);
        free(mended);
    }
    return 0;
}
