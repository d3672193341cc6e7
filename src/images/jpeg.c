#include "images/jpeg.h"

#include "config/limits.h"
#include "images/orientation.h"
#include "images/profile.h"

#include <string.h>

enum {
    MARKER_DHT = 0xc4,
    MARKER_RST0 = 0xd0,
    MARKER_RST7 = 0xd7,
    MARKER_EOI = 0xd9,
    MARKER_SOS = 0xda,
    MARKER_DQT = 0xdb,
    MARKER_DRI = 0xdd,
    MARKER_APP0 = 0xe0,
    MARKER_APP15 = 0xef,
    MARKER_COM = 0xfe,
    MARKER_SOF0 = 0xc0,
    MARKER_SOF2 = 0xc2,
};

#define COMPONENTS_MAX 4
#define DHT_COUNTS     16
#define DHT_CODES_MAX  256

static const unsigned char mark_jfif[] = "JFIF";
static const unsigned char mark_adobe[] = {'A', 'd', 'o', 'b', 'e'};
static const unsigned char mark_exif[] = "Exif\0";
static const unsigned char mark_profile[] = "ICC_PROFILE\0\1\1";

/* JFIF 1.01 of square dots and without a thumbnail. */
static const unsigned char jfif_kept[] = {'J', 'F', 'I', 'F', 0, 1, 1, 0, 0, 1, 0, 1, 0, 0};

#define ADOBE_SIZE        12
#define ADOBE_COLOURS     11 /* where it says how colours are coded */
#define PROFILE_MARK_SIZE 14
#define EXIF_MARK_SIZE    6

struct jpeg {
    struct pass *pass;
    bool has_frame, has_jfif, has_exif, has_profile;
    unsigned scans, components;
    unsigned char ids[COMPONENTS_MAX];
};

struct segment {
    unsigned marker;
    unsigned char *data;
    size_t length; /* of the data */
};

static bool jpeg_refuse(struct jpeg *jpeg, const char *fault)
{
    return pass_refuse_damaged(jpeg->pass, fault);
}

/* Any number of 0xff may stand before a marker. */
static bool marker_take(struct pass *pass, unsigned *ret_marker)
{
    const unsigned char *byte = pass_take(pass, 1);
    if (!byte)
        return false;
    if (*byte != 0xff)
        return pass_refuse_damaged(pass, "has bytes that belong to nothing");
    do {
        byte = pass_take(pass, 1);
        if (!byte)
            return false;
    } while (*byte == 0xff);
    *ret_marker = *byte;
    return true;
}

static bool segment_take(struct pass *pass, struct segment *segment)
{
    const unsigned char *length = pass_take(pass, 2);
    if (!length)
        return false;
    /* It counts its own two bytes. */
    size_t said = pass_read_be16(length);
    if (said < 2) {
        pass_refuse_damaged(pass, "has a segment of no length");
        return false;
    }
    segment->length = said - 2;
    segment->data = pass_take(pass, segment->length);
    return segment->data != NULL;
}

/* The segment, with `data` in it, which is what was read or something shorter. */
static bool segment_keep(struct jpeg *jpeg, const struct segment *segment,
                         const unsigned char *data, size_t length)
{
    unsigned char head[4] = {0xff, (unsigned char)segment->marker};
    pass_write_be16(head + 2, (uint32_t)length + 2);
    return pass_keep(jpeg->pass, head, sizeof head) && pass_keep(jpeg->pass, data, length);
}

static bool segment_keep_whole(struct jpeg *jpeg, const struct segment *segment)
{
    return segment_keep(jpeg, segment, segment->data, segment->length);
}

static bool segment_begins(const struct segment *segment, const unsigned char *mark,
                           size_t length)
{
    return segment->length >= length && memcmp(segment->data, mark, length) == 0;
}

static bool frame_walk(struct jpeg *jpeg, const struct segment *segment)
{
    const unsigned char *data = segment->data;
    if (jpeg->has_frame || segment->length < 6 || segment->length != 6 + 3 * (size_t)data[5])
        return jpeg_refuse(jpeg, "has a wrong frame");
    jpeg->components = data[5];
    if (data[0] != 8 || (data[5] != 1 && data[5] != 3 && data[5] != 4))
        return jpeg_refuse(jpeg, "is of a kind that browsers do not show");
    for (unsigned i = 0; i < jpeg->components; i++) {
        const unsigned char *component = data + 6 + 3 * (size_t)i;
        unsigned across = component[1] >> 4, down = component[1] & 15;
        if (across < 1 || across > 4 || down < 1 || down > 4 || component[2] > 3)
            return jpeg_refuse(jpeg, "has a wrong frame");
        jpeg->ids[i] = component[0];
    }
    jpeg->has_frame = true;
    return pass_measure(jpeg->pass, pass_read_be16(data + 3), pass_read_be16(data + 1)) &&
           segment_keep_whole(jpeg, segment);
}

/* Tables fill their segment to the last byte: nothing hides behind them. */
static bool quantisation_walk(struct jpeg *jpeg, const struct segment *segment)
{
    size_t at = 0;
    while (at < segment->length) {
        unsigned precision = segment->data[at] >> 4, place = segment->data[at] & 15;
        if (precision > 1 || place > 3)
            break;
        at += 1 + 64 * (1 + (size_t)precision);
    }
    if (at != segment->length)
        return jpeg_refuse(jpeg, "has a wrong table");
    return segment_keep_whole(jpeg, segment);
}

static bool huffman_walk(struct jpeg *jpeg, const struct segment *segment)
{
    size_t at = 0;
    while (segment->length - at > DHT_COUNTS) {
        unsigned class = segment->data[at] >> 4, place = segment->data[at] & 15;
        size_t codes = 0;
        for (size_t i = 1; i <= DHT_COUNTS; i++)
            codes += segment->data[at + i];
        if (class > 1 || place > 3 || codes > DHT_CODES_MAX ||
            codes > segment->length - at - 1 - DHT_COUNTS)
            break;
        at += 1 + DHT_COUNTS + codes;
    }
    if (at != segment->length)
        return jpeg_refuse(jpeg, "has a wrong table");
    return segment_keep_whole(jpeg, segment);
}

static bool restart_walk(struct jpeg *jpeg, const struct segment *segment)
{
    if (segment->length != 2)
        return jpeg_refuse(jpeg, "has a wrong table");
    return segment_keep_whole(jpeg, segment);
}

static bool adobe_walk(struct jpeg *jpeg, const struct segment *segment)
{
    unsigned char adobe[ADOBE_SIZE] = {'A', 'd', 'o', 'b', 'e', 0, 100};
    adobe[ADOBE_COLOURS] = segment->data[ADOBE_COLOURS];
    return segment_keep(jpeg, segment, adobe, sizeof adobe);
}

static bool exif_walk(struct jpeg *jpeg, const struct segment *segment)
{
    unsigned char exif[EXIF_MARK_SIZE + ORIENTATION_SIZE];
    if (jpeg->has_exif)
        return true;
    jpeg->has_exif = true;
    memcpy(exif, mark_exif, EXIF_MARK_SIZE);
    size_t length =
        orientation_extract(segment->data + EXIF_MARK_SIZE, segment->length - EXIF_MARK_SIZE,
                            exif + EXIF_MARK_SIZE);
    return length == 0 || segment_keep(jpeg, segment, exif, EXIF_MARK_SIZE + length);
}

static bool profile_walk(struct jpeg *jpeg, const struct segment *segment)
{
    size_t length = segment->length - PROFILE_MARK_SIZE;
    if (jpeg->has_profile)
        return true;
    jpeg->has_profile = true;
    int kept = profile_clean(segment->data + PROFILE_MARK_SIZE, &length);
    if (kept < 0)
        return pass_refuse(jpeg->pass, IMAGE_NO_MEMORY, NULL);
    return kept == 0 || segment_keep(jpeg, segment, segment->data, PROFILE_MARK_SIZE + length);
}

/* What applications add. Decoders look at it before the first scan only. */
static bool application_walk(struct jpeg *jpeg, const struct segment *segment)
{
    if (jpeg->scans > 0)
        return true;
    switch (segment->marker) {
    case MARKER_APP0:
        if (jpeg->has_jfif || segment->length < sizeof jfif_kept ||
            !segment_begins(segment, mark_jfif, sizeof mark_jfif))
            return true;
        jpeg->has_jfif = true;
        return segment_keep(jpeg, segment, jfif_kept, sizeof jfif_kept);
    case MARKER_APP0 + 1:
        return !segment_begins(segment, mark_exif, EXIF_MARK_SIZE) || exif_walk(jpeg, segment);
    case MARKER_APP0 + 2:
        return !segment_begins(segment, mark_profile, PROFILE_MARK_SIZE) ||
               profile_walk(jpeg, segment);
    case MARKER_APP0 + 14:
        return segment->length < ADOBE_SIZE ||
               !segment_begins(segment, mark_adobe, sizeof mark_adobe) ||
               adobe_walk(jpeg, segment);
    default:
        return true;
    }
}

/*
 * Entropy-coded data runs on until a marker that is no restart: 0xff in it is followed by 0
 * (T.81, B.1.1.5).
 */
static bool entropy_walk(struct jpeg *jpeg)
{
    struct pass *pass = jpeg->pass;
    const unsigned char *start = pass->bytes + pass->at, *end = pass->bytes + pass->length;
    const unsigned char *at = start;
    for (;;) {
        const unsigned char *fill = memchr(at, 0xff, (size_t)(end - at));
        at = fill;
        while (at && at < end && *at == 0xff)
            at++;
        if (!at || at == end)
            return pass_refuse_damaged(pass, "is cut short");
        if (*at != 0 && (*at < MARKER_RST0 || *at > MARKER_RST7)) {
            size_t length = (size_t)(fill - start);
            return pass_take(pass, length) && pass_keep(pass, start, length);
        }
    }
}

static bool components_are_known(const struct jpeg *jpeg, const unsigned char *scan)
{
    for (size_t i = 0; i < scan[0]; i++) {
        if (!memchr(jpeg->ids, scan[1 + 2 * i], jpeg->components))
            return false;
    }
    return true;
}

static bool scan_walk(struct jpeg *jpeg, const struct segment *segment)
{
    const unsigned char *data = segment->data;
    if (!jpeg->has_frame || segment->length < 1 || data[0] < 1 || data[0] > COMPONENTS_MAX ||
        segment->length != 4 + 2 * (size_t)data[0] || !components_are_known(jpeg, data))
        return jpeg_refuse(jpeg, "has a wrong scan");
    /* Each makes a viewer go over the whole image once more. */
    if (++jpeg->scans > LIMIT_IMAGE_SCANS)
        return pass_refuse(jpeg->pass, IMAGE_TOO_LARGE, "has too many scans");
    return segment_keep_whole(jpeg, segment) && entropy_walk(jpeg);
}

static bool segment_walk(struct jpeg *jpeg, const struct segment *segment)
{
    unsigned marker = segment->marker;
    if (marker >= MARKER_SOF0 && marker <= MARKER_SOF2)
        return frame_walk(jpeg, segment);
    if (marker >= MARKER_APP0 && marker <= MARKER_APP15)
        return application_walk(jpeg, segment);
    switch (marker) {
    case MARKER_DQT:
        return quantisation_walk(jpeg, segment);
    case MARKER_DHT:
        return huffman_walk(jpeg, segment);
    case MARKER_DRI:
        return restart_walk(jpeg, segment);
    case MARKER_SOS:
        return scan_walk(jpeg, segment);
    case MARKER_COM:
        return true;
    default:
        return jpeg_refuse(jpeg, "is of a kind that browsers do not show");
    }
}

bool jpeg_clean(struct pass *pass)
{
    struct jpeg jpeg = {.pass = pass};
    const unsigned char *start = pass_take(pass, 2);
    if (!start || !pass_keep(pass, start, 2))
        return false;
    pass->image->frames = 1;
    for (;;) {
        struct segment segment = {0};
        if (!marker_take(pass, &segment.marker))
            return false;
        if (segment.marker == MARKER_EOI && jpeg.scans > 0)
            return pass_keep(pass, (const unsigned char[]){0xff, MARKER_EOI}, 2);
        if (!segment_take(pass, &segment) || !segment_walk(&jpeg, &segment))
            return false;
    }
}
