#include "users/image.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

struct reader {
    const unsigned char *bytes;
    size_t length, at;
};

static bool reader_skip(struct reader *reader, size_t count)
{
    if (count > reader->length - reader->at)
        return false;
    reader->at += count;
    return true;
}

static uint32_t big_endian(const unsigned char *bytes)
{
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 |
           bytes[3];
}

static uint32_t little_endian(const unsigned char *bytes)
{
    return (uint32_t)bytes[3] << 24 | (uint32_t)bytes[2] << 16 | (uint32_t)bytes[1] << 8 |
           bytes[0];
}

/* Chunks of length, type, data and checksum, IHDR first, some IDAT, IEND last (PNG, section 5).
 */
static bool png_holds(struct reader reader)
{
    bool data = false;
    reader.at = 8;
    for (bool first = true;; first = false) {
        if (reader.length - reader.at < 12)
            return false;
        const unsigned char *chunk = reader.bytes + reader.at;
        uint32_t length = big_endian(chunk);
        bool header = memcmp(chunk + 4, "IHDR", 4) == 0;
        if (header != first || (header && (length != 13 || reader.length < 33)))
            return false;
        if (header && (big_endian(chunk + 8) == 0 || big_endian(chunk + 12) == 0))
            return false;
        data |= memcmp(chunk + 4, "IDAT", 4) == 0;
        if (!reader_skip(&reader, 8) || !reader_skip(&reader, length) ||
            !reader_skip(&reader, 4))
            return false;
        if (memcmp(chunk + 4, "IEND", 4) == 0)
            return data;
    }
}

static bool jpeg_marker_is_frame(unsigned char marker)
{
    return marker >= 0xc0 && marker <= 0xcf && marker != 0xc4 && marker != 0xc8 &&
           marker != 0xcc;
}

/* Entropy-coded data runs on until the end marker (T.81, B.1). */
static bool jpeg_scan_ends(struct reader reader)
{
    for (size_t i = reader.at; i + 1 < reader.length; i++) {
        if (reader.bytes[i] == 0xff && reader.bytes[i + 1] == 0xd9)
            return true;
    }
    return false;
}

static bool jpeg_holds(struct reader reader)
{
    bool frame = false;
    reader.at = 2;
    while (reader.length - reader.at >= 4 && reader.bytes[reader.at] == 0xff) {
        unsigned char marker = reader.bytes[reader.at + 1];
        if (marker == 0xff) {
            reader.at++;
            continue;
        }
        size_t length = (size_t)reader.bytes[reader.at + 2] << 8 | reader.bytes[reader.at + 3];
        if (length < 2 || !reader_skip(&reader, 2 + length))
            return false;
        frame |= jpeg_marker_is_frame(marker);
        if (marker == 0xda)
            return frame && jpeg_scan_ends(reader);
    }
    return false;
}

/* RIFF of the length that it says, with an image chunk (RFC 9649, section 2). */
static bool webp_holds(struct reader reader)
{
    if (reader.length < 20)
        return false;
    size_t length_said = little_endian(reader.bytes + 4);
    if (length_said < 12 || length_said > reader.length - 8)
        return false;
    bool image = false;
    reader.length = 8 + length_said;
    reader.at = 12;
    while (reader.length - reader.at >= 8) {
        const unsigned char *chunk = reader.bytes + reader.at;
        size_t length = little_endian(chunk + 4);
        image |= memcmp(chunk, "VP8 ", 4) == 0 || memcmp(chunk, "VP8L", 4) == 0 ||
                 memcmp(chunk, "ANMF", 4) == 0;
        if (!reader_skip(&reader, 8) || !reader_skip(&reader, length))
            return false;
        if (length % 2 && reader.at < reader.length)
            reader.at++;
    }
    return image;
}

static bool gif_skip_blocks(struct reader *reader)
{
    for (;;) {
        if (reader->at >= reader->length)
            return false;
        size_t size = reader->bytes[reader->at];
        if (!reader_skip(reader, 1 + size))
            return false;
        if (size == 0)
            return true;
    }
}

static size_t gif_table_size(unsigned char flags)
{
    return flags & 0x80 ? (size_t)3 << ((flags & 7) + 1) : 0;
}

/* Screen, blocks and images up to the trailer (GIF89a, appendix B). */
static bool gif_holds(struct reader reader)
{
    bool image = false;
    if (reader.length < 13 || !reader_skip(&reader, 13 + gif_table_size(reader.bytes[10])))
        return false;
    while (reader.at < reader.length) {
        unsigned char kind = reader.bytes[reader.at];
        if (kind == 0x3b)
            return image;
        if (kind == 0x21) {
            if (!reader_skip(&reader, 2) || !gif_skip_blocks(&reader))
                return false;
        } else if (kind == 0x2c) {
            if (reader.length - reader.at < 11)
                return false;
            size_t table = gif_table_size(reader.bytes[reader.at + 9]);
            if (!reader_skip(&reader, 10 + table + 1) || !gif_skip_blocks(&reader))
                return false;
            image = true;
        } else {
            return false;
        }
    }
    return false;
}

enum image_verdict image_inspect(const unsigned char *bytes, size_t length,
                                 const char **ret_content_type)
{
    static const struct {
        const char *content_type;
        const char *signature;
        size_t signature_length;
        bool (*holds)(struct reader reader);
    } kinds[] = {
        {"image/png", "\x89PNG\r\n\x1a\n", 8, png_holds},
        {"image/jpeg", "\xff\xd8\xff", 3, jpeg_holds},
        {"image/gif", "GIF87a", 6, gif_holds},
        {"image/gif", "GIF89a", 6, gif_holds},
    };
    struct reader reader = {.bytes = bytes, .length = length};
    if (length >= 12 && memcmp(bytes, "RIFF", 4) == 0 && memcmp(bytes + 8, "WEBP", 4) == 0) {
        *ret_content_type = "image/webp";
        return webp_holds(reader) ? IMAGE_GOOD : IMAGE_DAMAGED;
    }
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        if (length < kinds[i].signature_length ||
            memcmp(bytes, kinds[i].signature, kinds[i].signature_length) != 0)
            continue;
        *ret_content_type = kinds[i].content_type;
        return kinds[i].holds(reader) ? IMAGE_GOOD : IMAGE_DAMAGED;
    }
    return IMAGE_UNKNOWN;
}
