/*
 * zone: a time zone of the system's database, read once and then only looked at.
 *
 * The process's own TZ is neither used nor touched, so any number of zones may be open and any
 * thread may read them. Instants are seconds since 1970-01-01 UTC; offsets are seconds east.
 */
#ifndef JOB_ZONE_H
#define JOB_ZONE_H

#include "base/error.h"

#include <stdbool.h>
#include <stdint.h>

/* Longest name of a zone, with its end. */
#define ZONE_NAME_SIZE 64

/* No offset is larger than this, in either direction (RFC 8536, section 3.2). */
#define ZONE_OFFSET_MAX (26 * 3600)

struct zone;

/*
 * Reads the zone `name` ("Europe/Berlin") from TZDIR or /usr/share/zoneinfo. "UTC" needs no
 * file. An unknown name is ERROR_USAGE; a file that cannot be read or understood, ERROR_CONFIG.
 */
int zone_open(const char *name, struct zone **ret_zone, struct error *error);

/* NULL is allowed. */
void zone_close(struct zone *zone);

int32_t zone_offset_at(const struct zone *zone, int64_t instant);

/* The first instant after `instant` at which the offset changes; INT64_MAX if there is none. */
int64_t zone_change_after(const struct zone *zone, int64_t instant);

/* True for a zone that is at offset 0 for ever. */
bool zone_is_utc(const struct zone *zone);

#endif
