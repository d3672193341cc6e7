#include "images/png.h"

#include "config/limits.h"
#include "images/orientation.h"
#include "images/profile.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#define SIGNATURE_SIZE     8
#define CHUNK_FRAME_SIZE   12 /* length, type and checksum */
#define CHUNK_DATA_OFFSET  8
#define CHUNK_LENGTH_MAX   0x7fffffffU
#define PALETTE_MAX        256
#define PROFILE_NAME_MAX   79
#define ANIMATION_FRAME    26 /* fcTL */
#define TYPE_PALETTE_INDEX 3

/* What stands in front of a profile's compressed bytes: a name, its end, and the method. */
static const unsigned char profile_name[] = {'i', 'c', 'c', '\0', 0};

enum stage { STAGE_HEAD, STAGE_PALETTE, STAGE_DATA, STAGE_AFTER };

struct png {
    struct pass *pass;
    enum stage stage;
    unsigned colour_type;
    uint32_t depth, palette_entries;
    unsigned seen; /* one bit for each row of `once` */
    bool has_profile, has_orientation, has_transparency;
    /* Of an animation: */
    bool is_animated, frame_is_open, frame_has_data;
    uint32_t frames_said, sequence;
};

struct chunk {
    unsigned char *bytes, *data; /* from its length on, and what it holds */
    uint32_t length;             /* of what it holds */
};

typedef bool chunk_walk(struct png *png, const struct chunk *chunk);

static bool chunk_is(const struct chunk *chunk, const char *type)
{
    return memcmp(chunk->bytes + 4, type, 4) == 0;
}

static bool chunk_take(struct pass *pass, struct chunk *chunk)
{
    chunk->bytes = pass_take(pass, CHUNK_DATA_OFFSET);
    if (!chunk->bytes)
        return false;
    chunk->length = pass_read_be32(chunk->bytes);
    if (chunk->length > CHUNK_LENGTH_MAX)
        return pass_refuse_damaged(pass, "has an endless chunk");
    chunk->data = pass_take(pass, (size_t)chunk->length + 4);
    if (!chunk->data)
        return false;
    uLong sum = crc32_z(crc32_z(0, NULL, 0), chunk->bytes + 4, (size_t)chunk->length + 4);
    if (sum != pass_read_be32(chunk->data + chunk->length))
        return pass_refuse_damaged(pass, "has a chunk with a wrong checksum");
    return true;
}

static bool chunk_keep(struct png *png, const struct chunk *chunk)
{
    return pass_keep(png->pass, chunk->bytes, (size_t)chunk->length + CHUNK_FRAME_SIZE);
}

/* A chunk of ours in the place of one that was read; nothing, if there is no room. */
static bool chunk_replace(struct png *png, const struct chunk *chunk, const unsigned char *data,
                          uint32_t length)
{
    unsigned char head[CHUNK_DATA_OFFSET], sum[4];
    if (length > chunk->length)
        return true;
    pass_write_be32(head, length);
    memcpy(head + 4, chunk->bytes + 4, 4);
    pass_write_be32(sum, (uint32_t)crc32_z(crc32_z(0, head + 4, 4), data, length));
    return pass_keep(png->pass, head, sizeof head) && pass_keep(png->pass, data, length) &&
           pass_keep(png->pass, sum, sizeof sum);
}

/* Depths that go with each colour type, one bit each. */
static bool depth_holds(unsigned colour_type, uint32_t depth)
{
    static const uint32_t depths[] = {[0] = 1 | 2 | 4 | 8 | 16,
                                      [2] = 8 | 16,
                                      [3] = 1 | 2 | 4 | 8,
                                      [4] = 8 | 16,
                                      [6] = 8 | 16};
    return colour_type < sizeof depths / sizeof *depths && depth && !(depth & (depth - 1)) &&
           depths[colour_type] & depth;
}

static bool header_walk(struct png *png)
{
    struct pass *pass = png->pass;
    struct chunk chunk;
    if (!chunk_take(pass, &chunk))
        return false;
    if (!chunk_is(&chunk, "IHDR") || chunk.length != 13)
        return pass_refuse_damaged(pass, "does not begin with a header");
    png->depth = chunk.data[8];
    png->colour_type = chunk.data[9];
    pass->image->frames = 1;
    if (!pass_measure(pass, pass_read_be32(chunk.data), pass_read_be32(chunk.data + 4)))
        return false;
    if (!depth_holds(png->colour_type, png->depth) || chunk.data[10] != 0 ||
        chunk.data[11] != 0 || chunk.data[12] > 1)
        return pass_refuse_damaged(pass, "has a header that no decoder reads");
    return chunk_keep(png, &chunk);
}

static bool palette_walk(struct png *png, const struct chunk *chunk)
{
    /* Elsewhere it is only a suggestion. */
    if (png->colour_type != TYPE_PALETTE_INDEX)
        return true;
    png->palette_entries = chunk->length / 3;
    if (png->stage != STAGE_HEAD || chunk->length % 3 || chunk->length == 0 ||
        png->palette_entries > (1U << png->depth) || png->has_transparency)
        return pass_refuse_damaged(png->pass, "has a wrong palette");
    png->stage = STAGE_PALETTE;
    return chunk_keep(png, chunk);
}

static bool transparency_walk(struct png *png, const struct chunk *chunk)
{
    bool holds = png->stage < STAGE_DATA && !png->has_transparency;
    if (png->colour_type == TYPE_PALETTE_INDEX)
        holds = holds && chunk->length <= png->palette_entries;
    else
        holds = holds && ((png->colour_type == 0 && chunk->length == 2) ||
                          (png->colour_type == 2 && chunk->length == 6));
    if (!holds)
        return pass_refuse_damaged(png->pass, "has a wrong transparency");
    png->has_transparency = true;
    return chunk_keep(png, chunk);
}

static bool data_walk(struct png *png, const struct chunk *chunk)
{
    /* What is between two of them is dropped, and would join what was apart. */
    if (png->stage == STAGE_AFTER)
        return pass_refuse_damaged(png->pass, "has its data in two places");
    if (png->colour_type == TYPE_PALETTE_INDEX && png->palette_entries == 0)
        return pass_refuse_damaged(png->pass, "has no palette");
    png->stage = STAGE_DATA;
    png->frame_has_data = png->frame_is_open;
    return chunk_keep(png, chunk);
}

static bool animation_walk(struct png *png, const struct chunk *chunk)
{
    if (png->stage >= STAGE_DATA || png->is_animated || chunk->length != 8)
        return pass_refuse_damaged(png->pass, "has a wrong animation");
    png->is_animated = true;
    png->frames_said = pass_read_be32(chunk->data);
    png->pass->image->frames = 0;
    return chunk_keep(png, chunk);
}

static bool sequence_check(struct png *png, const struct chunk *chunk)
{
    return chunk->length >= 4 && pass_read_be32(chunk->data) == png->sequence++;
}

static bool frame_is_inside(const struct png *png, const unsigned char *frame)
{
    const struct image *image = png->pass->image;
    uint64_t width = pass_read_be32(frame + 4), height = pass_read_be32(frame + 8);
    uint64_t left = pass_read_be32(frame + 12), top = pass_read_be32(frame + 16);
    if (width == 0 || height == 0 || left + width > image->width ||
        top + height > image->height)
        return false;
    /* One before the data is the whole image. */
    return png->stage >= STAGE_DATA || (width == image->width && height == image->height);
}

static bool frame_walk(struct png *png, const struct chunk *chunk)
{
    if (!png->is_animated)
        return true;
    bool starts = png->stage < STAGE_DATA ? !png->frame_is_open
                                          : !png->frame_is_open || png->frame_has_data;
    if (!sequence_check(png, chunk) || chunk->length != ANIMATION_FRAME || !starts ||
        !frame_is_inside(png, chunk->data) || chunk->data[24] > 2 || chunk->data[25] > 1)
        return pass_refuse_damaged(png->pass, "has a wrong frame");
    png->frame_is_open = true;
    png->frame_has_data = false;
    return pass_count_frame(png->pass) && chunk_keep(png, chunk);
}

static bool frame_data_walk(struct png *png, const struct chunk *chunk)
{
    if (!png->is_animated)
        return true;
    if (!sequence_check(png, chunk) || png->stage != STAGE_AFTER || !png->frame_is_open)
        return pass_refuse_damaged(png->pass, "has a wrong frame");
    png->frame_has_data = true;
    return chunk_keep(png, chunk);
}

/* Where a profile begins: behind a name and the only method there is; 0: it is none. */
static size_t profile_find(const struct chunk *chunk)
{
    size_t most = chunk->length < PROFILE_NAME_MAX + 1 ? chunk->length : PROFILE_NAME_MAX + 1;
    const unsigned char *end = memchr(chunk->data, '\0', most);
    size_t at = end ? (size_t)(end - chunk->data) + 2 : 0;
    return at > 2 && at < chunk->length && end[1] == 0 ? at : 0;
}

/* The place for a profile and, behind it, for the same compressed again. */
static bool profile_repack(struct png *png, const struct chunk *chunk, size_t at,
                           unsigned char *profile)
{
    size_t length = LIMIT_IMAGE_PROFILE_BYTES;
    uLongf inflated = LIMIT_IMAGE_PROFILE_BYTES, deflated = chunk->length;
    uLong compressed = chunk->length - at;
    if (uncompress2(profile, &inflated, chunk->data + at, &compressed) != Z_OK)
        return true;
    length = inflated;
    int kept = profile_clean(profile, &length);
    if (kept < 0)
        return pass_refuse(png->pass, IMAGE_NO_MEMORY, NULL);
    if (kept == 0)
        return true;
    unsigned char *packed = malloc(chunk->length + sizeof profile_name);
    if (!packed)
        return pass_refuse(png->pass, IMAGE_NO_MEMORY, NULL);
    memcpy(packed, profile_name, sizeof profile_name);
    bool goes_on = true;
    if (compress2(packed + sizeof profile_name, &deflated, profile, length,
                  Z_BEST_COMPRESSION) == Z_OK)
        goes_on = chunk_replace(png, chunk, packed, (uint32_t)(sizeof profile_name + deflated));
    free(packed);
    return goes_on;
}

static bool profile_walk(struct png *png, const struct chunk *chunk)
{
    size_t at = profile_find(chunk);
    if (png->has_profile || png->stage != STAGE_HEAD || at == 0)
        return true;
    png->has_profile = true;
    unsigned char *profile = malloc(LIMIT_IMAGE_PROFILE_BYTES);
    if (!profile)
        return pass_refuse(png->pass, IMAGE_NO_MEMORY, NULL);
    bool goes_on = profile_repack(png, chunk, at, profile);
    free(profile);
    return goes_on;
}

static bool orientation_walk(struct png *png, const struct chunk *chunk)
{
    unsigned char exif[ORIENTATION_SIZE];
    if (png->has_orientation)
        return true;
    png->has_orientation = true;
    size_t length = orientation_extract(chunk->data, chunk->length, exif);
    return length == 0 || chunk_replace(png, chunk, exif, (uint32_t)length);
}

/* Chunks of a fixed length that say what the numbers of the pixels mean; the first one counts.
 */
static bool meaning_walk(struct png *png, const struct chunk *chunk)
{
    static const struct {
        char type[5];
        uint32_t length;
    } once[] = {{"cHRM", 32}, {"cICP", 4}, {"cLLI", 8}, {"gAMA", 4}, {"mDCV", 24}, {"sRGB", 1}};
    for (size_t i = 0; i < sizeof once / sizeof *once; i++) {
        if (!chunk_is(chunk, once[i].type))
            continue;
        bool first = !(png->seen & 1U << i);
        png->seen |= 1U << i;
        if (first && png->stage == STAGE_HEAD && chunk->length == once[i].length)
            return chunk_keep(png, chunk);
    }
    return true;
}

/* A critical chunk (its name begins with a capital) must be understood, or the image is not. */
static bool other_walk(struct png *png, const struct chunk *chunk)
{
    if (!(chunk->bytes[4] & 0x20))
        return pass_refuse_damaged(png->pass, "has a chunk that no decoder reads");
    return meaning_walk(png, chunk);
}

static chunk_walk *walk_find(const struct chunk *chunk)
{
    static const struct {
        char type[5];
        chunk_walk *walk;
    } walks[] = {{"PLTE", palette_walk}, {"tRNS", transparency_walk},
                 {"IDAT", data_walk},    {"acTL", animation_walk},
                 {"fcTL", frame_walk},   {"fdAT", frame_data_walk},
                 {"iCCP", profile_walk}, {"eXIf", orientation_walk}};
    for (size_t i = 0; i < sizeof walks / sizeof *walks; i++) {
        if (chunk_is(chunk, walks[i].type))
            return walks[i].walk;
    }
    return other_walk;
}

static bool end_walk(struct png *png, const struct chunk *chunk)
{
    if (chunk->length != 0)
        return pass_refuse_damaged(png->pass, "has a wrong end");
    if (png->stage < STAGE_DATA)
        return pass_refuse_damaged(png->pass, "has no data");
    if (png->is_animated && (png->pass->image->frames != png->frames_said ||
                             png->frames_said == 0 || !png->frame_has_data))
        return pass_refuse_damaged(png->pass, "has fewer or more frames than it says");
    return chunk_keep(png, chunk);
}

bool png_clean(struct pass *pass)
{
    struct png png = {.pass = pass};
    const unsigned char *signature = pass_take(pass, SIGNATURE_SIZE);
    if (!signature || !pass_keep(pass, signature, SIGNATURE_SIZE) || !header_walk(&png))
        return false;
    for (;;) {
        struct chunk chunk;
        if (!chunk_take(pass, &chunk))
            return false;
        if (png.stage == STAGE_DATA && !chunk_is(&chunk, "IDAT"))
            png.stage = STAGE_AFTER;
        if (chunk_is(&chunk, "IEND"))
            return end_walk(&png, &chunk);
        if (!walk_find(&chunk)(&png, &chunk))
            return false;
    }
}
