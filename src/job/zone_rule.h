/*
 * zone_rule: the rule that a zone follows after its last listed change, as POSIX writes it in
 * the environment variable TZ ("CET-1CEST,M3.5.0,M10.5.0/3"; RFC 8536, section 3.3).
 *
 * Pure; any thread.
 */
#ifndef JOB_ZONE_RULE_H
#define JOB_ZONE_RULE_H

#include <stdbool.h>
#include <stdint.h>

enum zone_rule_day_kind {
    ZONE_RULE_JULIAN,  /* Jn: 1 to 365, the 29th of February is never counted */
    ZONE_RULE_ORDINAL, /* n: 0 to 365, it is counted */
    ZONE_RULE_MONTH,   /* Mm.w.d: weekday d of week w (5: the last) of month m */
};

struct zone_rule_day {
    enum zone_rule_day_kind kind;
    int month, week, day;
    int32_t time; /* seconds after midnight, -167 to 167 hours */
};

struct zone_rule {
    bool has_summer;
    int32_t standard, summer; /* offsets, seconds east */
    struct zone_rule_day begin, end;
};

/* Reads the whole of `text`; returns 0, or -1 if it is not such a rule. */
int zone_rule_parse(const char *text, struct zone_rule *ret_rule);

int32_t zone_rule_offset_at(const struct zone_rule *rule, int64_t instant);

/* The first instant after `instant` at which the offset changes; INT64_MAX if there is none. */
int64_t zone_rule_change_after(const struct zone_rule *rule, int64_t instant);

#endif
