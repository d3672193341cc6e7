/* The files thread over a driver that holds on to everything. */
#include "base/clock.h"
#include "files/driver.h"

#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cmocka.h>

#define OPS      32
#define PATIENCE 60000

/* Keeps what it is given until it is closed. */
struct holding {
    struct files_driver driver;
    struct files_op *held[OPS];
    size_t count;
    int woken;
    eventfd_t wakes_needed; /* a poll ends after so many */
    sem_t begun, polling;
};

static void holding_start(struct files_driver *driver, struct files_op *op)
{
    struct holding *holding = (struct holding *)driver;
    if (!files_op_begin(op))
        return;
    holding->held[holding->count++] = op;
    sem_post(&holding->begun);
}

static void holding_poll(struct files_driver *driver, int64_t timeout_ms)
{
    struct holding *holding = (struct holding *)driver;
    struct pollfd waiting = {.fd = holding->woken, .events = POLLIN};
    sem_post(&holding->polling);
    for (eventfd_t wakes = 0, count; wakes < holding->wakes_needed; wakes += count) {
        count = 0;
        if (poll(&waiting, 1, (int)timeout_ms) > 0)
            eventfd_read(holding->woken, &count);
    }
}

static void holding_wake(struct files_driver *driver)
{
    eventfd_write(((struct holding *)driver)->woken, 1);
}

static void holding_close(struct files_driver *driver)
{
    struct holding *holding = (struct holding *)driver;
    for (size_t i = 0; i < holding->count; i++)
        files_op_fail(holding->held[i], 0, FILES_CODE_RESET, NULL);
    close(holding->woken);
    sem_destroy(&holding->begun);
    sem_destroy(&holding->polling);
    free(holding);
}

static struct files *files;
static atomic_uint done, refused;
static struct files_op again;

/* Answers are where callers begin their next operation: here one that comes too late. */
static void on_done(struct files_op *op)
{
    (void)op;
    atomic_fetch_add(&done, 1);
    if (!files_submit(files, &again))
        atomic_fetch_add(&refused, 1);
}

static struct files_op put_op(void)
{
    return (struct files_op){.verb = FILES_PUT,
                             .key = "avatars/a",
                             .deadline_ms = clock_boot_ms() + PATIENCE,
                             .done = on_done};
}

static struct holding *files_begin(size_t capacity, eventfd_t wakes_needed)
{
    struct holding *holding = calloc(1, sizeof *holding);
    struct error error = {0};
    assert_non_null(holding);
    holding->driver = (struct files_driver){"holding", holding_start, holding_poll,
                                            holding_wake, holding_close};
    holding->woken = eventfd(0, EFD_NONBLOCK);
    holding->wakes_needed = wakes_needed;
    assert_int_equal(sem_init(&holding->begun, 0, 0), 0);
    assert_int_equal(sem_init(&holding->polling, 0, 0), 0);
    atomic_store(&done, 0);
    atomic_store(&refused, 0);
    again = put_op();
    assert_int_equal(files_open(&holding->driver, capacity, &files, &error), 0);
    return holding;
}

static void ops_submit(struct files_op *ops)
{
    for (size_t i = 0; i < OPS; i++) {
        ops[i] = put_op();
        assert_true(files_submit(files, &ops[i]));
    }
}

static void assert_each_answered(const struct files_op *ops, const char *code)
{
    assert_int_equal(atomic_load(&done), OPS);
    assert_int_equal(atomic_load(&refused), OPS);
    for (size_t i = 0; i < OPS; i++)
        assert_string_equal(ops[i].answer.code, code);
}

static void closing_breaks_off_what_is_under_way(void **state)
{
    (void)state;
    struct files_op ops[OPS];
    struct holding *holding = files_begin(OPS, 1);
    ops_submit(ops);
    for (size_t i = 0; i < OPS; i++)
        sem_wait(&holding->begun);
    files_close(files);
    assert_each_answered(ops, FILES_CODE_RESET);
}

static void closing_answers_what_was_not_begun(void **state)
{
    (void)state;
    struct files_op ops[OPS];
    /* One wake for each operation; the last one is that of the closing. */
    struct holding *holding = files_begin(OPS, OPS + 1);
    sem_wait(&holding->polling);
    ops_submit(ops);
    files_close(files);
    assert_each_answered(ops, FILES_CODE_NOT_SENT);
}

static void a_full_mailbox_takes_nothing(void **state)
{
    (void)state;
    struct files_op op = put_op();
    files_begin(0, 1);
    assert_false(files_submit(files, &op));
    files_close(files);
    assert_int_equal(atomic_load(&done), 0);
}

static void closing_nothing_is_allowed(void **state)
{
    (void)state;
    files_close(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(closing_breaks_off_what_is_under_way),
        cmocka_unit_test(closing_answers_what_was_not_begun),
        cmocka_unit_test(a_full_mailbox_takes_nothing),
        cmocka_unit_test(closing_nothing_is_allowed),
    };
    return cmocka_run_group_tests_name("files: thread", tests, NULL, NULL);
}
