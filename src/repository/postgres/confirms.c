#include "repository/postgres/array.h"
#include "repository/postgres/operations.h"

#include <stdlib.h>
#include <string.h>

enum ending { ENDING_PUT_OFF, ENDING_LOOK_AGAIN, ENDING_FINISH };

/* The items of one ending, in the order in which they were given. */
struct picked {
    struct confirmation **items;
    size_t count;
};

/* What a finished row leaves behind. */
struct finished {
    struct confirmation *item;
    int64_t place; /* of the item */
    char user_id[UUID_TEXT_SIZE];
    int64_t created_at;
    bool removed; /* the user's row went ahead of it */
};

/* A user whose row went ahead of its last deletion. */
struct removed {
    char user_id[UUID_TEXT_SIZE];
    int64_t asked_at;
};

static enum ending item_ending(const struct confirmation *item)
{
    if (item->outcome != CONFIRM_DONE)
        return ENDING_PUT_OFF;
    return deletion_is_final(item->row) ? ENDING_FINISH : ENDING_LOOK_AGAIN;
}

static void items_pick(struct confirm *confirm, enum ending ending, struct picked *picked)
{
    for (size_t i = 0; i < confirm->count; i++) {
        if (item_ending(&confirm->items[i]) == ending)
            picked->items[picked->count++] = &confirm->items[i];
    }
}

/* The item of a row's first column: its place among those picked, from 1 on. */
static struct confirmation *item_of_row(struct query *query, const struct picked *picked,
                                        int64_t *ret_place)
{
    int64_t place = *ret_place = pq_column_number(query);
    return place >= 1 && (size_t)place <= picked->count ? picked->items[place - 1] : NULL;
}

/* Runs a bound statement that returns the place of each item that it met. */
static int items_apply(struct query *query, const struct picked *picked)
{
    if (pq_run(query) < 0)
        return -1;
    int64_t place;
    while (pq_step(query)) {
        struct confirmation *item = item_of_row(query, picked, &place);
        if (item)
            item->applied = true;
    }
    pq_end(query);
    return 0;
}

static int items_put_off(struct session *session, const struct picked *picked, int64_t now)
{
    enum { KEY, CLAIM, LOOK, STATE, DELAY, SPEND, CLASS, WORDS, COLUMNS };
    struct array columns[COLUMNS];
    for (size_t i = 0; i < COLUMNS; i++)
        array_init(&columns[i]);
    for (size_t i = 0; i < picked->count; i++) {
        const struct confirmation *item = picked->items[i];
        bool blocked = item->outcome == CONFIRM_BLOCKED;
        array_add_text(&columns[KEY], item->row->key);
        array_add_number(&columns[CLAIM], item->row->claim);
        array_add_text(&columns[LOOK], item->row->look == LOOK_SECOND ? "second" : "first");
        array_add_text(&columns[STATE],
                       deletion_state_name(blocked ? DELETION_BLOCKED : DELETION_PENDING));
        array_add_number(&columns[DELAY], item->delay_ms);
        array_add_number(&columns[SPEND], item->spend);
        array_add_text(&columns[CLASS], item->error_class);
        array_add_text(&columns[WORDS], item->error);
    }
    int failed = -1;
    if (array_end_all(columns, COLUMNS)) {
        struct query query;
        pq_begin(&query, session, STATEMENT_PUT_OFF);
        for (size_t i = 0; i < COLUMNS; i++)
            pq_text(&query, columns[i].text.bytes);
        pq_number(&query, now);
        failed = items_apply(&query, picked);
    }
    for (size_t i = 0; i < COLUMNS; i++)
        array_deinit(&columns[i]);
    return failed;
}

static int items_look_again(struct session *session, const struct picked *picked,
                            int64_t second_look_ms, int64_t now)
{
    struct array columns[2];
    array_init(&columns[0]);
    array_init(&columns[1]);
    for (size_t i = 0; i < picked->count; i++) {
        array_add_text(&columns[0], picked->items[i]->row->key);
        array_add_number(&columns[1], picked->items[i]->row->claim);
    }
    int failed = -1;
    if (array_end_all(columns, 2)) {
        struct query query;
        pq_begin(&query, session, STATEMENT_LOOK_AGAIN);
        pq_text(&query, columns[0].text.bytes);
        pq_text(&query, columns[1].text.bytes);
        pq_number(&query, now);
        pq_number(&query, second_look_ms);
        failed = items_apply(&query, picked);
    }
    array_deinit(&columns[0]);
    array_deinit(&columns[1]);
    return failed;
}

/*
 * Removes the users who have nothing left but the one row that is about to be finished: most
 * do. The others are met again when their rows are gone. The batch has locked them (R11).
 */
static int users_remove_last(struct session *session, const char *users, const char *keys,
                             size_t most, struct removed *ret_removed, size_t *ret_count,
                             size_t *ret_pointed)
{
    struct query query;
    pq_begin(&query, session, STATEMENT_USERS_REMOVE_LAST);
    pq_text(&query, users);
    pq_text(&query, keys);
    if (pq_run(&query) < 0)
        return -1;
    while (*ret_count < most && pq_step(&query)) {
        struct removed *removed = &ret_removed[(*ret_count)++];
        pq_column_copy(&query, removed->user_id, sizeof removed->user_id);
        removed->asked_at = pq_column_number(&query);
        *ret_pointed += pq_column_number(&query) != 0;
    }
    pq_end(&query);
    return 0;
}

static int pointers_clear(struct session *session, const char *keys)
{
    struct query query;
    pq_begin(&query, session, STATEMENT_POINTERS_CLEAR);
    pq_text(&query, keys);
    return pq_change(&query);
}

/* What is bound for the rows that are to be finished; a row of nobody's has no user. */
enum { KEYS, STATUSES, USERS, USERS_KEYS, GOING, ASKED, FINISH_COLUMNS };

/*
 * Moves the rows to the receipts, and writes those of the users whose rows went ahead; what was
 * there is left in `ret_finished`.
 */
static int rows_finish(struct session *session, const struct picked *picked, int64_t now,
                       const struct array *columns, struct finished *ret_finished,
                       size_t *ret_count)
{
    struct query query;
    pq_begin(&query, session, STATEMENT_FINISH);
    pq_text(&query, columns[KEYS].text.bytes);
    pq_text(&query, columns[STATUSES].text.bytes);
    pq_text(&query, columns[GOING].text.bytes);
    pq_text(&query, columns[ASKED].text.bytes);
    pq_number(&query, now);
    if (pq_run(&query) < 0)
        return -1;
    while (*ret_count < picked->count && pq_step(&query)) {
        struct finished *finished = &ret_finished[*ret_count];
        finished->item = item_of_row(&query, picked, &finished->place);
        if (!finished->item)
            continue;
        pq_column_copy(&query, finished->user_id, sizeof finished->user_id);
        finished->created_at = pq_column_number(&query);
        finished->removed = pq_column_number(&query) != 0;
        finished->item->applied = finished->item->finished = true;
        finished->item->user_gone = finished->removed;
        ++*ret_count;
    }
    pq_end(&query);
    return 0;
}

static int finished_compare(const void *left, const void *right)
{
    const struct finished *one = left, *other = right;
    int order = strcmp(one->user_id, other->user_id);
    return order ? order : (one->place > other->place) - (one->place < other->place);
}

static int finished_compare_user(const void *id, const void *element)
{
    return strcmp(id, ((const struct finished *)element)->user_id);
}

/* Keeps the last row of each user, in the order of the users' ids; returns how many there are.
 */
static size_t finished_keep_users(struct finished *finished, size_t count)
{
    size_t kept = 0;
    if (count)
        qsort(finished, count, sizeof *finished, finished_compare);
    for (size_t i = 0; i < count; i++) {
        bool is_last =
            i + 1 == count || strcmp(finished[i].user_id, finished[i + 1].user_id) != 0;
        if (is_last && *finished[i].user_id)
            finished[kept++] = finished[i];
    }
    return kept;
}

/* Runs a bound statement that returns the ids of users who are gone with it. */
static int users_gone(struct query *query, struct finished *users, size_t count)
{
    if (pq_run(query) < 0)
        return -1;
    while (pq_step(query)) {
        struct finished *user =
            bsearch(pq_column_text(query), users, count, sizeof *users, finished_compare_user);
        if (user)
            user->item->user_gone = true;
    }
    pq_end(query);
    return 0;
}

static int removed_compare(const void *left, const void *right)
{
    return strcmp(((const struct removed *)left)->user_id,
                  ((const struct removed *)right)->user_id);
}

static int removed_compare_user(const void *id, const void *element)
{
    return strcmp(id, ((const struct removed *)element)->user_id);
}

/* Who goes with each row, and since when that was asked for: "" where nobody does. */
static bool going_fill(struct array *columns, const struct picked *picked,
                       struct removed *removed, size_t count)
{
    if (count)
        qsort(removed, count, sizeof *removed, removed_compare);
    for (size_t i = 0; i < picked->count; i++) {
        const char *id = picked->items[i]->row->user_id;
        const struct removed *user =
            count ? bsearch(id, removed, count, sizeof *removed, removed_compare_user) : NULL;
        array_add_text(&columns[GOING], user ? id : "");
        array_add_number(&columns[ASKED], user ? user->asked_at : 0);
    }
    return array_end_all(&columns[GOING], 2);
}

/* The receipts of those whose row was gone before; the trigger writes the others' (C6). */
static int receipts_write(struct session *session, struct finished *users, size_t count,
                          int64_t now)
{
    struct array ids, asked;
    array_init(&ids);
    array_init(&asked);
    for (size_t i = 0; i < count; i++) {
        if (users[i].removed || users[i].item->user_gone)
            continue;
        array_add_text(&ids, users[i].user_id);
        array_add_number(&asked, users[i].created_at);
    }
    int failed = 0;
    if (ids.count > 0) {
        struct query query;
        pq_begin(&query, session, STATEMENT_USER_RECEIPTS_INSERT);
        pq_text(&query, array_text(&ids));
        pq_text(&query, array_text(&asked));
        pq_number(&query, now);
        failed = ids.failed || asked.failed ? -1 : users_gone(&query, users, count);
    }
    array_deinit(&ids);
    array_deinit(&asked);
    return failed;
}

/*
 * Removes the users whose last deletions these were, and writes their receipts. The batch has
 * locked them in an earlier statement than this look at what is left (R3, R11).
 */
static int users_finish(struct session *session, struct finished *users, size_t count,
                        int64_t now)
{
    struct array ids;
    array_init(&ids);
    for (size_t i = 0; i < count; i++) {
        if (!users[i].removed)
            array_add_text(&ids, users[i].user_id);
    }
    int failed = ids.count > 0 || ids.failed ? -1 : 0;
    if (failed && array_text(&ids)) {
        struct query query;
        pq_begin(&query, session, STATEMENT_USERS_REMOVE);
        pq_text(&query, ids.text.bytes);
        failed = users_gone(&query, users, count);
    }
    array_deinit(&ids);
    return failed ? -1 : receipts_write(session, users, count, now);
}

static bool finish_columns_fill(struct array *columns, const struct picked *picked)
{
    for (size_t i = 0; i < picked->count; i++) {
        const struct deletion *row = picked->items[i]->row;
        array_add_text(&columns[KEYS], row->key);
        array_add_number(&columns[STATUSES], picked->items[i]->status);
        if (*row->user_id) {
            array_add_text(&columns[USERS], row->user_id);
            array_add_text(&columns[USERS_KEYS], row->key);
        }
    }
    return array_end_all(columns, GOING);
}

/* With room for what comes of each: `finished` and `removed` have picked->count places. */
static int items_finish_with(struct session *session, const struct picked *picked, int64_t now,
                             struct array *columns, struct finished *finished,
                             struct removed *removed)
{
    size_t finished_count = 0, removed_count = 0, pointed = 0;
    if (columns[USERS].count > 0 &&
        users_remove_last(session, columns[USERS].text.bytes, columns[USERS_KEYS].text.bytes,
                          picked->count, removed, &removed_count, &pointed) < 0)
        return -1;
    /* Whom a row belongs to need not be who points at it. */
    if (pointed < picked->count && pointers_clear(session, columns[KEYS].text.bytes) < 0)
        return -1;
    if (!going_fill(columns, picked, removed, removed_count) ||
        rows_finish(session, picked, now, columns, finished, &finished_count) < 0)
        return -1;
    size_t users = finished_keep_users(finished, finished_count);
    return users_finish(session, finished, users, now);
}

static int items_finish(struct session *session, const struct picked *picked, int64_t now)
{
    struct array columns[FINISH_COLUMNS];
    for (size_t i = 0; i < FINISH_COLUMNS; i++)
        array_init(&columns[i]);
    struct finished *finished = calloc(picked->count, sizeof *finished);
    struct removed *removed = calloc(picked->count, sizeof *removed);
    int failed = -1;
    if (finished && removed && finish_columns_fill(columns, picked))
        failed = items_finish_with(session, picked, now, columns, finished, removed);
    for (size_t i = 0; i < FINISH_COLUMNS; i++)
        array_deinit(&columns[i]);
    free(finished);
    free(removed);
    return failed;
}

/* Of all confirms together, but for the second looks, whose time may differ. */
static int ending_carry_out(struct session *session, struct repository_op **ops, size_t count,
                            enum ending ending, struct picked *picked, int64_t now)
{
    picked->count = 0;
    for (size_t i = 0; i < count; i++) {
        if (ops[i]->verb != DELETIONS_CONFIRM)
            continue;
        items_pick(&ops[i]->confirm, ending, picked);
        if (ending != ENDING_LOOK_AGAIN || picked->count == 0)
            continue;
        if (items_look_again(session, picked, ops[i]->confirm.second_look_ms, now) < 0)
            return -1;
        picked->count = 0;
    }
    if (picked->count == 0)
        return 0;
    return ending == ENDING_PUT_OFF ? items_put_off(session, picked, now)
                                    : items_finish(session, picked, now);
}

static size_t items_begin(struct repository_op **ops, size_t count)
{
    size_t items = 0;
    for (size_t i = 0; i < count; i++) {
        struct confirm *confirm = &ops[i]->confirm;
        if (ops[i]->verb != DELETIONS_CONFIRM)
            continue;
        ops[i]->outcome = REPOSITORY_OK;
        for (size_t j = 0; j < confirm->count; j++) {
            struct confirmation *item = &confirm->items[j];
            item->applied = item->finished = item->user_gone = false;
        }
        items += confirm->count;
    }
    return items;
}

int postgres_deletions_confirm(struct session *session, struct repository_op **ops,
                               size_t count, int64_t now)
{
    size_t items = items_begin(ops, count);
    if (items == 0)
        return 0;
    struct picked picked = {.items = calloc(items, sizeof(struct confirmation *))};
    if (!picked.items)
        return -1;
    int failed = 0;
    for (int ending = ENDING_PUT_OFF; ending <= ENDING_FINISH && !failed; ending++)
        failed = ending_carry_out(session, ops, count, (enum ending)ending, &picked, now);
    free(picked.items);
    return failed;
}
