/* One page of the listing, beside the pointers that belong to it. */
#include "fallback/audit.h"

#include <stdlib.h>
#include <string.h>

static int hex_digit(char digit)
{
    return digit >= 'a' ? digit - 'a' + 10 : digit - '0';
}

int64_t audit_key_time(const char *key)
{
    char id[UUID_TEXT_SIZE];
    size_t prefix = strlen(FILES_AVATAR_PREFIX);
    if (strncmp(key, FILES_AVATAR_PREFIX, prefix) != 0 || !uuid_parse(key + prefix, id) ||
        strcmp(key + prefix, id) != 0 || id[14] != '7')
        return -1;
    int64_t time = 0;
    /* The first 48 bits: eight digits, a dash, four digits. */
    for (int i = 0; i < 13; i++) {
        if (i != 8)
            time = 16 * time + hex_digit(id[i]);
    }
    return time;
}

void audit_page_note(struct audit *audit, enum audit_count kind, const char *key,
                     const char *user_id)
{
    audit->next.counts[kind]++;
    if (audit->save.finding_count == AUDIT_PAGE_FINDINGS || strlen(key) >= AUDIT_KEY_SIZE)
        return;
    struct audit_finding *finding = &audit->findings[audit->save.finding_count++];
    *finding = (struct audit_finding){.kind = kind};
    memcpy(finding->key, key, strlen(key) + 1);
    memcpy(finding->user_id, user_id, strnlen(user_id, UUID_TEXT_SIZE - 1));
}

/* One line of the listing; false if it does not belong behind the one before. */
static bool line_take(struct audit *audit, char *line, const char *before)
{
    char kind = FILES_KIND_ONLY;
    if (audit->keeps_versions)
        kind = *line++;
    if (strncmp(line, FILES_AVATAR_PREFIX, strlen(FILES_AVATAR_PREFIX)) != 0 ||
        strcmp(line, before) <= 0 || audit->count == FILES_LIST_KEYS_MAX)
        return false;
    audit->kinds[audit->count] = kind;
    audit->owned[audit->count] = false;
    audit->keys[audit->count++] = line;
    return true;
}

bool audit_page_take(struct audit *audit)
{
    struct buffer *listing = &audit->listing;
    const char *before = audit->place.cursor;
    audit->count = audit->met = 0;
    for (char *line = listing->bytes, *end; listing->length && *line; line = end + 1) {
        end = strchr(line, '\n');
        if (!end)
            return false;
        *end = '\0';
        if (!line_take(audit, line, before))
            return false;
        before = audit->keys[audit->count - 1];
    }
    /* A page from which there is no way on would be read for ever. */
    return !audit->more || (audit->count > 0 && strlen(before) < AUDIT_KEY_SIZE);
}

/* True if the pointer lies behind this page, and is the next one's. */
static bool pointer_is_beyond(const struct audit *audit, const char *key)
{
    return audit->more && strcmp(key, audit->keys[audit->count - 1]) > 0;
}

static bool pointer_is_met(struct audit *audit, const char *key)
{
    int order = 1;
    while (audit->met < audit->count && (order = strcmp(audit->keys[audit->met], key)) < 0)
        audit->met++;
    if (audit->met == audit->count || order != 0)
        return false;
    audit->owned[audit->met] = true;
    /* Of an owned object whose newest version is a deletion, nothing is there to be read. */
    return audit->kinds[audit->met] != FILES_KIND_GONE;
}

bool audit_page_merge(struct audit *audit, struct pointers *pointers, bool more)
{
    bool counts = audit->place.pass == AUDIT_COUNTING;
    bool beyond = false;
    size_t kept = 0;
    for (size_t i = 0; i < pointers->count; i++) {
        struct pointer *row = &pointers->rows[i];
        beyond = beyond || pointer_is_beyond(audit, row->key);
        bool met = !beyond && pointer_is_met(audit, row->key);
        if (!beyond && counts)
            audit->next.counts[AUDIT_POINTERS]++;
        if (beyond || met || row->marked || !counts)
            free(row->key);
        else
            pointers->rows[kept++] = *row;
    }
    pointers->count = kept;
    return more && !beyond;
}

static void key_sift(struct audit *audit, size_t i)
{
    const char *key = audit->keys[i];
    bool counts = audit->place.pass == AUDIT_COUNTING;
    if (counts && audit->kinds[i] != FILES_KIND_ONLY)
        audit_page_note(audit, AUDIT_VERSIONS, key, "");
    if (audit->owned[i])
        return;
    int64_t made_at = audit_key_time(key);
    if (made_at >= 0 && made_at <= audit->place.now - audit->settings.age_ms)
        audit->strays[audit->search.count++] = key;
    else if (counts && made_at >= 0)
        audit->next.counts[AUDIT_YOUNG]++;
    else if (counts)
        audit_page_note(audit, AUDIT_UNKNOWN, key, "");
}

void audit_page_sift(struct audit *audit)
{
    audit->search = (struct stray_search){
        .keys = audit->strays, .settled_ms = audit->settings.age_ms, .stray = audit->is_stray};
    for (size_t i = 0; i < audit->count; i++) {
        if (!audit->next.first_ms && audit_key_time(audit->keys[i]) > 0)
            audit->next.first_ms = audit_key_time(audit->keys[i]);
        key_sift(audit, i);
    }
    if (audit->place.pass == AUDIT_COUNTING) {
        audit->next.counts[AUDIT_OBJECTS] += (int64_t)audit->count;
        audit->next.store_objects += (int64_t)audit->count;
    }
}

void audit_page_judge(struct audit *audit)
{
    size_t kept = 0;
    for (size_t i = 0; i < audit->search.count; i++) {
        if (!audit->is_stray[i])
            continue;
        audit->strays[kept++] = audit->strays[i];
        if (audit->place.pass == AUDIT_COUNTING) {
            audit_page_note(audit, AUDIT_STRAYS, audit->strays[kept - 1], "");
            audit->next.store_strays++;
        }
    }
    audit->search.count = kept;
}
