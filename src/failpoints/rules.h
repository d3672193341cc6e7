/*
 * rules: the text that says what failpoints do.
 *
 *     sqlite/wal.write.before=3*off->abort; *.after=5%delay(2ms); seed=7
 *
 *     PATTERN=TERM[->TERM]…    what happens at the points whose names match
 *     seed=NUMBER              the same seed draws the same chances in the same order (1)
 *
 *     TERM     [P%][N*]ACTION  for N passes (without N: from here on), each with probability P
 *     ACTION   off             nothing
 *              trace           writes the name on standard error
 *              delay(DURATION) waits; a minute at most
 *              return          the call fails: not made before it, its answer lost after it
 *              abort           the process is killed, as by kill -9
 *
 * In a pattern `*` stands for anything and `?` for one character. Every rule that matches
 * counts a pass and acts; terms follow one another, and after the last nothing happens.
 */
#ifndef FAILPOINTS_RULES_H
#define FAILPOINTS_RULES_H

#include "base/error.h"
#include "base/random.h"

#include <stddef.h>
#include <stdint.h>

#define FAILPOINT_PATTERN_SIZE 128
#define FAILPOINT_TERMS_MAX    8
#define FAILPOINT_RULES_MAX    16
#define FAILPOINT_DELAY_MAX_MS 60000

enum failpoint_action {
    FAILPOINT_OFF,
    FAILPOINT_TRACE,
    FAILPOINT_DELAY,
    FAILPOINT_RETURN,
    FAILPOINT_ABORT,
};

struct failpoint_term {
    double chance;  /* 0 to 1 */
    int64_t passes; /* -1: for good */
    enum failpoint_action action;
    int64_t delay_ms;
};

struct failpoint_rule {
    char pattern[FAILPOINT_PATTERN_SIZE];
    struct failpoint_term terms[FAILPOINT_TERMS_MAX];
    size_t count;
    size_t term;    /* the one that is on */
    int64_t passed; /* passes that it has had */
};

struct failpoint_rules {
    struct failpoint_rule items[FAILPOINT_RULES_MAX];
    size_t count;
    struct random random;
};

/* What a pass brings about, of all rules together. */
struct failpoint_effect {
    int64_t delay_ms;
    int traces, returns, aborts; /* how many rules want it */
};

/* Reads `text`; -1 with ERROR_USAGE names the rule that is wrong. "" has no rules. */
int failpoint_rules_parse(const char *text, struct failpoint_rules *ret_rules,
                          struct error *error);

/* Counts a pass of the point `name` and tells what it brings about. */
struct failpoint_effect failpoint_rules_pass(struct failpoint_rules *rules, const char *name);

#endif
