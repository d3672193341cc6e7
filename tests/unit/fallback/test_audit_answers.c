/* The audit, answer by answer: what each of them may mean, and what a page may look like. */
#include "fallback/audit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define STORE    "11111111-1111-7111-8111-111111111111"
#define DATABASE "33333333-3333-7333-8333-333333333333"
#define OTHER    "44444444-4444-7444-8444-444444444444"
#define USER     "55555555-5555-7555-8555-555555555555"

#define HOUR    INT64_C(3600000)
#define MADE_AT INT64_C(0x017000000000)
#define KEY     "avatars/01700000-0000-7000-8000-000000000001"
#define NEXT    "avatars/01700000-0001-7000-8000-000000000002"

#define COPY(to, from) snprintf((to), sizeof(to), "%s", (from))

static struct audit audit;
static int64_t now;

static int setup(void **state)
{
    static const struct audit_settings settings = {.age_ms = 24 * HOUR,
                                                   .rate = 1000,
                                                   .timeout_ms = 1000,
                                                   .lease_ms = 60000,
                                                   .owner = OTHER,
                                                   .database_id = DATABASE,
                                                   .store_count = 1,
                                                   .store_ids = {STORE}};
    static const struct audit_place place = {.state = AUDIT_RUNNING,
                                             .id = OTHER,
                                             .share = 100,
                                             .started_at = MADE_AT + 100 * HOUR,
                                             .now = MADE_AT + 100 * HOUR};
    (void)state;
    now = HOUR;
    assert_int_equal(audit_begin(&audit, &settings, &place, now), AUDIT_STEP_FILES);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    audit_deinit(&audit);
    return 0;
}

static enum audit_step step_answered(void)
{
    return audit_next(&audit, ++now);
}

static enum audit_step files_answered(int status, const char *code)
{
    audit.files.answer = (struct files_answer){.status = status};
    COPY(audit.files.answer.code, code);
    return step_answered();
}

static enum audit_step database_answered(enum repository_outcome outcome)
{
    audit.repository.outcome = outcome;
    return step_answered();
}

static void pointer_add(struct pointers *pointers, const char *key, bool marked)
{
    struct pointer *row = pointers_extend(pointers);
    assert_non_null(row);
    row->key = strdup(key);
    assert_non_null(row->key);
    row->marked = marked;
    COPY(row->user_id, USER);
}

/* An empty store, and one user who points into it: it asks for the object. */
static void ask_for_the_object(void)
{
    files_answered(200, "");
    files_answered(200, "");
    COPY(audit.files.identity.store_id, STORE);
    COPY(audit.files.identity.database_id, DATABASE);
    assert_int_equal(files_answered(200, ""), AUDIT_STEP_READ);
    pointer_add(&audit.repository.pointers, KEY, false);
    assert_int_equal(database_answered(REPOSITORY_OK), AUDIT_STEP_FILES);
    assert_int_equal(audit.stage, AUDIT_LOOKING_FOR_OBJECT);
    assert_string_equal(audit.files.key, KEY);
}

static void ask_for_the_user(void)
{
    ask_for_the_object();
    assert_int_equal(files_answered(404, ""), AUDIT_STEP_READ);
    assert_int_equal(audit.stage, AUDIT_LOOKING_FOR_USER);
}

static void audit__keeps_the_words_in_which_the_store_refuses(void **state)
{
    (void)state;
    audit.files.answer = (struct files_answer){.status = 403, .code = "AccessDenied"};
    COPY(audit.files.answer.text, "not for you");
    assert_int_equal(step_answered(), AUDIT_STEP_WRITE);
    assert_non_null(strstr(audit.place.trouble, "AccessDenied: not for you"));
}

static void audit__of_another_databases_store_takes_nothing(void **state)
{
    (void)state;
    files_answered(200, "");
    files_answered(200, "");
    COPY(audit.files.identity.store_id, STORE);
    COPY(audit.files.identity.database_id, OTHER);
    assert_int_equal(files_answered(200, ""), AUDIT_STEP_WRITE);
    assert_non_null(strstr(audit.place.trouble, "another database's"));
}

static void audit__takes_a_part_that_cannot_be_had_for_one_of_an_object(void **state)
{
    (void)state;
    ask_for_the_object();
    assert_int_equal(files_answered(416, "InvalidRange"), AUDIT_STEP_WRITE);
    assert_int_equal(audit.next.counts[AUDIT_MISSING], 0);
    assert_int_equal(audit.next.state, AUDIT_DONE);
}

static void audit__takes_no_other_404_for_a_missing_object(void **state)
{
    (void)state;
    ask_for_the_object();
    assert_int_equal(files_answered(404, "NoSuchBucket"), AUDIT_STEP_WRITE);
    assert_int_equal(audit.stage, AUDIT_HOLDING);
    assert_non_null(strstr(audit.place.trouble, "NoSuchBucket"));
}

static void audit__says_that_one_is_missing_only_if_the_user_still_points_there(void **state)
{
    static const struct {
        enum repository_outcome outcome;
        const char *key;
        int missing;
    } rows[] = {
        {REPOSITORY_OK, KEY, 1},
        {REPOSITORY_OK, NEXT, 0},
        {REPOSITORY_OK, "", 0},
        {REPOSITORY_NOT_FOUND, KEY, 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        ask_for_the_user();
        COPY(audit.repository.user.avatar.key, rows[i].key);
        database_answered(rows[i].outcome);
        assert_int_equal(audit.next.counts[AUDIT_MISSING], rows[i].missing);
        teardown(state);
        setup(state);
    }
}

static void
audit__begins_the_page_anew_if_the_database_does_not_say_who_the_user_is(void **state)
{
    (void)state;
    ask_for_the_user();
    assert_int_equal(database_answered(REPOSITORY_FAILED), AUDIT_STEP_WRITE);
    assert_int_equal(audit.stage, AUDIT_HOLDING);
    assert_string_equal(audit.place.trouble, "the database does not answer");
    assert_int_equal(database_answered(REPOSITORY_OK), AUDIT_STEP_REST);
}

/* A long rest is no silence: the audit would be taken for one that nobody has. */
static void audit__says_while_it_rests_that_it_is_at_it(void **state)
{
    (void)state;
    files_answered(503, "SlowDown");
    audit.rest_until = now + audit.settings.lease_ms;
    int held = 0;
    enum audit_step step = database_answered(REPOSITORY_OK);
    while (step != AUDIT_STEP_FILES) {
        assert_in_range(now, HOUR, audit.rest_until);
        held += step == AUDIT_STEP_WRITE;
        now += step == AUDIT_STEP_REST ? audit.rest_ms : 0;
        step = step == AUDIT_STEP_WRITE ? database_answered(REPOSITORY_OK) : step_answered();
    }
    assert_in_range(held, 2, 3);
}

/* Pages of the listing. */

static bool page_is_taken(const char *text, bool more)
{
    buffer_deinit(&audit.listing);
    buffer_init(&audit.listing, 2 * FILES_LIST_BYTES_MAX);
    assert_int_equal(buffer_append_text(&audit.listing, text), 0);
    audit.more = more;
    return audit_page_take(&audit);
}

static void page__is_lines_below_our_prefix_each_with_its_end(void **state)
{
    (void)state;
    assert_true(page_is_taken(KEY "\n" NEXT "\n", true));
    assert_int_equal(audit.count, 2);
    assert_false(page_is_taken(KEY "\n" NEXT, true));
    assert_false(page_is_taken(KEY "\ninvoices/1\n", false));
    assert_false(page_is_taken(KEY "\n" KEY "\n", false));
    assert_true(page_is_taken("", false));
}

static void page__that_is_followed_by_others_says_from_where(void **state)
{
    (void)state;
    char line[AUDIT_KEY_SIZE + 16];
    assert_false(page_is_taken("", true));
    /* A name that is too long to be kept as the place, and one that just fits. */
    for (int too_long = 0; too_long < 2; too_long++) {
        int length = AUDIT_KEY_SIZE - 1 + too_long - (int)strlen("avatars/");
        snprintf(line, sizeof line, "avatars/%0*d\n", length, 0);
        assert_int_equal(page_is_taken(line, true), !too_long);
        assert_true(page_is_taken(line, false));
    }
}

static void page__has_no_more_keys_than_fit(void **state)
{
    (void)state;
    static char text[(FILES_LIST_KEYS_MAX + 1) * sizeof "avatars/00000"];
    for (int over = 0; over < 2; over++) {
        char *end = text;
        for (int i = 0; i < FILES_LIST_KEYS_MAX + over; i++)
            end += sprintf(end, "avatars/%04d\n", i);
        assert_int_equal(page_is_taken(text, false), !over);
        assert_int_equal(audit.count, FILES_LIST_KEYS_MAX);
    }
}

static void page__keeps_whoever_points_at_what_was_not_listed_while_it_counts(void **state)
{
    (void)state;
    for (int pass = AUDIT_COUNTING; pass <= AUDIT_DELETING; pass++) {
        struct pointers pointers = {0};
        pointer_add(&pointers, KEY, true);
        pointer_add(&pointers, NEXT, false);
        assert_true(page_is_taken("", false));
        audit.place.pass = (enum audit_pass)pass;
        audit.next = audit.place;
        assert_false(audit_page_merge(&audit, &pointers, false));
        /* Whoever is being erased may have lost the object to that. */
        assert_int_equal(pointers.count, pass == AUDIT_COUNTING);
        assert_int_equal(audit.next.counts[AUDIT_POINTERS], pass == AUDIT_COUNTING ? 2 : 0);
        pointers_deinit(&pointers);
    }
}

static void page__begins_where_the_first_key_of_ours_does(void **state)
{
    (void)state;
    assert_true(page_is_taken("avatars/00-by-hand\n" KEY "\n" NEXT "\n", false));
    audit.next = audit.place;
    audit_page_sift(&audit);
    assert_int_equal(audit.next.first_ms, MADE_AT);
    assert_int_equal(audit.next.counts[AUDIT_UNKNOWN], 1);
    assert_int_equal(audit.search.count, 2);
}

static void page__counts_all_findings_and_lists_as_many_as_fit(void **state)
{
    (void)state;
    char too_long[AUDIT_KEY_SIZE + 1];
    snprintf(too_long, sizeof too_long, "%0*d", AUDIT_KEY_SIZE, 0);
    audit.save.finding_count = 0;
    audit_page_note(&audit, AUDIT_UNKNOWN, too_long, "");
    assert_int_equal(audit.save.finding_count, 0);
    for (int i = 0; i < AUDIT_PAGE_FINDINGS + 1; i++)
        audit_page_note(&audit, AUDIT_UNKNOWN, KEY, USER);
    assert_int_equal(audit.save.finding_count, AUDIT_PAGE_FINDINGS);
    assert_int_equal(audit.next.counts[AUDIT_UNKNOWN], AUDIT_PAGE_FINDINGS + 2);
    assert_string_equal(audit.findings[AUDIT_PAGE_FINDINGS - 1].user_id, USER);
}

static void progress__is_that_of_a_time_between_the_first_key_and_the_start(void **state)
{
    (void)state;
    struct audit_place place = {.state = AUDIT_RUNNING, .cursor = NEXT};
    /* No key of ours was met yet, or the first was made after the start. */
    place.started_at = MADE_AT + 1000;
    assert_int_equal(audit_progress(&place), 0);
    place.first_ms = MADE_AT;
    assert_int_equal(audit_progress(&place), 1);
    place.started_at = MADE_AT;
    assert_int_equal(audit_progress(&place), 0);
    place.started_at = MADE_AT + 1;
    assert_int_equal(audit_progress(&place), 999);
}

#define AUDIT(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        AUDIT(audit__keeps_the_words_in_which_the_store_refuses),
        AUDIT(audit__of_another_databases_store_takes_nothing),
        AUDIT(audit__takes_a_part_that_cannot_be_had_for_one_of_an_object),
        AUDIT(audit__takes_no_other_404_for_a_missing_object),
        AUDIT(audit__says_that_one_is_missing_only_if_the_user_still_points_there),
        AUDIT(audit__begins_the_page_anew_if_the_database_does_not_say_who_the_user_is),
        AUDIT(audit__says_while_it_rests_that_it_is_at_it),
        AUDIT(page__is_lines_below_our_prefix_each_with_its_end),
        AUDIT(page__that_is_followed_by_others_says_from_where),
        AUDIT(page__has_no_more_keys_than_fit),
        AUDIT(page__keeps_whoever_points_at_what_was_not_listed_while_it_counts),
        AUDIT(page__begins_where_the_first_key_of_ours_does),
        AUDIT(page__counts_all_findings_and_lists_as_many_as_fit),
        AUDIT(progress__is_that_of_a_time_between_the_first_key_and_the_start),
    };
    return cmocka_run_group_tests_name("fallback: audit answers", tests, NULL, NULL);
}
