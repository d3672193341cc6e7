/*
 * The audit over a world in which uploads, replaces and deletions go on between any two of its
 * steps, and in which the store and the database fail now and then.
 */
#include "fallback/audit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define STORE    "11111111-1111-7111-8111-111111111111"
#define SECOND   "22222222-2222-7222-8222-222222222222"
#define DATABASE "33333333-3333-7333-8333-333333333333"
#define OWNER    "44444444-4444-7444-8444-444444444444"
#define USER     "55555555-5555-7555-8555-555555555555"

#define HOUR     INT64_C(3600000)
#define MADE_AT  INT64_C(0x017000000000) /* the time in the keys */
#define KEYS     24
#define PAGE     4 /* keys in a page of the listing */
#define LEASE_MS 60000
#define STEPS    100000

/* What becomes of a key, in this order; a stray stays what it is until it is scheduled. */
enum life { UNUSED, GUARDED, UPLOADED, OWNED, DOOMED, GONE, STRAY };

static struct world {
    char keys[KEYS][AUDIT_KEY_SIZE];
    enum life lives[KEYS];
    int scheduled[KEYS];
    struct audit audit;
    struct audit_place place; /* on record */
    bool taken_away;          /* somebody else has it now */
    int64_t now;
    int chance; /* in a hundred, of a failure of each call */
    int pace;   /* how seldom a life goes on between steps; 0: never */
    bool listing_repeats, listing_is_reversed, foreign, keeps_versions;
    int saves, listings, rests;
    struct audit_finding found[256];
    size_t found_count;
} world;

static unsigned random_state;

static int chance_below(int bound)
{
    random_state = random_state * 1103515245 + 12345;
    return (int)(random_state >> 16 & 0x7fff) % bound;
}

static bool is_there(enum life life)
{
    return life == UPLOADED || life == OWNED || life == DOOMED || life == STRAY;
}

static void key_make(char *key, int64_t time, int number)
{
    snprintf(key, AUDIT_KEY_SIZE, "avatars/%08llx-%04llx-7000-8000-%012x",
             (unsigned long long)(time >> 16), (unsigned long long)(time & 0xffff), number);
}

static int setup(void **state)
{
    (void)state;
    memset(&world, 0, sizeof world);
    world.now = HOUR;
    for (int i = 0; i < KEYS; i++)
        key_make(world.keys[i], MADE_AT + i, i);
    world.place = (struct audit_place){.state = AUDIT_RUNNING,
                                       .id = OWNER,
                                       .share = 100,
                                       .started_at = MADE_AT + 100 * HOUR,
                                       .now = MADE_AT + 100 * HOUR};
    return 0;
}

static int key_find(const char *key)
{
    for (int i = 0; i < KEYS; i++) {
        if (strcmp(world.keys[i], key) == 0)
            return i;
    }
    return -1;
}

/* Uploads, replaces, deletions: each key goes on at its own pace, as the protocol has it. */
static void lives_go_on(void)
{
    for (int i = 0; i < KEYS && world.pace; i++) {
        if (world.lives[i] < GONE && chance_below(world.pace) == 0)
            world.lives[i]++;
    }
}

static bool call_fails(struct files_op *op)
{
    if (chance_below(100) >= world.chance)
        return false;
    op->answer = (struct files_answer){.status = chance_below(2) ? 503 : 0};
    snprintf(op->answer.code, sizeof op->answer.code, "%s",
             op->answer.status ? "SlowDown" : FILES_CODE_TIMEOUT);
    return true;
}

static void list(struct files_op *op)
{
    int taken = 0;
    world.listings++;
    op->more = false;
    for (int n = 0; n < KEYS; n++) {
        int i = world.listing_is_reversed ? KEYS - 1 - n : n;
        bool behind =
            !op->after || world.listing_repeats || strcmp(world.keys[i], op->after) > 0;
        if (!behind || !is_there(world.lives[i]))
            continue;
        if (taken++ == PAGE) {
            op->more = true;
            break;
        }
        if (op->with_versions)
            assert_int_equal(buffer_append(&op->body, &"=+-"[i % 3], 1), 0);
        assert_int_equal(buffer_printf(&op->body, "%s\n", world.keys[i]), 0);
    }
}

static void files_carry(struct files_op *op)
{
    if (call_fails(op))
        return;
    op->answer = (struct files_answer){.status = 200};
    switch (op->verb) {
    case FILES_VERSIONING:
        op->keeps_versions = world.keeps_versions;
        break;
    case FILES_LIST:
        list(op);
        break;
    case FILES_GET:
        if (!is_there(world.lives[key_find(op->key)]))
            op->answer = (struct files_answer){.status = 404, .code = "NoSuchKey"};
        break;
    case FILES_IDENTITY_READ:
        op->identity = (struct files_identity){.database_id = DATABASE};
        snprintf(op->identity.store_id, UUID_TEXT_SIZE, "%s",
                 world.foreign            ? SECOND
                 : world.audit.store == 1 ? SECOND
                                          : STORE);
        break;
    default:
        break;
    }
}

static bool is_stray(const char *key)
{
    int i = key_find(key);
    return i >= 0 && world.lives[i] == STRAY && !world.scheduled[i];
}

static void pointers_read(struct repository_op *op)
{
    for (int i = 0; i < KEYS && strcmp(op->store_id, STORE) == 0; i++) {
        if (world.lives[i] != OWNED || strcmp(world.keys[i], op->cursor) <= 0)
            continue;
        if (op->pointers.count == 3) {
            op->more = true;
            return;
        }
        struct pointer *row = pointers_extend(&op->pointers);
        row->key = strdup(world.keys[i]);
        snprintf(row->user_id, sizeof row->user_id, "%.33s%03d", USER, i);
    }
}

static void save_carry(struct repository_op *op)
{
    op->outcome = world.taken_away ? REPOSITORY_CONFLICT : REPOSITORY_OK;
    if (world.taken_away)
        return;
    world.saves++;
    for (size_t i = 0; i < op->save->stray_count; i++) {
        assert_true(op->place->deletes && op->place->state != AUDIT_REFUSED);
        if (is_stray(op->save->strays[i])) {
            world.scheduled[key_find(op->save->strays[i])]++;
            op->matched++;
        }
    }
    for (size_t i = 0; i < op->save->finding_count; i++)
        world.found[world.found_count++] = op->save->findings[i];
    int64_t now = world.place.now;
    world.place = *op->place;
    world.place.now = now;
    world.place.counts[AUDIT_SCHEDULED] += op->matched;
    world.place.store_scheduled += op->matched;
}

static void repository_carry(struct repository_op *op)
{
    op->outcome = REPOSITORY_FAILED;
    if (chance_below(100) < world.chance)
        return;
    op->outcome = REPOSITORY_OK;
    switch (op->verb) {
    case POINTER_LIST:
        pointers_read(op);
        break;
    case STRAYS_FIND:
        for (size_t i = 0; i < op->search->count; i++)
            op->search->stray[i] = is_stray(op->search->keys[i]);
        break;
    case USER_GET:
        snprintf(op->user.avatar.key, sizeof op->user.avatar.key, "%s",
                 world.keys[atoi(op->id + 33)]);
        if (world.lives[atoi(op->id + 33)] != OWNED)
            op->outcome = REPOSITORY_NOT_FOUND;
        break;
    case AUDIT_SAVE:
        save_carry(op);
        break;
    default:
        fail();
    }
}

static struct audit_settings settings(void)
{
    struct audit_settings made = {.age_ms = 24 * HOUR,
                                  .rate = 1000,
                                  .timeout_ms = 1000,
                                  .lease_ms = LEASE_MS,
                                  .owner = OWNER,
                                  .database_id = DATABASE,
                                  .store_count = 1,
                                  .store_ids = {STORE, SECOND}};
    return made;
}

/* Goes on from what is on record, for so many steps at most; false if it is not over by then.
 */
static bool run_from(const struct audit_settings *set, int steps)
{
    struct audit *audit = &world.audit;
    enum audit_step step = audit_begin(audit, set, &world.place, world.now);
    for (; step != AUDIT_STEP_END && steps > 0; steps--) {
        lives_go_on();
        if (step == AUDIT_STEP_FILES)
            files_carry(&audit->files);
        else if (step == AUDIT_STEP_REST)
            world.rests++;
        else
            repository_carry(&audit->repository);
        if (step == AUDIT_STEP_REST)
            assert_in_range(audit->rest_ms, 1, LEASE_MS / 3);
        world.now += step == AUDIT_STEP_REST ? audit->rest_ms : 1;
        lives_go_on();
        step = audit_next(audit, world.now);
    }
    audit_deinit(audit);
    return step == AUDIT_STEP_END;
}

static void run(void)
{
    struct audit_settings set = settings();
    assert_true(run_from(&set, STEPS));
}

static int strays_laid(void)
{
    int laid = 0;
    for (int i = 0; i < KEYS; i++)
        laid += world.lives[i] == STRAY;
    return laid;
}

static void assert_only_strays_went(void)
{
    for (int i = 0; i < KEYS; i++)
        assert_int_equal(world.scheduled[i], world.lives[i] == STRAY);
}

/* Whatever moves meanwhile: all that is nobody's goes, and nobody is said to miss anything. */
static void
audit__takes_what_is_nobodys_and_nothing_else_whatever_goes_on_meanwhile(void **state)
{
    for (unsigned seed = 1; seed <= 400; seed++) {
        setup(state);
        random_state = seed;
        world.pace = 2 + (int)seed % 12;
        world.chance = seed % 4 == 0 ? 15 : 0;
        world.place.deletes = true;
        for (int i = 0; i < KEYS; i++)
            world.lives[i] = chance_below(6) == 0 ? STRAY : (enum life)chance_below(GONE);
        run();
        assert_int_equal(world.place.state, AUDIT_DONE);
        assert_int_equal(world.place.counts[AUDIT_MISSING], 0);
        assert_int_equal(world.place.counts[AUDIT_STRAYS], strays_laid());
        assert_int_equal(world.place.counts[AUDIT_SCHEDULED], strays_laid());
        assert_only_strays_went();
    }
}

/* A restart at any step: the counts are those of one audit, and all strays are gone. */
static void audit__goes_on_after_a_restart_at_any_step(void **state)
{
    struct audit_settings set = settings();
    for (int steps = 1; steps < 120; steps++) {
        setup(state);
        random_state = (unsigned)steps;
        world.place.deletes = true;
        for (int i = 0; i < KEYS; i++)
            world.lives[i] = i % 3 == 0 ? STRAY : OWNED;
        if (!run_from(&set, steps))
            assert_true(run_from(&set, STEPS));
        assert_int_equal(world.place.state, AUDIT_DONE);
        assert_int_equal(world.place.counts[AUDIT_OBJECTS], KEYS);
        assert_int_equal(world.place.counts[AUDIT_POINTERS], KEYS - KEYS / 3);
        assert_int_equal(world.place.counts[AUDIT_STRAYS], KEYS / 3);
        assert_int_equal(world.place.counts[AUDIT_SCHEDULED], KEYS / 3);
        assert_only_strays_went();
    }
}

static void audit__without_the_word_only_looks(void **state)
{
    (void)state;
    world.lives[3] = world.lives[9] = STRAY;
    run();
    assert_int_equal(world.place.counts[AUDIT_STRAYS], 2);
    assert_int_equal(world.place.counts[AUDIT_SCHEDULED], 0);
    assert_int_equal(world.found_count, 2);
    assert_string_equal(world.found[0].key, world.keys[3]);
}

static void audit__tells_of_a_user_whose_object_is_not_there(void **state)
{
    (void)state;
    struct audit_settings set = settings();
    for (int i = 0; i < KEYS; i++)
        world.lives[i] = OWNED;
    enum audit_step step = audit_begin(&world.audit, &set, &world.place, world.now);
    /* Seven objects are lost to the store; their users know nothing of it. */
    for (; step != AUDIT_STEP_END; step = audit_next(&world.audit, ++world.now)) {
        for (int i = 0; i < 7; i++)
            world.lives[3 * i + 1] = step == AUDIT_STEP_FILES ? GONE : OWNED;
        if (step == AUDIT_STEP_FILES)
            files_carry(&world.audit.files);
        else if (step != AUDIT_STEP_REST)
            repository_carry(&world.audit.repository);
        else
            world.now += world.audit.rest_ms;
    }
    audit_deinit(&world.audit);
    assert_int_equal(world.place.counts[AUDIT_MISSING], 7);
    assert_int_equal(world.found_count, 7);
    assert_int_equal(world.found[1].kind, AUDIT_MISSING);
    assert_string_equal(world.found[1].key, world.keys[4]);
    assert_string_equal(world.found[1].user_id + 33, "004");
}

/* An empty bucket that nobody refuses: all users miss something, and nothing is scheduled. */
static void audit__holds_on_while_it_asks_for_one_object_after_the_other(void **state)
{
    audit__tells_of_a_user_whose_object_is_not_there(state);
    int saves = world.saves;
    setup(state);
    struct audit_settings set = settings();
    set.lease_ms = 3;
    set.rate = 1000000;
    for (int i = 0; i < KEYS; i++)
        world.lives[i] = OWNED;
    enum audit_step step = audit_begin(&world.audit, &set, &world.place, world.now);
    for (; step != AUDIT_STEP_END; step = audit_next(&world.audit, ++world.now)) {
        for (int i = 0; i < 7; i++)
            world.lives[3 * i + 1] = step == AUDIT_STEP_FILES ? GONE : OWNED;
        if (step == AUDIT_STEP_FILES)
            files_carry(&world.audit.files);
        else if (step != AUDIT_STEP_REST)
            repository_carry(&world.audit.repository);
    }
    audit_deinit(&world.audit);
    assert_int_equal(world.place.counts[AUDIT_MISSING], 7);
    assert_true(world.saves > saves);
}

static void audit__that_would_take_more_than_the_share_takes_nothing(void **state)
{
    (void)state;
    for (int i = 0; i < 20; i++)
        world.lives[i] = i % 9 == 0 ? STRAY : OWNED;
    world.place.deletes = true;
    world.place.share = 14;
    run();
    assert_int_equal(world.place.state, AUDIT_REFUSED);
    assert_int_equal(world.place.counts[AUDIT_SCHEDULED], 0);
    setup(NULL);
    for (int i = 0; i < 20; i++)
        world.lives[i] = i % 9 == 0 ? STRAY : OWNED;
    world.place.deletes = true;
    world.place.share = 15;
    run();
    assert_int_equal(world.place.state, AUDIT_DONE);
    assert_int_equal(world.place.counts[AUDIT_SCHEDULED], 3);
}

/* Counted when all was well; then the database loses its users, between the passes. */
static void audit__stops_when_more_would_go_than_was_counted(void **state)
{
    (void)state;
    for (int i = 0; i < KEYS; i++)
        world.lives[i] = i == 0 ? STRAY : OWNED;
    world.place.deletes = true;
    world.place.share = 50;
    struct audit_settings set = settings();
    enum audit_step step = audit_begin(&world.audit, &set, &world.place, world.now);
    for (; step != AUDIT_STEP_END; step = audit_next(&world.audit, ++world.now)) {
        for (int i = 0; i < KEYS && world.place.pass == AUDIT_DELETING; i++)
            world.lives[i] = STRAY;
        if (step == AUDIT_STEP_FILES)
            files_carry(&world.audit.files);
        else if (step != AUDIT_STEP_REST)
            repository_carry(&world.audit.repository);
        else
            world.now += world.audit.rest_ms;
    }
    audit_deinit(&world.audit);
    assert_int_equal(world.place.state, AUDIT_REFUSED);
    assert_int_equal(world.place.counts[AUDIT_SCHEDULED], KEYS / 2);
}

static void audit__takes_no_key_that_is_young_or_not_ours(void **state)
{
    (void)state;
    static const char *const strange[] = {
        "avatars/",
        "avatars/cat.png",
        "avatars/01700000-0000-4000-8000-000000000001",
        "avatars/01700000-0000-7000-8000-00000000000G",
        "avatars/01700000-0000-7000-8000-0000000000AB",
        "avatars/01700000-0000-7000-8000-0000000000011",
        "invoices/01700000-0000-7000-8000-000000000001",
    };
    for (size_t i = 0; i < sizeof strange / sizeof *strange; i++)
        assert_int_equal(audit_key_time(strange[i]), -1);
    assert_int_equal(audit_key_time(world.keys[5]), MADE_AT + 5);
    /* The keys are exactly as old as they must be, or a millisecond younger. */
    world.place.deletes = true;
    world.place.now = MADE_AT + 5 + 24 * HOUR;
    world.lives[5] = world.lives[6] = STRAY;
    snprintf(world.keys[KEYS - 1], AUDIT_KEY_SIZE, "avatars/zebra");
    world.lives[KEYS - 1] = STRAY;
    run();
    assert_int_equal(world.place.counts[AUDIT_YOUNG], 1);
    assert_int_equal(world.place.counts[AUDIT_UNKNOWN], 1);
    assert_int_equal(world.scheduled[5], 1);
    assert_int_equal(world.scheduled[6] + world.scheduled[KEYS - 1], 0);
}

static void audit__of_a_store_that_is_not_ours_takes_nothing(void **state)
{
    (void)state;
    for (int i = 0; i < KEYS; i++)
        world.lives[i] = STRAY;
    world.place.deletes = true;
    world.foreign = true;
    run();
    assert_int_equal(world.place.state, AUDIT_FAILED);
    assert_int_equal(world.place.counts[AUDIT_OBJECTS], 0);
    assert_non_null(strstr(world.place.trouble, "another store"));
}

static void audit__trusts_no_listing_that_is_out_of_order(void **state)
{
    for (int repeats = 0; repeats < 2; repeats++) {
        setup(state);
        for (int i = 0; i < KEYS; i++)
            world.lives[i] = STRAY;
        world.place.deletes = true;
        world.listing_repeats = repeats;
        world.listing_is_reversed = !repeats;
        run();
        assert_int_equal(world.place.state, AUDIT_FAILED);
        assert_int_equal(world.place.counts[AUDIT_SCHEDULED], 0);
    }
}

static void audit__that_was_taken_away_ends_at_once(void **state)
{
    (void)state;
    for (int i = 0; i < KEYS; i++)
        world.lives[i] = STRAY;
    world.taken_away = true;
    run();
    assert_int_equal(world.listings, 1);
    assert_int_equal(world.saves, 0);
}

/* Also while the store fails, and nothing but "still at it" is to be kept. */
static void audit__that_was_taken_away_while_the_store_fails_ends(void **state)
{
    (void)state;
    world.foreign = world.taken_away = true;
    run();
    assert_int_equal(world.listings, 1);
}

static void audit__at_a_store_that_is_given_no_more_fails(void **state)
{
    (void)state;
    memcpy(world.place.store_id, SECOND, sizeof SECOND);
    run();
    assert_int_equal(world.place.state, AUDIT_FAILED);
    assert_int_equal(world.listings, 0);
}

static void audit__counts_old_versions_whoever_owns_them(void **state)
{
    (void)state;
    world.keeps_versions = true;
    for (int i = 0; i < KEYS; i++)
        world.lives[i] = i < 6 ? STRAY : OWNED;
    run();
    assert_int_equal(world.place.counts[AUDIT_VERSIONS], KEYS - KEYS / 3);
    assert_int_equal(world.place.counts[AUDIT_STRAYS], 6);
    assert_int_equal(world.place.counts[AUDIT_MISSING], 0);
}

static void audit__goes_no_faster_than_it_may(void **state)
{
    (void)state;
    struct audit_settings set = settings();
    set.rate = 10;
    for (int i = 0; i < KEYS; i++)
        world.lives[i] = OWNED;
    int64_t began = world.now;
    assert_true(run_from(&set, STEPS));
    /* After the last page there is nothing to wait for. */
    assert_in_range(world.now - began, (KEYS - PAGE) * 100, KEYS * 100 + 1000);
}

static void audit__goes_through_one_store_after_the_other(void **state)
{
    (void)state;
    struct audit_settings set = settings();
    set.store_count = 2;
    for (int i = 0; i < KEYS; i++)
        world.lives[i] = i < 6 ? STRAY : OWNED;
    world.place.deletes = true;
    assert_true(run_from(&set, STEPS));
    /* The other store lists the same objects here, and nobody points into it. */
    assert_int_equal(world.place.state, AUDIT_DONE);
    assert_int_equal(world.place.counts[AUDIT_OBJECTS], 2 * KEYS);
    assert_int_equal(world.place.counts[AUDIT_POINTERS], KEYS - 6);
    assert_int_equal(world.place.counts[AUDIT_SCHEDULED], 6);
    assert_only_strays_went();
}

static void audit__shows_how_far_it_is(void **state)
{
    (void)state;
    struct audit_place place = {
        .state = AUDIT_RUNNING, .first_ms = MADE_AT, .started_at = MADE_AT + 1000};
    assert_int_equal(audit_progress(&place), 0);
    key_make(place.cursor, MADE_AT + 250, 1);
    assert_int_equal(audit_progress(&place), 250);
    place.deletes = true;
    assert_int_equal(audit_progress(&place), 125);
    place.pass = AUDIT_DELETING;
    assert_int_equal(audit_progress(&place), 625);
    place.state = AUDIT_DONE;
    assert_int_equal(audit_progress(&place), 1000);
    place.state = AUDIT_NEVER;
    assert_int_equal(audit_progress(&place), 0);
}

#define AUDIT(function) cmocka_unit_test_setup(function, setup)

int main(void)
{
    const struct CMUnitTest tests[] = {
        AUDIT(audit__takes_what_is_nobodys_and_nothing_else_whatever_goes_on_meanwhile),
        AUDIT(audit__goes_on_after_a_restart_at_any_step),
        AUDIT(audit__without_the_word_only_looks),
        AUDIT(audit__tells_of_a_user_whose_object_is_not_there),
        AUDIT(audit__holds_on_while_it_asks_for_one_object_after_the_other),
        AUDIT(audit__that_would_take_more_than_the_share_takes_nothing),
        AUDIT(audit__stops_when_more_would_go_than_was_counted),
        AUDIT(audit__takes_no_key_that_is_young_or_not_ours),
        AUDIT(audit__of_a_store_that_is_not_ours_takes_nothing),
        AUDIT(audit__trusts_no_listing_that_is_out_of_order),
        AUDIT(audit__that_was_taken_away_ends_at_once),
        AUDIT(audit__that_was_taken_away_while_the_store_fails_ends),
        AUDIT(audit__at_a_store_that_is_given_no_more_fails),
        AUDIT(audit__counts_old_versions_whoever_owns_them),
        AUDIT(audit__goes_no_faster_than_it_may),
        AUDIT(audit__goes_through_one_store_after_the_other),
        AUDIT(audit__shows_how_far_it_is),
    };
    return cmocka_run_group_tests_name("fallback: audit", tests, NULL, NULL);
}
