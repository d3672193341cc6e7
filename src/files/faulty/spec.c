#include "files/faulty/spec.h"

#include "config/options.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

/* Longest setting, in bytes, with its end. */
#define SETTING_SIZE 128

static int probability_parse(const char *text, double *ret_probability)
{
    char *end;
    if (!isdigit((unsigned char)*text))
        return -1;
    double value = strtod(text, &end);
    if (*end || !(value >= 0 && value <= 1))
        return -1;
    *ret_probability = value;
    return 0;
}

/* Cuts `text` at the first colon and returns what follows; NULL if there is none. */
static char *text_cut(char *text)
{
    char *colon = strchr(text, ':');
    if (!colon)
        return NULL;
    *colon = '\0';
    return colon + 1;
}

/* P[:CODE[:STATUS]] */
static int fail_parse(struct faulty_rule *rule, char *value)
{
    char *code = text_cut(value);
    char *status = code ? text_cut(code) : NULL;
    int64_t number = rule->status;
    if (probability_parse(value, &rule->fail) < 0)
        return -1;
    if (code && (!*code || strlen(code) >= sizeof rule->code))
        return -1;
    if (status && (number_parse(status, &number) < 0 || number > 599))
        return -1;
    if (code)
        strcpy(rule->code, code);
    rule->status = (int)number;
    return 0;
}

static int rule_set(struct faulty_rule *rule, const char *name, char *value)
{
    if (strcmp(name, "latency") == 0)
        return duration_parse(value, &rule->latency_ms);
    if (strcmp(name, "fail") == 0)
        return fail_parse(rule, value);
    if (strcmp(name, "hang") == 0)
        return probability_parse(value, &rule->hang);
    if (strcmp(name, "lost") == 0)
        return probability_parse(value, &rule->lost);
    return -1;
}

static int verb_set(struct faulty_spec *spec, const char *verb, const char *name,
                    const char *value)
{
    static const char *const verbs[] = {"put", "get", "delete", "identity"};
    bool all = strcmp(verb, "all") == 0, known = all;
    for (size_t i = 0; i < FAULTY_VERBS; i++) {
        if (!all && strcmp(verb, verbs[i]) != 0)
            continue;
        char copy[SETTING_SIZE];
        strcpy(copy, value);
        known = true;
        if (rule_set(&spec->rules[i], name, copy) < 0)
            return -1;
    }
    return known ? 0 : -1;
}

static int setting_parse(struct faulty_spec *spec, char *setting)
{
    char *value = strchr(setting, '=');
    if (!value)
        return -1;
    *value++ = '\0';
    char *fault = text_cut(setting);
    if (fault)
        return verb_set(spec, setting, fault, value);
    int64_t seed;
    if (strcmp(setting, "seed") != 0 || number_parse(value, &seed) < 0)
        return -1;
    spec->seed = (uint64_t)seed;
    return 0;
}

int faulty_spec_parse(const char *text, struct faulty_spec *ret_spec, struct error *error)
{
    struct faulty_spec spec = {.seed = 1};
    for (size_t i = 0; i < FAULTY_VERBS; i++)
        spec.rules[i] = (struct faulty_rule){.status = 500, .code = "InternalError"};
    while (*(text += strspn(text, ", "))) {
        char setting[SETTING_SIZE];
        size_t length = strcspn(text, ", ");
        if (length < sizeof setting) {
            memcpy(setting, text, length);
            setting[length] = '\0';
        }
        if (length >= sizeof setting || setting_parse(&spec, setting) < 0)
            return error_set(error, ERROR_USAGE,
                             "'%.*s' is not a fault: write VERB:latency=DURATION, "
                             "VERB:fail=P[:CODE[:STATUS]], VERB:hang=P, VERB:lost=P or "
                             "seed=NUMBER",
                             (int)(length > 64 ? 64 : length), text);
        text += length;
    }
    *ret_spec = spec;
    return 0;
}
