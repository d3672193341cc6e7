/*
 * The repository on SQLite, each of its operations without memory at many points of it: what
 * was asked is kept whole and answered so, or nothing is changed and the answer says why.
 *
 * SQLite's own memory is counted too. A connection that was refused memory is used again. STEP
 * in the environment says how far one point is from the next; 1 is every one.
 */
#include "allocations.h"
#include "contract/repository_support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define STEP_PRESET 13

#define COPY(to, from) snprintf((to), sizeof(to), "%s", (from))

/* Ada replaces avatars/1 by avatars/2, Eve goes, Bob's avatars/4 is blocked. */
static void cast_make(void)
{
    user_add_with_avatar(ADA, "avatars/1");
    guard_add(ADA, "avatars/2");
    user_add_with_avatar(EVE, "avatars/3");
    mark(EVE);
    deletion_leave(BOB, "avatars/4");
    sql("UPDATE deletions SET state = 'blocked', error_class = 'AccessDenied' "
        "WHERE key = 'avatars/4'");
}

/* All that an operation could change, but for times. */
static const char *fingerprint(void)
{
    static char text[1024];
    const char *found =
        sql_text("SELECT (SELECT group_concat(substr(id, 34) || version || last_name || "
                 "ifnull(avatar_key, '-') || avatar_should_be_deleted, ' ') FROM users) || "
                 "' / ' || (SELECT group_concat(key || state || attempts || look || reason || "
                 "error_class, ' ') FROM deletions) || ' / ' || "
                 "(SELECT count(*) FROM receipts) || ' / ' || "
                 "(SELECT count(*) FROM user_receipts)");
    COPY(text, found);
    return text;
}

static struct repository_op *op_attach(void)
{
    return attach_op(ADA, "avatars/2");
}

static struct repository_op *op_guard(void)
{
    return guard_op(ADA, "avatars/5");
}

static struct repository_op *op_add(void)
{
    struct repository_op *op = user_op(USER_ADD, BOB);
    COPY(op->idempotency.key, "key");
    COPY(op->idempotency.body, "body");
    op->idempotency.ttl_ms = 3600000;
    return op;
}

static struct repository_op *op_replace(void)
{
    struct repository_op *op = user_op(USER_REPLACE, ADA);
    COPY(op->user.last_name, "King");
    return op;
}

static struct repository_op *op_mark(void)
{
    return user_op(USER_MARK, ADA);
}

static struct repository_op *op_clear(void)
{
    return user_op(AVATAR_CLEAR, ADA);
}

static struct repository_op *op_settle(void)
{
    struct repository_op *op = op_new(GUARD_SETTLE);
    COPY(op->key, "avatars/2");
    return op;
}

static struct repository_op *op_claim(void)
{
    struct repository_op *op = op_new(DELETIONS_CLAIM);
    op->claim = (struct claim){.kind = CLAIM_DUE, .limit = 10, .lease_ms = LEASE_MS};
    return op;
}

static struct repository_op *op_confirm(void)
{
    static struct confirmation item;
    static struct deletion row;
    row = (struct deletion){.key = (char *)"avatars/3", .reason = REASON_USER};
    item = (struct confirmation){.row = &row, .outcome = CONFIRM_DONE, .status = 204};
    struct repository_op *op = op_new(DELETIONS_CONFIRM);
    op->confirm = (struct confirm){.items = &item, .count = 1};
    return op;
}

static struct repository_op *op_unblock(void)
{
    struct repository_op *op = op_new(DELETIONS_UNBLOCK);
    COPY(op->store_id, STORE);
    COPY(op->error_class, "AccessDenied");
    return op;
}

static struct repository_op *op_retry(void)
{
    struct repository_op *op = op_new(DELETIONS_RETRY);
    op->filter_state = DELETION_BLOCKED;
    return op;
}

static struct repository_op *op_hand_over(void)
{
    struct repository_op *op = op_new(DELETION_ADD);
    COPY(op->key, "reports/1");
    COPY(op->store_id, STORE);
    return op;
}

static struct repository_op *op_finish(void)
{
    return op_new(MARKED_FINISH);
}

static struct repository_op *op_reopen(void)
{
    struct repository_op *op = op_new(RECEIPTS_REOPEN);
    COPY(op->store_id, STORE);
    return op;
}

static struct repository_op *op_seal(void)
{
    struct repository_op *op = op_new(RECEIPTS_SEAL);
    COPY(op->id, driver->database_id);
    return op;
}

static struct repository_op *op_user_get(void)
{
    return user_op(USER_GET, ADA);
}

static struct repository_op *op_user_list(void)
{
    struct repository_op *op = op_new(USER_LIST);
    op->limit = 10;
    return op;
}

static struct repository_op *op_deletion_list(void)
{
    struct repository_op *op = op_new(DELETION_LIST);
    op->limit = 2;
    return op;
}

static struct repository_op *op_erasure_get(void)
{
    return user_op(ERASURE_GET, EVE);
}

static struct repository_op *op_pointer_list(void)
{
    struct repository_op *op = op_new(POINTER_LIST);
    COPY(op->store_id, STORE);
    op->limit = 10;
    return op;
}

static struct repository_op *op_finished_find(void)
{
    static const char *const subjects[] = {EVE, "avatars/3", "avatars/9"};
    static bool finished[COUNT_OF(subjects)];
    memset(finished, 0, sizeof finished);
    struct repository_op *op = op_new(FINISHED_FIND);
    op->watch =
        (struct watch){.subjects = subjects, .count = COUNT_OF(subjects), .finished = finished};
    return op;
}

static struct repository_op *op_backlog(void)
{
    return op_new(BACKLOG_GET);
}

static struct repository_op *op_receipts(void)
{
    struct repository_op *op = op_new(RECEIPTS_READ);
    op->limit = 10;
    return op;
}

struct act {
    const char *name;
    struct repository_op *(*make)(void);
    bool reads;
};

static const struct act acts[] = {
    {"attach", op_attach},
    {"guard", op_guard},
    {"add", op_add},
    {"replace", op_replace},
    {"mark", op_mark},
    {"clear", op_clear},
    {"settle", op_settle},
    {"claim", op_claim},
    {"confirm", op_confirm},
    {"unblock", op_unblock},
    {"retry", op_retry},
    {"hand over", op_hand_over},
    {"finish", op_finish},
    {"reopen", op_reopen},
    {"seal", op_seal},
    {"get a user", op_user_get, .reads = true},
    {"list users", op_user_list, .reads = true},
    {"list deletions", op_deletion_list, .reads = true},
    {"get an erasure", op_erasure_get, .reads = true},
    {"list pointers", op_pointer_list, .reads = true},
    {"find what is finished", op_finished_find, .reads = true},
    {"count", op_backlog, .reads = true},
    {"read receipts", op_receipts, .reads = true},
};

static void act_run(const struct act *act, struct repository_op *op)
{
    if (act->reads)
        driver->read(driver, op);
    else
        driver->apply(driver, &op, 1);
}

/* What an operation put out, as one text: a page that was cut short is another one. */
static const char *answer_of(const struct repository_op *op)
{
    static char text[1024];
    snprintf(
        text, sizeof text, "%d %zu %zu %zu %zu %zu %d %d %lld %d %s %lld/%lld", op->outcome,
        op->keys.count, op->user_count, op->deletions.count, op->claim.claimed.count,
        op->pointers.count, op->more, op->erasure.state, (long long)op->matched,
        op->watch.count ? op->watch.finished[0] + 2 * op->watch.finished[1] : 0,
        op->user.avatar.key, (long long)op->backlog.pending, (long long)op->backlog.blocked);
    return text;
}

struct expected {
    char before[1024], after[1024], answer[1024];
};

/* One that was refused memory; false if none was refused. */
static bool act_tried(const struct act *act, const struct expected *expected,
                      enum allocations_whose whose, int64_t number, bool lasts)
{
    struct repository_op *op = act->make();
    allocations_fail(whose, number, lasts);
    act_run(act, op);
    int64_t refused = allocations_spare();
    const char *found = fingerprint();
    if (op->outcome == REPOSITORY_FAILED) {
        assert_true(refused > 0);
        assert_int_equal(op->error.class, ERROR_NO_MEMORY);
        assert_true(strlen(op->error.text) > 0);
        assert_string_equal(found, expected->before);
    } else {
        assert_string_equal(answer_of(op), expected->answer);
        assert_string_equal(found, expected->after);
    }
    op->confirm.items = NULL;
    return refused > 0;
}

static void world_renew(void)
{
    contract_end(NULL);
    contract_begin(NULL);
    cast_make();
}

static int64_t point_step(void)
{
    const char *given = getenv("STEP");
    return given ? strtol(given, NULL, 10) : STEP_PRESET;
}

static void act_try(const struct act *act, enum allocations_whose whose, bool lasts)
{
    struct expected expected;
    world_renew();
    COPY(expected.before, fingerprint());
    struct repository_op *op = act->make();
    act_run(act, op);
    COPY(expected.answer, answer_of(op));
    COPY(expected.after, fingerprint());
    op->confirm.items = NULL;
    world_renew();
    int64_t step = whose == ALLOCATIONS_SQLITE ? point_step() : 1;
    int64_t number = 1 + (act - acts) % step;
    while (act_tried(act, &expected, whose, number, lasts)) {
        number += step;
        if (strcmp(fingerprint(), expected.before) != 0)
            world_renew();
    }
    print_message("           | %s: to %d\n", act->name, (int)number);
    assert_true(number > step || whose == ALLOCATIONS_OWN);
}

static void operation__that_is_refused_memory_once_is_whole_or_not_at_all(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(acts); i++)
        for (int whose = ALLOCATIONS_OWN; whose <= ALLOCATIONS_SQLITE; whose++)
            act_try(&acts[i], (enum allocations_whose)whose, false);
}

static void operation__that_is_refused_memory_for_good_is_whole_or_not_at_all(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(acts); i++)
        for (int whose = ALLOCATIONS_OWN; whose <= ALLOCATIONS_SQLITE; whose++)
            act_try(&acts[i], (enum allocations_whose)whose, true);
}

/* Several in a batch: each is answered truly, whatever became of its neighbours. */
static void batch__that_is_refused_memory_is_answered_truly(void **state)
{
    (void)state;
    static const char *const counts[] = {
        "SELECT count(*) FROM users WHERE avatar_key = 'avatars/2'",
        "SELECT count(*) FROM users WHERE id = '" BOB "'",
        "SELECT count(*) FROM receipts WHERE key = 'avatars/3'",
    };
    bool refused = true;
    int64_t step = point_step() | 1;
    for (int64_t number = 1; refused; number += step) {
        world_renew();
        struct repository_op *batch[] = {op_attach(), user_op(USER_ADD, BOB), op_confirm()};
        allocations_fail(ALLOCATIONS_ALL, number, number % 2);
        ops_apply(batch, COUNT_OF(batch));
        refused = allocations_spare() > 0;
        for (size_t i = 0; i < COUNT_OF(batch); i++) {
            bool kept = batch[i]->outcome == REPOSITORY_OK;
            assert_true(kept || batch[i]->outcome == REPOSITORY_FAILED);
            /* Once is not enough to fail: the batch is done again, one by one. */
            assert_true(kept || number % 2);
            assert_int_equal(sql_number("%s", counts[i]), kept);
        }
        batch[2]->confirm.items = NULL;
    }
}

static void database__is_opened_or_the_error_says_that_memory_lacks(void **state)
{
    (void)state;
    cast_make();
    for (int lasts = 0; lasts < 2; lasts++) {
        bool refused = true;
        for (int64_t number = 1; refused; number += point_step()) {
            struct error error = {0};
            driver_close();
            allocations_fail(ALLOCATIONS_ALL, number, lasts);
            driver = database_open(&error);
            refused = allocations_spare() > 0;
            if (!driver) {
                assert_true(refused);
                assert_true(error.class != ERROR_NONE && *error.text);
                driver_open();
            }
        }
    }
    assert_true(row_exists("avatars/3"));
}

int main(void)
{
    /* Nothing here is about a disk. */
    if (access("/dev/shm", W_OK) == 0)
        setenv("TMPDIR", "/dev/shm", 0);
    const struct CMUnitTest tests[] = {
        CONTRACT(operation__that_is_refused_memory_once_is_whole_or_not_at_all),
        CONTRACT(operation__that_is_refused_memory_for_good_is_whole_or_not_at_all),
        CONTRACT(batch__that_is_refused_memory_is_answered_truly),
        CONTRACT(database__is_opened_or_the_error_says_that_memory_lacks),
    };
    return cmocka_run_group_tests_name("repository: no memory", tests, NULL, NULL);
}
