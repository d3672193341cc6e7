#include "fallback/audit.h"

#include "fallback/verdict.h"

#include <stdio.h>
#include <string.h>

/* Pointers in one page of them. */
#define POINTERS_PAGE 1000

/* After so many tries that a store refused, and not only failed to answer, it is given up. */
#define TRIES_MAX     5
#define REST_LEAST_MS 200
#define REST_MOST_MS  30000

static enum audit_step page_list(struct audit *audit, int64_t now);
static enum audit_step missing_look(struct audit *audit, int64_t now);
static enum audit_step rest(struct audit *audit, int64_t now);

static enum audit_step files_step(struct audit *audit, enum audit_stage stage,
                                  enum files_verb verb, int64_t now)
{
    audit->stage = stage;
    audit->files.verb = verb;
    audit->files.deadline_ms = now + audit->settings.timeout_ms;
    memset(&audit->files.answer, 0, sizeof audit->files.answer);
    return AUDIT_STEP_FILES;
}

static struct repository_op *repository_begin(struct audit *audit, enum repository_verb verb)
{
    struct repository_op *op = &audit->repository;
    repository_op_deinit(op);
    *op = (struct repository_op){.verb = verb, .if_version = -1};
    memcpy(op->store_id, audit->place.store_id, sizeof op->store_id);
    return op;
}

static enum audit_step save_step(struct audit *audit, enum audit_stage stage,
                                 struct audit_place *place)
{
    struct repository_op *op = repository_begin(audit, AUDIT_SAVE);
    memcpy(op->id, audit->settings.owner, sizeof op->id);
    op->limit = audit->settings.lease_ms;
    op->place = place;
    op->save = &audit->save;
    audit->stage = stage;
    return AUDIT_STEP_WRITE;
}

static void save_empty(struct audit *audit)
{
    audit->save =
        (struct audit_save){.settled_ms = audit->settings.age_ms, .findings = audit->findings};
}

/* Says that it is still at it, then goes on with `stage`. */
static enum audit_step hold(struct audit *audit, enum audit_stage stage)
{
    static const struct audit_save nothing;
    audit->held_stage = stage;
    enum audit_step step = save_step(audit, AUDIT_HOLDING, &audit->place);
    audit->repository.save = &nothing;
    return step;
}

static bool hold_is_due(const struct audit *audit, int64_t now)
{
    return now - audit->held_at > audit->settings.lease_ms / 3;
}

/* Ends it for good, on record. */
static enum audit_step finish(struct audit *audit, enum audit_state state, const char *trouble)
{
    audit->next = audit->place;
    audit->next.state = state;
    snprintf(audit->next.trouble, sizeof audit->next.trouble, "%s", trouble);
    save_empty(audit);
    return save_step(audit, AUDIT_SAVING, &audit->next);
}

/* The page comes to nothing; it is begun anew after a while, or given up. */
static enum audit_step page_fail(struct audit *audit, bool may_pass, const char *what,
                                 int64_t now)
{
    int64_t pause = (int64_t)REST_LEAST_MS << (audit->tries < 8 ? audit->tries : 8);
    if (!may_pass && ++audit->refusals > TRIES_MAX)
        return finish(audit, AUDIT_FAILED, what);
    audit->tries++;
    audit->store_is_known = false;
    snprintf(audit->place.trouble, sizeof audit->place.trouble, "%s", what);
    audit->rest_until = now + (pause < REST_MOST_MS ? pause : REST_MOST_MS);
    return hold(audit, AUDIT_RESTING);
}

static enum audit_step answer_fail(struct audit *audit, const char *what, int64_t now)
{
    const struct files_answer *answer = &audit->files.answer;
    char class[FILES_CODE_SIZE];
    struct error error;
    verdict_class_name(answer, class, sizeof class);
    error_set(&error, ERROR_UNAVAILABLE, "%s: %s%s%s", what, class, *answer->text ? ": " : "",
              answer->text);
    return page_fail(audit, verdict_of_delete(answer) == VERDICT_RETRY, error.text, now);
}

static enum audit_step database_fail(struct audit *audit, int64_t now)
{
    return page_fail(audit, true, "the database does not answer", now);
}

/* The store whose turn it is, by its id: their order may be another one since a restart. */
static bool store_find(struct audit *audit)
{
    if (!*audit->place.store_id)
        memcpy(audit->place.store_id, audit->settings.store_ids[0], UUID_TEXT_SIZE);
    for (size_t i = 0; i < audit->settings.store_count; i++) {
        if (strcmp(audit->settings.store_ids[i], audit->place.store_id) == 0) {
            audit->store = i;
            return true;
        }
    }
    return false;
}

static enum audit_step store_begin(struct audit *audit, int64_t now)
{
    if (!store_find(audit))
        return finish(audit, AUDIT_FAILED, "the store it was at is not given any more");
    return files_step(audit, AUDIT_ASKING_VERSIONS, FILES_VERSIONING, now);
}

enum audit_step audit_begin(struct audit *audit, const struct audit_settings *settings,
                            const struct audit_place *place, int64_t now)
{
    *audit = (struct audit){.settings = *settings, .place = *place, .held_at = now};
    audit->place.trouble[0] = '\0';
    buffer_init(&audit->listing, 1);
    buffer_init(&audit->files.body, 1);
    return store_begin(audit, now);
}

void audit_deinit(struct audit *audit)
{
    buffer_deinit(&audit->listing);
    buffer_deinit(&audit->files.body);
    pointers_deinit(&audit->pointers);
    repository_op_deinit(&audit->repository);
}

static void body_renew(struct audit *audit, size_t limit)
{
    buffer_deinit(&audit->files.body);
    buffer_init(&audit->files.body, limit);
}

static enum audit_step page_list(struct audit *audit, int64_t now)
{
    audit->next = audit->place;
    audit->page_began = now;
    audit->next.trouble[0] = '\0';
    save_empty(audit);
    buffer_deinit(&audit->listing);
    pointers_deinit(&audit->pointers);
    body_renew(audit, 2 * FILES_LIST_BYTES_MAX);
    audit->files.key = FILES_AVATAR_PREFIX;
    audit->files.after = *audit->place.cursor ? audit->place.cursor : NULL;
    audit->files.with_versions = audit->keeps_versions;
    return files_step(audit, AUDIT_LISTING, FILES_LIST, now);
}

static enum audit_step versions_told(struct audit *audit, int64_t now)
{
    if (!files_answer_is_ok(&audit->files.answer))
        return answer_fail(audit, "the store does not say whether it keeps versions", now);
    audit->keeps_versions = audit->files.keeps_versions;
    audit->store_is_known = true;
    return page_list(audit, now);
}

static enum audit_step listed(struct audit *audit, int64_t now)
{
    if (!files_answer_is_ok(&audit->files.answer))
        return answer_fail(audit, "the store cannot be listed", now);
    audit->listing = audit->files.body;
    buffer_init(&audit->files.body, 1);
    audit->more = audit->files.more;
    if (!audit_page_take(audit))
        return page_fail(audit, false, "the store's listing is out of order", now);
    return files_step(audit, AUDIT_IDENTIFYING, FILES_IDENTITY_READ, now);
}

static enum audit_step pointers_read(struct audit *audit, const char *after)
{
    struct repository_op *op = repository_begin(audit, POINTER_LIST);
    snprintf(op->cursor, sizeof op->cursor, "%s", after);
    op->limit = POINTERS_PAGE;
    audit->stage = AUDIT_READING_POINTERS;
    return AUDIT_STEP_READ;
}

/* What was listed is this database's only if the store still is. */
static enum audit_step identified(struct audit *audit, int64_t now)
{
    const struct files_identity *found = &audit->files.identity;
    if (!files_answer_is_ok(&audit->files.answer))
        return answer_fail(audit, "the store does not say whose it is", now);
    if (strcmp(found->store_id, audit->place.store_id) != 0 ||
        strcmp(found->database_id, audit->settings.database_id) != 0)
        return page_fail(audit, false, "this is another store, or another database's", now);
    return pointers_read(audit, audit->place.cursor);
}

static enum audit_step strays_find(struct audit *audit, int64_t now);

static enum audit_step pointers_told(struct audit *audit, int64_t now)
{
    struct repository_op *op = &audit->repository;
    if (op->outcome != REPOSITORY_OK)
        return database_fail(audit, now);
    if (op->pointers.count)
        snprintf(audit->pointer_cursor, sizeof audit->pointer_cursor, "%s",
                 op->pointers.rows[op->pointers.count - 1].key);
    audit->more_pointers = audit_page_merge(audit, &op->pointers, op->more);
    pointers_deinit(&audit->pointers);
    audit->pointers = op->pointers;
    op->pointers = (struct pointers){0};
    audit->pointer = 0;
    return missing_look(audit, now);
}

/* The next pointer whose object was not listed; after the last, the rest of the page. */
static enum audit_step missing_look(struct audit *audit, int64_t now)
{
    if (audit->pointer == audit->pointers.count)
        return audit->more_pointers ? pointers_read(audit, audit->pointer_cursor)
                                    : strays_find(audit, now);
    if (hold_is_due(audit, now))
        return hold(audit, AUDIT_LOOKING_FOR_OBJECT);
    audit->files.key = audit->pointers.rows[audit->pointer].key;
    audit->files.range_first = 0;
    audit->files.range_length = 1;
    body_renew(audit, 1);
    return files_step(audit, AUDIT_LOOKING_FOR_OBJECT, FILES_GET, now);
}

static enum audit_step object_told(struct audit *audit, int64_t now)
{
    const struct files_answer *answer = &audit->files.answer;
    /* A part that cannot be had is one of an object. */
    bool there = answer->status / 100 == 2 || answer->status == 416;
    bool absent =
        answer->status == 404 && (!*answer->code || strcmp(answer->code, "NoSuchKey") == 0);
    if (!there && !absent)
        return answer_fail(audit, "the store does not say whether an object is there", now);
    if (there) {
        audit->pointer++;
        return missing_look(audit, now);
    }
    struct repository_op *op = repository_begin(audit, USER_GET);
    memcpy(op->id, audit->pointers.rows[audit->pointer].user_id, sizeof op->id);
    audit->stage = AUDIT_LOOKING_FOR_USER;
    return AUDIT_STEP_READ;
}

static enum audit_step user_told(struct audit *audit, int64_t now)
{
    const struct repository_op *op = &audit->repository;
    const struct pointer *row = &audit->pointers.rows[audit->pointer];
    if (op->outcome != REPOSITORY_OK && op->outcome != REPOSITORY_NOT_FOUND)
        return database_fail(audit, now);
    if (op->outcome == REPOSITORY_OK && strcmp(op->user.avatar.key, row->key) == 0)
        audit_page_note(audit, AUDIT_MISSING, row->key, row->user_id);
    audit->pointer++;
    return missing_look(audit, now);
}

/* This page's objects may go: with them no more than the share of what was counted goes. */
static bool share_is_kept(const struct audit *audit, int64_t going)
{
    return going * 100 <= audit->place.share * audit->place.store_objects;
}

/* The pass ends with this page: the second pass, the next store, or the end. */
static enum audit_step pass_end(struct audit *audit)
{
    struct audit_place *next = &audit->next;
    next->cursor[0] = '\0';
    next->first_ms = 0;
    if (next->pass == AUDIT_COUNTING && next->deletes && next->store_strays) {
        next->pass = AUDIT_DELETING;
        if (next->store_strays * 100 > next->share * next->store_objects) {
            next->state = AUDIT_REFUSED;
            snprintf(next->trouble, sizeof next->trouble,
                     "%lld of %lld objects would go, and %lld percent may",
                     (long long)next->store_strays, (long long)next->store_objects,
                     (long long)next->share);
        }
        return save_step(audit, AUDIT_SAVING, next);
    }
    next->pass = AUDIT_COUNTING;
    next->store_objects = next->store_strays = next->store_scheduled = 0;
    if (audit->store + 1 == audit->settings.store_count)
        next->state = AUDIT_DONE;
    else
        memcpy(next->store_id, audit->settings.store_ids[audit->store + 1], UUID_TEXT_SIZE);
    return save_step(audit, AUDIT_SAVING, next);
}

static enum audit_step page_save(struct audit *audit)
{
    struct audit_place *next = &audit->next;
    bool deleting = next->pass == AUDIT_DELETING;
    if (deleting) {
        audit->save.strays = audit->strays;
        audit->save.stray_count = audit->search.count;
        if (!share_is_kept(audit, next->store_scheduled + (int64_t)audit->save.stray_count))
            return finish(audit, AUDIT_REFUSED,
                          "more would go by now than when they were counted");
    }
    if (!audit->more)
        return pass_end(audit);
    snprintf(next->cursor, sizeof next->cursor, "%s", audit->keys[audit->count - 1]);
    return save_step(audit, AUDIT_SAVING, next);
}

static enum audit_step strays_find(struct audit *audit, int64_t now)
{
    (void)now;
    audit_page_sift(audit);
    if (!audit->search.count)
        return page_save(audit);
    repository_begin(audit, STRAYS_FIND)->search = &audit->search;
    audit->stage = AUDIT_FINDING_STRAYS;
    return AUDIT_STEP_READ;
}

static enum audit_step strays_told(struct audit *audit, int64_t now)
{
    if (audit->repository.outcome != REPOSITORY_OK)
        return database_fail(audit, now);
    audit_page_judge(audit);
    return page_save(audit);
}

static enum audit_step saved(struct audit *audit, int64_t now)
{
    const struct repository_op *op = &audit->repository;
    if (op->outcome == REPOSITORY_CONFLICT) {
        audit->place.state = AUDIT_STOPPED;
        return AUDIT_STEP_END;
    }
    if (op->outcome != REPOSITORY_OK)
        return database_fail(audit, now);
    bool other_store = strcmp(audit->place.store_id, audit->next.store_id) != 0;
    audit->next.now = audit->place.now;
    audit->next.counts[AUDIT_SCHEDULED] += op->matched;
    audit->next.store_scheduled += op->matched;
    audit->place = audit->next;
    audit->held_at = now;
    audit->tries = audit->refusals = 0;
    if (audit->place.state != AUDIT_RUNNING)
        return AUDIT_STEP_END;
    if (other_store) {
        audit->store_is_known = false;
        audit->place.store_scheduled = 0;
    }
    audit->rest_until = audit->page_began + (int64_t)audit->count * 1000 / audit->settings.rate;
    return rest(audit, now);
}

static enum audit_step rest(struct audit *audit, int64_t now)
{
    int64_t left = audit->rest_until - now;
    int64_t slice = audit->settings.lease_ms / 3;
    audit->stage = AUDIT_RESTING;
    if (left <= 0)
        return audit->store_is_known ? page_list(audit, now) : store_begin(audit, now);
    if (hold_is_due(audit, now))
        return hold(audit, AUDIT_RESTING);
    audit->rest_ms = left < slice ? left : slice;
    return AUDIT_STEP_REST;
}

static enum audit_step held(struct audit *audit, int64_t now)
{
    if (audit->repository.outcome == REPOSITORY_CONFLICT) {
        audit->place.state = AUDIT_STOPPED;
        return AUDIT_STEP_END;
    }
    /* Without an answer it goes on: what it finds is kept only if it still is the holder. */
    audit->held_at = now;
    return audit->held_stage == AUDIT_RESTING ? rest(audit, now) : missing_look(audit, now);
}

enum audit_step audit_next(struct audit *audit, int64_t now)
{
    switch (audit->stage) {
    case AUDIT_ASKING_VERSIONS:
        return versions_told(audit, now);
    case AUDIT_LISTING:
        return listed(audit, now);
    case AUDIT_IDENTIFYING:
        return identified(audit, now);
    case AUDIT_READING_POINTERS:
        return pointers_told(audit, now);
    case AUDIT_LOOKING_FOR_OBJECT:
        return object_told(audit, now);
    case AUDIT_LOOKING_FOR_USER:
        return user_told(audit, now);
    case AUDIT_FINDING_STRAYS:
        return strays_told(audit, now);
    case AUDIT_SAVING:
        return saved(audit, now);
    case AUDIT_RESTING:
        return rest(audit, now);
    case AUDIT_HOLDING:
        break;
    }
    return held(audit, now);
}

/* A dry run is one pass; keys sort by the time that they were made at. */
int audit_progress(const struct audit_place *place)
{
    if (place->state != AUDIT_RUNNING)
        return place->state == AUDIT_NEVER ? 0 : 1000;
    int64_t reached = audit_key_time(place->cursor);
    int64_t whole = place->started_at - place->first_ms;
    int64_t part = 0;
    if (reached > place->first_ms && place->first_ms && whole > 0)
        part = 1000 * (reached - place->first_ms) / whole;
    part = part > 999 ? 999 : part;
    if (!place->deletes)
        return (int)part;
    return (int)(place->pass == AUDIT_DELETING ? 500 + part / 2 : part / 2);
}
