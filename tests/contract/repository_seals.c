/* Receipts as they are sealed, read and pruned. What a verifier makes of them is not asked
 * here. */
#include "base/clock.h"
#include "contract/repository_support.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define COPY(to, from) snprintf((to), sizeof(to), "%s", (from))

/* Of the server's own work: as long as it has a transaction under way, some wait for a seal. */
#define PATIENCE_MS 30000
#define PAUSE_US    10000

/* A user with an avatar goes: one receipt of each kind. */
static void erase(const char *id, const char *key)
{
    user_add_with_avatar(id, key);
    mark(id);
    assert_true(finish(key).user_gone);
}

static void receipts_leave(int count)
{
    sql("INSERT INTO receipts (key, store_id, reason, kind, attempts, status, requested_at, "
        "finished_at) WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n "
        "WHERE i < %d) SELECT 'k/' || i, '" STORE "', 'external', 'done', 1, 204, 5, 6 FROM n",
        count);
}

/* Seals until nothing waits; returns the number of records. */
static int64_t seal_all(void)
{
    int64_t sealed = 0, until = clock_boot_ms() + PATIENCE_MS;
    for (;;) {
        struct repository_op op = {.verb = RECEIPTS_SEAL}, *ops[] = {&op};
        COPY(op.id, driver->database_id);
        ops_apply(ops, 1);
        bool more = op.more;
        sealed += op.matched;
        assert_int_equal(op.outcome, REPOSITORY_OK);
        repository_op_deinit(&op);
        if (!more)
            return sealed;
        assert_true(clock_boot_ms() < until);
        usleep(PAUSE_US);
    }
}

static const struct receipt_page *page_read(int64_t after_seal)
{
    struct repository_op *op = op_new(RECEIPTS_READ);
    op->seal = after_seal;
    op->limit = 100;
    return &op_read(op)->receipts;
}

static void page_verify(const struct receipt_page *page, const struct receipt_seal *before)
{
    struct receipt_page again = {.count = page->count, .records = page->records};
    assert_int_equal(
        receipt_page_seal(&again, before, driver->database_id, page->seal.sealed_at), 0);
    assert_string_equal(again.seal.digest, page->seal.digest);
    assert_string_equal(again.seal.content, page->seal.content);
    assert_string_equal(again.seal.previous, page->seal.previous);
}

/* The seal was written so long ago; its digest stays as it was. */
static void seal_age(int64_t number, int64_t age_ms)
{
    sql("UPDATE receipt_seals SET sealed_at = %" PRId64 " WHERE number = %" PRId64,
        backlog_get().now - age_ms, number);
}

static enum repository_outcome prune(int64_t seal, const char *digest, int64_t *ret_matched)
{
    struct repository_op *op = op_new(RECEIPTS_PRUNE);
    op->seal = seal;
    COPY(op->digest, digest);
    enum repository_outcome outcome = op_apply(op);
    *ret_matched = op->matched;
    return outcome;
}

static void seal__covers_objects_and_persons(void **state)
{
    (void)state;
    erase(ADA, "avatars/1");
    erase(BOB, "avatars/2");
    assert_int_equal(seal_all(), 4);
    const struct receipt_page *page = page_read(0);
    assert_int_equal(page->seal.number, 1);
    assert_int_equal(page->seal.objects.count, 2);
    assert_int_equal(page->seal.persons.count, 2);
    assert_int_equal(page->count, 4);
    assert_string_equal(page->records[0].key, "avatars/1");
    assert_string_equal(page->records[0].user_id, ADA);
    assert_string_equal(page->records[0].kind, "done");
    assert_int_equal(page->records[0].status, 204);
    assert_true(page->records[2].is_person && page->records[3].is_person);
    assert_string_equal(page->records[3].user_id, BOB);
    page_verify(page, &(struct receipt_seal){0});
}

static void seal__of_nothing_is_none(void **state)
{
    (void)state;
    assert_int_equal(seal_all(), 0);
    assert_int_equal(page_read(0)->seal.number, 0);
    erase(ADA, "avatars/1");
    assert_int_equal(seal_all(), 2);
    assert_int_equal(seal_all(), 0);
    assert_int_equal(sql_number("SELECT count(*) FROM receipt_seals"), 1);
}

static void seal__names_the_one_before(void **state)
{
    (void)state;
    erase(ADA, "avatars/1");
    seal_all();
    erase(BOB, "avatars/2");
    seal_all();
    const struct receipt_page *first = page_read(0), *second = page_read(1);
    assert_string_equal(second->seal.previous, first->seal.digest);
    assert_int_equal(second->seal.objects.after, first->seal.objects.last);
    assert_int_equal(second->seal.persons.after, first->seal.persons.last);
    assert_int_equal(second->count, 2);
    page_verify(second, &first->seal);
}

static void seal__has_a_bounded_number_of_records(void **state)
{
    (void)state;
    receipts_leave(RECEIPTS_SEALED_MAX + 10);
    assert_int_equal(seal_all(), RECEIPTS_SEALED_MAX + 10);
    assert_int_equal(page_read(0)->count, RECEIPTS_SEALED_MAX);
    assert_int_equal(page_read(1)->count, 10);
}

static void seal__leaves_a_tail_to_be_read(void **state)
{
    (void)state;
    erase(ADA, "avatars/1");
    seal_all();
    erase(BOB, "avatars/2");
    receipts_leave(3);
    const struct receipt_page *tail = page_read(1);
    assert_int_equal(tail->seal.number, 0);
    assert_int_equal(tail->count, 5);
    struct repository_op *op = op_new(RECEIPTS_READ);
    op->seal = 1;
    op->limit = 2;
    op->after_receipt = tail->records[0].id;
    assert_int_equal(op_read(op)->receipts.count, 2);
    assert_string_equal(op->receipts.records[0].key, "k/1");
    assert_true(op->more);
    /* The last page, and who is read by number is never read twice. */
    struct repository_op *rest = op_new(RECEIPTS_READ);
    rest->seal = 1;
    rest->limit = 2;
    rest->after_receipt = op->receipts.records[1].id + 1;
    assert_int_equal(op_read(rest)->receipts.count, 1);
    assert_true(rest->receipts.records[0].is_person);
    assert_false(rest->more);
}

/* A page of at most two behind what the page before had. */
static struct repository_op *tail_go_on(int64_t seal, const struct repository_op *before)
{
    struct repository_op *op = op_new(RECEIPTS_READ);
    op->seal = seal;
    op->limit = 2;
    op->after_receipt = before ? before->after_receipt : 0;
    op->after_user = before ? before->after_user : 0;
    for (size_t i = 0; before && i < before->receipts.count; i++) {
        const struct receipt_record *record = &before->receipts.records[i];
        *(record->is_person ? &op->after_user : &op->after_receipt) = record->id;
    }
    return op_read(op);
}

/* Between two pages of a tail, seals come, and more receipts: none may be in no page. */
static void seal__leaves_nothing_out_of_a_tail_under_way(void **state)
{
    (void)state;
    for (int64_t seal = 0; seal < 2; seal++) {
        erase(seal ? BOB : ADA, seal ? "avatars/2" : "avatars/1");
        receipts_leave(3);
        const struct repository_op *page = tail_go_on(seal, NULL);
        assert_int_equal(page->receipts.count, 2);
        assert_int_equal(seal_all(), 5);
        page = tail_go_on(seal, page);
        assert_int_equal(page->receipts.count, 2);
        assert_string_equal(page->receipts.records[0].key, "k/2");
        assert_string_equal(page->receipts.records[1].key, "k/3");
        page = tail_go_on(seal, page);
        assert_int_equal(page->receipts.count, 1);
        assert_string_equal(page->receipts.records[0].user_id, seal ? BOB : ADA);
        assert_false(page->more);
    }
}

/* Whoever asks behind all seals is told what waits for one. */
static void seal__ends_the_tail_of_who_asks_behind_all(void **state)
{
    (void)state;
    receipts_leave(3);
    assert_int_equal(page_read(INT64_MAX - 1)->count, 3);
    seal_all();
    assert_int_equal(page_read(INT64_MAX - 1)->count, 0);
}

/* A record that is put under a seal afterwards is read with it. */
static void seal__shows_what_is_there_not_what_was(void **state)
{
    (void)state;
    receipts_leave(3);
    seal_all();
    sql("DELETE FROM receipts WHERE key = 'k/2'");
    sql("UPDATE receipts SET status = 404 WHERE key = 'k/3'");
    const struct receipt_page *page = page_read(0);
    assert_int_equal(page->count, 2);
    assert_int_equal(page->records[1].status, 404);
    assert_int_equal(page->seal.objects.count, 3);
}

static void prune__takes_what_the_digest_was_seen_of(void **state)
{
    (void)state;
    int64_t gone;
    erase(ADA, "avatars/1");
    seal_all();
    erase(BOB, "avatars/2");
    seal_all();
    const struct receipt_seal first = page_read(0)->seal, last = page_read(1)->seal;
    assert_int_equal(prune(1, last.digest, &gone), REPOSITORY_CONFLICT);
    assert_int_equal(prune(9, last.digest, &gone), REPOSITORY_NOT_FOUND);
    assert_int_equal(prune(2, last.digest, &gone), REPOSITORY_CONFLICT);
    assert_int_equal(sql_number("SELECT count(*) FROM receipts"), 2);
    seal_age(1, RECEIPTS_KEPT_MS);
    assert_int_equal(prune(1, first.digest, &gone), REPOSITORY_OK);
    assert_int_equal(gone, 2);
    assert_int_equal(prune(1, first.digest, &gone), REPOSITORY_OK);
    assert_int_equal(gone, 0);
    const struct receipt_page *pruned = page_read(0);
    assert_int_equal(pruned->count, 0);
    assert_true(pruned->seal.pruned_at > 0);
    assert_string_equal(pruned->seal.digest, first.digest);
    assert_int_equal(page_read(1)->count, 2);
}

/* What may have to become work again is there to do so. */
static void prune__leaves_what_was_sealed_today(void **state)
{
    (void)state;
    int64_t gone;
    erase(ADA, "avatars/1");
    seal_all();
    erase(BOB, "avatars/2");
    seal_all();
    const struct receipt_seal first = page_read(0)->seal;
    for (int64_t age = -RECEIPTS_KEPT_MS; age < RECEIPTS_KEPT_MS; age += RECEIPTS_KEPT_MS / 2) {
        seal_age(1, age);
        assert_int_equal(prune(1, first.digest, &gone), REPOSITORY_CONFLICT);
        assert_int_equal(gone, 0);
    }
    assert_int_equal(sql_number("SELECT count(*) FROM receipts"), 2);
    seal_age(1, RECEIPTS_KEPT_MS);
    assert_int_equal(prune(1, first.digest, &gone), REPOSITORY_OK);
    assert_int_equal(gone, 2);
}

/* A number that was given again would be under an old seal, and never get one of its own. */
static void prune__never_gives_a_number_again(void **state)
{
    (void)state;
    int64_t gone;
    erase(ADA, "avatars/1");
    seal_all();
    user_add(BOB);
    mark(BOB);
    seal_all();
    seal_age(1, RECEIPTS_KEPT_MS);
    assert_int_equal(prune(1, page_read(0)->seal.digest, &gone), REPOSITORY_OK);
    driver_close();
    driver_open();
    erase(EVE, "avatars/3");
    assert_int_equal(seal_all(), 2);
    const struct receipt_page *page = page_read(2);
    assert_int_equal(page->seal.number, 3);
    assert_int_equal(page->count, 2);
    assert_string_equal(page->records[0].key, "avatars/3");
}

/* The same of persons, when the last one of them goes and objects follow it. */
static void prune__never_gives_a_persons_number_again(void **state)
{
    (void)state;
    int64_t gone;
    erase(ADA, "avatars/1");
    seal_all();
    receipts_leave(1);
    seal_all();
    seal_age(1, RECEIPTS_KEPT_MS);
    assert_int_equal(prune(1, page_read(0)->seal.digest, &gone), REPOSITORY_OK);
    assert_int_equal(page_read(0)->count, 0);
    driver_close();
    driver_open();
    erase(EVE, "avatars/3");
    assert_int_equal(seal_all(), 2);
    assert_string_equal(page_read(2)->records[1].user_id, EVE);
}

/* What was last when its own seal was pruned goes with the next: nobody is kept for a number.
 */
static void prune__forgets_everybody_when_others_have_come(void **state)
{
    (void)state;
    int64_t gone;
    erase(ADA, "avatars/1");
    seal_all();
    receipts_leave(1);
    seal_all();
    seal_age(1, RECEIPTS_KEPT_MS);
    assert_int_equal(prune(1, page_read(0)->seal.digest, &gone), REPOSITORY_OK);
    erase(EVE, "avatars/3");
    seal_all();
    erase(BOB, "avatars/4");
    seal_all();
    seal_age(3, RECEIPTS_KEPT_MS);
    assert_int_equal(prune(3, page_read(2)->seal.digest, &gone), REPOSITORY_OK);
    assert_int_equal(page_read(1)->count, 1);
    seal_age(2, RECEIPTS_KEPT_MS);
    assert_int_equal(prune(2, page_read(1)->seal.digest, &gone), REPOSITORY_OK);
    assert_int_equal(sql_number("SELECT count(*) FROM user_receipts"), 1);
    assert_string_equal(sql_text("SELECT max(user_id) FROM user_receipts"), BOB);
    assert_int_equal(sql_number("SELECT count(*) FROM receipts"), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CONTRACT(seal__covers_objects_and_persons),
        CONTRACT(seal__of_nothing_is_none),
        CONTRACT(seal__names_the_one_before),
        CONTRACT(seal__has_a_bounded_number_of_records),
        CONTRACT(seal__leaves_a_tail_to_be_read),
        CONTRACT(seal__leaves_nothing_out_of_a_tail_under_way),
        CONTRACT(seal__ends_the_tail_of_who_asks_behind_all),
        CONTRACT(seal__shows_what_is_there_not_what_was),
        CONTRACT(prune__takes_what_the_digest_was_seen_of),
        CONTRACT(prune__leaves_what_was_sealed_today),
        CONTRACT(prune__never_gives_a_number_again),
        CONTRACT(prune__never_gives_a_persons_number_again),
        CONTRACT(prune__forgets_everybody_when_others_have_come),
    };
    return cmocka_run_group_tests_name("repository: seals", tests, NULL, NULL);
}
