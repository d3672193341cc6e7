#include "job/ping.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void ping__builds_the_addresses_that_monitors_expect(void **state)
{
    (void)state;
    static const struct {
        const char *url;
        enum ping_kind kind;
        const char *result;
    } rows[] = {
        {"https://h/u", PING_START, "https://h/u/start?rid=r"},
        {"https://h/u", PING_GOOD, "https://h/u?rid=r"},
        {"https://h/u", PING_FAIL, "https://h/u/fail?rid=r"},
        {"https://h/u/", PING_FAIL, "https://h/u/fail?rid=r"},
        {"https://h/u?a=1", PING_START, "https://h/u/start?a=1&rid=r"},
        {"https://h/u?", PING_GOOD, "https://h/u?rid=r"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct buffer url;
        buffer_init(&url, PING_URL_MAX);
        assert_int_equal(ping_url(rows[i].url, rows[i].kind, "r", &url), 0);
        assert_string_equal(url.bytes, rows[i].result);
        buffer_deinit(&url);
    }
    struct buffer small;
    buffer_init(&small, 8);
    assert_int_equal(ping_url("https://h/u", PING_GOOD, "r", &small), -1);
    buffer_deinit(&small);
}

static void ping__tells_nobody_without_an_address(void **state)
{
    (void)state;
    struct ping ping;
    ping_init(&ping, NULL, NULL, 1000);
    ping_send(&ping, PING_START, "r");
    assert_true(ping_is_idle(&ping));
    ping_deinit(&ping);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ping__builds_the_addresses_that_monitors_expect),
        cmocka_unit_test(ping__tells_nobody_without_an_address),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
