/* The audit's place, its findings, and the questions that it asks. */
#include "repository/postgres/array.h"
#include "repository/postgres/operations.h"

#include <stdlib.h>
#include <string.h>

static void place_take(struct query *query, struct audit_place *place)
{
    *place = (struct audit_place){0};
    pq_column_copy(query, place->id, sizeof place->id);
    place->state = audit_state_parse(pq_column_text(query));
    place->deletes = pq_column_number(query);
    place->share = pq_column_number(query);
    place->pass = *pq_column_text(query) == 'd' ? AUDIT_DELETING : AUDIT_COUNTING;
    pq_column_copy(query, place->store_id, sizeof place->store_id);
    pq_column_copy(query, place->cursor, sizeof place->cursor);
    place->first_ms = pq_column_number(query);
    place->store_objects = pq_column_number(query);
    place->store_strays = pq_column_number(query);
    place->store_scheduled = pq_column_number(query);
    for (int count = 0; count < AUDIT_COUNTS; count++)
        place->counts[count] = pq_column_number(query);
    place->started_at = pq_column_number(query);
    place->saved_at = pq_column_number(query);
    place->ended_at = pq_column_number(query);
    pq_column_copy(query, place->trouble, sizeof place->trouble);
    place->held = pq_column_number(query);
    place->now = pq_column_number(query);
}

static int place_read(struct session *session, struct audit_place *place)
{
    struct query query;
    pq_begin(&query, session, STATEMENT_AUDIT);
    if (pq_run(&query) < 0)
        return -1;
    bool found = pq_step(&query);
    if (found)
        place_take(&query, place);
    pq_end(&query);
    return found ? 0 : -1;
}

int postgres_audit_start(struct session *session, struct repository_op *op, int64_t now)
{
    struct query query;
    pq_begin(&query, session, STATEMENT_AUDIT_START);
    pq_text(&query, op->place->id);
    pq_number(&query, op->place->deletes);
    pq_number(&query, op->place->share);
    pq_number(&query, now);
    pq_number(&query, op->since);
    int changed = pq_change(&query);
    op->outcome = changed > 0 ? REPOSITORY_OK : REPOSITORY_CONFLICT;
    if (changed <= 0)
        return changed;
    pq_begin(&query, session, STATEMENT_FINDINGS_CLEAR);
    return pq_change(&query) < 0 ? -1 : place_read(session, op->place);
}

int postgres_audit_claim(struct session *session, struct repository_op *op, int64_t now)
{
    struct query query;
    pq_begin(&query, session, STATEMENT_AUDIT_CLAIM);
    pq_text(&query, op->id);
    pq_number(&query, now);
    pq_number(&query, op->limit);
    int changed = pq_change(&query);
    if (changed < 0 || place_read(session, op->place) < 0)
        return -1;
    op->outcome = changed                             ? REPOSITORY_OK
                  : op->place->state == AUDIT_RUNNING ? REPOSITORY_CONFLICT
                                                      : REPOSITORY_NOT_FOUND;
    return 0;
}

static int strays_insert(struct session *session, struct repository_op *op, const char *keys,
                         int64_t now)
{
    int64_t settled = now - op->save->settled_ms;
    struct query query;
    pq_begin(&query, session, STATEMENT_STRAYS_INSERT);
    pq_text(&query, keys);
    pq_text(&query, op->store_id);
    pq_number(&query, now);
    pq_number(&query, settled);
    int inserted = pq_change(&query);
    if (inserted <= 0)
        return inserted;
    pq_begin(&query, session, STATEMENT_STRAYS_OWNED);
    pq_text(&query, keys);
    pq_number(&query, now);
    pq_number(&query, settled);
    int taken_back = pq_change(&query);
    if (taken_back < 0)
        return -1;
    op->matched = inserted - taken_back;
    pq_begin(&query, session, STATEMENT_STRAYS_CORRECT);
    pq_text(&query, keys);
    pq_number(&query, now);
    return pq_change(&query) < 0 ? -1 : 0;
}

static int strays_schedule(struct session *session, struct repository_op *op, int64_t now)
{
    struct array keys;
    array_init(&keys);
    for (size_t i = 0; i < op->save->stray_count; i++)
        array_add_text(&keys, op->save->strays[i]);
    const char *text = array_text(&keys);
    int failed = text ? strays_insert(session, op, text, now) : -1;
    array_deinit(&keys);
    return failed;
}

static int findings_insert(struct session *session, const struct audit_save *save)
{
    struct array arrays[3];
    struct query query;
    for (size_t i = 0; i < 3; i++)
        array_init(&arrays[i]);
    for (size_t i = 0; i < save->finding_count; i++) {
        array_add_text(&arrays[0], save->findings[i].key);
        array_add_text(&arrays[1], audit_count_name(save->findings[i].kind));
        array_add_text(&arrays[2], save->findings[i].user_id);
    }
    int failed = array_end_all(arrays, 3) ? 0 : -1;
    if (!failed) {
        pq_begin(&query, session, STATEMENT_FINDINGS_INSERT);
        for (size_t i = 0; i < 3; i++)
            pq_text(&query, arrays[i].text.bytes);
        failed = pq_change(&query) < 0 ? -1 : 0;
    }
    for (size_t i = 0; i < 3; i++)
        array_deinit(&arrays[i]);
    return failed;
}

static int place_write(struct session *session, const struct repository_op *op, int64_t now)
{
    const struct audit_place *place = op->place;
    struct query query;
    pq_begin(&query, session, STATEMENT_AUDIT_WRITE);
    pq_number(&query, now);
    pq_text(&query, audit_state_name(place->state));
    pq_text(&query, place->trouble);
    pq_text(&query, audit_pass_name(place->pass));
    pq_text(&query, place->store_id);
    pq_text(&query, place->cursor);
    pq_number(&query, place->first_ms);
    pq_number(&query, place->store_objects);
    pq_number(&query, place->store_strays);
    pq_number(&query, place->store_scheduled + op->matched);
    for (int count = 0; count < AUDIT_COUNTS; count++)
        pq_number(&query, place->counts[count] + (count == AUDIT_SCHEDULED ? op->matched : 0));
    return pq_change(&query);
}

/* The row of the audit is locked first: whoever has it alone schedules anything. */
int postgres_audit_save(struct session *session, struct repository_op *op, int64_t now)
{
    struct query hold;
    pq_begin(&hold, session, STATEMENT_AUDIT_HOLD);
    pq_text(&hold, op->place->id);
    pq_text(&hold, op->id);
    pq_number(&hold, now);
    pq_number(&hold, op->limit);
    int held = pq_change(&hold);
    op->outcome = held > 0 ? REPOSITORY_OK : REPOSITORY_CONFLICT;
    if (held <= 0)
        return held;
    if (op->save->stray_count && strays_schedule(session, op, now) < 0)
        return -1;
    if (op->save->finding_count && findings_insert(session, op->save) < 0)
        return -1;
    return place_write(session, op, now) < 0 ? -1 : 0;
}

int postgres_audit_stop(struct session *session, struct repository_op *op, int64_t now)
{
    struct query query;
    pq_begin(&query, session, STATEMENT_AUDIT_STOP);
    pq_number(&query, now);
    int changed = pq_change(&query);
    op->outcome = changed > 0 ? REPOSITORY_OK : REPOSITORY_NOT_FOUND;
    return changed < 0 ? -1 : 0;
}

int postgres_audit_get(struct session *session, struct repository_op *op)
{
    op->outcome = REPOSITORY_OK;
    return place_read(session, op->place);
}

int postgres_finding_list(struct session *session, struct repository_op *op)
{
    op->findings = calloc((size_t)op->limit, sizeof *op->findings);
    if (!op->findings)
        return -1;
    struct query query;
    pq_begin(&query, session, STATEMENT_FINDING_PAGE);
    pq_text(&query, op->cursor);
    pq_number(&query, op->limit + 1);
    if (pq_run(&query) < 0)
        return -1;
    while (pq_step(&query)) {
        if ((int64_t)op->finding_count == op->limit) {
            op->more = true;
            break;
        }
        struct audit_finding *finding = &op->findings[op->finding_count++];
        pq_column_copy(&query, finding->key, sizeof finding->key);
        finding->kind = audit_count_parse(pq_column_text(&query));
        pq_column_copy(&query, finding->user_id, sizeof finding->user_id);
    }
    pq_end(&query);
    op->outcome = REPOSITORY_OK;
    return 0;
}

int postgres_pointer_list(struct session *session, struct repository_op *op)
{
    struct query query;
    pq_begin(&query, session, STATEMENT_POINTER_PAGE);
    pq_text(&query, op->store_id);
    pq_text(&query, op->cursor);
    pq_number(&query, op->limit + 1);
    if (pq_run(&query) < 0)
        return -1;
    int failed = 0;
    while (!failed && pq_step(&query)) {
        if ((int64_t)op->pointers.count == op->limit) {
            op->more = true;
            break;
        }
        struct pointer *row = pointers_extend(&op->pointers);
        if (row)
            row->key = strdup(pq_column_text(&query));
        failed = row && row->key ? 0 : -1;
        if (failed)
            break;
        pq_column_copy(&query, row->user_id, sizeof row->user_id);
        row->marked = pq_column_number(&query);
    }
    pq_end(&query);
    op->outcome = REPOSITORY_OK;
    return failed;
}

static int strays_ask(struct session *session, struct stray_search *search, const char *keys)
{
    struct audit_place place;
    if (!keys || place_read(session, &place) < 0)
        return -1;
    struct query query;
    pq_begin(&query, session, STATEMENT_STRAYS);
    pq_text(&query, keys);
    pq_number(&query, place.now - search->settled_ms);
    if (pq_run(&query) < 0)
        return -1;
    while (pq_step(&query)) {
        int64_t at = pq_column_number(&query);
        if (at >= 1 && at <= (int64_t)search->count)
            search->stray[at - 1] = true;
    }
    pq_end(&query);
    return 0;
}

int postgres_strays_find(struct session *session, struct repository_op *op)
{
    struct stray_search *search = op->search;
    struct array keys;
    array_init(&keys);
    for (size_t i = 0; i < search->count; i++) {
        array_add_text(&keys, search->keys[i]);
        search->stray[i] = false;
    }
    int failed = strays_ask(session, search, array_text(&keys));
    array_deinit(&keys);
    op->outcome = REPOSITORY_OK;
    return failed;
}
