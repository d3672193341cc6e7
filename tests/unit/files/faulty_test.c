/* The decorator over a driver that counts what reaches it. */
#include "base/clock.h"
#include "files/driver.h"
#include "files/faulty/faulty.h"

#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define PATIENCE 5000
#define KEYS     3

static unsigned started, closed;

static void counting_start(struct files_driver *driver, struct files_op *op)
{
    (void)driver;
    started++;
    if (!files_op_begin(op))
        return;
    if (op->verb == FILES_GET)
        assert_int_equal(buffer_append_text(&op->body, "object"), 0);
    files_op_fail(op, 200, NULL, NULL);
}

static void counting_poll(struct files_driver *driver, int64_t timeout_ms)
{
    (void)driver;
    poll(NULL, 0, (int)timeout_ms);
}

static void counting_wake(struct files_driver *driver)
{
    (void)driver;
}

static void counting_close(struct files_driver *driver)
{
    (void)driver;
    closed++;
}

static struct files_driver counting = {"counting", counting_start, counting_poll, counting_wake,
                                       counting_close};

static struct files_driver *faulty_open(const char *spec)
{
    struct files_driver *driver = NULL;
    struct error error = {0};
    started = closed = 0;
    if (files_faulty_open(&counting, spec, &driver, &error) < 0)
        fail_msg("%s", error.text);
    return driver;
}

static void on_done(struct files_op *op)
{
    unsigned *done = op->owner;
    (*done)++;
}

static void run(struct files_driver *driver, struct files_op *op, int64_t within_ms)
{
    unsigned done = 0;
    op->deadline_ms = clock_boot_ms() + within_ms;
    op->owner = &done;
    op->done = on_done;
    driver->start(driver, op);
    while (!done)
        driver->poll(driver, PATIENCE);
    assert_int_equal(done, 1);
}

static const char *const keys[KEYS] = {"a", "b", "c"};
static struct files_answer answers[KEYS];

static struct files_op delete_with(const char *spec, int64_t within_ms)
{
    struct files_op op = {
        .verb = FILES_DELETE, .keys = keys, .answers = answers, .count = KEYS};
    struct files_driver *driver = faulty_open(spec);
    run(driver, &op, within_ms);
    driver->close(driver);
    assert_int_equal(closed, 1);
    return op;
}

static void assert_answers(int status, const char *code)
{
    for (size_t i = 0; i < KEYS; i++) {
        assert_int_equal(answers[i].status, status);
        assert_string_equal(answers[i].code, code);
    }
}

static void without_faults_nothing_changes(void **state)
{
    (void)state;
    static const char *const specs[] = {"", "seed=3", "all:fail=0,all:hang=0,all:lost=0",
                                        "put:fail=1, get:fail=1, identity:fail=1"};
    for (size_t i = 0; i < sizeof specs / sizeof *specs; i++) {
        delete_with(specs[i], PATIENCE);
        assert_int_equal(started, 1);
        assert_answers(200, "");
    }
}

static void a_failure_has_no_effect(void **state)
{
    (void)state;
    delete_with("delete:fail=1", PATIENCE);
    assert_int_equal(started, 0);
    assert_answers(500, "InternalError");
    delete_with("all:fail=1:SlowDown:503", PATIENCE);
    assert_answers(503, "SlowDown");
}

static void a_lost_answer_has_its_effect(void **state)
{
    (void)state;
    delete_with("delete:lost=1", PATIENCE);
    assert_int_equal(started, 1);
    assert_answers(0, FILES_CODE_RESET);
    struct files_driver *driver = faulty_open("get:lost=1");
    struct files_op op = {.verb = FILES_GET, .key = "a"};
    buffer_init(&op.body, 64);
    run(driver, &op, PATIENCE);
    assert_string_equal(op.answer.code, FILES_CODE_RESET);
    assert_int_equal(op.body.length, 0);
    driver->close(driver);
}

static void what_was_read_comes_through(void **state)
{
    (void)state;
    struct files_driver *driver = faulty_open("get:latency=5ms");
    struct files_op op = {.verb = FILES_GET, .key = "a"};
    buffer_init(&op.body, 64);
    run(driver, &op, PATIENCE);
    assert_true(files_answer_is_ok(&op.answer));
    assert_string_equal(op.body.bytes, "object");
    buffer_deinit(&op.body);
    driver->close(driver);
}

static void a_hang_lasts_until_the_deadline(void **state)
{
    (void)state;
    int64_t began = clock_boot_ms();
    delete_with("delete:hang=1", 60);
    assert_true(clock_boot_ms() - began >= 60);
    assert_int_equal(started, 0);
    assert_answers(0, FILES_CODE_TIMEOUT);
    delete_with("delete:latency=1h", 30);
    assert_int_equal(started, 0);
    assert_answers(0, FILES_CODE_TIMEOUT);
}

static void latency_comes_first(void **state)
{
    (void)state;
    int64_t began = clock_boot_ms();
    delete_with("delete:latency=40ms", PATIENCE);
    assert_true(clock_boot_ms() - began >= 40);
    assert_int_equal(started, 1);
    assert_answers(200, "");
}

/* Writes one letter for each of 64 deletions: which of them failed. */
static void pattern_of(const char *spec, char ret_pattern[static 65])
{
    struct files_driver *driver = faulty_open(spec);
    for (size_t i = 0; i < 64; i++) {
        struct files_op op = {
            .verb = FILES_DELETE, .keys = keys, .answers = answers, .count = KEYS};
        run(driver, &op, PATIENCE);
        ret_pattern[i] = files_answer_is_ok(&op.answer) ? '.' : 'x';
    }
    ret_pattern[64] = '\0';
    driver->close(driver);
}

static void a_seed_repeats_its_faults(void **state)
{
    (void)state;
    char first[65], second[65], other[65];
    pattern_of("delete:fail=0.5,seed=7", first);
    pattern_of("delete:fail=0.5,seed=7", second);
    pattern_of("delete:fail=0.5,seed=8", other);
    assert_string_equal(first, second);
    assert_string_not_equal(first, other);
    assert_non_null(strchr(first, 'x'));
    assert_non_null(strchr(first, '.'));
}

static void closing_answers_what_waits(void **state)
{
    (void)state;
    unsigned done = 0;
    struct files_driver *driver = faulty_open("delete:hang=1");
    struct files_op op = {.verb = FILES_DELETE,
                          .keys = keys,
                          .answers = answers,
                          .count = KEYS,
                          .deadline_ms = clock_boot_ms() + PATIENCE,
                          .owner = &done,
                          .done = on_done};
    driver->start(driver, &op);
    driver->close(driver);
    assert_int_equal(done, 1);
    assert_int_equal(closed, 1);
    assert_answers(0, FILES_CODE_RESET);
}

static void what_is_no_fault_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "delete",           "delete:fail",    "delete:fail=",
        "delete:fail=2",    "delete:fail=-1", "delete:fail=nan",
        "delete:fail=0.5x", "remove:fail=1",  "delete:burn=1",
        "fail=1",           "seed=x",         "put:latency=5",
        "put:latency=",     "get:fail=1:",    "get:fail=1:X:600",
        "get:fail=1:X:",    "put:lost=",      "delete:fail=1;seed=3"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct files_driver *driver = NULL;
        struct error error = {0};
        closed = 0;
        assert_int_equal(files_faulty_open(&counting, bad[i], &driver, &error), -1);
        assert_int_equal(error.class, ERROR_USAGE);
        assert_int_equal(closed, 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_faults_nothing_changes),
        cmocka_unit_test(a_failure_has_no_effect),
        cmocka_unit_test(a_lost_answer_has_its_effect),
        cmocka_unit_test(what_was_read_comes_through),
        cmocka_unit_test(a_hang_lasts_until_the_deadline),
        cmocka_unit_test(latency_comes_first),
        cmocka_unit_test(a_seed_repeats_its_faults),
        cmocka_unit_test(closing_answers_what_waits),
        cmocka_unit_test(what_is_no_fault_is_refused),
    };
    return cmocka_run_group_tests_name("files: faulty driver", tests, NULL, NULL);
}
