/* The audit: one at a time, whoever holds it; and nothing that somebody owns is ever scheduled.
 */
#include "contract/repository_support.h"

#include <stdio.h>
#include <string.h>

#define FIRST_OWNER "01900000-0000-7000-8000-0000000000a1"
#define OTHER_OWNER "01900000-0000-7000-8000-0000000000a2"
#define AUDIT_ID    "01900000-0000-7000-8000-0000000000aa"

/* What was receipted longer ago than this has settled. */
#define SETTLED_MS INT64_C(86400000)

#define COPY(to, from) snprintf((to), sizeof(to), "%s", (from))

static struct audit_place place;
static struct audit_save save;
static const char *strays[8];

static enum repository_outcome start(int64_t since)
{
    struct repository_op *op = op_new(AUDIT_START);
    place = (struct audit_place){.deletes = true, .share = 7};
    COPY(place.id, AUDIT_ID);
    op->place = &place;
    op->since = since;
    return op_apply(op);
}

static enum repository_outcome take(const char *owner)
{
    struct repository_op *op = op_new(AUDIT_CLAIM);
    COPY(op->id, owner);
    op->limit = LEASE_MS;
    op->place = &place;
    return op_apply(op);
}

static struct repository_op *save_op(const char *owner)
{
    struct repository_op *op = op_new(AUDIT_SAVE);
    COPY(op->id, owner);
    COPY(op->store_id, STORE);
    op->limit = LEASE_MS;
    op->place = &place;
    op->save = &save;
    return op;
}

static void place_read(void)
{
    struct repository_op *op = op_new(AUDIT_GET);
    op->place = &place;
    assert_int_equal(op_read(op)->outcome, REPOSITORY_OK);
}

/* An audit that is under way, and saves the given stray. Returns how many were scheduled. */
static int64_t schedule(const char *key)
{
    if (place.state != AUDIT_RUNNING) {
        assert_int_equal(start(-1), REPOSITORY_OK);
        assert_int_equal(take(FIRST_OWNER), REPOSITORY_OK);
    }
    strays[0] = key;
    save = (struct audit_save){.strays = strays, .stray_count = 1, .settled_ms = SETTLED_MS};
    struct repository_op *op = save_op(FIRST_OWNER);
    assert_int_equal(op_apply(op), REPOSITORY_OK);
    place_read();
    return op->matched;
}

/* Is it one, as a search would say? Asked together with another key, in front of it. */
static bool is_stray(const char *key)
{
    const char *keys[] = {"avatars/0", key};
    bool stray[] = {false, true};
    struct stray_search search = {
        .keys = keys, .count = 2, .settled_ms = SETTLED_MS, .stray = stray};
    struct repository_op *op = op_new(STRAYS_FIND);
    op->search = &search;
    assert_int_equal(op_read(op)->outcome, REPOSITORY_OK);
    assert_true(stray[0]);
    return stray[1];
}

static int audit_begin(void **state)
{
    place = (struct audit_place){0};
    save = (struct audit_save){0};
    return contract_begin(state);
}

#define AUDIT(function) cmocka_unit_test_setup_teardown(function, audit_begin, contract_end)

static void audit__is_never_before_the_first(void **state)
{
    (void)state;
    place_read();
    assert_int_equal(place.state, AUDIT_NEVER);
    assert_true(place.now > 0 && place.ended_at > 0 && place.ended_at <= place.now);
}

static void audit__is_one_at_a_time(void **state)
{
    (void)state;
    assert_int_equal(take(FIRST_OWNER), REPOSITORY_NOT_FOUND);
    assert_int_equal(start(-1), REPOSITORY_OK);
    assert_int_equal(place.state, AUDIT_RUNNING);
    assert_int_equal(place.share, 7);
    assert_true(place.deletes);
    assert_int_equal(start(-1), REPOSITORY_CONFLICT);
    assert_int_equal(take(FIRST_OWNER), REPOSITORY_OK);
    assert_true(place.held);
    assert_int_equal(take(FIRST_OWNER), REPOSITORY_OK);
    assert_int_equal(take(OTHER_OWNER), REPOSITORY_CONFLICT);
}

static void audit__is_started_by_a_schedule_only_if_nobody_else_was_faster(void **state)
{
    (void)state;
    place_read();
    int64_t seen = place.started_at;
    assert_int_equal(start(seen), REPOSITORY_OK);
    sql("UPDATE audit SET state = 'done'");
    assert_int_equal(start(seen), REPOSITORY_CONFLICT);
}

static void audit__goes_on_elsewhere_when_its_holder_is_gone(void **state)
{
    (void)state;
    start(-1);
    take(FIRST_OWNER);
    COPY(place.cursor, "avatars/5");
    COPY(place.store_id, STORE);
    COPY(place.trouble, "so and so");
    place.pass = AUDIT_DELETING;
    place.counts[AUDIT_UNKNOWN] = 3;
    place.store_strays = 9;
    assert_int_equal(op_apply(save_op(FIRST_OWNER)), REPOSITORY_OK);
    sql("UPDATE audit SET leased_until = 1");
    assert_int_equal(take(OTHER_OWNER), REPOSITORY_OK);
    assert_string_equal(place.cursor, "avatars/5");
    assert_string_equal(place.store_id, STORE);
    assert_string_equal(place.trouble, "so and so");
    assert_int_equal(place.pass, AUDIT_DELETING);
    assert_int_equal(place.counts[AUDIT_UNKNOWN], 3);
    assert_int_equal(place.store_strays, 9);
}

/* Paused for long, then woken: it must not schedule anything any more. */
static void audit__of_a_holder_that_lost_it_changes_nothing(void **state)
{
    (void)state;
    static const struct audit_finding finding = {.kind = AUDIT_STRAYS, .key = "avatars/1"};
    start(-1);
    take(FIRST_OWNER);
    sql("UPDATE audit SET leased_until = 1");
    take(OTHER_OWNER);
    strays[0] = "avatars/1";
    save = (struct audit_save){.strays = strays,
                               .stray_count = 1,
                               .settled_ms = SETTLED_MS,
                               .findings = &finding,
                               .finding_count = 1};
    COPY(place.cursor, "avatars/9");
    assert_int_equal(op_apply(save_op(FIRST_OWNER)), REPOSITORY_CONFLICT);
    assert_false(row_exists("avatars/1"));
    assert_int_equal(sql_number("SELECT count(*) FROM audit_findings"), 0);
    place_read();
    assert_string_equal(place.cursor, "");
}

static void audit__that_was_stopped_changes_nothing(void **state)
{
    (void)state;
    assert_int_equal(op_apply(op_new(AUDIT_STOP)), REPOSITORY_NOT_FOUND);
    start(-1);
    take(FIRST_OWNER);
    assert_int_equal(op_apply(op_new(AUDIT_STOP)), REPOSITORY_OK);
    strays[0] = "avatars/1";
    save = (struct audit_save){.strays = strays, .stray_count = 1};
    assert_int_equal(op_apply(save_op(FIRST_OWNER)), REPOSITORY_CONFLICT);
    assert_false(row_exists("avatars/1"));
    place_read();
    assert_int_equal(place.state, AUDIT_STOPPED);
}

static void stray__is_scheduled_and_counted_with_the_place(void **state)
{
    (void)state;
    assert_true(is_stray("avatars/1"));
    assert_int_equal(schedule("avatars/1"), 1);
    assert_string_equal(row_text("avatars/1", "reason"), "external");
    assert_string_equal(row_text("avatars/1", "store_id"), STORE);
    assert_int_equal(place.counts[AUDIT_SCHEDULED], 1);
    assert_int_equal(place.store_scheduled, 1);
    assert_true(finish("avatars/1").finished);
    assert_int_equal(receipts_count("avatars/1"), 1);
}

static void stray__is_not_scheduled_twice(void **state)
{
    (void)state;
    schedule("avatars/1");
    int64_t claim = row_claim("avatars/1")->claim;
    assert_false(is_stray("avatars/1"));
    assert_int_equal(schedule("avatars/1"), 0);
    assert_int_equal(row_number("avatars/1", "claim"), claim);
}

static void an_avatar__of_a_live_user_is_no_stray(void **state)
{
    (void)state;
    user_add_with_avatar(ADA, "avatars/1");
    assert_false(is_stray("avatars/1"));
    assert_int_equal(schedule("avatars/1"), 0);
    assert_false(row_exists("avatars/1"));
}

/* Its object was copied by hand, or its store was given another id: it is somebody's. */
static void an_avatar__that_is_said_to_be_in_another_store_is_no_stray(void **state)
{
    (void)state;
    user_add_with_avatar(ADA, "avatars/1");
    sql("UPDATE users SET avatar_store_id = '" OTHER_STORE "'");
    assert_false(is_stray("avatars/1"));
    assert_int_equal(schedule("avatars/1"), 0);
}

/* Listed when nobody owned it yet; by the time it would be scheduled somebody does. */
static void an_upload__under_way_is_no_stray_at_any_step(void **state)
{
    (void)state;
    user_add(ADA);
    guard_add(ADA, "avatars/1");
    assert_false(is_stray("avatars/1"));
    assert_int_equal(schedule("avatars/1"), 0);
    assert_string_equal(row_text("avatars/1", "reason"), "upload");
    assert_int_equal(row_number("avatars/1", "claim"), 0);
    assert_int_equal(attach(ADA, "avatars/1"), REPOSITORY_OK);
    assert_false(is_stray("avatars/1"));
    assert_int_equal(schedule("avatars/1"), 0);
}

static void an_upload__attached_in_the_same_transaction_is_no_stray(void **state)
{
    (void)state;
    user_add(ADA);
    guard_add(ADA, "avatars/1");
    start(-1);
    take(FIRST_OWNER);
    strays[0] = "avatars/1";
    save = (struct audit_save){.strays = strays, .stray_count = 1, .settled_ms = SETTLED_MS};
    struct repository_op *ops[] = {save_op(FIRST_OWNER), attach_op(ADA, "avatars/1"),
                                   save_op(FIRST_OWNER)};
    ops_apply(ops, 3);
    assert_int_equal(ops[1]->outcome, REPOSITORY_OK);
    assert_int_equal(ops[0]->matched + ops[2]->matched, 0);
    assert_false(row_exists("avatars/1"));
}

static void an_old_avatar__that_is_being_deleted_is_no_stray(void **state)
{
    (void)state;
    user_add_with_avatar(ADA, "avatars/1");
    avatar_give(ADA, "avatars/2");
    assert_false(is_stray("avatars/1"));
    assert_int_equal(schedule("avatars/1"), 0);
    assert_string_equal(row_text("avatars/1", "reason"), "replaced");
    mark(ADA);
    assert_false(is_stray("avatars/2"));
    assert_int_equal(schedule("avatars/2"), 0);
}

/* The listing is a page old, or lags: what has only just gone has not come back. */
static void an_object__that_went_a_while_ago_is_no_stray(void **state)
{
    (void)state;
    user_add_with_avatar(ADA, "avatars/1");
    clear(ADA);
    finish("avatars/1");
    assert_false(is_stray("avatars/1"));
    assert_int_equal(schedule("avatars/1"), 0);
    assert_false(row_exists("avatars/1"));
}

static void
an_object__that_came_back_is_its_users_again_and_its_receipt_is_taken_back(void **state)
{
    (void)state;
    user_add_with_avatar(ADA, "avatars/1");
    mark(ADA);
    finish("avatars/1");
    assert_int_equal(erasure_get(ADA).state, ERASURE_DELETED);
    sql("UPDATE receipts SET finished_at = 1");
    assert_true(is_stray("avatars/1"));
    assert_int_equal(schedule("avatars/1"), 1);
    assert_string_equal(sql_text("SELECT kind FROM receipts ORDER BY id DESC LIMIT 1"),
                        "corrected");
    assert_int_equal(erasure_get(ADA).state, ERASURE_PENDING);
    finish("avatars/1");
    assert_int_equal(erasure_get(ADA).state, ERASURE_DELETED);
    assert_int_equal(sql_number("SELECT count(*) FROM receipts"), 3);
}

static void pointers__come_in_order_with_those_of_one_store(void **state)
{
    (void)state;
    user_add_with_avatar(ADA, "avatars/b");
    user_add_with_avatar(BOB, "avatars/a");
    user_add_with_avatar(EVE, "avatars/c");
    mark(BOB);
    struct repository_op *op = op_new(POINTER_LIST);
    COPY(op->store_id, STORE);
    op->limit = 2;
    assert_int_equal(op_read(op)->outcome, REPOSITORY_OK);
    assert_int_equal(op->pointers.count, 2);
    assert_true(op->more);
    assert_string_equal(op->pointers.rows[0].key, "avatars/a");
    assert_string_equal(op->pointers.rows[0].user_id, BOB);
    assert_true(op->pointers.rows[0].marked);
    assert_string_equal(op->pointers.rows[1].key, "avatars/b");
    assert_false(op->pointers.rows[1].marked);
    sql("UPDATE users SET avatar_store_id = '" OTHER_STORE "' WHERE id = '" EVE "'");
    op = op_new(POINTER_LIST);
    COPY(op->store_id, STORE);
    COPY(op->cursor, "avatars/a");
    op->limit = 2;
    assert_int_equal(op_read(op)->pointers.count, 1);
    assert_false(op->more);
}

static void findings__are_kept_up_to_a_bound_and_until_the_next_audit(void **state)
{
    (void)state;
    static struct audit_finding found[AUDIT_FINDINGS_MAX + 3];
    for (size_t i = 0; i < AUDIT_FINDINGS_MAX + 3; i++) {
        found[i].kind = AUDIT_MISSING;
        snprintf(found[i].key, sizeof found[i].key, "avatars/%05zu", i);
        COPY(found[i].user_id, i % 2 ? ADA : "");
    }
    start(-1);
    take(FIRST_OWNER);
    save = (struct audit_save){.findings = found, .finding_count = AUDIT_FINDINGS_MAX + 3};
    assert_int_equal(op_apply(save_op(FIRST_OWNER)), REPOSITORY_OK);
    assert_int_equal(op_apply(save_op(FIRST_OWNER)), REPOSITORY_OK);
    assert_int_equal(sql_number("SELECT count(*) FROM audit_findings"), AUDIT_FINDINGS_MAX);
    struct repository_op *op = op_new(FINDING_LIST);
    COPY(op->cursor, "avatars/00000");
    op->limit = 2;
    assert_int_equal(op_read(op)->finding_count, 2);
    assert_true(op->more);
    assert_string_equal(op->findings[0].key, "avatars/00001");
    assert_string_equal(op->findings[0].user_id, ADA);
    assert_int_equal(op->findings[1].kind, AUDIT_MISSING);
    assert_string_equal(op->findings[1].user_id, "");
    sql("UPDATE audit SET state = 'done'");
    start(-1);
    assert_int_equal(sql_number("SELECT count(*) FROM audit_findings"), 0);
}

static void audit__survives_the_process(void **state)
{
    (void)state;
    start(-1);
    take(FIRST_OWNER);
    COPY(place.cursor, "avatars/5");
    assert_int_equal(op_apply(save_op(FIRST_OWNER)), REPOSITORY_OK);
    driver_close();
    driver_open();
    place_read();
    assert_int_equal(place.state, AUDIT_RUNNING);
    assert_string_equal(place.cursor, "avatars/5");
    /* SQLite is one process's: what that held, nobody holds. */
    assert_int_equal(place.held, strcmp(driver->name, "sqlite") != 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        AUDIT(audit__is_never_before_the_first),
        AUDIT(audit__is_one_at_a_time),
        AUDIT(audit__is_started_by_a_schedule_only_if_nobody_else_was_faster),
        AUDIT(audit__goes_on_elsewhere_when_its_holder_is_gone),
        AUDIT(audit__of_a_holder_that_lost_it_changes_nothing),
        AUDIT(audit__that_was_stopped_changes_nothing),
        AUDIT(audit__survives_the_process),
        AUDIT(stray__is_scheduled_and_counted_with_the_place),
        AUDIT(stray__is_not_scheduled_twice),
        AUDIT(an_avatar__of_a_live_user_is_no_stray),
        AUDIT(an_avatar__that_is_said_to_be_in_another_store_is_no_stray),
        AUDIT(an_upload__under_way_is_no_stray_at_any_step),
        AUDIT(an_upload__attached_in_the_same_transaction_is_no_stray),
        AUDIT(an_old_avatar__that_is_being_deleted_is_no_stray),
        AUDIT(an_object__that_went_a_while_ago_is_no_stray),
        AUDIT(an_object__that_came_back_is_its_users_again_and_its_receipt_is_taken_back),
        AUDIT(pointers__come_in_order_with_those_of_one_store),
        AUDIT(findings__are_kept_up_to_a_bound_and_until_the_next_audit),
    };
    return cmocka_run_group_tests_name("repository: audit", tests, NULL, NULL);
}
