/* Rules of failpoints, and passes under them: any text has an answer, and chances stay in
 * bounds. */
#include "fuzz.h"

#include "failpoints/rules.h"

static void rules_hold(struct failpoint_rules *rules)
{
    FUZZ_HOLDS(rules->count <= FAILPOINT_RULES_MAX);
    for (size_t i = 0; i < rules->count; i++) {
        const struct failpoint_rule *rule = &rules->items[i];
        FUZZ_HOLDS(rule->count > 0 && rule->count <= FAILPOINT_TERMS_MAX);
        FUZZ_HOLDS(strlen(rule->pattern) > 0);
        for (size_t j = 0; j < rule->count; j++) {
            FUZZ_HOLDS(rule->terms[j].chance >= 0 && rule->terms[j].chance <= 1);
            FUZZ_HOLDS(rule->terms[j].delay_ms >= 0 &&
                       rule->terms[j].delay_ms <= FAILPOINT_DELAY_MAX_MS);
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    char *text = fuzz_text(bytes, length);
    struct failpoint_rules rules;
    struct error error = {0};
    if (failpoint_rules_parse(text, &rules, &error) == 0) {
        rules_hold(&rules);
        for (int i = 0; i < 8; i++) {
            struct failpoint_effect effect = failpoint_rules_pass(&rules, "a/b.c.d.before");
            FUZZ_HOLDS(effect.delay_ms <= FAILPOINT_DELAY_MAX_MS);
            FUZZ_HOLDS((size_t)(effect.aborts + effect.returns + effect.traces) <= rules.count);
        }
    } else {
        FUZZ_HOLDS(error.class == ERROR_USAGE && *error.text);
    }
    free(text);
    return 0;
}
