#include "faults.h"

#include "base/random.h"
#include "config/options.h"

#include <fnmatch.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RULES_MAX     64
#define RULE_TEXT_MAX 256

struct rule {
    char text[RULE_TEXT_MAX]; /* as it was given */
    struct fault fault;
    int verb;                /* enum verb; -1: any */
    char key[RULE_TEXT_MAX]; /* glob; "": any */
    double chance;
    struct random random;
    int64_t times; /* hits left; -1: no end */
    int64_t skip;  /* matches to spare */
    int64_t hits;
};

struct faults {
    pthread_mutex_t lock;
    struct rule rules[RULES_MAX];
    size_t count;
};

static const char *const verb_names[VERB_COUNT] = {
    [VERB_PUT] = "PUT",       [VERB_GET] = "GET",     [VERB_HEAD] = "HEAD",
    [VERB_DELETE] = "DELETE", [VERB_BATCH] = "BATCH", [VERB_LIST] = "LIST",
    [VERB_BUCKET] = "BUCKET",
};

static const char *const fault_names[] = {
    [FAULT_NONE] = "none",
    [FAULT_LATENCY] = "latency",
    [FAULT_OFF] = "off",
    [FAULT_HANG] = "hang",
    [FAULT_REFUSE] = "refuse",
    [FAULT_LOSE] = "lose",
    [FAULT_CUT] = "cut",
    [FAULT_GARBAGE] = "garbage",
    [FAULT_EMPTY] = "empty",
    [FAULT_ERROR_BODY] = "error-body",
    [FAULT_KEY_ERROR] = "key-error",
    [FAULT_UNLIST] = "unlist",
};

const char *verb_name(enum verb verb)
{
    return verb_names[verb];
}

const char *fault_name(enum fault_kind kind)
{
    return fault_names[kind];
}

struct faults *faults_create(void)
{
    struct faults *faults = calloc(1, sizeof *faults);
    if (faults && pthread_mutex_init(&faults->lock, NULL) != 0) {
        free(faults);
        return NULL;
    }
    return faults;
}

void faults_free(struct faults *faults)
{
    if (!faults)
        return;
    pthread_mutex_destroy(&faults->lock);
    free(faults);
}

static int name_find(const char *const *names, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(names[i], name) == 0)
            return (int)i;
    }
    return -1;
}

static int number_set(const char *value, int64_t most, int64_t *ret_number)
{
    int64_t number;
    if (number_parse(value, &number) < 0 || number > most)
        return -1;
    *ret_number = number;
    return 0;
}

static int chance_set(const char *value, double *ret_chance)
{
    char *end;
    double chance = strtod(value, &end);
    if (end == value || *end || !(chance >= 0 && chance <= 1))
        return -1;
    *ret_chance = chance;
    return 0;
}

static int text_set(const char *value, char *text, size_t size)
{
    if (strlen(value) >= size)
        return -1;
    memcpy(text, value, strlen(value) + 1);
    return 0;
}

/* Sets what `name=value` says; -1 if the rule knows no such name or value. */
static int setting_apply(struct rule *rule, const char *name, const char *value)
{
    int64_t number = 0;
    int failed = 0;
    if (strcmp(name, "verb") == 0) {
        rule->verb = name_find(verb_names, VERB_COUNT, value);
        return rule->verb < 0 ? -1 : 0;
    }
    if (strcmp(name, "key") == 0)
        return text_set(value, rule->key, sizeof rule->key);
    if (strcmp(name, "code") == 0)
        return text_set(value, rule->fault.code, sizeof rule->fault.code);
    if (strcmp(name, "p") == 0)
        return chance_set(value, &rule->chance);
    if (strcmp(name, "effect") == 0) {
        rule->fault.effect = strcmp(value, "on") == 0;
        return rule->fault.effect || strcmp(value, "off") == 0 ? 0 : -1;
    }
    if (strcmp(name, "ms") == 0)
        return number_set(value, 86400000, &rule->fault.latency_ms);
    if (strcmp(name, "times") == 0)
        return number_set(value, INT64_MAX, &rule->times);
    if (strcmp(name, "skip") == 0)
        return number_set(value, INT64_MAX, &rule->skip);
    if (strcmp(name, "seed") == 0) {
        failed = number_set(value, INT64_MAX, &number);
        rule->random.state = (uint64_t)number;
    } else if (strcmp(name, "status") == 0) {
        failed = number_set(value, 599, &number) < 0 || number < 300 ? -1 : 0;
        rule->fault.status = (int)number;
    } else if (strcmp(name, "retry-after") == 0) {
        failed = number_set(value, 86400, &number);
        rule->fault.retry_after = (int)number;
    } else {
        return -1;
    }
    return failed;
}

static int rule_parse(struct rule *rule, const char *text, struct error *error)
{
    *rule = (struct rule){
        .verb = -1, .chance = 1, .times = -1, .fault = {.status = 503}, .random = {1}};
    char words[RULE_TEXT_MAX];
    if (text_set(text, words, sizeof words) < 0 || text_set(text, rule->text, sizeof words) < 0)
        return error_set(error, ERROR_USAGE, "a fault of over %d bytes", RULE_TEXT_MAX - 1);
    char *rest = NULL;
    const char *kind = strtok_r(words, ",", &rest);
    int found =
        kind ? name_find(fault_names, sizeof fault_names / sizeof *fault_names, kind) : -1;
    if (found <= FAULT_NONE)
        return error_set(error, ERROR_USAGE, "\"%s\" is no kind of fault", kind ? kind : "");
    rule->fault.kind = (enum fault_kind)found;
    for (char *word = strtok_r(NULL, ",", &rest); word; word = strtok_r(NULL, ",", &rest)) {
        char *equals = strchr(word, '=');
        if (equals)
            *equals = '\0';
        if (!equals || setting_apply(rule, word, equals + 1) < 0)
            return error_set(error, ERROR_USAGE, "fault \"%s\": \"%s\" is not understood", text,
                             word);
    }
    if (!rule->fault.code[0])
        snprintf(rule->fault.code, sizeof rule->fault.code, "%s",
                 rule->fault.status == 403 ? "AccessDenied" : "SlowDown");
    return 0;
}

int faults_add(struct faults *faults, const char *text, struct error *error)
{
    struct rule rule;
    if (rule_parse(&rule, text, error) < 0)
        return -1;
    pthread_mutex_lock(&faults->lock);
    bool full = faults->count == RULES_MAX;
    if (!full)
        faults->rules[faults->count++] = rule;
    pthread_mutex_unlock(&faults->lock);
    return full ? error_set(error, ERROR_USAGE, "over %d faults at once", RULES_MAX) : 0;
}

void faults_clear(struct faults *faults)
{
    pthread_mutex_lock(&faults->lock);
    faults->count = 0;
    pthread_mutex_unlock(&faults->lock);
}

static bool rule_matches(const struct rule *rule, enum verb verb, const char *key)
{
    if (rule->verb >= 0 && rule->verb != (int)verb &&
        !(rule->verb == VERB_DELETE && verb == VERB_BATCH))
        return false;
    return !rule->key[0] || fnmatch(rule->key, key, 0) == 0;
}

/* Draws whether a rule that matches hits this time. */
static bool rule_hits(struct rule *rule)
{
    if (rule->times == 0)
        return false;
    if (rule->chance < 1 &&
        (double)(random_next(&rule->random) >> 11) * 0x1p-53 >= rule->chance)
        return false;
    if (rule->skip > 0) {
        rule->skip--;
        return false;
    }
    if (rule->times > 0)
        rule->times--;
    rule->hits++;
    return true;
}

static bool kind_is_of_keys(enum fault_kind kind)
{
    return kind == FAULT_KEY_ERROR || kind == FAULT_UNLIST;
}

void faults_judge(struct faults *faults, enum verb verb, const char *key,
                  struct fault *ret_fault)
{
    *ret_fault = (struct fault){0};
    pthread_mutex_lock(&faults->lock);
    for (size_t i = 0; i < faults->count; i++) {
        struct rule *rule = &faults->rules[i];
        enum fault_kind kind = rule->fault.kind;
        bool other = kind == FAULT_UNLIST || (kind == FAULT_KEY_ERROR && verb == VERB_BATCH);
        bool decided = kind != FAULT_LATENCY && ret_fault->kind != FAULT_NONE;
        if (other || decided || (verb == VERB_BATCH && rule->key[0]) ||
            !rule_matches(rule, verb, key) || !rule_hits(rule))
            continue;
        int64_t latency_ms = ret_fault->latency_ms;
        if (kind != FAULT_LATENCY)
            *ret_fault = rule->fault;
        ret_fault->latency_ms = latency_ms + rule->fault.latency_ms;
    }
    pthread_mutex_unlock(&faults->lock);
}

void faults_judge_key(struct faults *faults, const char *key, struct fault *ret_fault)
{
    *ret_fault = (struct fault){0};
    pthread_mutex_lock(&faults->lock);
    for (size_t i = 0; i < faults->count && ret_fault->kind == FAULT_NONE; i++) {
        struct rule *rule = &faults->rules[i];
        if (kind_is_of_keys(rule->fault.kind) && rule_matches(rule, VERB_BATCH, key) &&
            rule_hits(rule))
            *ret_fault = rule->fault;
    }
    pthread_mutex_unlock(&faults->lock);
}

int faults_append_json(struct faults *faults, struct buffer *out)
{
    pthread_mutex_lock(&faults->lock);
    int failed = buffer_append_text(out, "[");
    for (size_t i = 0; i < faults->count && !failed; i++) {
        failed = buffer_append_text(out, i ? ",{\"rule\":" : "{\"rule\":") < 0 ||
                 buffer_append_json_text(out, faults->rules[i].text) < 0 ||
                 buffer_printf(out, ",\"hits\":%lld}", (long long)faults->rules[i].hits) < 0;
    }
    pthread_mutex_unlock(&faults->lock);
    return failed || buffer_append_text(out, "]") < 0 ? -1 : 0;
}
