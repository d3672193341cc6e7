#include "job/zone.h"

#include "job/zone_rule.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The largest zone has under 4 KiB. */
#define FILE_BYTES_MAX 65536
#define HEADER_BYTES   44

struct change {
    int64_t at;
    int32_t offset; /* from `at` on */
};

struct zone {
    int32_t first_offset; /* before the first change */
    struct change *changes;
    size_t count;
    bool has_rule; /* from the last change on, or for ever if there is none */
    struct zone_rule rule;
};

static bool name_is_valid(const char *name)
{
    size_t length = strlen(name);
    if (!length || length >= ZONE_NAME_SIZE || *name == '/')
        return false;
    if (name[strspn(name,
                    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+-_/.")])
        return false;
    /* No part starts with a dot: neither ".." nor a hidden file is a zone. */
    return *name != '.' && !strstr(name, "/.") && !strstr(name, "//") &&
           name[length - 1] != '/';
}

/* A big-endian number of 4 or 8 bytes (RFC 8536, section 3). */
static int64_t big_endian(const unsigned char *at, int width)
{
    uint64_t value = 0;
    for (int i = 0; i < width; i++)
        value = value << 8 | at[i];
    return width == 4 ? (int32_t)(uint32_t)value : (int64_t)value;
}

struct header {
    char version;
    size_t utc_flags, standard_flags, leaps, times, types, characters;
};

static int header_read(const unsigned char *at, size_t length, struct header *ret_header)
{
    size_t counts[6];
    if (length < HEADER_BYTES || memcmp(at, "TZif", 4) != 0)
        return -1;
    for (size_t i = 0; i < 6; i++) {
        counts[i] = (uint32_t)big_endian(at + 20 + i * 4, 4);
        if (counts[i] > FILE_BYTES_MAX)
            return -1;
    }
    *ret_header = (struct header){(char)at[4], counts[0], counts[1], counts[2],
                                  counts[3],   counts[4], counts[5]};
    return 0;
}

static size_t block_bytes(const struct header *header, size_t time_bytes)
{
    return header->times * (time_bytes + 1) + header->types * 6 + header->characters +
           header->leaps * (time_bytes + 4) + header->standard_flags + header->utc_flags;
}

static int offset_read(const unsigned char *types, size_t count, size_t index,
                       int32_t *ret_offset)
{
    if (index >= count)
        return -1;
    int64_t offset = big_endian(types + index * 6, 4);
    if (offset < -ZONE_OFFSET_MAX || offset > ZONE_OFFSET_MAX)
        return -1;
    *ret_offset = (int32_t)offset;
    return 0;
}

static int changes_read(struct zone *zone, const unsigned char *at, const struct header *header)
{
    const unsigned char *indexes = at + header->times * 8;
    const unsigned char *types = indexes + header->times;
    if (offset_read(types, header->types, 0, &zone->first_offset) < 0)
        return -1;
    zone->changes = calloc(header->times + 1, sizeof *zone->changes);
    if (!zone->changes)
        return -1;
    zone->count = header->times;
    for (size_t i = 0; i < zone->count; i++) {
        struct change *change = &zone->changes[i];
        change->at = big_endian(at + i * 8, 8);
        if ((i && change->at <= zone->changes[i - 1].at) ||
            offset_read(types, header->types, indexes[i], &change->offset) < 0)
            return -1;
    }
    return 0;
}

/* The line between two newlines that ends the file; it may be empty. */
static int footer_read(struct zone *zone, const unsigned char *at, size_t length)
{
    char text[128];
    if (length < 2 || *at != '\n')
        return -1;
    const unsigned char *end = memchr(at + 1, '\n', length - 1);
    if (!end || (size_t)(end - at) > sizeof text || memchr(at + 1, '\0', (size_t)(end - at)))
        return -1;
    size_t bytes = (size_t)(end - at) - 1;
    memcpy(text, at + 1, bytes);
    text[bytes] = '\0';
    zone->has_rule = bytes > 0;
    return bytes ? zone_rule_parse(text, &zone->rule) : 0;
}

/* Steps over the old block with times of 4 bytes, then reads the one with 8 (RFC 8536). */
static int file_parse(struct zone *zone, const unsigned char *bytes, size_t length)
{
    struct header header;
    if (header_read(bytes, length, &header) < 0 || header.version < '2')
        return -1;
    size_t skip = HEADER_BYTES + block_bytes(&header, 4);
    if (skip > length || header_read(bytes + skip, length - skip, &header) < 0)
        return -1;
    bytes += skip + HEADER_BYTES;
    length -= skip + HEADER_BYTES;
    size_t block = block_bytes(&header, 8);
    /* Files that count leap seconds are for clocks that do, which ours is not. */
    if (block > length || header.leaps)
        return -1;
    if (changes_read(zone, bytes, &header) < 0)
        return -1;
    return footer_read(zone, bytes + block, length - block);
}

static int file_open(const char *name, struct error *error)
{
    const char *folder = getenv("TZDIR");
    char path[PATH_MAX];
    int length = snprintf(path, sizeof path, "%s/%s",
                          folder && *folder ? folder : "/usr/share/zoneinfo", name);
    if (length < 0 || (size_t)length >= sizeof path)
        return error_set(error, ERROR_CONFIG, "TZDIR is too long");
    int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (file >= 0)
        return file;
    if (errno == ENOENT || errno == ENOTDIR)
        return error_set(error, ERROR_USAGE,
                         "unknown time zone \"%s\": give a name such as Europe/Berlin, "
                         "and see that the system has its zone files (tzdata)",
                         name);
    return error_set_errno(error, ERROR_CONFIG, errno, "time zone \"%s\": cannot open its file",
                           name);
}

static int file_read(int file, unsigned char *bytes, size_t size, size_t *ret_length)
{
    struct stat status;
    *ret_length = 0;
    if (fstat(file, &status) < 0)
        return -1;
    if (!S_ISREG(status.st_mode))
        return 0;
    while (*ret_length < size) {
        ssize_t got = read(file, bytes + *ret_length, size - *ret_length);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return (int)got;
        *ret_length += (size_t)got;
    }
    return 0;
}

static int file_load(struct zone *zone, const char *name, struct error *error)
{
    int file = file_open(name, error);
    if (file < 0)
        return -1;
    int result = -1;
    size_t length;
    unsigned char *bytes = malloc(FILE_BYTES_MAX);
    if (!bytes)
        error_set(error, ERROR_NO_MEMORY, "no memory for a time zone");
    else if (file_read(file, bytes, FILE_BYTES_MAX, &length) < 0)
        error_set_errno(error, ERROR_CONFIG, errno, "time zone \"%s\": cannot read its file",
                        name);
    else if (length < 4 || memcmp(bytes, "TZif", 4) != 0)
        error_set(error, ERROR_USAGE, "\"%s\" is not a time zone", name);
    else if (file_parse(zone, bytes, length) < 0)
        error_set(error, ERROR_CONFIG, "time zone \"%s\": its file is damaged or too old",
                  name);
    else
        result = 0;
    free(bytes);
    close(file);
    return result;
}

int zone_open(const char *name, struct zone **ret_zone, struct error *error)
{
    if (!name_is_valid(name))
        return error_set(error, ERROR_USAGE,
                         "a time zone is named by an area and a place, as in Europe/Berlin");
    struct zone *zone = calloc(1, sizeof *zone);
    if (!zone)
        return error_set(error, ERROR_NO_MEMORY, "no memory for a time zone");
    if (strcmp(name, "UTC") != 0 && file_load(zone, name, error) < 0) {
        zone_close(zone);
        return -1;
    }
    *ret_zone = zone;
    return 0;
}

void zone_close(struct zone *zone)
{
    if (!zone)
        return;
    free(zone->changes);
    free(zone);
}

/* How many changes have happened at `instant`. */
static size_t changes_until(const struct zone *zone, int64_t instant)
{
    size_t low = 0, high = zone->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (zone->changes[middle].at <= instant)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static int32_t listed_offset(const struct zone *zone, size_t happened)
{
    return happened ? zone->changes[happened - 1].offset : zone->first_offset;
}

int32_t zone_offset_at(const struct zone *zone, int64_t instant)
{
    size_t happened = changes_until(zone, instant);
    if (happened == zone->count && zone->has_rule)
        return zone_rule_offset_at(&zone->rule, instant);
    return listed_offset(zone, happened);
}

int64_t zone_change_after(const struct zone *zone, int64_t instant)
{
    int32_t offset = zone_offset_at(zone, instant);
    size_t next = changes_until(zone, instant);
    /* A change in the list may be of the name only. */
    for (; next < zone->count; next++) {
        int64_t at = zone->changes[next].at;
        if (zone_offset_at(zone, at) != offset)
            return at;
        instant = at;
    }
    return zone->has_rule ? zone_rule_change_after(&zone->rule, instant) : INT64_MAX;
}

bool zone_is_utc(const struct zone *zone)
{
    bool fixed = !zone->count && !(zone->has_rule && zone->rule.has_summer);
    return fixed && zone_offset_at(zone, 0) == 0;
}
