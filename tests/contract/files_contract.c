/*
 * What files.h promises, asked of a real store through the files thread.
 *
 *     files_contract            a folder of its own, removed afterwards
 *     files_contract --s3       the store that FILES_S3_URL names; without it, skipped
 *     files_contract URL
 *
 * A run keeps to a folder, or a part of the bucket, that it makes for itself.
 */
#include "files_calls.h"

#include "base/clock.h"
#include "files/driver.h"
#include "files/faulty/faulty.h"
#include "files/local/local.h"
#include "files/s3/s3.h"

#include <ftw.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define SKIPPED    77
#define LARGE      ((size_t)5 << 20)
#define CONCURRENT 64

/* What stores may differ in. */
static struct {
    char url[1024];
    bool is_local;
    bool refuses_second_put; /* S3 overwrites, and keys that are used once never notice */
} store;

static void what_was_put_is_read_until_it_is_deleted(void **state)
{
    (void)state;
    char key[FILES_KEY_SIZE];
    fresh_key(key);
    assert_missing(key);
    struct files_answer answer = put(key, "a picture", 9);
    assert_ok(&answer);
    assert_content(key, "a picture", 9);
    answer = delete_key(key);
    assert_ok(&answer);
    assert_missing(key);
}

static void deleting_again_or_what_never_was_is_done(void **state)
{
    (void)state;
    char key[FILES_KEY_SIZE];
    struct files_answer answer = delete_key(fresh_key(key));
    assert_absent(&answer);
    answer = put(key, "x", 1);
    assert_ok(&answer);
    for (int i = 0; i < 3; i++) {
        answer = delete_key(key);
        assert_absent(&answer);
    }
}

static void a_batch_answers_for_each_key(void **state)
{
    (void)state;
    static char texts[FILES_DELETE_KEYS_MAX][FILES_KEY_SIZE];
    const char *keys[FILES_DELETE_KEYS_MAX];
    struct files_answer answers[FILES_DELETE_KEYS_MAX];
    for (size_t i = 0; i < FILES_DELETE_KEYS_MAX; i++) {
        keys[i] = fresh_key(texts[i]);
        if (i % 50 == 0) {
            struct files_answer answer = put(keys[i], "x", 1);
            assert_ok(&answer);
        }
    }
    for (int again = 0; again < 2; again++) {
        struct files_answer answer = delete_keys(keys, FILES_DELETE_KEYS_MAX, answers);
        assert_ok(&answer);
        for (size_t i = 0; i < FILES_DELETE_KEYS_MAX; i++)
            assert_absent(&answers[i]);
    }
    for (size_t i = 0; i < FILES_DELETE_KEYS_MAX; i += 50)
        assert_missing(keys[i]);
}

static void a_bad_key_in_a_batch_stops_no_other(void **state)
{
    (void)state;
    char key[FILES_KEY_SIZE], other[FILES_KEY_SIZE];
    const char *keys[] = {fresh_key(key), "avatars/../escape", fresh_key(other)};
    struct files_answer answers[3];
    struct files_answer answer = put(key, "x", 1);
    assert_ok(&answer);
    delete_keys(keys, 3, answers);
    assert_absent(&answers[0]);
    assert_int_equal(answers[1].status, 400);
    assert_string_not_equal(answers[1].code, "");
    assert_absent(&answers[2]);
    assert_missing(key);
}

static void a_part_is_read_as_it_is_asked_for(void **state)
{
    (void)state;
    static const struct {
        size_t first, length;
        const char *part;
    } cases[] = {
        {0, 1, "0"}, {2, 3, "234"}, {9, 1, "9"}, {8, 100, "89"}, {0, 10, "0123456789"}};
    char key[FILES_KEY_SIZE];
    struct files_answer answer = put(fresh_key(key), "0123456789", 10);
    assert_ok(&answer);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct call call = {.op = {.verb = FILES_GET,
                                   .key = key,
                                   .range_first = cases[i].first,
                                   .range_length = cases[i].length}};
        buffer_init(&call.op.body, 100);
        call_run(&call);
        assert_int_equal(call.op.answer.status, 206);
        assert_ok(&call.op.answer);
        assert_string_equal(call.op.body.bytes, cases[i].part);
        buffer_deinit(&call.op.body);
    }
    struct call beyond = {
        .op = {.verb = FILES_GET, .key = key, .range_first = 10, .range_length = 1}};
    buffer_init(&beyond.op.body, 100);
    call_run(&beyond);
    assert_int_equal(beyond.op.answer.status, 416);
    buffer_deinit(&beyond.op.body);
}

/* Whether a listing says what is kept under each key. */
static bool with_versions;

/* All keys that begin with `prefix`, page by page: each with a line's end. */
static void list_all(const char *prefix, const char *after, struct buffer *ret_keys,
                     size_t *ret_pages)
{
    char last[FILES_KEY_SIZE] = "";
    struct call call;
    if (after)
        snprintf(last, sizeof last, "%s", after);
    *ret_pages = 0;
    do {
        call = (struct call){.op = {.verb = FILES_LIST,
                                    .key = prefix,
                                    .after = *last ? last : NULL,
                                    .with_versions = with_versions}};
        buffer_init(&call.op.body, FILES_LIST_BYTES_MAX);
        call_run(&call);
        assert_ok(&call.op.answer);
        struct buffer *body = &call.op.body;
        if (body->length) {
            assert_int_equal(buffer_append(ret_keys, body->bytes, body->length), 0);
            body->bytes[body->length - 1] = '\0';
            const char *line = strrchr(body->bytes, '\n');
            snprintf(last, sizeof last, "%s",
                     (line ? line + 1 : body->bytes) + (with_versions ? 1 : 0));
        }
        buffer_deinit(body);
        (*ret_pages)++;
    } while (call.op.more);
}

static void keys_are_listed_in_order_and_by_prefix(void **state)
{
    (void)state;
    static const char *const names[] = {"a", "a.b", "a/b", "a/c/d", "b", "ab"};
    char prefix[FILES_KEY_SIZE], keys[6][FILES_KEY_SIZE + 8], expected[6 * FILES_KEY_SIZE];
    struct buffer found;
    size_t pages;
    fresh_key(prefix);
    buffer_init(&found, FILES_LIST_BYTES_MAX);
    list_all(prefix, NULL, &found, &pages);
    assert_int_equal(found.length, 0);
    for (size_t i = 0; i < 6; i++) {
        snprintf(keys[i], sizeof keys[i], "%s-%s", prefix, names[i]);
        /* A folder cannot have a file and a folder of one name. */
        if (i == 0)
            continue;
        struct files_answer answer = put(keys[i], "x", 1);
        assert_ok(&answer);
    }
    list_all(prefix, NULL, &found, &pages);
    snprintf(expected, sizeof expected, "%s\n%s\n%s\n%s\n%s\n", keys[1], keys[2], keys[3],
             keys[5], keys[4]);
    assert_string_equal(found.bytes, expected);
    buffer_deinit(&found);
    list_all(prefix, keys[3], &found, &pages);
    snprintf(expected, sizeof expected, "%s\n%s\n", keys[5], keys[4]);
    assert_string_equal(found.bytes, expected);
    buffer_deinit(&found);
    snprintf(prefix + strlen(prefix), sizeof prefix - strlen(prefix), "-a/");
    list_all(prefix, NULL, &found, &pages);
    snprintf(expected, sizeof expected, "%s\n%s\n", keys[2], keys[3]);
    assert_string_equal(found.bytes, expected);
    buffer_deinit(&found);
}

/* More keys than a page has. In a folder they are laid there: a thousand syncs take long. */
#define MANY (FILES_LIST_KEYS_MAX + 5)

static void many_lay(char keys[MANY][FILES_KEY_SIZE])
{
    struct files_answer answer = put(keys[0], "x", 1);
    assert_ok(&answer);
    for (size_t i = 1; i < MANY; i++) {
        char path[2048];
        snprintf(path, sizeof path, "%s/%s", store.url + strlen("file://"), keys[i]);
        FILE *file = fopen(path, "w");
        assert_non_null(file);
        assert_int_equal(fclose(file), 0);
    }
}

static void many_put(char keys[MANY][FILES_KEY_SIZE])
{
    static struct call calls[MANY];
    sem_t finished;
    sem_init(&finished, 0, 0);
    for (size_t i = 0, begun = 0; i < MANY; i++) {
        calls[i] =
            (struct call){.op = {.verb = FILES_PUT, .key = keys[i], .bytes = "x", .length = 1}};
        call_submit(&calls[i], &finished);
        begun++;
        if (begun == CONCURRENT || i == MANY - 1) {
            calls_wait(&calls[i + 1 - begun], begun, &finished);
            begun = 0;
        }
    }
    sem_destroy(&finished);
}

static void a_long_listing_comes_in_pages(void **state)
{
    (void)state;
    static char keys[MANY][FILES_KEY_SIZE];
    char prefix[FILES_KEY_SIZE];
    struct buffer found;
    size_t pages, at = 0;
    fresh_key(prefix);
    for (size_t i = 0; i < MANY; i++)
        snprintf(keys[i], sizeof keys[i], "%.400s-%04zu", prefix, i);
    if (store.is_local)
        many_lay(keys);
    else
        many_put(keys);
    buffer_init(&found, 2 * FILES_LIST_BYTES_MAX);
    for (int round = 0; round < 2; round++) {
        with_versions = round > 0;
        list_all(prefix, NULL, &found, &pages);
        assert_int_equal(pages, 2);
        at = 0;
        for (size_t i = 0; i < MANY; i++) {
            size_t length = strlen(keys[i]);
            if (with_versions)
                assert_int_equal(found.bytes[at++], FILES_KIND_ONLY);
            assert_memory_equal(found.bytes + at, keys[i], length);
            at += length + 1;
        }
        assert_int_equal(at, found.length);
        buffer_deinit(&found);
    }
    with_versions = false;
}

static void bad_keys_are_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {"",       "/a", "a/",   "a//b",
                                      "a/../b", "..", "a\nb", "caf\xc3\xa9"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct files_answer answer = put(bad[i], "x", 1);
        assert_int_equal(answer.status, 400);
        assert_string_not_equal(answer.code, "");
        struct buffer body;
        buffer_init(&body, 64);
        answer = get(bad[i], &body);
        assert_int_equal(answer.status, 400);
        buffer_deinit(&body);
        answer = delete_key(bad[i]);
        assert_int_equal(answer.status, 400);
        assert_string_not_equal(answer.code, "");
    }
}

static void a_second_put_of_a_key_is_as_declared(void **state)
{
    (void)state;
    char key[FILES_KEY_SIZE];
    struct files_answer answer = put(fresh_key(key), "first", 5);
    assert_ok(&answer);
    answer = put(key, "other", 5);
    if (store.refuses_second_put) {
        assert_int_equal(answer.status, 412);
        assert_string_equal(answer.code, "PreconditionFailed");
        assert_content(key, "first", 5);
    } else {
        assert_ok(&answer);
        assert_content(key, "other", 5);
    }
    answer = delete_key(key);
    assert_absent(&answer);
}

static void odd_keys_come_back_as_they_were(void **state)
{
    (void)state;
    static const char *const odd[] = {
        "with space",  "plus+sign",    "per%cent",           "%2F",     "a&b=c",
        "quo'te\"s",   "(round)*star", "semi;colon:@",       "q?mark#", "<tag>&amp;",
        "back\\slash", "tilde~^`{|}",  "deep/er/and/deeper", "...",     ".hidden",
        "a,b$c!",
    };
    const size_t count = sizeof odd / sizeof *odd;
    char texts[sizeof odd / sizeof *odd][FILES_KEY_SIZE], id[UUID_TEXT_SIZE];
    const char *keys[sizeof odd / sizeof *odd];
    struct files_answer answers[sizeof odd / sizeof *odd];
    uuid_generate(id);
    for (size_t i = 0; i < count; i++) {
        snprintf(texts[i], sizeof texts[i], "odd-%s/%s", id, odd[i]);
        keys[i] = texts[i];
        struct files_answer answer = put(keys[i], odd[i], strlen(odd[i]));
        assert_ok(&answer);
    }
    for (size_t i = 0; i < count; i++)
        assert_content(keys[i], odd[i], strlen(odd[i]));
    struct files_answer answer = delete_key(keys[0]);
    assert_ok(&answer);
    assert_missing(keys[0]);
    answer = delete_keys(keys, count, answers);
    assert_ok(&answer);
    for (size_t i = 0; i < count; i++) {
        assert_absent(&answers[i]);
        assert_missing(keys[i]);
    }
}

static void the_longest_key_works(void **state)
{
    (void)state;
    char key[FILES_KEY_SIZE], id[UUID_TEXT_SIZE];
    uuid_generate(id);
    size_t length = (size_t)snprintf(key, sizeof key, "long/%s/", id);
    for (; length < FILES_KEY_SIZE - 1; length++)
        key[length] = length % 200 == 0 ? '/' : 'k';
    key[length] = '\0';
    struct files_answer answer = put(key, "x", 1);
    assert_ok(&answer);
    assert_content(key, "x", 1);
    const char *keys[] = {key, "long/other"};
    struct files_answer answers[2];
    delete_keys(keys, 2, answers);
    assert_absent(&answers[0]);
    assert_absent(&answers[1]);
    assert_missing(key);
}

static void an_empty_object_is_an_object(void **state)
{
    (void)state;
    char key[FILES_KEY_SIZE];
    struct files_answer answer = put(fresh_key(key), NULL, 0);
    assert_ok(&answer);
    assert_content(key, "", 0);
    answer = delete_key(key);
    assert_ok(&answer);
}

static void a_large_object_is_read_up_to_the_limit_only(void **state)
{
    (void)state;
    char key[FILES_KEY_SIZE];
    unsigned char *bytes = malloc(LARGE);
    assert_non_null(bytes);
    for (size_t i = 0; i < LARGE; i++)
        bytes[i] = (unsigned char)(i * 2654435761u >> 13);
    struct files_answer answer = put(fresh_key(key), bytes, LARGE);
    assert_ok(&answer);
    assert_content(key, bytes, LARGE);
    struct buffer body;
    buffer_init(&body, LARGE - 1);
    answer = get(key, &body);
    assert_string_equal(answer.code, FILES_CODE_TOO_LARGE);
    buffer_deinit(&body);
    free(bytes);
    answer = delete_key(key);
    assert_ok(&answer);
}

static void a_passed_deadline_sends_nothing(void **state)
{
    (void)state;
    char key[FILES_KEY_SIZE];
    fresh_key(key);
    struct call call = {.op = {.verb = FILES_PUT,
                               .key = key,
                               .content_type = "image/png",
                               .bytes = "x",
                               .length = 1,
                               .deadline_ms = clock_boot_ms()}};
    call_run(&call);
    assert_string_equal(call.op.answer.code, FILES_CODE_NOT_SENT);
    assert_int_equal(call.op.answer.status, 0);
    assert_missing(key);

    struct files_answer stored = put(key, "x", 1), answer;
    assert_ok(&stored);
    const char *keys[] = {key};
    struct call deletion = {.op = {.verb = FILES_DELETE,
                                   .keys = keys,
                                   .count = 1,
                                   .answers = &answer,
                                   .deadline_ms = clock_boot_ms()}};
    call_run(&deletion);
    assert_string_equal(answer.code, FILES_CODE_NOT_SENT);
    assert_content(key, "x", 1);
    answer = delete_key(key);
    assert_ok(&answer);
}

static void the_first_identity_stays(void **state)
{
    (void)state;
    struct files_identity first = {0}, second = {0}, found = {0};
    uuid_generate(first.store_id);
    uuid_generate(first.database_id);
    uuid_generate(second.store_id);
    uuid_generate(second.database_id);

    struct files_answer answer = identity_run(FILES_IDENTITY_READ, &found);
    assert_int_equal(answer.status, 404);
    found = first;
    answer = identity_run(FILES_IDENTITY_CREATE, &found);
    assert_ok(&answer);
    assert_true(files_identity_equals(&found, &first));
    answer = identity_run(FILES_IDENTITY_CREATE, &second);
    assert_int_equal(answer.status, 412);
    assert_true(files_identity_equals(&second, &first));
    found = (struct files_identity){0};
    answer = identity_run(FILES_IDENTITY_READ, &found);
    assert_ok(&answer);
    assert_true(files_identity_equals(&found, &first));
    answer = delete_key(FILES_IDENTITY_KEY);
    assert_ok(&answer);
}

static void a_foreign_identity_object_is_malformed(void **state)
{
    (void)state;
    struct files_answer answer = put(FILES_IDENTITY_KEY, "{\"store\":\"mine\"}", 16);
    assert_ok(&answer);
    struct files_identity identity = {0};
    uuid_generate(identity.store_id);
    uuid_generate(identity.database_id);
    answer = identity_run(FILES_IDENTITY_READ, &identity);
    assert_string_equal(answer.code, FILES_CODE_MALFORMED);
    answer = identity_run(FILES_IDENTITY_CREATE, &identity);
    assert_string_equal(answer.code, FILES_CODE_MALFORMED);
    assert_content(FILES_IDENTITY_KEY, "{\"store\":\"mine\"}", 16);
    answer = delete_key(FILES_IDENTITY_KEY);
    assert_ok(&answer);
}

static void many_at_once_are_each_answered_once(void **state)
{
    (void)state;
    static char keys[CONCURRENT][FILES_KEY_SIZE];
    struct call calls[CONCURRENT] = {0};
    sem_t finished;
    assert_int_equal(sem_init(&finished, 0, 0), 0);
    for (size_t i = 0; i < CONCURRENT; i++) {
        calls[i].op = (struct files_op){.verb = FILES_PUT,
                                        .key = fresh_key(keys[i]),
                                        .content_type = "image/gif",
                                        .bytes = keys[i],
                                        .length = strlen(keys[i])};
        call_submit(&calls[i], &finished);
    }
    calls_wait(calls, CONCURRENT, &finished);
    for (size_t i = 0; i < CONCURRENT; i++) {
        calls[i] = (struct call){.op = {.verb = FILES_GET, .key = keys[i]}};
        buffer_init(&calls[i].op.body, FILES_KEY_SIZE);
        call_submit(&calls[i], &finished);
    }
    calls_wait(calls, CONCURRENT, &finished);
    struct files_answer answers[CONCURRENT];
    const char *names[CONCURRENT];
    for (size_t i = 0; i < CONCURRENT; i++) {
        assert_string_equal(calls[i].op.body.bytes, keys[i]);
        buffer_deinit(&calls[i].op.body);
        names[i] = keys[i];
        calls[i] = (struct call){
            .op = {
                .verb = FILES_DELETE, .keys = &names[i], .answers = &answers[i], .count = 1}};
        call_submit(&calls[i], &finished);
    }
    calls_wait(calls, CONCURRENT, &finished);
    for (size_t i = 0; i < CONCURRENT; i++)
        assert_ok(&answers[i]);
    sem_destroy(&finished);
}

static int driver_open(struct files_driver **ret_driver, struct error *error)
{
    const struct files_local_options local = {.url = store.url};
    const struct files_s3_options s3 = {.url = store.url};
    return store.is_local ? files_local_open(&local, ret_driver, error)
                          : files_s3_open(&s3, ret_driver, error);
}

/* `*state` says whether the store is seen through the decorator, which here does nothing wrong.
 */
static int store_open(void **state)
{
    struct files_driver *driver;
    struct error error;
    if (driver_open(&driver, &error) < 0 ||
        (*state && files_faulty_open(driver, *state, &driver, &error) < 0) ||
        files_open(driver, CONCURRENT, &files, &error) < 0) {
        print_error("%s\n", error.text);
        return -1;
    }
    return 0;
}

static int decorated_open(void **state)
{
    *state = (void *)(uintptr_t) "all:fail=0";
    return store_open(state);
}

static int store_close(void **state)
{
    (void)state;
    files_close(files);
    files = NULL;
    return 0;
}

/* Puts a folder of this run at the end of the address's path. */
static void url_take(const char *url)
{
    char id[UUID_TEXT_SIZE];
    uuid_generate(id);
    size_t path = strcspn(url, "?");
    size_t slashes = path;
    while (slashes && url[slashes - 1] == '/')
        slashes--;
    snprintf(store.url, sizeof store.url, "%.*s/contract-%s%s", (int)slashes, url, id,
             url + path);
    store.is_local = strncmp(url, "file:", 5) == 0;
    store.refuses_second_put = store.is_local;
}

static int entry_remove(const char *path, const struct stat *status, int type, struct FTW *at)
{
    (void)status;
    (void)type;
    (void)at;
    return remove(path);
}

int main(int argc, char **argv)
{
    char folder[] = "/tmp/files-contract-XXXXXX", url[64];
    const char *given = argc > 1 ? argv[1] : NULL;
    bool own_folder = !given;
    if (given && strcmp(given, "--s3") == 0) {
        given = getenv("FILES_S3_URL");
        if (!given) {
            puts("FILES_S3_URL is not set: nothing was tested");
            return SKIPPED;
        }
    }
    if (own_folder) {
        if (!mkdtemp(folder))
            return EXIT_FAILURE;
        snprintf(url, sizeof url, "file://%s", folder);
        given = url;
    }
    url_take(given);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_put_is_read_until_it_is_deleted),
        cmocka_unit_test(deleting_again_or_what_never_was_is_done),
        cmocka_unit_test(a_batch_answers_for_each_key),
        cmocka_unit_test(a_bad_key_in_a_batch_stops_no_other),
        cmocka_unit_test(a_part_is_read_as_it_is_asked_for),
        cmocka_unit_test(keys_are_listed_in_order_and_by_prefix),
        cmocka_unit_test(a_long_listing_comes_in_pages),
        cmocka_unit_test(bad_keys_are_refused),
        cmocka_unit_test(a_second_put_of_a_key_is_as_declared),
        cmocka_unit_test(odd_keys_come_back_as_they_were),
        cmocka_unit_test(the_longest_key_works),
        cmocka_unit_test(an_empty_object_is_an_object),
        cmocka_unit_test(a_large_object_is_read_up_to_the_limit_only),
        cmocka_unit_test(a_passed_deadline_sends_nothing),
        cmocka_unit_test(the_first_identity_stays),
        cmocka_unit_test(a_foreign_identity_object_is_malformed),
        cmocka_unit_test(many_at_once_are_each_answered_once),
    };
    int failed = cmocka_run_group_tests_name("files contract", tests, store_open, store_close);
    failed += cmocka_run_group_tests_name("files contract, decorated", tests, decorated_open,
                                          store_close);
    if (own_folder)
        nftw(folder, entry_remove, 16, FTW_DEPTH | FTW_PHYS);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
