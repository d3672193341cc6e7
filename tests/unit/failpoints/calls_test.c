/* What a failpoint does to a call. The rules come from a file, as they do for a program. */
#include "failpoints/failpoints.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static int calls;

static int work(int answer)
{
    calls++;
    errno = EAGAIN;
    return answer;
}

static void work_unheard(void)
{
    calls++;
}

static int make(int handle)
{
    calls++;
    return handle;
}

#define work(...)         FAILPOINT_CALL(work, -1, EIO, __VA_ARGS__)
#define work_unheard(...) FAILPOINT_VOID(work_unheard, __VA_ARGS__)
#define make(...)         FAILPOINT_MAKE(make, -1, EMFILE, __VA_ARGS__)

static int file;

static void rules_set(const char *text)
{
    char rules[FAILPOINT_FILE_SIZE] = "";
    strcpy(rules, text);
    assert_int_equal(pwrite(file, rules, sizeof rules, 0), sizeof rules);
    calls = 0;
    errno = 0;
}

static void test_without_rules_a_call_is_the_call(void **state)
{
    (void)state;
    rules_set("");
    assert_int_equal(work(7), 7);
    assert_int_equal(errno, EAGAIN);
    assert_int_equal(calls, 1);
}

static void test_before_it_a_call_is_not_made(void **state)
{
    (void)state;
    rules_set("*calls_test.test_before_it_a_call_is_not_made.work.before=1*return");
    assert_int_equal(work(7), -1);
    assert_int_equal(errno, EIO);
    assert_int_equal(calls, 0);
    assert_int_equal(work(7), 7);
}

static void test_after_it_the_answer_is_lost(void **state)
{
    (void)state;
    rules_set("*.work.after=return");
    assert_int_equal(work(7), -1);
    assert_int_equal(errno, EIO);
    assert_int_equal(calls, 1);
}

static void test_what_was_handed_out_is_not_lost(void **state)
{
    (void)state;
    rules_set("*.make.after=return");
    assert_int_equal(make(7), 7);
    rules_set("*.make.before=return");
    assert_int_equal(make(7), -1);
    assert_int_equal(errno, EMFILE);
}

static void test_what_nobody_hears_of_is_done(void **state)
{
    (void)state;
    rules_set("*=return");
    work_unheard();
    assert_int_equal(calls, 1);
}

static void test_rules_that_cannot_be_read_change_nothing(void **state)
{
    (void)state;
    rules_set("*.work.before=return");
    assert_int_equal(work(7), -1);
    rules_set("nonsense");
    assert_int_equal(work(7), -1);
}

/* How a child ends that makes the call under these rules. */
static int end_of_child(const char *text)
{
    rules_set(text);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        close(STDERR_FILENO);
        work(7);
        _exit(calls);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    return status;
}

static void test_abort_is_a_kill(void **state)
{
    (void)state;
    int before = end_of_child("*.work.before=abort"), after = end_of_child("*.after=abort");
    assert_true(WIFSIGNALED(before) && WTERMSIG(before) == SIGKILL);
    assert_true(WIFSIGNALED(after) && WTERMSIG(after) == SIGKILL);
    int neither = end_of_child("*.work.before=1*off->abort");
    assert_true(WIFEXITED(neither) && WEXITSTATUS(neither) == 1);
}

/* The rules are read before main, so the test starts itself again with a file of them. */
static void restart(char **argv)
{
    char path[] = "/tmp/failpoints-XXXXXX", handle[32];
    file = mkstemp(path);
    if (file < 0 || ftruncate(file, FAILPOINT_FILE_SIZE) < 0)
        abort();
    snprintf(handle, sizeof handle, "/proc/self/fd/%d", file);
    unlink(path);
    setenv("FAILPOINTS_FILE", handle, 1);
    execv(argv[0], argv);
    abort();
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_without_rules_a_call_is_the_call),
        cmocka_unit_test(test_before_it_a_call_is_not_made),
        cmocka_unit_test(test_after_it_the_answer_is_lost),
        cmocka_unit_test(test_what_was_handed_out_is_not_lost),
        cmocka_unit_test(test_what_nobody_hears_of_is_done),
        cmocka_unit_test(test_rules_that_cannot_be_read_change_nothing),
        cmocka_unit_test(test_abort_is_a_kill),
    };
    (void)argc;
    const char *path = getenv("FAILPOINTS_FILE");
    if (!path)
        restart(argv);
    file = open(path, O_RDWR | O_CLOEXEC);
    return file < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
