/* Who may take which row, and when: R4, R5, R6, R13, D6. */
#include "base/clock.h"
#include "contract/repository_support.h"

#include <string.h>
#include <unistd.h>

/* Every way to claim the one row of `key`, as generous as it can be. */
static const struct claim *claim_by(enum claim_kind kind, const char *const *key)
{
    return claim((struct claim){
        .kind = kind, .horizon_ms = INT64_C(4102444800000), .keys = key, .key_count = 1});
}

static const char *const kind_names[] = {"due", "keys", "sweep", "probes"};

/* A row that `kind` takes: a blocked one for the probes. */
static void row_make(enum claim_kind kind, const char *key)
{
    contract_renew(kind_names[kind]);
    deletion_leave(ADA, key);
    if (kind == CLAIM_PROBES)
        sql("UPDATE deletions SET state = 'blocked', error_class = 'AccessDenied'");
}

#define EACH_KIND(kind) for (enum claim_kind kind = CLAIM_DUE; kind <= CLAIM_PROBES; kind++)

static const char *const one_key[] = {"avatars/1"};

static void claim__raises_the_token_and_takes_the_lease(void **state)
{
    (void)state;
    EACH_KIND(kind)
    {
        row_make(kind, "avatars/1");
        const struct claim *taken = claim_by(kind, one_key);
        assert_int_equal(taken->claimed.count, 1);
        assert_int_equal(taken->claimed.rows[0].claim, 1);
        assert_int_equal(row_number("avatars/1", "claim"), 1);
        assert_int_equal(row_number("avatars/1", "leased_until"), taken->now + LEASE_MS);
        assert_int_equal(row_number("avatars/1", "attempts"), 0);
    }
}

static void claim__takes_nothing_before_its_not_before(void **state)
{
    (void)state;
    EACH_KIND(kind)
    {
        row_make(kind, "avatars/1");
        sql("UPDATE deletions SET not_before = %lld", (long long)(backlog_get().now + 30000));
        assert_int_equal(claim_by(kind, one_key)->claimed.count, 0);
        assert_int_equal(row_number("avatars/1", "claim"), 0);
    }
}

static void claim__takes_nothing_under_a_lease(void **state)
{
    (void)state;
    EACH_KIND(kind)
    {
        row_make(kind, "avatars/1");
        row_claim("avatars/1");
        assert_int_equal(claim_by(kind, one_key)->claimed.count, 0);
        assert_int_equal(row_number("avatars/1", "claim"), 1);
        row_end_lease("avatars/1");
        assert_int_equal(claim_by(kind, one_key)->claimed.count, 1);
    }
}

static void claim__raises_the_token_every_time_and_nothing_resets_it(void **state)
{
    (void)state;
    deletion_leave(ADA, "avatars/1");
    int64_t before = 0;
    for (int i = 0; i < 12; i++) {
        const struct deletion *row = row_claim("avatars/1");
        assert_true(row->claim > before);
        before = row->claim;
        switch (i % 4) {
        case 0:
            confirm(row, CONFIRM_RETRY);
            break;
        case 1:
            confirm(row, CONFIRM_BLOCKED);
            break;
        case 2: {
            struct repository_op *op = op_new(DELETIONS_RETRY);
            memcpy(op->key, "avatars/1", sizeof "avatars/1");
            op_apply(op);
            row_end_lease("avatars/1");
            break;
        }
        default:
            driver_close();
            driver_open();
            if (database_is_shared())
                row_end_lease("avatars/1");
        }
        assert_int_equal(row_number("avatars/1", "claim"), before);
    }
}

static void claim__gives_out_the_whole_row(void **state)
{
    (void)state;
    deletion_leave(ADA, "avatars/1");
    confirm(row_claim("avatars/1"), CONFIRM_BLOCKED);
    const struct deletion *row = row_claim("avatars/1");
    assert_string_equal(row->key, "avatars/1");
    assert_string_equal(row->store_id, STORE);
    assert_string_equal(row->user_id, ADA);
    assert_int_equal(row->reason, REASON_USER);
    assert_int_equal(row->state, DELETION_BLOCKED);
    assert_int_equal(row->look, LOOK_FIRST);
    assert_int_equal(row->claim, 2);
    assert_int_equal(row->attempts, 1);
    assert_int_equal(row->created_at, 1);
    assert_int_equal(row->not_before, 1);
    assert_string_equal(row->error_class, "AccessDenied");
    assert_string_equal(row->error, "the provider's words");
}

/* Rows due at these distances from now. */
static void rows_leave(const char *state_name, const int64_t *ahead, size_t count)
{
    int64_t now = backlog_get().now;
    for (size_t i = 0; i < count; i++) {
        char key[] = {'k', '/', (char)('a' + i), '\0'};
        deletion_leave(ADA, key);
        sql("UPDATE deletions SET state = '%s', error_class = 'AccessDenied', due_at = %lld "
            "WHERE key = '%s'",
            state_name, (long long)(now + ahead[i]), key);
    }
}

static void claim_due__takes_what_is_due_in_order_of_its_time(void **state)
{
    (void)state;
    static const int64_t ahead[] = {-1000, 600000, -3000, -2000, 700000};
    rows_leave("pending", ahead, COUNT_OF(ahead));
    const struct claim *taken = claim((struct claim){.kind = CLAIM_DUE, .limit = 2});
    assert_int_equal(taken->claimed.count, 2);
    assert_true(claim_has(taken, "k/c") && claim_has(taken, "k/d"));
    assert_int_equal(taken->next_due_at, row_number("k/b", "due_at"));
    taken = claim((struct claim){.kind = CLAIM_DUE});
    assert_int_equal(taken->claimed.count, 1);
    assert_true(claim_has(taken, "k/a"));
}

/* A claim goes on where the one before ended; what came due behind it is not forgotten. */
static void
claim_due__finds_what_comes_due_behind_the_last_claim_when_little_is_left(void **state)
{
    (void)state;
    static const int64_t ahead[] = {-3000, -2000, -1000};
    rows_leave("pending", ahead, COUNT_OF(ahead));
    assert_true(claim_has(claim((struct claim){.kind = CLAIM_DUE, .limit = 2}), "k/b"));
    deletion_leave(ADA, "k/old");
    const struct claim *taken = claim((struct claim){.kind = CLAIM_DUE, .limit = 100});
    assert_int_equal(taken->claimed.count, 2);
    assert_true(claim_has(taken, "k/old") && claim_has(taken, "k/c"));
}

static void
claim_due__finds_what_comes_due_behind_the_last_claim_while_there_is_much(void **state)
{
    (void)state;
    static const int64_t ahead[] = {-3000, -2000};
    rows_leave("pending", ahead, COUNT_OF(ahead));
    assert_true(claim_has(claim((struct claim){.kind = CLAIM_DUE, .limit = 1}), "k/a"));
    deletion_leave(ADA, "k/old");
    /* A full claim each time, of a row that is due again at once. */
    int64_t patience = clock_boot_ms() + 60000;
    bool found = false;
    while (!found && clock_boot_ms() < patience) {
        const struct claim *taken = claim((struct claim){.kind = CLAIM_DUE, .limit = 1});
        assert_int_equal(taken->claimed.count, 1);
        found = claim_has(taken, "k/old");
        sql("UPDATE deletions SET leased_until = 0 WHERE key = 'k/b'");
        usleep(10000);
    }
    assert_true(found);
}

/* Rows of one time, more than a claim takes: each is claimed once, and none that was not given.
 */
static void claim_due__takes_no_more_than_it_gives_out(void **state)
{
    (void)state;
    static const char *const keys[] = {"avatars/5", "avatars/1", "avatars/4", "avatars/2",
                                       "avatars/3"};
    for (size_t i = 0; i < COUNT_OF(keys); i++)
        deletion_leave(ADA, keys[i]);
    sql("UPDATE deletions SET due_at = 1000");
    for (int64_t taken = 0; taken < 5;) {
        const struct claim *some = claim((struct claim){.kind = CLAIM_DUE, .limit = 2});
        assert_int_equal(some->claimed.count, taken < 4 ? 2 : 1);
        taken += (int64_t)some->claimed.count;
        assert_int_equal(sql_number("SELECT count(*) FROM deletions WHERE claim = 1"), taken);
        for (size_t i = 0; i < some->claimed.count; i++)
            assert_int_equal(row_number(some->claimed.rows[i].key, "claim"), 1);
    }
    assert_int_equal(claim((struct claim){.kind = CLAIM_DUE})->claimed.count, 0);
}

static void claim_due__pulls_pending_rows_forward_up_to_its_horizon(void **state)
{
    (void)state;
    static const int64_t ahead[] = {-1000, 600000, 900000};
    rows_leave("pending", ahead, COUNT_OF(ahead));
    const struct claim *taken = claim((struct claim){.kind = CLAIM_DUE, .horizon_ms = 700000});
    assert_int_equal(taken->claimed.count, 2);
    assert_false(claim_has(taken, "k/c"));
}

static void claim_due__tries_blocked_rows_when_they_come_due_and_not_before(void **state)
{
    (void)state;
    static const int64_t ahead[] = {-1000, 600000};
    rows_leave("blocked", ahead, COUNT_OF(ahead));
    const struct claim *taken = claim((struct claim){.kind = CLAIM_DUE, .horizon_ms = 3600000});
    assert_int_equal(taken->claimed.count, 1);
    assert_true(claim_has(taken, "k/a"));
}

static void claim_due__says_when_nothing_waits(void **state)
{
    (void)state;
    assert_int_equal(claim((struct claim){.kind = CLAIM_DUE})->next_due_at, 0);
}

static void claim_keys__takes_rows_whether_due_or_blocked_or_not(void **state)
{
    (void)state;
    static const int64_t ahead[] = {600000, -1};
    static const char *const keys[] = {"k/b", "k/none", "k/a"};
    rows_leave("blocked", ahead, COUNT_OF(ahead));
    assert_int_equal(
        claim((struct claim){.kind = CLAIM_KEYS, .keys = keys, .key_count = 3})->claimed.count,
        2);
}

static void claim_keys__takes_a_row_once_that_is_named_twice(void **state)
{
    (void)state;
    static const int64_t ahead[] = {-1};
    static const char *const keys[] = {"k/a", "k/a"};
    rows_leave("pending", ahead, COUNT_OF(ahead));
    assert_int_equal(
        claim((struct claim){.kind = CLAIM_KEYS, .keys = keys, .key_count = 2})->claimed.count,
        1);
}

static void claim_sweep__takes_pending_rows_due_or_not_in_key_order(void **state)
{
    (void)state;
    static const int64_t ahead[] = {900000, -1000, 600000, -2000};
    rows_leave("pending", ahead, COUNT_OF(ahead));
    sql("UPDATE deletions SET state = 'blocked' WHERE key = 'k/b'");
    static const char *const expected[] = {"k/a", "k/c", "k/d"};
    const char *after = "";
    for (size_t i = 0; i < COUNT_OF(expected); i++) {
        const struct claim *taken =
            claim((struct claim){.kind = CLAIM_SWEEP, .limit = 1, .after_key = after});
        assert_int_equal(taken->claimed.count, 1);
        assert_string_equal(taken->claimed.rows[0].key, expected[i]);
        after = expected[i];
    }
    assert_int_equal(
        claim((struct claim){.kind = CLAIM_SWEEP, .after_key = after})->claimed.count, 0);
}

/* M2: what is scheduled while a sweep runs is the next one's. */
static void claim_sweep__leaves_rows_that_are_younger_than_it(void **state)
{
    (void)state;
    int64_t begun = backlog_get().now;
    deletion_leave(ADA, "avatars/1");
    deletion_leave(ADA, "avatars/2");
    sql("UPDATE deletions SET created_at = %lld WHERE key = 'avatars/2'", (long long)begun + 1);
    const struct claim *taken =
        claim((struct claim){.kind = CLAIM_SWEEP, .created_until = begun});
    assert_int_equal(taken->claimed.count, 1);
    assert_true(claim_has(taken, "avatars/1"));
}

/* What a sweep or a pull has tried, it does not try again. */
static void claim__leaves_rows_that_were_touched_since(void **state)
{
    (void)state;
    EACH_KIND(kind)
    {
        row_make(kind, "avatars/1");
        deletion_leave(ADA, "avatars/2");
        int64_t begun = backlog_get().now - 1;
        confirm(row_claim("avatars/1"), kind == CLAIM_PROBES ? CONFIRM_BLOCKED : CONFIRM_RETRY);
        struct claim wanted = {.kind = kind,
                               .horizon_ms = INT64_C(4102444800000),
                               .untouched_since = begun,
                               .keys = one_key,
                               .key_count = 1};
        assert_false(claim_has(claim(wanted), "avatars/1"));
        wanted.untouched_since = 0;
        sql("UPDATE deletions SET leased_until = leased_until - 1");
        assert_true(claim_has(claim(wanted), "avatars/1"));
    }
}

static void blocked_leave(const char *key, const char *store_id, const char *error_class,
                          int64_t tried_at)
{
    deletion_leave(ADA, key);
    sql("UPDATE deletions SET state = 'blocked', store_id = '%s', error_class = '%s', "
        "tried_at = %lld WHERE key = '%s'",
        store_id, error_class, (long long)tried_at, key);
}

static void claim_probes__takes_the_row_tried_longest_ago_of_each_class(void **state)
{
    (void)state;
    blocked_leave("k/1", STORE, "AccessDenied", 30);
    blocked_leave("k/2", STORE, "AccessDenied", 10);
    blocked_leave("k/3", STORE, "AccessDenied", 20);
    blocked_leave("k/4", STORE, "ObjectLocked", 40);
    blocked_leave("k/5", OTHER_STORE, "AccessDenied", 50);
    deletion_leave(ADA, "k/6");
    const struct claim *taken = claim((struct claim){.kind = CLAIM_PROBES});
    assert_int_equal(taken->claimed.count, 3);
    assert_true(claim_has(taken, "k/2"));
    assert_true(claim_has(taken, "k/4"));
    assert_true(claim_has(taken, "k/5"));
}

/* R13: one object that stays locked for ever does not starve the others of its class. */
static void claim_probes__come_round_to_every_row(void **state)
{
    (void)state;
    static const char *const keys[] = {"k/1", "k/2", "k/3"};
    for (int i = 0; i < 3; i++)
        blocked_leave(keys[i], STORE, "ObjectLocked", i + 1);
    for (size_t i = 0; i < COUNT_OF(keys); i++) {
        const struct claim *taken = claim((struct claim){.kind = CLAIM_PROBES});
        assert_int_equal(taken->claimed.count, 1);
        assert_string_equal(taken->claimed.rows[0].key, keys[i]);
        confirm_blocked(&taken->claimed.rows[0], "ObjectLocked");
    }
}

static void live_user__has_its_object_left_alone_by_every_claim(void **state)
{
    (void)state;
    EACH_KIND(kind)
    {
        contract_renew(kind_names[kind]);
        user_add_with_avatar(EVE, "avatars/1");
        deletion_leave(ADA, "avatars/1");
        if (kind == CLAIM_PROBES)
            sql("UPDATE deletions SET state = 'blocked', error_class = 'AccessDenied'");
        const struct claim *taken = claim_by(kind, one_key);
        assert_int_equal(taken->claimed.count, 0);
        assert_int_equal(taken->live_users, 1);
        assert_string_equal(row_text("avatars/1", "state"), "blocked");
        assert_string_equal(row_text("avatars/1", "error_class"), "live-user");
        assert_int_equal(row_number("avatars/1", "due_at"), taken->now + 86400000);
    }
}

static void live_user__does_not_stand_in_the_way_of_others(void **state)
{
    (void)state;
    user_add_with_avatar(EVE, "avatars/1");
    deletion_leave(ADA, "avatars/1");
    deletion_leave(ADA, "avatars/2");
    const struct claim *taken = claim((struct claim){.kind = CLAIM_DUE});
    assert_int_equal(taken->claimed.count, 1);
    assert_true(claim_has(taken, "avatars/2"));
}

static void live_user__who_is_marked_is_none(void **state)
{
    (void)state;
    user_add_with_avatar(EVE, "avatars/1");
    deletion_leave(EVE, "avatars/1");
    claim_key("avatars/1");
    mark(EVE);
    assert_true(finish("avatars/1").user_gone);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CONTRACT(claim__raises_the_token_and_takes_the_lease),
        CONTRACT(claim__takes_nothing_before_its_not_before),
        CONTRACT(claim__takes_nothing_under_a_lease),
        CONTRACT(claim__raises_the_token_every_time_and_nothing_resets_it),
        CONTRACT(claim__gives_out_the_whole_row),
        CONTRACT(claim_due__takes_what_is_due_in_order_of_its_time),
        CONTRACT(claim_due__finds_what_comes_due_behind_the_last_claim_when_little_is_left),
        CONTRACT(claim_due__finds_what_comes_due_behind_the_last_claim_while_there_is_much),
        CONTRACT(claim_due__takes_no_more_than_it_gives_out),
        CONTRACT(claim_due__pulls_pending_rows_forward_up_to_its_horizon),
        CONTRACT(claim_due__tries_blocked_rows_when_they_come_due_and_not_before),
        CONTRACT(claim_due__says_when_nothing_waits),
        CONTRACT(claim_keys__takes_rows_whether_due_or_blocked_or_not),
        CONTRACT(claim_keys__takes_a_row_once_that_is_named_twice),
        CONTRACT(claim_sweep__takes_pending_rows_due_or_not_in_key_order),
        CONTRACT(claim_sweep__leaves_rows_that_are_younger_than_it),
        CONTRACT(claim__leaves_rows_that_were_touched_since),
        CONTRACT(claim_probes__takes_the_row_tried_longest_ago_of_each_class),
        CONTRACT(claim_probes__come_round_to_every_row),
        CONTRACT(live_user__has_its_object_left_alone_by_every_claim),
        CONTRACT(live_user__does_not_stand_in_the_way_of_others),
        CONTRACT(live_user__who_is_marked_is_none),
    };
    return cmocka_run_group_tests_name("repository: claims", tests, NULL, NULL);
}
