#include "failpoints/rules.h"

#include "config/options.h"

#include <ctype.h>
#include <fnmatch.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* Longest rule, in bytes, with its end. */
#define RULE_SIZE 512

/* Takes "25%" or "0.5%" off the start of `*text`, if it is there. */
static int chance_take(char **text, double *ret_chance)
{
    size_t length = strspn(*text, "0123456789.");
    *ret_chance = 1;
    if (length == 0 || (*text)[length] != '%')
        return 0;
    char *end;
    double percent = strtod(*text, &end);
    if (!isdigit((unsigned char)**text) || *end != '%' || !(percent >= 0 && percent <= 100))
        return -1;
    *ret_chance = percent / 100;
    *text = end + 1;
    return 0;
}

/* Takes "3*" off the start of `*text`, if it is there. */
static int passes_take(char **text, int64_t *ret_passes)
{
    char *star = strchr(*text, '*');
    *ret_passes = -1;
    if (!star)
        return 0;
    *star = '\0';
    if (number_parse(*text, ret_passes) < 0)
        return -1;
    *text = star + 1;
    return 0;
}

static int delay_parse(struct failpoint_term *term, char *text)
{
    size_t length = strlen(text);
    if (length == 0 || text[length - 1] != ')')
        return -1;
    text[length - 1] = '\0';
    term->action = FAILPOINT_DELAY;
    return duration_parse(text, &term->delay_ms) < 0 || term->delay_ms > FAILPOINT_DELAY_MAX_MS
               ? -1
               : 0;
}

static int action_parse(struct failpoint_term *term, char *text)
{
    static const char *const names[] = {[FAILPOINT_OFF] = "off",
                                        [FAILPOINT_TRACE] = "trace",
                                        [FAILPOINT_DELAY] = "delay(",
                                        [FAILPOINT_RETURN] = "return",
                                        [FAILPOINT_ABORT] = "abort"};
    size_t delay = strlen(names[FAILPOINT_DELAY]);
    if (strncmp(text, names[FAILPOINT_DELAY], delay) == 0)
        return delay_parse(term, text + delay);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (strcmp(text, names[i]) == 0) {
            term->action = (enum failpoint_action)i;
            return 0;
        }
    }
    return -1;
}

static int term_parse(struct failpoint_rule *rule, char *text)
{
    if (rule->count == FAILPOINT_TERMS_MAX)
        return -1;
    struct failpoint_term *term = &rule->terms[rule->count++];
    if (chance_take(&text, &term->chance) < 0 || passes_take(&text, &term->passes) < 0)
        return -1;
    return action_parse(term, text);
}

static int rule_parse(struct failpoint_rules *rules, char *text)
{
    /* A pattern has no equals sign, and the sign of a term is '>'. */
    char *terms = strchr(text, '=');
    if (!terms || terms == text)
        return -1;
    *terms++ = '\0';
    int64_t seed;
    if (strcmp(text, "seed") == 0) {
        if (number_parse(terms, &seed) < 0)
            return -1;
        rules->random.state = (uint64_t)seed;
        return 0;
    }
    if (rules->count == FAILPOINT_RULES_MAX || strlen(text) >= FAILPOINT_PATTERN_SIZE)
        return -1;
    struct failpoint_rule *rule = &rules->items[rules->count++];
    *rule = (struct failpoint_rule){0};
    memcpy(rule->pattern, text, strlen(text) + 1);
    for (char *next = terms; next; terms = next) {
        next = strstr(terms, "->");
        if (next) {
            *next = '\0';
            next += 2;
        }
        if (term_parse(rule, terms) < 0)
            return -1;
    }
    return 0;
}

int failpoint_rules_parse(const char *text, struct failpoint_rules *ret_rules,
                          struct error *error)
{
    struct failpoint_rules rules = {.random.state = 1};
    while (*(text += strspn(text, "; \n"))) {
        char rule[RULE_SIZE];
        size_t length = strcspn(text, "; \n");
        if (length < sizeof rule) {
            memcpy(rule, text, length);
            rule[length] = '\0';
        }
        if (length >= sizeof rule || rule_parse(&rules, rule) < 0)
            return error_set(error, ERROR_USAGE,
                             "'%.*s' is no rule: write PATTERN=[P%%][N*]ACTION[->…] with off, "
                             "trace, delay(DURATION), return or abort, or seed=NUMBER",
                             (int)(length > 64 ? 64 : length), text);
        text += length;
    }
    *ret_rules = rules;
    return 0;
}

/* The term of this pass; NULL once all are used up. */
static const struct failpoint_term *term_next(struct failpoint_rule *rule)
{
    while (rule->term < rule->count) {
        const struct failpoint_term *term = &rule->terms[rule->term];
        if (term->passes < 0 || rule->passed < term->passes) {
            rule->passed++;
            return term;
        }
        rule->term++;
        rule->passed = 0;
    }
    return NULL;
}

struct failpoint_effect failpoint_rules_pass(struct failpoint_rules *rules, const char *name)
{
    struct failpoint_effect effect = {0};
    for (size_t i = 0; i < rules->count; i++) {
        struct failpoint_rule *rule = &rules->items[i];
        if (fnmatch(rule->pattern, name, 0) != 0)
            continue;
        const struct failpoint_term *term = term_next(rule);
        if (!term || (term->chance < 1 &&
                      (double)(random_next(&rules->random) >> 11) * 0x1p-53 >= term->chance))
            continue;
        effect.traces += term->action == FAILPOINT_TRACE;
        effect.returns += term->action == FAILPOINT_RETURN;
        effect.aborts += term->action == FAILPOINT_ABORT;
        if (effect.delay_ms < term->delay_ms)
            effect.delay_ms = term->delay_ms;
    }
    return effect;
}
