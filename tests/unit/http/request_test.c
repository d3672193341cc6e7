/* What a reply says, looked at where it is handed to the library. */
#include "http/exchange.h"
#include "support/check.h"

#include <stdio.h>
#include <string.h>

/* The reply that was queued last. */
static struct {
    int count;
    unsigned status;
    char retry_after[16], type[64];
} queued;

enum MHD_Result __wrap_MHD_queue_response(struct MHD_Connection *connection, unsigned status,
                                          struct MHD_Response *response);

static void header_copy(struct MHD_Response *response, const char *name, char *text,
                        size_t size)
{
    const char *value = MHD_get_response_header(response, name);
    snprintf(text, size, "%s", value ? value : "");
}

enum MHD_Result __wrap_MHD_queue_response(struct MHD_Connection *connection, unsigned status,
                                          struct MHD_Response *response)
{
    (void)connection;
    queued.count++;
    queued.status = status;
    header_copy(response, "Retry-After", queued.retry_after, sizeof queued.retry_after);
    header_copy(response, "Content-Type", queued.type, sizeof queued.type);
    return MHD_YES;
}

static int setup(void **state)
{
    (void)state;
    memset(&queued, 0, sizeof queued);
    return 0;
}

static void reply__says_when_another_try_makes_sense(void **state)
{
    (void)state;
    static const struct {
        int status;
        const char *retry_after;
    } rows[] = {{400, ""}, {404, ""}, {409, ""}, {413, ""}, {422, ""}, {500, "1"}, {501, ""}};
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct request request = {0};
        request_reply_error(&request, rows[i].status, "words");
        assert_int_equal(queued.status, rows[i].status);
        assert_string_equal(queued.retry_after, rows[i].retry_after);
        assert_string_equal(queued.type, "application/json");
    }
    struct request request = {0};
    request_reply_unavailable(&request, "words");
    assert_int_equal(queued.status, 503);
    assert_string_equal(queued.retry_after, "1");
}

static void reply__without_memory_is_a_500_with_the_same_words(void **state)
{
    (void)state;
    struct request request = {0};
    request_reply_data(&request, 201, NULL);
    assert_int_equal(queued.status, 500);
    assert_string_equal(queued.retry_after, "1");
    assert_string_equal(queued.type, "application/json");
}

static void reply__is_one(void **state)
{
    (void)state;
    struct request request = {0};
    request_reply_error(&request, 404, "words");
    request_reply_unavailable(&request, "others");
    assert_int_equal(queued.count, 1);
    assert_int_equal(queued.status, 404);
}

/* It is cut inside a character, or quotes what is none. */
static void reply__whose_words_are_no_utf_8_has_others(void **state)
{
    (void)state;
    char long_words[600];
    memset(long_words, 'x', sizeof long_words);
    memcpy(long_words + 398, "\xc3\xa9", 3);
    const char *const words[] = {"\xff", long_words};
    for (size_t i = 0; i < COUNT_OF(words); i++) {
        struct request request = {0};
        request_reply_error(&request, 400, "%s", words[i]);
        assert_int_equal(queued.status, 400);
        assert_string_equal(queued.type, "application/json");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(reply__says_when_another_try_makes_sense, setup),
        cmocka_unit_test_setup(reply__without_memory_is_a_500_with_the_same_words, setup),
        cmocka_unit_test_setup(reply__is_one, setup),
        cmocka_unit_test_setup(reply__whose_words_are_no_utf_8_has_others, setup),
    };
    return cmocka_run_group_tests_name("http: replies", tests, NULL, NULL);
}
