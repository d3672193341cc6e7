/* What a supervisor hears of a process, on a socket of the test's own. */
#include "base/notify.h"
#include "support/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* An abstract name that no other process takes. */
static int supervisor_open(char *ret_name, size_t size)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int handle = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    assert_true(handle >= 0);
    snprintf(ret_name, size, "@notify-test-%d", (int)getpid());
    memcpy(address.sun_path + 1, ret_name + 1, strlen(ret_name + 1));
    socklen_t length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(ret_name));
    assert_int_equal(bind(handle, (struct sockaddr *)&address, length), 0);
    return handle;
}

static void supervisor_hears(int handle, const char *expected)
{
    char heard[128] = {0};
    assert_true(recv(handle, heard, sizeof heard - 1, MSG_DONTWAIT) > 0);
    assert_string_equal(heard, expected);
}

static void environment_set(const char *address, const char *microseconds, const char *process)
{
    const char *const names[] = {"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"};
    const char *const values[] = {address, microseconds, process};
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        if (values[i])
            setenv(names[i], values[i], 1);
        else
            unsetenv(names[i]);
    }
}

static void notify__tells_what_it_is_told(void **state)
{
    (void)state;
    char name[64];
    struct notify notify;
    int supervisor = supervisor_open(name, sizeof name);
    environment_set(name, NULL, NULL);
    assert_int_equal(notify_open(&notify, NULL), 0);
    assert_true(notify_tell(&notify, "READY=1"));
    supervisor_hears(supervisor, "READY=1");
    assert_true(notify_extend(&notify, 90000));
    supervisor_hears(supervisor, "EXTEND_TIMEOUT_USEC=90000000");
    assert_int_equal(notify_interval(&notify), 0);
    notify_close(&notify);
    assert_false(notify_tell(&notify, "READY=1"));
    close(supervisor);
}

static void notify__leaves_nothing_for_the_programs_it_starts(void **state)
{
    (void)state;
    char name[64];
    struct notify notify;
    int supervisor = supervisor_open(name, sizeof name);
    environment_set(name, "1000000", NULL);
    assert_int_equal(notify_open(&notify, NULL), 0);
    assert_null(getenv("NOTIFY_SOCKET"));
    assert_null(getenv("WATCHDOG_USEC"));
    notify_close(&notify);
    close(supervisor);
}

static void notify__gives_four_signs_in_the_time_that_is_given(void **state)
{
    (void)state;
    char name[64], own[16];
    int supervisor = supervisor_open(name, sizeof name);
    snprintf(own, sizeof own, "%d", (int)getpid());
    const struct {
        const char *microseconds, *process;
        int64_t interval;
    } rows[] = {{"120000000", own, 30000}, {"120000000", NULL, 30000},
                {"120000000", "1", 0},     {"0", own, 0},
                {"2000", own, 1},          {NULL, own, 0}};
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct notify notify;
        environment_set(name, rows[i].microseconds, rows[i].process);
        assert_int_equal(notify_open(&notify, NULL), 0);
        assert_int_equal(notify_interval(&notify), rows[i].interval);
        notify_close(&notify);
    }
    close(supervisor);
}

static void notify__without_a_supervisor_does_nothing(void **state)
{
    (void)state;
    struct notify notify;
    environment_set(NULL, "1000000", NULL);
    assert_int_equal(notify_open(&notify, NULL), 0);
    assert_int_equal(notify_interval(&notify), 0);
    assert_false(notify_tell(&notify, "READY=1"));
    notify_close(&notify);
}

static void notify__refuses_what_cannot_be(void **state)
{
    (void)state;
    char name[64], long_name[200];
    int supervisor = supervisor_open(name, sizeof name);
    memset(long_name, 'a', sizeof long_name);
    long_name[0] = '/';
    long_name[sizeof long_name - 1] = '\0';
    const struct {
        const char *address, *microseconds, *process;
    } rows[] = {{"", NULL, NULL},         {"name", NULL, NULL},
                {"@", NULL, NULL},        {long_name, NULL, NULL},
                {"/no/such", NULL, NULL}, {name, "1s", NULL},
                {name, "-5", NULL},       {name, "", NULL},
                {name, "1", "me"},        {name, "99999999999999999999", NULL}};
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct notify notify;
        struct error error = {0};
        environment_set(rows[i].address, rows[i].microseconds, rows[i].process);
        assert_int_equal(notify_open(&notify, &error), -1);
        assert_int_equal(error.class, ERROR_CONFIG);
        assert_int_equal(notify_interval(&notify), 0);
        assert_false(notify_tell(&notify, "READY=1"));
        notify_close(&notify);
    }
    close(supervisor);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(notify__tells_what_it_is_told),
        cmocka_unit_test(notify__leaves_nothing_for_the_programs_it_starts),
        cmocka_unit_test(notify__gives_four_signs_in_the_time_that_is_given),
        cmocka_unit_test(notify__without_a_supervisor_does_nothing),
        cmocka_unit_test(notify__refuses_what_cannot_be),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
