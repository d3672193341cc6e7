#include "base/log.h"
#include "support/check.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

static int ends[2], standard_error;
static char line[8192];

/* What is logged between these two is in `line`. */
static void capture_begin(void)
{
    assert_int_equal(pipe2(ends, O_NONBLOCK), 0);
    standard_error = dup(STDERR_FILENO);
    assert_true(standard_error >= 0);
    assert_true(dup2(ends[1], STDERR_FILENO) >= 0);
}

static size_t capture_end(void)
{
    dup2(standard_error, STDERR_FILENO);
    close(standard_error);
    close(ends[1]);
    ssize_t length = read(ends[0], line, sizeof line - 1);
    close(ends[0]);
    assert_true(length >= 0);
    line[length] = '\0';
    return (size_t)length;
}

static const char *after_time(void)
{
    static const char start[] = "{\"time\":\"";
    assert_memory_equal(line, start, sizeof start - 1);
    assert_memory_equal(line + sizeof start - 1 + 24, "\",", 2);
    return line + sizeof start - 1 + 26;
}

static void log__writes_one_json_line_an_event(void **state)
{
    (void)state;
    log_init(LOG_INFO, false);
    capture_begin();
    log_warning("sweep finished", log_number("deleted", -7), log_text("breaker", "closed"),
                log_number("most", INT64_MAX));
    capture_end();
    assert_string_equal(after_time(),
                        "\"level\":\"warning\",\"event\":\"sweep finished\",\"deleted\":-7,"
                        "\"breaker\":\"closed\",\"most\":9223372036854775807}\n");
}

static void log__escapes_what_would_break_its_line(void **state)
{
    (void)state;
    log_init(LOG_INFO, false);
    capture_begin();
    log_info("x", log_text("text", "a\"b\\c\nd\te\x1b[31m"));
    capture_end();
    assert_non_null(strstr(line, "\"text\":\"a\\\"b\\\\c\\nd\\u0009e\\u001b[31m\"}\n"));
    assert_ptr_equal(strchr(line, '\n'), line + strlen(line) - 1);
}

static void log__in_plain_words_stays_on_one_line_too(void **state)
{
    (void)state;
    log_init(LOG_INFO, true);
    capture_begin();
    log_error("it failed", log_text("why", "no\nroom\x1b[2J"), log_text("where", "a disk"));
    capture_end();
    log_init(LOG_INFO, false);
    assert_string_equal(line + 8,
                        " error: it failed why=\"no\\nroom\\u001b[2J\" where=a disk\n");
}

static void log__needs_no_field_and_no_text(void **state)
{
    (void)state;
    log_init(LOG_INFO, false);
    capture_begin();
    log_info("stopped");
    log_info("stopped", log_text("why", NULL));
    log_write(LOG_INFO, "stopped", NULL, 0);
    capture_end();
    int lines = 0;
    for (const char *at = line; (at = strchr(at, '\n')); at++)
        lines++;
    assert_int_equal(lines, 3);
    assert_non_null(strstr(line, "\"why\":\"\"}"));
}

static void log__leaves_out_what_is_below_its_level(void **state)
{
    (void)state;
    static const enum log_level levels[] = {LOG_DEBUG, LOG_INFO, LOG_WARNING, LOG_ERROR};
    for (size_t lowest = 0; lowest < COUNT_OF(levels); lowest++) {
        for (size_t level = 0; level < COUNT_OF(levels); level++) {
            log_init(levels[lowest], false);
            capture_begin();
            log_event(levels[level], "x");
            assert_int_equal(capture_end() > 0, level >= lowest);
        }
    }
    log_init(LOG_INFO, false);
}

static void log__cuts_a_line_that_is_too_long_at_a_field(void **state)
{
    (void)state;
    char longest[5000];
    memset(longest, 'x', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    log_init(LOG_INFO, false);
    capture_begin();
    log_info("x", log_number("before", 1), log_text("long", longest), log_number("after", 2));
    capture_end();
    assert_non_null(strstr(line, "\"before\":1}\n"));
    assert_null(strstr(line, "long"));
    for (size_t length = 3980; length < 4100; length++) {
        capture_begin();
        log_info("x", log_text("long", longest + sizeof longest - 1 - length));
        size_t written = capture_end();
        assert_true(written <= 4096);
        assert_memory_equal(line + written - 2, "}\n", 2);
    }
}

static void log__names_the_request_that_it_works_for(void **state)
{
    (void)state;
    struct trace trace;
    trace_take("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", &trace);
    memcpy(trace.span, "0123456789abcdef", sizeof trace.span);
    log_init(LOG_INFO, false);
    log_for(&trace);
    capture_begin();
    log_info("x", log_number("count", 1));
    capture_end();
    assert_non_null(strstr(line, "\"count\":1,\"trace\":\"4bf92f3577b34da6a3ce929d0e0e4736\","
                                 "\"request\":\"0123456789abcdef\"}\n"));
    log_for(NULL);
    capture_begin();
    log_info("x");
    capture_end();
    assert_null(strstr(line, "trace"));
}

static void log__finds_levels_by_name(void **state)
{
    (void)state;
    static const char *const names[] = {"debug", "info", "warning", "error"};
    enum log_level level;
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        assert_int_equal(log_level_parse(names[i], &level), 0);
        assert_int_equal(level, i);
    }
    assert_int_equal(log_level_parse("", &level), -1);
    assert_int_equal(log_level_parse("INFO", &level), -1);
    assert_int_equal(log_level_parse("information", &level), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CHECK(log__writes_one_json_line_an_event),
        CHECK(log__escapes_what_would_break_its_line),
        CHECK(log__in_plain_words_stays_on_one_line_too),
        CHECK(log__needs_no_field_and_no_text),
        CHECK(log__leaves_out_what_is_below_its_level),
        CHECK(log__cuts_a_line_that_is_too_long_at_a_field),
        CHECK(log__names_the_request_that_it_works_for),
        CHECK(log__finds_levels_by_name),
    };
    return cmocka_run_group_tests_name("base: log", tests, NULL, NULL);
}
