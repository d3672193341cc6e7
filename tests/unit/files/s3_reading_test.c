/* Parts of objects and lists of keys, as stores answer them that do not know better. */
#include "s3_store.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define LISTING(fields)                                                                        \
    "<?xml version=\"1.0\"?><ListBucketResult "                                                \
    "xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Name>bucket</Name>"                    \
    "<Prefix>pre/avatars/</Prefix>" fields "</ListBucketResult>"
#define OBJECT(key) "<Contents><Key>" key "</Key><Size>1</Size></Contents>"

/* Runs `op` against one answer. */
static void against(struct files_op *op, const char *status, const char *body)
{
    const struct server_reply replies[] = {{reply(status, "", body), SERVER_KEEP}};
    buffer_init(&op->body, 4096);
    store_open(replies, 1);
    run(op, PATIENCE);
    store_close();
}

static struct files_op part_op(void)
{
    return (struct files_op){
        .verb = FILES_GET, .key = "avatars/a", .range_first = 2, .range_length = 3};
}

static void a_part_is_asked_for_by_its_bytes(void **state)
{
    (void)state;
    struct files_op op = part_op();
    against(&op, "206 Partial Content", "cde");
    assert_answer(&op.answer, 206, "");
    assert_string_equal(op.body.bytes, "cde");
    assert_non_null(strstr(server.requests[0], "\r\nRange: bytes=2-4\r\n"));
    buffer_deinit(&op.body);
}

static void the_whole_is_no_part(void **state)
{
    (void)state;
    struct files_op op = part_op();
    against(&op, "200 OK", "abcdefg");
    assert_answer(&op.answer, 200, FILES_CODE_MALFORMED);
    assert_int_equal(op.body.length, 0);
    op = part_op();
    against(&op, "416 Range Not Satisfiable", "<Error><Code>InvalidRange</Code></Error>");
    assert_answer(&op.answer, 416, "InvalidRange");
    buffer_deinit(&op.body);
}

static struct files_op list_op(void)
{
    return (struct files_op){.verb = FILES_LIST, .key = "avatars/", .after = "avatars/a b"};
}

static void keys_are_asked_for_behind_another(void **state)
{
    (void)state;
    struct files_op op = list_op();
    against(&op, "200 OK",
            LISTING("<IsTruncated>true</IsTruncated>" OBJECT("pre/avatars/b")
                        OBJECT("pre/avatars/c&amp;d")));
    assert_answer(&op.answer, 200, "");
    assert_string_equal(op.body.bytes, "avatars/b\navatars/c&d\n");
    assert_true(op.more);
    assert_non_null(strstr(server.requests[0],
                           "GET /bucket?list-type=2&max-keys=1000&prefix=pre%2Favatars%2F&"
                           "start-after=pre%2Favatars%2Fa%20b HTTP/1.1\r\n"));
    buffer_deinit(&op.body);
}

static void what_is_not_ours_is_passed_over(void **state)
{
    (void)state;
    struct files_op op = list_op();
    against(&op, "200 OK",
            LISTING("<IsTruncated>false</IsTruncated>" OBJECT("other/avatars/b")
                        OBJECT("pre/avatars/c&#10;avatars/d")
                            OBJECT("pre/avatars/e") "<CommonPrefixes><Prefix>pre/avatars/f/"
                                                    "</Prefix></CommonPrefixes>"));
    assert_answer(&op.answer, 200, "");
    assert_string_equal(op.body.bytes, "avatars/e\n");
    assert_false(op.more);
    buffer_deinit(&op.body);
}

static void what_is_no_listing_names_nothing(void **state)
{
    (void)state;
    static const char *const bodies[] = {
        "",
        "<html>hello</html>",
        "<Error><Code>SlowDown</Code></Error>",
        "<ListBucketResult><IsTruncated>true</IsTruncated>" OBJECT("pre/avatars/b"),
        "<ListVersionsResult>" OBJECT("pre/avatars/b") "</ListVersionsResult>",
    };
    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
        struct files_op op = list_op();
        against(&op, "200 OK", bodies[i]);
        assert_answer(&op.answer, 200, FILES_CODE_MALFORMED);
        assert_int_equal(op.body.length, 0);
        assert_false(op.more);
    }
}

static void versioning_is_told_or_is_not(void **state)
{
    (void)state;
    struct files_op op = {.verb = FILES_VERSIONING};
    against(&op, "200 OK", "<VersioningConfiguration/>");
    assert_answer(&op.answer, 200, "");
    assert_false(op.keeps_versions || op.mfa_delete);
    against(&op, "200 OK",
            "<VersioningConfiguration><Status>Enabled</Status><MfaDelete>Enabled</MfaDelete>"
            "</VersioningConfiguration>");
    assert_true(op.keeps_versions && op.mfa_delete);
    against(&op, "200 OK", "<html/>");
    assert_answer(&op.answer, 200, FILES_CODE_MALFORMED);
    assert_false(op.keeps_versions || op.mfa_delete);
    against(&op, "501 Not Implemented", "<Error><Code>NotImplemented</Code></Error>");
    assert_answer(&op.answer, 501, "NotImplemented");
}

int main(void)
{
    environment_set();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_part_is_asked_for_by_its_bytes),
        cmocka_unit_test(the_whole_is_no_part),
        cmocka_unit_test(keys_are_asked_for_behind_another),
        cmocka_unit_test(what_is_not_ours_is_passed_over),
        cmocka_unit_test(what_is_no_listing_names_nothing),
        cmocka_unit_test(versioning_is_told_or_is_not),
    };
    return cmocka_run_group_tests_name("files: S3 parts and lists", tests, NULL, NULL);
}
