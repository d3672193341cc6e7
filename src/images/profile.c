#include "images/profile.h"

#include "images/pass.h"

#include <stdlib.h>
#include <string.h>

#define HEADER_SIZE 128
#define ENTRY_SIZE  12
#define CURVE_MAX   4096

#define OFFSET_VERSION 8
#define OFFSET_CLASS   12
#define OFFSET_COLOURS 16
#define OFFSET_SPACE   20
#define OFFSET_MARK    36
#define OFFSET_INTENT  64

/* Every profile must have a name and a copyright. They are always these, as texts of version 2
 * and of version 4. */
static const unsigned char name_2[] = {'d', 'e', 's', 'c', 0,   0, 0, 0, 0, 0,
                                       0,   4,   'i', 'c', 'c', 0, 0, 0, 0, [95] = 0};
static const unsigned char right_2[] = {'t', 'e', 'x', 't', 0, 0, 0, 0, '-', 0, 0, 0};
static const unsigned char text_4[] = {'m', 'l', 'u', 'c', 0,  0,   0,   0,   0,   0, 0,
                                       1,   0,   0,   0,   12, 'e', 'n', 'U', 'S', 0, 0,
                                       0,   2,   0,   0,   0,  28,  0,   '-', 0,   0};

/* What is the same in every header: a date, the mark, the light of the connection space. */
static const unsigned char header_frame[HEADER_SIZE] = {
    [24] = 0x07, 0xd0, 0,   1,        0, 1,    [OFFSET_MARK] = 'a',
    'c',         's',  'p', [68] = 0, 0, 0xf6, 0xd6,
    0,           1,    0,   0,        0, 0,    0xd3,
    0x2d};

struct tag {
    const char *name;
    /* The bytes of a value of this type; 0: it is none. */
    size_t (*measure)(const unsigned char *value, size_t length);
    bool for_rgb, for_grey; /* needed there */
};

static bool value_begins(const unsigned char *value, size_t length, const char *type,
                         size_t least)
{
    return length >= least && memcmp(value, type, 4) == 0;
}

static size_t colour_measure(const unsigned char *value, size_t length)
{
    return value_begins(value, length, "XYZ ", 20) ? 20 : 0;
}

static size_t matrix_measure(const unsigned char *value, size_t length)
{
    return value_begins(value, length, "sf32", 44) ? 44 : 0;
}

static size_t coding_measure(const unsigned char *value, size_t length)
{
    return value_begins(value, length, "cicp", 12) ? 12 : 0;
}

static size_t curve_measure(const unsigned char *value, size_t length)
{
    static const size_t parameters[] = {1, 3, 4, 5, 7};
    size_t size = 0;
    if (value_begins(value, length, "curv", 12)) {
        size_t points = pass_read_be32(value + 8);
        size = points <= CURVE_MAX ? 12 + 2 * points : 0;
    } else if (value_begins(value, length, "para", 12)) {
        size_t kind = pass_read_be16(value + 8);
        size = kind < sizeof parameters / sizeof *parameters ? 12 + 4 * parameters[kind] : 0;
    }
    return size <= length ? size : 0;
}

static const struct tag tags[] = {
    {"wtpt", colour_measure, true, true},   {"chad", matrix_measure, false, false},
    {"cicp", coding_measure, false, false}, {"rXYZ", colour_measure, true, false},
    {"gXYZ", colour_measure, true, false},  {"bXYZ", colour_measure, true, false},
    {"rTRC", curve_measure, true, false},   {"gTRC", curve_measure, true, false},
    {"bTRC", curve_measure, true, false},   {"kTRC", curve_measure, false, true},
};
#define TAG_COUNT (sizeof tags / sizeof *tags)

struct value {
    const unsigned char *bytes; /* NULL: it is not there */
    size_t length;
};

struct profile {
    const unsigned char *bytes;
    size_t length;
    bool is_grey;
    struct value values[TAG_COUNT];
};

/* The value of one tag, as the first entry of that name has it. */
static struct value value_find(const struct profile *profile, const struct tag *tag)
{
    size_t count = pass_read_be32(profile->bytes + HEADER_SIZE);
    for (size_t i = 0; i < count; i++) {
        const unsigned char *entry = profile->bytes + HEADER_SIZE + 4 + i * ENTRY_SIZE;
        size_t at = pass_read_be32(entry + 4), length = pass_read_be32(entry + 8);
        if (memcmp(entry, tag->name, 4) != 0)
            continue;
        if (at > profile->length || length > profile->length - at)
            break;
        struct value value = {profile->bytes + at, tag->measure(profile->bytes + at, length)};
        return value.length ? value : (struct value){0};
    }
    return (struct value){0};
}

/* A profile of a display, a scanner or a colour space that computes with primaries and curves.
 */
static bool header_holds(const unsigned char *bytes, size_t length)
{
    if (length < HEADER_SIZE + 4 || pass_read_be32(bytes) > length)
        return false;
    const unsigned char *class = bytes + OFFSET_CLASS, *colours = bytes + OFFSET_COLOURS;
    return memcmp(bytes + OFFSET_MARK, "acsp", 4) == 0 &&
           memcmp(bytes + OFFSET_SPACE, "XYZ ", 4) == 0 &&
           (bytes[OFFSET_VERSION] == 2 || bytes[OFFSET_VERSION] == 4) &&
           (memcmp(class, "mntr", 4) == 0 || memcmp(class, "scnr", 4) == 0 ||
            memcmp(class, "spac", 4) == 0) &&
           (memcmp(colours, "RGB ", 4) == 0 || memcmp(colours, "GRAY", 4) == 0);
}

static bool profile_read(struct profile *profile)
{
    if (!header_holds(profile->bytes, profile->length))
        return false;
    profile->length = pass_read_be32(profile->bytes);
    profile->is_grey = memcmp(profile->bytes + OFFSET_COLOURS, "GRAY", 4) == 0;
    if (profile->length < HEADER_SIZE + 4)
        return false;
    size_t count = pass_read_be32(profile->bytes + HEADER_SIZE);
    if (count > (profile->length - HEADER_SIZE - 4) / ENTRY_SIZE)
        return false;
    for (size_t i = 0; i < TAG_COUNT; i++) {
        profile->values[i] = value_find(profile, &tags[i]);
        bool needed = profile->is_grey ? tags[i].for_grey : tags[i].for_rgb;
        if (needed && !profile->values[i].bytes)
            return false;
    }
    return true;
}

/* A profile that is being written into no more room than `limit`. */
struct output {
    unsigned char *bytes;
    size_t length, limit;
    unsigned char *entry; /* the next one of the table */
};

static bool room_take(struct output *output, size_t count, unsigned char **ret_place)
{
    if (count > output->limit - output->length)
        return false;
    *ret_place = output->bytes + output->length;
    memset(*ret_place, 0, count);
    output->length += count;
    return true;
}

static void entry_write(struct output *output, const char *name, size_t at, size_t length)
{
    memcpy(output->entry, name, 4);
    pass_write_be32(output->entry + 4, (uint32_t)at);
    pass_write_be32(output->entry + 8, (uint32_t)length);
    output->entry += ENTRY_SIZE;
}

/* Values begin at multiples of four. */
static bool value_write(struct output *output, const char *name, const unsigned char *value,
                        size_t length)
{
    unsigned char *place;
    entry_write(output, name, output->length, length);
    if (!room_take(output, (length + 3) / 4 * 4, &place))
        return false;
    memcpy(place, value, length);
    return true;
}

static bool texts_write(struct output *output, bool is_version_2)
{
    if (is_version_2)
        return value_write(output, "desc", name_2, sizeof name_2) &&
               value_write(output, "cprt", right_2, sizeof right_2);
    size_t at = output->length;
    if (!value_write(output, "desc", text_4, sizeof text_4))
        return false;
    entry_write(output, "cprt", at, sizeof text_4);
    return true;
}

/* The three curves of a profile are often one, and then are written once. */
static bool values_write(struct output *output, const struct profile *profile)
{
    size_t places[TAG_COUNT];
    for (size_t i = 0; i < TAG_COUNT; i++) {
        const struct value *value = &profile->values[i];
        size_t same = 0;
        if (!value->bytes)
            continue;
        while (profile->values[same].bytes != value->bytes)
            same++;
        places[i] = same < i ? places[same] : output->length;
        if (same < i)
            entry_write(output, tags[i].name, places[i], value->length);
        else if (!value_write(output, tags[i].name, value->bytes, value->length))
            return false;
    }
    return true;
}

static bool profile_write(struct output *output, const struct profile *profile)
{
    unsigned char *header, *table;
    uint32_t count = 2;
    for (size_t i = 0; i < TAG_COUNT; i++)
        count += profile->values[i].bytes != NULL;
    if (!room_take(output, HEADER_SIZE, &header) ||
        !room_take(output, 4 + (size_t)count * ENTRY_SIZE, &table))
        return false;
    memcpy(header, header_frame, HEADER_SIZE);
    memcpy(header + OFFSET_VERSION, profile->bytes + OFFSET_VERSION, 2);
    memcpy(header + OFFSET_CLASS, profile->bytes + OFFSET_CLASS, 12);
    header[OFFSET_INTENT + 3] = profile->bytes[OFFSET_INTENT + 3] & 3;
    pass_write_be32(table, count);
    output->entry = table + 4;
    if (!texts_write(output, header[OFFSET_VERSION] == 2) || !values_write(output, profile))
        return false;
    pass_write_be32(header, (uint32_t)output->length);
    return true;
}

int profile_clean(unsigned char *bytes, size_t *length)
{
    unsigned char *copy = malloc(*length ? *length : 1);
    if (!copy)
        return -1;
    memcpy(copy, bytes, *length);
    struct profile profile = {.bytes = copy, .length = *length};
    struct output output = {.bytes = bytes, .limit = *length};
    bool kept = profile_read(&profile) && profile_write(&output, &profile);
    free(copy);
    if (kept)
        *length = output.length;
    return kept;
}
