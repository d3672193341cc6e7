#include "world.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROWS_MAX 200000

struct world_event {
    struct world_event *next;
    int64_t at;
    struct repository_op *write;
    size_t claim; /* its number, from one */
    struct files_op *files;
    bool identity;
    size_t store;
};

struct engine_options world_engine_options(void)
{
    return (struct engine_options){.lease_ms = WORLD_MINUTE,
                                   .call_timeout_ms = 10 * WORLD_SECOND,
                                   .guard_ms = WORLD_DAY / 96,
                                   .second_look_ms = WORLD_DAY,
                                   .pages = 8,
                                   .page_keys = 250,
                                   .timer = true,
                                   .seed = 1};
}

int64_t world_database_now(const struct world *world)
{
    return world->now + WORLD_DATABASE_AHEAD;
}

static void event_add(struct world *world, struct world_event event)
{
    struct world_event *added = malloc(sizeof *added);
    assert(added);
    *added = event;
    struct world_event **link = &world->events;
    while (*link && (*link)->at <= event.at)
        link = &(*link)->next;
    added->next = *link;
    *link = added;
}

/* The database. */

static struct world_row *row_find(struct world *world, const char *key)
{
    for (size_t i = 0; i < world->row_count; i++) {
        if (!world->rows[i].finished && strcmp(world->rows[i].deletion.key, key) == 0)
            return &world->rows[i];
    }
    return NULL;
}

static bool row_is_claimable(const struct world_row *row, const struct claim *claim,
                             int64_t now)
{
    int64_t untouched = claim->untouched_since ? claim->untouched_since : now;
    const struct deletion *deletion = &row->deletion;
    if (row->finished || deletion->not_before > now || row->leased_until > untouched)
        return false;
    switch (claim->kind) {
    case CLAIM_DUE:
        return deletion->due_at <= now || (deletion->state == DELETION_PENDING &&
                                           deletion->due_at <= now + claim->horizon_ms);
    case CLAIM_SWEEP:
        return deletion->state == DELETION_PENDING &&
               deletion->created_at <= claim->created_until &&
               strcmp(deletion->key, claim->after_key) > 0;
    case CLAIM_PROBES:
        return deletion->state == DELETION_BLOCKED;
    case CLAIM_KEYS:
        for (size_t i = 0; i < claim->key_count; i++) {
            if (strcmp(deletion->key, claim->keys[i]) == 0)
                return true;
        }
    }
    return false;
}

static void row_claim(struct world_row *row, struct claim *claim, int64_t now)
{
    row->deletion.claim++;
    row->leased_until = now + claim->lease_ms;
    struct deletion *copy = deletions_extend(&claim->claimed);
    assert(copy);
    *copy = row->deletion;
    copy->key = strdup(row->deletion.key);
    assert(copy->key);
}

/* A class is represented by the row of it that was tried longest ago. */
static bool row_is_probe(const struct world *world, const struct world_row *row,
                         const struct claim *claim, int64_t now)
{
    for (size_t i = 0; i < world->row_count; i++) {
        const struct world_row *other = &world->rows[i];
        if (other != row && row_is_claimable(other, claim, now) &&
            strcmp(other->deletion.error_class, row->deletion.error_class) == 0 &&
            (other->tried_at < row->tried_at ||
             (other->tried_at == row->tried_at && other < row)))
            return false;
    }
    return true;
}

static void claim_apply(struct world *world, struct claim *claim)
{
    int64_t now = world_database_now(world);
    claim->now = now;
    claim->live_users = world->live_users;
    for (size_t i = 0; i < world->row_count; i++) {
        struct world_row *row = &world->rows[i];
        if (!row_is_claimable(row, claim, now)) {
            if (!row->finished && row->deletion.due_at > now &&
                (!claim->next_due_at || row->deletion.due_at < claim->next_due_at))
                claim->next_due_at = row->deletion.due_at;
            continue;
        }
        if (claim->kind == CLAIM_PROBES && !row_is_probe(world, row, claim, now))
            continue;
        if (claim->claimed.count < claim->limit)
            row_claim(row, claim, now);
    }
}

static void confirmation_apply(struct world *world, struct confirmation *item,
                               int64_t second_look_ms)
{
    int64_t now = world_database_now(world);
    struct world_row *row = row_find(world, item->row->key);
    item->applied = item->finished = item->user_gone = false;
    bool final = deletion_is_final(item->row);
    if (!row ||
        (row->deletion.claim != item->row->claim && !(item->outcome == CONFIRM_DONE && final)))
        return;
    item->applied = true;
    row->leased_until = row->tried_at = now;
    if (item->outcome == CONFIRM_DONE && final) {
        row->finished = item->finished = true;
        item->user_gone = *row->deletion.user_id != '\0';
    } else if (item->outcome == CONFIRM_DONE) {
        row->deletion.look = LOOK_SECOND;
        row->deletion.not_before = row->deletion.due_at = now + second_look_ms;
    } else {
        row->deletion.state =
            item->outcome == CONFIRM_BLOCKED ? DELETION_BLOCKED : DELETION_PENDING;
        row->deletion.due_at = now + item->delay_ms;
        row->deletion.attempts += item->spend;
        memcpy(row->deletion.error_class, item->error_class, ERROR_CLASS_SIZE);
    }
}

static void unblock_apply(struct world *world, struct repository_op *op)
{
    for (size_t i = 0; i < world->row_count; i++) {
        struct deletion *deletion = &world->rows[i].deletion;
        if (deletion->state != DELETION_BLOCKED ||
            strcmp(deletion->error_class, op->error_class) != 0)
            continue;
        deletion->state = DELETION_PENDING;
        deletion->due_at = world_database_now(world);
        op->matched++;
    }
}

static void write_begin(struct world *world, struct repository_op *op)
{
    struct world_event event = {.at = world->now + world->claim_takes, .write = op};
    if (op->verb == DELETIONS_CLAIM) {
        event.claim = ++world->claims_begun;
        if (++world->claims_under_way > world->claims_at_once)
            world->claims_at_once = world->claims_under_way;
    }
    event_add(world, event);
}

static void write_apply(struct world *world, struct repository_op *op, size_t claim)
{
    op->outcome = REPOSITORY_OK;
    switch (op->verb) {
    case DELETIONS_CLAIM:
        world->claims_under_way--;
        /* The COMMIT was carried out, and nobody can tell. */
        if (claim != world->claim_passes)
            claim_apply(world, &op->claim);
        if (world->claims_fail)
            op->outcome = REPOSITORY_FAILED;
        break;
    case DELETIONS_CONFIRM:
        if (world->confirms_fail)
            op->outcome = REPOSITORY_FAILED;
        for (size_t i = 0; i < op->confirm.count && !world->confirms_fail; i++)
            confirmation_apply(world, &op->confirm.items[i], op->confirm.second_look_ms);
        break;
    case DELETIONS_UNBLOCK:
        unblock_apply(world, op);
        break;
    case DELETIONS_REDATE:
        world->redated++;
        op->matched = 0;
        break;
    case MARKED_FINISH:
        world->marked_finished++;
        op->more = world->marked_more > 0 && world->marked_more-- > 0;
        /* It goes on behind the last user that the slice before looked at. */
        world->marked_astray += strcmp(op->cursor, world->marked_last) != 0;
        world->marked_last[0] = '\0';
        if (op->more)
            snprintf(world->marked_last, sizeof world->marked_last, "%lld",
                     (long long)world->marked_finished);
        memcpy(op->key, world->marked_last, sizeof world->marked_last);
        break;
    case RECEIPTS_REOPEN:
        world->reopens++;
        if (world->reopens_fail)
            op->outcome = REPOSITORY_FAILED;
        else
            world->reopened_since = op->since;
        world->reopened_boot = world->now - op->elapsed_ms;
        break;
    default:
        assert(false && "a write that the engine should not ask for");
    }
}

static void backlog_read(struct world *world, struct repository_op *op)
{
    int64_t now = world_database_now(world);
    op->outcome = world->reads_fail ? REPOSITORY_FAILED : REPOSITORY_OK;
    op->backlog = (struct backlog){.now = now, .marked = world->marked};
    for (size_t i = 0; i < world->row_count; i++) {
        const struct world_row *row = &world->rows[i];
        if (row->finished)
            continue;
        if (row->deletion.state == DELETION_BLOCKED)
            op->backlog.blocked++;
        else if (row->deletion.not_before > now)
            op->backlog.scheduled++;
        else
            op->backlog.pending++;
    }
}

static void finished_find(struct world *world, struct repository_op *op)
{
    world->looks++;
    op->outcome = world->looks_fail ? REPOSITORY_FAILED : REPOSITORY_OK;
    for (size_t i = 0; i < op->watch.count; i++) {
        op->watch.finished[i] = true;
        for (size_t j = 0; j < world->row_count; j++) {
            if (strcmp(world->rows[j].deletion.key, op->watch.subjects[i]) == 0)
                op->watch.finished[i] = world->rows[j].finished;
        }
    }
}

/* The provider. */

static bool store_is_up(const struct world *world, size_t store)
{
    return store == 0 ? world->up : world->older_id != NULL;
}

static void answer_fill(struct world *world, size_t store, struct files_op *op, size_t i)
{
    struct files_answer *answer = &op->answers[i];
    struct world_row *row = row_find(world, op->keys[i]);
    if (row)
        row->sent++;
    if (!store_is_up(world, store))
        *answer = (struct files_answer){.code = FILES_CODE_UNREACHABLE};
    else if (world->odd_key && strcmp(op->keys[i], world->odd_key) == 0)
        *answer = world->odd_answer;
    else
        *answer = world->answer;
}

static void delete_begin(struct world *world, size_t store, struct files_op *op)
{
    world->deletes_sent++;
    if ((int64_t)op->count > world->largest_page)
        world->largest_page = (int64_t)op->count;
    if (op->deadline_ms - world->now < world->deadline_margin_least)
        world->deadline_margin_least = op->deadline_ms - world->now;
    int64_t takes = store && world->older_takes ? world->older_takes : world->provider_takes;
    event_add(world,
              (struct world_event){.at = world->now + takes, .files = op, .store = store});
}

static void commands_carry(struct world *world)
{
    struct engine_command command;
    while (engine_take(world->engine, &command)) {
        switch (command.kind) {
        case ENGINE_WRITE:
            write_begin(world, command.repository);
            break;
        case ENGINE_DELETE:
            delete_begin(world, command.store, command.files);
            break;
        case ENGINE_READ:
            if (command.repository->verb == FINISHED_FIND)
                finished_find(world, command.repository);
            else
                backlog_read(world, command.repository);
            engine_read(world->engine, world->now, command.repository);
            break;
        case ENGINE_CHECK_IDENTITY:
            world->checks_sent++;
            if (!world->identity_hangs)
                event_add(world, (struct world_event){.at = world->now + 1,
                                                      .identity = true,
                                                      .store = command.store});
            break;
        case ENGINE_ANSWER:
            world->answered[world->answered_count++ % 64] = command.waiter;
            break;
        case ENGINE_SWEEP_PROGRESS:
            world->progress_lines++;
            break;
        case ENGINE_SWEEP_END:
            world->swept = command.sweep;
            break;
        case ENGINE_ALARM:
            world->alarms++;
            break;
        }
    }
}

void world_identity_answer(struct world *world)
{
    enum identity_verdict verdict = world->up ? world->identity : IDENTITY_UNANSWERED;
    engine_identified(world->engine, world->now, 0, verdict,
                      verdict == IDENTITY_GOOD ? WORLD_STORE : NULL);
    commands_carry(world);
}

static void older_identity_answer(struct world *world)
{
    engine_identified(world->engine, world->now, 1,
                      world->older_id ? IDENTITY_GOOD : IDENTITY_UNANSWERED, world->older_id);
}

static void event_happen(struct world *world, const struct world_event *event)
{
    if (event->write) {
        write_apply(world, event->write, event->claim);
        engine_written(world->engine, world->now, event->write);
    } else if (event->files) {
        for (size_t i = 0; i < event->files->count; i++)
            answer_fill(world, event->store, event->files, i);
        event->files->address_changed = world->address_changes;
        engine_deleted(world->engine, world->now, event->files);
    } else if (event->store == 1) {
        older_identity_answer(world);
    } else {
        world_identity_answer(world);
    }
    commands_carry(world);
}

void world_run(struct world *world, int64_t until)
{
    commands_carry(world);
    while (world->now <= until) {
        int64_t tick = engine_next_tick(world->engine, world->now);
        struct world_event *event = world->events;
        if (event && event->at <= tick) {
            if (event->at > until)
                break;
            world->events = event->next;
            world->now = event->at > world->now ? event->at : world->now;
            event_happen(world, event);
            free(event);
            continue;
        }
        if (tick > until)
            break;
        world->now = tick;
        engine_ticked(world->engine, world->now);
        commands_carry(world);
    }
    world->now = until > world->now ? until : world->now;
}

void world_init(struct world *world, const struct engine_options *options)
{
    *world = (struct world){.now = WORLD_HOUR,
                            .up = true,
                            .answer = {.status = 204},
                            .provider_takes = 20,
                            .claim_takes = 1,
                            .deadline_margin_least = INT64_MAX,
                            .identity = IDENTITY_GOOD};
    world->rows = calloc(ROWS_MAX, sizeof *world->rows);
    world->engine = engine_new(options);
    assert(world->rows && world->engine);
}

void world_deinit(struct world *world)
{
    while (world->events) {
        struct world_event *event = world->events;
        world->events = event->next;
        free(event);
    }
    engine_free(world->engine);
    for (size_t i = 0; i < world->row_count; i++)
        free(world->rows[i].deletion.key);
    free(world->rows);
}

struct world_row *world_add(struct world *world, const char *format, int number)
{
    assert(world->row_count < ROWS_MAX);
    char key[64];
    snprintf(key, sizeof key, "%s%06d", format, number);
    struct world_row *row = &world->rows[world->row_count++];
    int64_t now = world_database_now(world);
    row->deletion = (struct deletion){.key = strdup(key),
                                      .reason = REASON_REPLACED,
                                      .created_at = now,
                                      .not_before = now,
                                      .due_at = now};
    assert(row->deletion.key);
    memcpy(row->deletion.store_id, WORLD_STORE, UUID_TEXT_SIZE);
    return row;
}

size_t world_left(const struct world *world)
{
    size_t left = 0;
    for (size_t i = 0; i < world->row_count; i++)
        left += !world->rows[i].finished;
    return left;
}

void world_sweep(struct world *world, struct sweep *sweep, int64_t limit, int64_t timeout)
{
    sweep->limit = limit;
    sweep->deadline_ms = world->now + timeout;
    world->swept = NULL;
    engine_swept(world->engine, world->now, sweep);
    for (int64_t until = world->now; !world->swept && until <= sweep->deadline_ms + 1000;
         until++)
        world_run(world, until);
}

void world_hand(struct world *world, struct waiter *waiter, const char *subject,
                const char *key)
{
    struct repository_keys keys = {0};
    bool added = repository_keys_add(&keys, key);
    assert(added);
    snprintf(waiter->subject, sizeof waiter->subject, "%s", subject);
    engine_waits(world->engine, world->now, waiter);
    engine_handed(world->engine, world->now, &keys, &(struct trace){0}, waiter,
                  world->now + 2 * WORLD_SECOND);
    free(keys.items);
    commands_carry(world);
}
