#include "repository/postgres/array.h"
#include "repository/postgres/operations.h"

#include <stdlib.h>
#include <string.h>

/* What is found out about a user whose erasure is asked for. */
struct mark {
    struct repository_op *op;
    bool marked, removed, has_row, has_receipt;
    size_t left; /* deletions, those whose time has not come among them */
};

struct marks {
    struct mark *items; /* by user id; one user may be there several times */
    size_t count;
};

static int mark_compare(const void *left, const void *right)
{
    const struct mark *one = left, *other = right;
    return strcmp(one->op->id, other->op->id);
}

static int mark_compare_id(const void *id, const void *element)
{
    return strcmp(id, ((const struct mark *)element)->op->id);
}

/* The marks of a user: the first one, and how many there are. */
static struct mark *marks_find(const struct marks *marks, const char *id, size_t *ret_count)
{
    *ret_count = 0;
    struct mark *found =
        bsearch(id, marks->items, marks->count, sizeof *marks->items, mark_compare_id);
    if (!found)
        return NULL;
    while (found > marks->items && strcmp(found[-1].op->id, id) == 0)
        found--;
    const struct mark *end = marks->items + marks->count;
    while (found + *ret_count < end && strcmp(found[*ret_count].op->id, id) == 0)
        ++*ret_count;
    return found;
}

static int marks_collect(struct marks *marks, struct repository_op **ops, size_t count,
                         struct array *ids)
{
    for (size_t i = 0; i < count; i++)
        marks->count += ops[i]->verb == USER_MARK;
    if (marks->count == 0)
        return 0;
    marks->items = calloc(marks->count, sizeof *marks->items);
    if (!marks->items)
        return -1;
    size_t at = 0;
    for (size_t i = 0; i < count; i++) {
        if (ops[i]->verb == USER_MARK)
            marks->items[at++].op = ops[i];
    }
    qsort(marks->items, marks->count, sizeof *marks->items, mark_compare);
    for (size_t i = 0; i < marks->count; i++) {
        if (i == 0 || mark_compare(&marks->items[i - 1], &marks->items[i]) != 0)
            array_add_text(ids, marks->items[i].op->id);
    }
    return 0;
}

/* Marks the users, then looks at what is left to delete of each. */
static int marks_send(struct session *session, const char *ids, int64_t now)
{
    struct query query;
    pq_begin(&query, session, STATEMENT_USERS_MARK);
    pq_text(&query, ids);
    pq_number(&query, now);
    if (pq_send(&query) < 0)
        return -1;
    pq_begin(&query, session, STATEMENT_USERS_KEYS);
    pq_text(&query, ids);
    pq_number(&query, REPOSITORY_KEYS_MAX);
    return pq_send(&query) < 0 ? -1 : session_sync(session);
}

/*
 * Removes those of whom nothing is left ("none left" is checked in a later statement than the
 * mark, R11), and asks what there is of those who were not there to be marked.
 */
static int rest_send(struct session *session, const char *ids)
{
    struct query query;
    pq_begin(&query, session, STATEMENT_USERS_REMOVE);
    pq_text(&query, ids);
    if (pq_send(&query) < 0)
        return -1;
    pq_begin(&query, session, STATEMENT_USERS_KNOWN);
    pq_text(&query, ids);
    return pq_send(&query) < 0 ? -1 : session_sync(session);
}

/* Notes something in the marks of the user that the row at hand names; -1 without memory. */
typedef int mark_note(struct mark *mark, struct query *query);

static int marked_note(struct mark *mark, struct query *query)
{
    (void)query;
    mark->marked = true;
    return 0;
}

static int removed_note(struct mark *mark, struct query *query)
{
    (void)query;
    mark->removed = true;
    return 0;
}

static int key_note(struct mark *mark, struct query *query)
{
    const char *key = pq_column_text(query);
    mark->left++;
    return pq_column_number(query) && !repository_keys_add(&mark->op->keys, key) ? -1 : 0;
}

static int known_note(struct mark *mark, struct query *query)
{
    mark->has_row = pq_column_number(query);
    mark->has_receipt = pq_column_number(query);
    return 0;
}

/* Takes one statement's answer, whose rows begin with the user's id. */
static int marks_take(struct session *session, const struct marks *marks, mark_note *note)
{
    struct query query;
    if (pq_take(&query, session) < 0)
        return -1;
    int failed = 0;
    while (!failed && pq_step(&query)) {
        size_t count;
        struct mark *mark = marks_find(marks, pq_column_text(&query), &count);
        int column = query.column;
        for (size_t i = 0; i < count && !failed; i++) {
            query.column = column;
            failed = note(&mark[i], &query);
        }
    }
    pq_end(&query);
    return failed;
}

static enum repository_outcome mark_outcome(const struct mark *mark)
{
    if (mark->marked || mark->removed || mark->has_row)
        return mark->removed && mark->left == 0 ? REPOSITORY_GONE : REPOSITORY_PENDING;
    if (mark->left)
        return REPOSITORY_PENDING;
    /* Asked for before (C1), or never seen. */
    return mark->has_receipt ? REPOSITORY_GONE : REPOSITORY_NOT_FOUND;
}

/* What is left decides of most users; the others take another round trip. */
static int rest_carry_out(struct session *session, const struct marks *marks)
{
    struct array ids;
    array_init(&ids);
    for (size_t i = 0; i < marks->count; i++) {
        const struct mark *mark = &marks->items[i];
        if (mark->left == 0 && (i == 0 || mark_compare(mark - 1, mark) != 0))
            array_add_text(&ids, mark->op->id);
    }
    int failed = 0;
    if (ids.count) {
        const char *text = array_text(&ids);
        failed = !text || rest_send(session, text) < 0 ||
                         marks_take(session, marks, removed_note) < 0 ||
                         marks_take(session, marks, known_note) < 0
                     ? -1
                     : session_settle(session);
    }
    array_deinit(&ids);
    return failed;
}

int postgres_users_mark(struct session *session, struct repository_op **ops, size_t count,
                        int64_t now)
{
    struct marks marks = {0};
    struct array ids;
    array_init(&ids);
    int failed = marks_collect(&marks, ops, count, &ids);
    if (!failed && marks.count > 0) {
        const char *text = array_text(&ids);
        failed = !text || marks_send(session, text, now) < 0 ||
                         marks_take(session, &marks, marked_note) < 0 ||
                         marks_take(session, &marks, key_note) < 0 ||
                         session_settle(session) < 0
                     ? -1
                     : rest_carry_out(session, &marks);
    }
    for (size_t i = 0; i < marks.count && !failed; i++)
        marks.items[i].op->outcome = mark_outcome(&marks.items[i]);
    array_deinit(&ids);
    free(marks.items);
    return failed;
}
