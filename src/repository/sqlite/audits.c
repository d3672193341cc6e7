/* The audit's place, its findings, and the questions that it asks. */
#include "repository/sqlite/operations.h"

#include <stdlib.h>
#include <string.h>

static int statement_change(struct connection *connection, enum statement statement)
{
    struct query query = query_begin(connection, statement);
    return query_change(connection, &query);
}

/* 1: a row; -1: failed. There is always one. */
static int place_read(struct connection *connection, struct audit_place *place)
{
    struct query query = query_begin(connection, STATEMENT_AUDIT);
    int found = query_step(&query);
    if (found > 0) {
        *place = (struct audit_place){0};
        query_column_copy(&query, place->id, sizeof place->id);
        place->state = audit_state_parse(query_column_text(&query));
        place->deletes = query_column_number(&query);
        place->share = query_column_number(&query);
        place->pass = *query_column_text(&query) == 'd' ? AUDIT_DELETING : AUDIT_COUNTING;
        query_column_copy(&query, place->store_id, sizeof place->store_id);
        query_column_copy(&query, place->cursor, sizeof place->cursor);
        place->first_ms = query_column_number(&query);
        place->store_objects = query_column_number(&query);
        place->store_strays = query_column_number(&query);
        place->store_scheduled = query_column_number(&query);
        for (int count = 0; count < AUDIT_COUNTS; count++)
            place->counts[count] = query_column_number(&query);
        place->started_at = query_column_number(&query);
        place->saved_at = query_column_number(&query);
        place->ended_at = query_column_number(&query);
        query_column_copy(&query, place->trouble, sizeof place->trouble);
        place->held = query_column_number(&query);
        place->now = query_column_number(&query);
    }
    query_end(&query);
    return found > 0 ? 1 : -1;
}

int sqlite_audit_start(struct connection *connection, struct repository_op *op, int64_t now)
{
    struct query query = query_begin(connection, STATEMENT_AUDIT_START);
    query_text(&query, op->place->id);
    query_number(&query, op->place->deletes);
    query_number(&query, op->place->share);
    query_number(&query, now);
    query_number(&query, op->since);
    int changed = query_change(connection, &query);
    op->outcome = changed > 0 ? REPOSITORY_OK : REPOSITORY_CONFLICT;
    if (changed <= 0)
        return changed;
    return statement_change(connection, STATEMENT_FINDINGS_CLEAR) < 0 ||
                   place_read(connection, op->place) < 0
               ? -1
               : 0;
}

int sqlite_audit_claim(struct connection *connection, struct repository_op *op, int64_t now)
{
    struct query query = query_begin(connection, STATEMENT_AUDIT_CLAIM);
    query_text(&query, op->id);
    query_number(&query, now);
    query_number(&query, op->limit);
    int changed = query_change(connection, &query);
    if (changed < 0 || place_read(connection, op->place) < 0)
        return -1;
    op->outcome = changed                             ? REPOSITORY_OK
                  : op->place->state == AUDIT_RUNNING ? REPOSITORY_CONFLICT
                                                      : REPOSITORY_NOT_FOUND;
    return 0;
}

static int stray_schedule(struct connection *connection, const struct repository_op *op,
                          const char *key, int64_t now)
{
    struct query insert = query_begin(connection, STATEMENT_STRAY_INSERT);
    query_text(&insert, key);
    query_number(&insert, now - op->save->settled_ms);
    query_text(&insert, op->store_id);
    query_number(&insert, now);
    int changed = query_change(connection, &insert);
    if (changed <= 0)
        return changed;
    struct query correct = query_begin(connection, STATEMENT_STRAY_CORRECT);
    query_text(&correct, key);
    query_number(&correct, now);
    return query_change(connection, &correct) < 0 ? -1 : 1;
}

static int finding_insert(struct connection *connection, const struct audit_finding *finding)
{
    struct query query = query_begin(connection, STATEMENT_FINDING_INSERT);
    query_text(&query, finding->key);
    query_text(&query, audit_count_name(finding->kind));
    query_text_or_null(&query, finding->user_id);
    return query_change(connection, &query);
}

static int place_write(struct connection *connection, const struct repository_op *op,
                       int64_t now)
{
    const struct audit_place *place = op->place;
    struct query query = query_begin(connection, STATEMENT_AUDIT_WRITE);
    query_number(&query, now);
    query_text(&query, audit_state_name(place->state));
    query_text(&query, place->trouble);
    query_text(&query, audit_pass_name(place->pass));
    query_text(&query, place->store_id);
    query_text(&query, place->cursor);
    query_number(&query, place->first_ms);
    query_number(&query, place->store_objects);
    query_number(&query, place->store_strays);
    query_number(&query, place->store_scheduled + op->matched);
    for (int count = 0; count < AUDIT_COUNTS; count++)
        query_number(&query,
                     place->counts[count] + (count == AUDIT_SCHEDULED ? op->matched : 0));
    return query_change(connection, &query);
}

int sqlite_audit_save(struct connection *connection, struct repository_op *op, int64_t now)
{
    struct query hold = query_begin(connection, STATEMENT_AUDIT_HOLD);
    query_text(&hold, op->place->id);
    query_text(&hold, op->id);
    query_number(&hold, now);
    query_number(&hold, op->limit);
    int held = query_change(connection, &hold);
    op->outcome = held > 0 ? REPOSITORY_OK : REPOSITORY_CONFLICT;
    if (held <= 0)
        return held;
    for (size_t i = 0; i < op->save->stray_count; i++) {
        int scheduled = stray_schedule(connection, op, op->save->strays[i], now);
        if (scheduled < 0)
            return -1;
        op->matched += scheduled;
    }
    for (size_t i = 0; i < op->save->finding_count; i++) {
        if (finding_insert(connection, &op->save->findings[i]) < 0)
            return -1;
    }
    return place_write(connection, op, now) < 0 ? -1 : 0;
}

int sqlite_audit_stop(struct connection *connection, struct repository_op *op, int64_t now)
{
    struct query query = query_begin(connection, STATEMENT_AUDIT_STOP);
    query_number(&query, now);
    int changed = query_change(connection, &query);
    op->outcome = changed > 0 ? REPOSITORY_OK : REPOSITORY_NOT_FOUND;
    return changed < 0 ? -1 : 0;
}

int sqlite_audit_get(struct connection *connection, struct repository_op *op)
{
    op->outcome = REPOSITORY_OK;
    return place_read(connection, op->place) < 0 ? -1 : 0;
}

int sqlite_finding_list(struct connection *connection, struct repository_op *op)
{
    op->findings = calloc((size_t)op->limit, sizeof *op->findings);
    if (!op->findings)
        return -1;
    struct query query = query_begin(connection, STATEMENT_FINDING_PAGE);
    query_text(&query, op->cursor);
    query_number(&query, op->limit + 1);
    int found;
    while ((found = query_step(&query)) > 0) {
        if ((int64_t)op->finding_count == op->limit) {
            op->more = true;
            break;
        }
        struct audit_finding *finding = &op->findings[op->finding_count++];
        query_column_copy(&query, finding->key, sizeof finding->key);
        finding->kind = audit_count_parse(query_column_text(&query));
        query_column_copy(&query, finding->user_id, sizeof finding->user_id);
    }
    query_end(&query);
    op->outcome = REPOSITORY_OK;
    return found < 0 ? -1 : 0;
}

int sqlite_pointer_list(struct connection *connection, struct repository_op *op)
{
    struct query query = query_begin(connection, STATEMENT_POINTER_PAGE);
    query_text(&query, op->store_id);
    query_text(&query, op->cursor);
    query_number(&query, op->limit + 1);
    int found;
    while ((found = query_step(&query)) > 0) {
        if ((int64_t)op->pointers.count == op->limit) {
            op->more = true;
            break;
        }
        struct pointer *row = pointers_extend(&op->pointers);
        if (row)
            row->key = strdup(query_column_text(&query));
        if (!row || !row->key) {
            found = -1;
            break;
        }
        query_column_copy(&query, row->user_id, sizeof row->user_id);
        row->marked = query_column_number(&query);
    }
    query_end(&query);
    op->outcome = REPOSITORY_OK;
    return found < 0 ? -1 : 0;
}

/* One statement a key: it sees users and deletions at one instant, whatever moves meanwhile. */
int sqlite_strays_find(struct connection *connection, struct repository_op *op)
{
    struct stray_search *search = op->search;
    struct audit_place place;
    if (place_read(connection, &place) < 0)
        return -1;
    for (size_t i = 0; i < search->count; i++) {
        struct query query = query_begin(connection, STATEMENT_STRAY);
        query_text(&query, search->keys[i]);
        query_number(&query, place.now - search->settled_ms);
        int found = query_step(&query);
        search->stray[i] = found > 0 && query_column_number(&query) != 0;
        query_end(&query);
        if (found <= 0)
            return -1;
    }
    op->outcome = REPOSITORY_OK;
    return 0;
}
