#include "repository/audit.h"

#include <stdlib.h>
#include <string.h>

static const char *const states[] = {
    [AUDIT_NEVER] = "never",     [AUDIT_RUNNING] = "running", [AUDIT_DONE] = "done",
    [AUDIT_REFUSED] = "refused", [AUDIT_FAILED] = "failed",   [AUDIT_STOPPED] = "stopped",
};

static const char *const counts[AUDIT_COUNTS] = {
    [AUDIT_OBJECTS] = "object",       [AUDIT_POINTERS] = "pointer",
    [AUDIT_STRAYS] = "stray",         [AUDIT_YOUNG] = "young",
    [AUDIT_SCHEDULED] = "scheduled",  [AUDIT_MISSING] = "missing",
    [AUDIT_VERSIONS] = "old-version", [AUDIT_UNKNOWN] = "unknown",
};

static size_t name_find(const char *const *names, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(names[i], name) == 0)
            return i;
    }
    return 0;
}

const char *audit_state_name(enum audit_state state)
{
    return states[state];
}

const char *audit_pass_name(enum audit_pass pass)
{
    return pass == AUDIT_DELETING ? "deleting" : "counting";
}

const char *audit_count_name(enum audit_count count)
{
    return counts[count];
}

enum audit_state audit_state_parse(const char *name)
{
    return (enum audit_state)name_find(states, sizeof states / sizeof *states, name);
}

enum audit_count audit_count_parse(const char *name)
{
    return (enum audit_count)name_find(counts, AUDIT_COUNTS, name);
}

void pointers_deinit(struct pointers *pointers)
{
    for (size_t i = 0; i < pointers->count; i++)
        free(pointers->rows[i].key);
    free(pointers->rows);
    *pointers = (struct pointers){0};
}

struct pointer *pointers_extend(struct pointers *pointers)
{
    size_t count = pointers->count;
    if ((count & (count - 1)) == 0) {
        size_t capacity = count ? 2 * count : 1;
        struct pointer *rows = reallocarray(pointers->rows, capacity, sizeof *rows);
        if (!rows)
            return NULL;
        pointers->rows = rows;
    }
    pointers->rows[count] = (struct pointer){0};
    pointers->count++;
    return &pointers->rows[count];
}
