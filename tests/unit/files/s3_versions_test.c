/* A bucket that keeps versions: a key is done when a listing names nothing of it (P5). */
#include "s3_store.h"

#include "base/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define KEEPS(more)                                                                            \
    reply("200 OK", "",                                                                        \
          "<VersioningConfiguration><Status>Enabled</Status>" more                             \
          "</VersioningConfiguration>")
#define LISTING(entries)                                                                       \
    reply("200 OK", "",                                                                        \
          "<ListVersionsResult><Prefix>pre/avatars/a</Prefix>" entries                         \
          "</ListVersionsResult>")
#define VERSION(key, id)                                                                       \
    "<Version><Key>pre/" key "</Key><VersionId>" id "</VersionId></Version>"
#define MARKER(key, id)                                                                        \
    "<DeleteMarker><Key>pre/" key "</Key><VersionId>" id "</VersionId></DeleteMarker>"
#define TRUNCATED(key, id)                                                                     \
    "<IsTruncated>true</IsTruncated><NextKeyMarker>pre/" key                                   \
    "</NextKeyMarker><NextVersionIdMarker>" id "</NextVersionIdMarker>"
#define DENIED                                                                                 \
    "<Error><Key>pre/avatars/a</Key><VersionId>v1</VersionId><Code>AccessDenied</Code>"        \
    "<Message>said so</Message></Error>"
#define ALL_DELETED reply("200 OK", "", RESULT(DELETED("avatars/a")))
#define NOTHING     LISTING("")

/* Deletes the first key against these replies. */
static void erase(const char *const *texts, size_t count)
{
    struct server_reply replies[SERVER_REPLIES_MAX];
    struct files_op op = {.verb = FILES_DELETE, .keys = keys, .answers = answers, .count = 1};
    for (size_t i = 0; i < count; i++)
        replies[i] = (struct server_reply){texts[i], SERVER_KEEP};
    store_open(replies, count);
    run(&op, PATIENCE);
    store_close();
    assert_int_equal(server.request_count, count);
}

#define ERASE(...)                                                                             \
    do {                                                                                       \
        const char *const texts[] = {__VA_ARGS__};                                             \
        erase(texts, sizeof texts / sizeof *texts);                                            \
    } while (0)

static void assert_asked(size_t index, const char *words)
{
    if (!strstr(server.requests[index], words))
        fail_msg("request %zu has no '%s':\n%s", index, words, server.requests[index]);
}

static void assert_not_asked(size_t index, const char *words)
{
    assert_null(strstr(server.requests[index], words));
}

static void every_version_goes_by_its_id(void **state)
{
    (void)state;
    ERASE(KEEPS(""), LISTING(VERSION("avatars/a", "v2") VERSION("avatars/a", "null")),
          ALL_DELETED, NOTHING);
    assert_answer(&answers[0], 204, "");
    assert_asked(0, "GET /bucket?versioning= HTTP/1.1\r\n");
    assert_asked(1, "GET /bucket?max-keys=250&prefix=pre%2Favatars%2Fa&versions= HTTP/1.1\r\n");
    assert_asked(2, "POST /bucket?delete= HTTP/1.1\r\n");
    assert_asked(2, "<Object><Key>pre/avatars/a</Key><VersionId>v2</VersionId></Object>"
                    "<Object><Key>pre/avatars/a</Key><VersionId>null</VersionId></Object>");
}

static void what_never_was_is_done(void **state)
{
    (void)state;
    ERASE(KEEPS(""), NOTHING);
    assert_answer(&answers[0], 204, "");
}

static void a_suspended_bucket_still_has_its_versions(void **state)
{
    (void)state;
    ERASE(
        reply("200 OK", "",
              "<VersioningConfiguration><Status>Suspended</Status></VersioningConfiguration>"),
        LISTING(VERSION("avatars/a", "null")), ALL_DELETED, NOTHING);
    assert_answer(&answers[0], 204, "");
}

static void neighbours_are_let_be(void **state)
{
    (void)state;
    ERASE(KEEPS(""),
          LISTING(VERSION("avatars/a", "v1") VERSION("avatars/a-longer", "v3")
                      MARKER("avatars/ab", "v4")),
          ALL_DELETED, LISTING(VERSION("avatars/a-longer", "v3") MARKER("avatars/ab", "v4")));
    assert_answer(&answers[0], 204, "");
    assert_not_asked(2, "v3");
    assert_not_asked(2, "v4");
}

/* A page that ends in a neighbour says all that there is of the key. */
static void a_million_neighbours_are_not_walked_over(void **state)
{
    (void)state;
    ERASE(KEEPS(""),
          LISTING(VERSION("avatars/a-longer", "v3") TRUNCATED("avatars/a-longer", "v3")));
    assert_answer(&answers[0], 204, "");
}

/* Hidden things stay hidden until they are gone. */
static void markers_go_last(void **state)
{
    (void)state;
    ERASE(KEEPS(""), LISTING(MARKER("avatars/a", "m1") VERSION("avatars/a", "v1")), ALL_DELETED,
          LISTING(MARKER("avatars/a", "m1")), ALL_DELETED, NOTHING);
    assert_answer(&answers[0], 204, "");
    assert_asked(2, "v1");
    assert_not_asked(2, "m1");
    assert_asked(4, "m1");
}

static void a_page_of_markers_may_hide_an_object_on_the_next(void **state)
{
    (void)state;
    ERASE(KEEPS(""), LISTING(MARKER("avatars/a", "m1") TRUNCATED("avatars/a", "m1")),
          LISTING(VERSION("avatars/a", "v1")), ALL_DELETED, NOTHING);
    assert_answer(&answers[0], 204, "");
    assert_asked(2, "GET /bucket?key-marker=pre%2Favatars%2Fa&max-keys=250"
                    "&prefix=pre%2Favatars%2Fa&version-id-marker=m1&versions= ");
    assert_asked(3, "v1");
}

static void markers_on_an_earlier_page_are_not_forgotten(void **state)
{
    (void)state;
    ERASE(KEEPS(""), LISTING(MARKER("avatars/a", "m1") TRUNCATED("avatars/a", "m1")), NOTHING,
          LISTING(MARKER("avatars/a", "m1")), ALL_DELETED, NOTHING);
    assert_answer(&answers[0], 204, "");
    assert_asked(4, "m1");
}

/* Whatever was said of the deletion: what is listed is there. */
static void what_is_still_listed_is_not_done(void **state)
{
    (void)state;
    ERASE(KEEPS(""), LISTING(VERSION("avatars/a", "v1")), ALL_DELETED,
          LISTING(VERSION("avatars/a", "v1")), ALL_DELETED, LISTING(VERSION("avatars/a", "v1")),
          reply("503 Slow Down", "Retry-After: 3\r\n", "<Error><Code>SlowDown</Code></Error>"));
    assert_answer(&answers[0], 503, "SlowDown");
    assert_int_equal(answers[0].retry_after_ms, 3000);
}

/* It landed between the listing and the deletion. */
static void a_version_that_lands_in_between_goes_too(void **state)
{
    (void)state;
    ERASE(KEEPS(""), LISTING(VERSION("avatars/a", "v1")), ALL_DELETED,
          LISTING(VERSION("avatars/a", "v2")), ALL_DELETED, NOTHING);
    assert_answer(&answers[0], 204, "");
    assert_asked(4, "v2");
    assert_not_asked(4, "v1");
}

static void a_lock_says_what_stays_and_until_when(void **state)
{
    (void)state;
    ERASE(KEEPS(""), LISTING(VERSION("avatars/a", "v2") VERSION("avatars/a", "v1")),
          reply("200 OK", "", RESULT(DENIED)),
          LISTING(VERSION("avatars/a", "v2") VERSION("avatars/a", "v1")),
          "HTTP/1.1 200 OK\r\nx-amz-object-lock-mode: GOVERNANCE\r\n"
          "x-amz-object-lock-retain-until-date: 2031-05-01T00:00:00Z\r\n"
          "Content-Length: 7\r\n\r\n",
          "HTTP/1.1 200 OK\r\nx-amz-object-lock-mode: COMPLIANCE\r\n"
          "x-amz-object-lock-retain-until-date: 2040-01-02T03:04:05Z\r\n"
          "x-amz-object-lock-legal-hold: ON\r\nContent-Length: 7\r\n\r\n");
    assert_answer(&answers[0], 200, FILES_CODE_LOCKED);
    assert_string_equal(answers[0].text, "2 versions stay until 2040-01-02T03:04:05Z "
                                         "(COMPLIANCE), legal hold on 1: v2 v1");
    assert_asked(4, "HEAD /bucket/pre/avatars/a?versionId=v2 HTTP/1.1\r\n");
    assert_asked(5, "HEAD /bucket/pre/avatars/a?versionId=v1 HTTP/1.1\r\n");
}

static void a_legal_hold_has_no_end(void **state)
{
    (void)state;
    ERASE(KEEPS(""), LISTING(VERSION("avatars/a", "v1")), reply("200 OK", "", RESULT(DENIED)),
          LISTING(VERSION("avatars/a", "v1")),
          "HTTP/1.1 200 OK\r\nx-amz-object-lock-legal-hold: ON\r\nContent-Length: 7\r\n\r\n");
    assert_answer(&answers[0], 200, FILES_CODE_LOCKED);
    assert_string_equal(answers[0].text, "1 version stays until the legal hold on 1 ends: v1");
}

static void what_is_not_locked_goes_all_the_same(void **state)
{
    (void)state;
    ERASE(KEEPS(""), LISTING(VERSION("avatars/a", "v2") VERSION("avatars/a", "v1")),
          reply("200 OK", "", RESULT(DENIED DELETED("avatars/a"))),
          LISTING(VERSION("avatars/a", "v1")),
          "HTTP/1.1 200 OK\r\nx-amz-object-lock-mode: GOVERNANCE\r\n"
          "x-amz-object-lock-retain-until-date: 2031-05-01T00:00:00Z\r\n"
          "Content-Length: 7\r\n\r\n");
    assert_answer(&answers[0], 200, FILES_CODE_LOCKED);
    assert_string_equal(answers[0].text,
                        "1 version stays until 2031-05-01T00:00:00Z (GOVERNANCE): v1");
}

static void no_right_to_delete_versions_says_so(void **state)
{
    (void)state;
    ERASE(KEEPS(""), LISTING(VERSION("avatars/a", "v1")), reply("200 OK", "", RESULT(DENIED)),
          LISTING(VERSION("avatars/a", "v1")), "HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n");
    assert_answer(&answers[0], 200, "AccessDenied");
    assert_string_equal(answers[0].text, "1 version stays, said so: v1");
}

static void a_call_that_is_refused_whole_says_what_stays(void **state)
{
    (void)state;
    ERASE(KEEPS(""), LISTING(VERSION("avatars/a", "v1")),
          reply("403 Forbidden", "",
                "<Error><Code>AccessDenied</Code><Message>no</Message></Error>"),
          LISTING(VERSION("avatars/a", "v1")),
          "HTTP/1.1 403 Forbidden\r\nContent-Length: 7\r\n\r\n");
    assert_answer(&answers[0], 403, "AccessDenied");
    assert_string_equal(answers[0].text, "1 version stays, no: v1");
}

static void mfa_delete_is_named(void **state)
{
    (void)state;
    ERASE(KEEPS("<MfaDelete>Enabled</MfaDelete>"), LISTING(VERSION("avatars/a", "v1")),
          reply("200 OK", "", RESULT(DENIED)), LISTING(VERSION("avatars/a", "v1")),
          "HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n");
    assert_answer(&answers[0], 200, FILES_CODE_MFA);
    assert_string_equal(answers[0].text, "1 version stays until MFA delete is off: v1");
}

static void no_right_to_list_says_so(void **state)
{
    (void)state;
    ERASE(KEEPS(""), reply("403 Forbidden", "",
                           "<Error><Code>AccessDenied</Code><Message>no</Message></Error>"));
    assert_answer(&answers[0], 403, "AccessDenied");
    assert_non_null(strstr(answers[0].text, "s3:ListBucketVersions"));
}

static void a_listing_that_is_none_is_not_empty(void **state)
{
    (void)state;
    static const char *const bodies[] = {
        "",
        "<ListBucketResult><Prefix>pre/avatars/a</Prefix></ListBucketResult>",
        "<ListVersionsResult><Prefix>pre/avatars/a</Prefix>",
        "<ListVersionsResult><Prefix>pre/avatars/b</Prefix></ListVersionsResult>",
        "<ListVersionsResult><IsTruncated>true</IsTruncated></ListVersionsResult>",
        "<!DOCTYPE x><ListVersionsResult></ListVersionsResult>",
    };
    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
        ERASE(KEEPS(""), reply("200 OK", "", bodies[i]));
        assert_answer(&answers[0], 200, FILES_CODE_MALFORMED);
    }
}

/* That the call is absent says nothing of the key: a proxy without its route answers so. */
static void an_absent_listing_or_deletion_is_not_an_absent_key(void **state)
{
    (void)state;
    static const struct {
        const char *status, *body;
        int number;
    } absences[] = {
        {"404 Not Found", "", 404},
        {"404 Not Found", "<html>no route</html>", 404},
        {"404 Not Found", "<Error><Code>NoSuchKey</Code></Error>", 404},
        {"404 Not Found", "<Error><Code>NoSuchVersion</Code></Error>", 404},
        {"200 OK", "<Error><Code>NoSuchKey</Code></Error>", 200},
    };
    for (size_t i = 0; i < sizeof absences / sizeof *absences; i++) {
        const char *status = absences[i].status, *body = absences[i].body;
        ERASE(KEEPS(""), reply(status, "", body));
        assert_answer(&answers[0], absences[i].number, FILES_CODE_MALFORMED);
        ERASE(KEEPS(""), LISTING(VERSION("avatars/a", "v1")), reply(status, "", body));
        assert_answer(&answers[0], absences[i].number, FILES_CODE_MALFORMED);
    }
}

static void a_cut_answer_to_the_deletion_is_not_done(void **state)
{
    (void)state;
    ERASE(KEEPS(""), LISTING(VERSION("avatars/a", "v1")),
          reply("200 OK", "", "<DeleteResult>" DELETED("avatars/a")));
    assert_answer(&answers[0], 200, FILES_CODE_MALFORMED);
}

/* The bucket was told to keep versions since it was last asked: the marker tells. */
static void a_marker_is_not_a_deletion(void **state)
{
    (void)state;
    ERASE(KEEPS_NO_VERSIONS, reply("204 No Content", "x-amz-delete-marker: true\r\n", ""),
          LISTING(MARKER("avatars/a", "m1") VERSION("avatars/a", "v1")), ALL_DELETED,
          LISTING(MARKER("avatars/a", "m1")), ALL_DELETED, NOTHING);
    assert_answer(&answers[0], 204, "");
}

static void a_marker_in_a_batch_is_followed_up_for_its_key_alone(void **state)
{
    (void)state;
    const struct server_reply replies[] = {
        {KEEPS_NO_VERSIONS, SERVER_KEEP},
        {reply("200 OK", "",
               RESULT("<Deleted><Key>pre/avatars/a</Key><DeleteMarker>true</DeleteMarker>"
                      "</Deleted>" DELETED("avatars/b&amp;c") REFUSED("avatars/d", "Odd"))),
         SERVER_KEEP},
        {LISTING(MARKER("avatars/a", "m1")), SERVER_KEEP},
        {ALL_DELETED, SERVER_KEEP},
        {NOTHING, SERVER_KEEP}};
    struct files_op op = {
        .verb = FILES_DELETE, .keys = keys, .answers = answers, .count = KEYS};
    store_open(replies, 5);
    run(&op, PATIENCE);
    store_close();
    assert_answer(&answers[0], 204, "");
    assert_answer(&answers[1], 200, "");
    assert_answer(&answers[2], 200, "Odd");
    assert_int_equal(server.request_count, 5);
}

static void it_is_asked_once(void **state)
{
    (void)state;
    const struct server_reply replies[] = {{KEEPS_NO_VERSIONS, SERVER_KEEP},
                                           {reply("204 No Content", "", ""), SERVER_KEEP},
                                           {reply("204 No Content", "", ""), SERVER_KEEP}};
    struct files_op op = {.verb = FILES_DELETE, .keys = keys, .answers = answers, .count = 1};
    store_open(replies, 3);
    for (int i = 0; i < 2; i++) {
        run(&op, PATIENCE);
        assert_answer(&answers[0], 204, "");
    }
    store_close();
    assert_int_equal(server.request_count, 3);
}

/* The answer to a plain DELETE tells of a marker, whether one may ask before or not. */
static void who_may_not_ask_goes_by_the_markers(void **state)
{
    (void)state;
    static const char *const refusals[] = {"403 Forbidden", "405 Method Not Allowed",
                                           "501 Not Implemented", "400 Bad Request"};
    for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++) {
        ERASE(reply(refusals[i], "", "<Error><Code>NotImplemented</Code></Error>"),
              reply("204 No Content", "", ""));
        assert_answer(&answers[0], 204, "");
    }
}

static void nothing_is_sent_to_a_bucket_of_which_it_is_not_known(void **state)
{
    (void)state;
    static const struct {
        const char *status, *body;
        int number;
        const char *code;
    } silent[] = {
        {"503 Busy", "<Error><Code>SlowDown</Code></Error>", 503, "SlowDown"},
        {"404 Not Found", "<Error><Code>NoSuchBucket</Code></Error>", 404, "NoSuchBucket"},
        {"301 Moved", "", 301, FILES_CODE_REDIRECT},
        {"200 OK", "<html/>", 200, FILES_CODE_MALFORMED},
        {"200 OK", "", 200, FILES_CODE_MALFORMED},
    };
    for (size_t i = 0; i < sizeof silent / sizeof *silent; i++) {
        ERASE(reply(silent[i].status, "", silent[i].body));
        assert_answer(&answers[0], silent[i].number, silent[i].code);
    }
}

static void a_hang_on_the_way_ends_at_the_deadline(void **state)
{
    (void)state;
    const struct server_reply replies[] = {{KEEPS(""), SERVER_KEEP},
                                           {LISTING(VERSION("avatars/a", "v1")), SERVER_KEEP},
                                           {"", SERVER_HANG}};
    struct files_op op = {.verb = FILES_DELETE, .keys = keys, .answers = answers, .count = 1};
    store_open(replies, 3);
    run(&op, BRIEF);
    store_close();
    assert_answer(&answers[0], 0, FILES_CODE_TIMEOUT);
}

static void stopping_answers_every_key(void **state)
{
    (void)state;
    const struct server_reply replies[] = {{KEEPS(""), SERVER_KEEP}, {"", SERVER_HANG}};
    unsigned done = 0;
    struct files_op op = {.verb = FILES_DELETE,
                          .keys = keys,
                          .answers = answers,
                          .count = KEYS,
                          .deadline_ms = clock_boot_ms() + PATIENCE,
                          .done = on_done,
                          .owner = &done};
    store_open(replies, 2);
    driver->start(driver, &op);
    for (int i = 0; i < 20; i++)
        driver->poll(driver, 10);
    store_close();
    assert_int_equal(done, 1);
    assert_all(0, FILES_CODE_RESET);
}

int main(void)
{
    environment_set();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_version_goes_by_its_id),
        cmocka_unit_test(what_never_was_is_done),
        cmocka_unit_test(a_suspended_bucket_still_has_its_versions),
        cmocka_unit_test(neighbours_are_let_be),
        cmocka_unit_test(a_million_neighbours_are_not_walked_over),
        cmocka_unit_test(markers_go_last),
        cmocka_unit_test(a_page_of_markers_may_hide_an_object_on_the_next),
        cmocka_unit_test(markers_on_an_earlier_page_are_not_forgotten),
        cmocka_unit_test(what_is_still_listed_is_not_done),
        cmocka_unit_test(a_version_that_lands_in_between_goes_too),
        cmocka_unit_test(a_lock_says_what_stays_and_until_when),
        cmocka_unit_test(a_legal_hold_has_no_end),
        cmocka_unit_test(what_is_not_locked_goes_all_the_same),
        cmocka_unit_test(no_right_to_delete_versions_says_so),
        cmocka_unit_test(a_call_that_is_refused_whole_says_what_stays),
        cmocka_unit_test(mfa_delete_is_named),
        cmocka_unit_test(no_right_to_list_says_so),
        cmocka_unit_test(a_listing_that_is_none_is_not_empty),
        cmocka_unit_test(an_absent_listing_or_deletion_is_not_an_absent_key),
        cmocka_unit_test(a_cut_answer_to_the_deletion_is_not_done),
        cmocka_unit_test(a_marker_is_not_a_deletion),
        cmocka_unit_test(a_marker_in_a_batch_is_followed_up_for_its_key_alone),
        cmocka_unit_test(it_is_asked_once),
        cmocka_unit_test(who_may_not_ask_goes_by_the_markers),
        cmocka_unit_test(nothing_is_sent_to_a_bucket_of_which_it_is_not_known),
        cmocka_unit_test(a_hang_on_the_way_ends_at_the_deadline),
        cmocka_unit_test(stopping_answers_every_key),
    };
    return cmocka_run_group_tests_name("files: S3 versions", tests, NULL, NULL);
}
