#include "images/orientation.h"

#include "images/pass.h"

#include <string.h>

#define TAG_ORIENTATION 0x0112
#define TYPE_SHORT      3
#define HEADER_SIZE     8
#define ENTRY_SIZE      12

struct numbers {
    uint32_t (*read16)(const unsigned char *bytes);
    uint32_t (*read32)(const unsigned char *bytes);
};

/* The value of the tag in a directory of `count` entries; 0: it is not there, or is no value.
 */
static uint32_t directory_search(const unsigned char *entries, size_t count,
                                 const struct numbers *numbers)
{
    for (size_t i = 0; i < count; i++) {
        const unsigned char *entry = entries + i * ENTRY_SIZE;
        if (numbers->read16(entry) != TAG_ORIENTATION)
            continue;
        uint32_t value = numbers->read16(entry + 8);
        bool holds = numbers->read16(entry + 2) == TYPE_SHORT &&
                     numbers->read32(entry + 4) == 1 && value <= 8;
        return holds ? value : 0;
    }
    return 0;
}

static uint32_t orientation_read(const unsigned char *tiff, size_t length)
{
    static const struct numbers big = {pass_read_be16, pass_read_be32};
    static const struct numbers little = {pass_read_le16, pass_read_le32};
    bool is_big = memcmp(tiff, "MM\0*", 4) == 0;
    const struct numbers *numbers = is_big ? &big : &little;
    if (!is_big && memcmp(tiff, "II*\0", 4) != 0)
        return 0;
    size_t at = numbers->read32(tiff + 4);
    if (at < HEADER_SIZE || at > length - 2)
        return 0;
    size_t count = numbers->read16(tiff + at);
    if (count > (length - at - 2) / ENTRY_SIZE)
        return 0;
    return directory_search(tiff + at + 2, count, numbers);
}

size_t orientation_extract(const unsigned char *tiff, size_t length,
                           unsigned char exif[static ORIENTATION_SIZE])
{
    /* Big-endian, one directory of one entry, the value in the next bytes, and none after it.
     */
    static const unsigned char frame[ORIENTATION_SIZE] = {
        'M', 'M', 0, '*', 0, 0, 0, HEADER_SIZE, 0, 1, 1, 0x12, 0, TYPE_SHORT, 0, 0, 0, 1};
    uint32_t orientation = length < ORIENTATION_SIZE ? 0 : orientation_read(tiff, length);
    if (orientation < 2)
        return 0;
    memcpy(exif, frame, sizeof frame);
    pass_write_be16(exif + 18, orientation);
    return ORIENTATION_SIZE;
}
