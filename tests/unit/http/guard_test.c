/*
 * Heads that two parties could read differently, sent through the library that is really there.
 */
#include "http/guard.h"

#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

/* What the self test's calls answer in place of the system. */
static struct {
    bool connect_fails, send_is_short, response_fails, info_fails;
    int recv_code;    /* 0: recv works */
    bool recv_passes; /* every head is let through */
} fault;

int __real_connect(int handle, const struct sockaddr *address, socklen_t length);
int __wrap_connect(int handle, const struct sockaddr *address, socklen_t length);
ssize_t __real_send(int handle, const void *bytes, size_t length, int flags);
ssize_t __wrap_send(int handle, const void *bytes, size_t length, int flags);
ssize_t __real_recv(int handle, void *bytes, size_t length, int flags);
ssize_t __wrap_recv(int handle, void *bytes, size_t length, int flags);
struct MHD_Response *__real_MHD_create_response_from_buffer(size_t size, void *buffer,
                                                            enum MHD_ResponseMemoryMode mode);
struct MHD_Response *__wrap_MHD_create_response_from_buffer(size_t size, void *buffer,
                                                            enum MHD_ResponseMemoryMode mode);
const union MHD_DaemonInfo *__real_MHD_get_daemon_info(struct MHD_Daemon *daemon,
                                                       enum MHD_DaemonInfoType type, ...);
const union MHD_DaemonInfo *__wrap_MHD_get_daemon_info(struct MHD_Daemon *daemon,
                                                       enum MHD_DaemonInfoType type, ...);

int __wrap_connect(int handle, const struct sockaddr *address, socklen_t length)
{
    return fault.connect_fails ? -1 : __real_connect(handle, address, length);
}

ssize_t __wrap_send(int handle, const void *bytes, size_t length, int flags)
{
    return __real_send(handle, bytes, fault.send_is_short ? length - 1 : length, flags);
}

ssize_t __wrap_recv(int handle, void *bytes, size_t length, int flags)
{
    static const char passed[] = "HTTP/1.1 200 OK";
    ssize_t got = __real_recv(handle, bytes, length, flags);
    if (fault.recv_passes) {
        memcpy(bytes, passed, sizeof passed);
        return sizeof passed;
    }
    errno = fault.recv_code ? fault.recv_code : errno;
    return fault.recv_code ? -1 : got;
}

struct MHD_Response *__wrap_MHD_create_response_from_buffer(size_t size, void *buffer,
                                                            enum MHD_ResponseMemoryMode mode)
{
    return fault.response_fails ? NULL
                                : __real_MHD_create_response_from_buffer(size, buffer, mode);
}

const union MHD_DaemonInfo *__wrap_MHD_get_daemon_info(struct MHD_Daemon *daemon,
                                                       enum MHD_DaemonInfoType type, ...)
{
    return fault.info_fails ? NULL : __real_MHD_get_daemon_info(daemon, type);
}

/* A listener that judges each head with the guard and answers by it. */

static struct MHD_Daemon *listener;
static unsigned short port;
static struct guard_refusal judged;
static char routed[256];

static void *target_note(void *data, const char *target, struct MHD_Connection *connection)
{
    (void)data;
    (void)connection;
    static struct guard_target noted;
    guard_look_at_target(target, &noted);
    return &noted;
}

static enum MHD_Result head_judge(void *data, struct MHD_Connection *connection,
                                  const char *path, const char *method, const char *version,
                                  const char *upload, size_t *upload_length, void **state)
{
    (void)data;
    (void)upload;
    (void)upload_length;
    judged = guard_judge(connection, *state, path, method, version);
    snprintf(routed, sizeof routed, "%s", guard_path(path));
    struct MHD_Response *response =
        __real_MHD_create_response_from_buffer(0, "", MHD_RESPMEM_PERSISTENT);
    assert_non_null(response);
    MHD_add_response_header(response, "Connection", "close");
    enum MHD_Result queued =
        MHD_queue_response(connection, judged.status ? (unsigned)judged.status : 200, response);
    MHD_destroy_response(response);
    return queued;
}

static int listener_start(void **state)
{
    (void)state;
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    listener = MHD_start_daemon(MHD_USE_EPOLL_INTERNAL_THREAD, 0, NULL, NULL, head_judge, NULL,
                                MHD_OPTION_SOCK_ADDR, &address, MHD_OPTION_STRICT_FOR_CLIENT,
                                -1, MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)GUARD_POOL_MIN,
                                MHD_OPTION_URI_LOG_CALLBACK, target_note, NULL, MHD_OPTION_END);
    if (!listener)
        return -1;
    port = __real_MHD_get_daemon_info(listener, MHD_DAEMON_INFO_BIND_PORT)->port;
    return 0;
}

static int listener_stop(void **state)
{
    (void)state;
    MHD_stop_daemon(listener);
    return 0;
}

/* Sends a head; what it is answered with. */
static int status_of(const char *head, size_t length)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons(port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    char answer[64] = "";
    judged = (struct guard_refusal){0};
    int handle = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(__real_connect(handle, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(__real_send(handle, head, length, MSG_NOSIGNAL), length);
    ssize_t got = __real_recv(handle, answer, sizeof answer - 1, MSG_WAITALL);
    close(handle);
    int status = 0;
    return got > 0 && sscanf(answer, "HTTP/1.1 %d", &status) == 1 ? status : -1;
}

static void assert_status(const char *head, int expected)
{
    int status = status_of(head, strlen(head));
    if (status != expected)
        fail_msg("%d, not %d, for:\n%s", status, expected, head);
}

#define HEAD(lines)  "GET / HTTP/1.1\r\nHost: a\r\n" lines "\r\n"
#define LINE(target) "GET " target " HTTP/1.1\r\nHost: a\r\n\r\n"

static void guard__passes_what_everybody_reads_the_same_way(void **state)
{
    (void)state;
    static const char *const good[] = {
        HEAD(""),
        HEAD("Content-Length: 0\r\n"),
        HEAD("Expect: 100-continue\r\n"),
        HEAD("X:\t a\tb \r\nY:\r\n"),
        LINE("/a%20b?c=%64&e"),
        LINE("/%C3%a4%0a"),
        LINE("http://a/b"),
        LINE("HTTPS://A?b"),
        "GET / HTTP/1.1\r\nHost: a:80\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: [::1]\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: [::1.2.3.4]:8080\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a-b_c.d\r\n\r\n",
        "GET / HTTP/1.0\r\n\r\n",
        "DELETE / HTTP/1.1\r\nHost: a\r\nRange: x\r\nIf-Range: x\r\nAuthorization: x\r\n\r\n",
    };
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        assert_status(good[i], 200);
}

static void guard__refuses_targets_that_could_be_read_twice(void **state)
{
    (void)state;
    static const char *const bad[] = {
        LINE("*"),         LINE("a"),           LINE("/a%"),          LINE("/a%2"),
        LINE("/a%zz"),     LINE("/a%2z"),       LINE("/a%00b"),       LINE("/\x7f"),
        LINE("/\xc3\xa4"), LINE("/a#b"),        LINE("/a\"b"),        LINE("/a|b"),
        LINE("/a\x01"),    LINE("http://b/"),   LINE("http://a%41/"), LINE("http://a%3f?b"),
        LINE("http://aa"), LINE("https://b:1"),
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_status(bad[i], 400);
    assert_status("GET http://a/ HTTP/1.0\r\n\r\n", 400);
    assert_status("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", 400);
}

/* The library shows such a target in another way too, which hides whether this one was seen. */
static void guard__sees_a_nul_in_the_target_itself(void **state)
{
    (void)state;
    static const char *const bad[] = {"/a%00", "/%00b", "/%0", "/%g0", "/%0g"};
    struct guard_target target;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        guard_look_at_target(bad[i], &target);
        assert_int_equal(target.status, 400);
        assert_int_equal(target.length, strlen(bad[i]));
    }
    guard_look_at_target("/%01%10%0a%A0", &target);
    assert_int_equal(target.status, 0);
    assert_null(target.fault);
}

static void guard__refuses_a_target_that_is_too_long(void **state)
{
    (void)state;
    char head[GUARD_TARGET_MAX + 64];
    char target[GUARD_TARGET_MAX + 2] = "/";
    memset(target + 1, 'a', GUARD_TARGET_MAX - 1);
    snprintf(head, sizeof head, LINE("%s"), target);
    assert_status(head, 200);
    target[GUARD_TARGET_MAX] = 'a';
    snprintf(head, sizeof head, LINE("%s"), target);
    assert_status(head, 414);
}

static void guard__refuses_request_lines_that_could_be_read_twice(void **state)
{
    (void)state;
    assert_status("GET / HTTP/1.2\r\nHost: a\r\n\r\n", 400);
    assert_status("G(T / HTTP/1.1\r\nHost: a\r\n\r\n", 400);
    assert_status("BREW / HTTP/1.1\r\nHost: a\r\n\r\n", 501);
    assert_status("\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", 400);
    assert_status("GET  / HTTP/1.1\r\nHost: a\r\n\r\n", 400);
    assert_status("GET /  HTTP/1.1\r\nHost: a\r\n\r\n", 400);
    static const char nul[] = "GET /a\0b HTTP/1.1\r\nHost: a\r\n\r\n";
    assert_int_equal(status_of(nul, sizeof nul - 1), 400);
}

static void guard__refuses_header_lines_that_could_be_read_twice(void **state)
{
    (void)state;
    static const char *const bad[] = {
        HEAD("X: y\r\n z\r\n"),
        HEAD("X\r\n"),
        HEAD("X : y\r\n"),
        HEAD("X(: y\r\n"),
        HEAD(": y\r\n"),
        HEAD("X: \x01\r\n"),
        HEAD("X: \x7f\r\n"),
        "GET / HTTP/1.1\nHost: a\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\nX: y\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nX: y\r\n\n",
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_status(bad[i], 400);
    static const char nul[] = "GET / HTTP/1.1\r\nHost: a\r\nX: y\0z\r\n\r\n";
    assert_int_equal(status_of(nul, sizeof nul - 1), 400);
}

static void guard__refuses_a_second_value_of_what_has_one(void **state)
{
    (void)state;
    static const char *const names[] = {"Authorization",   "Content-Type", "Content-Encoding",
                                        "Idempotency-Key", "If-Range",     "Range"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char head[160];
        snprintf(head, sizeof head, HEAD("%s: x\r\n"), names[i]);
        assert_status(head, 200);
        snprintf(head, sizeof head, HEAD("%s: x\r\nY: z\r\n%s: x\r\n"), names[i], names[i]);
        assert_status(head, 400);
    }
    assert_status(HEAD("X: x\r\nX: x\r\n"), 200);
}

static void guard__refuses_more_headers_than_it_looks_at(void **state)
{
    (void)state;
    char head[GUARD_HEADERS_MAX * 8 + 64] = "GET / HTTP/1.1\r\nHost: a\r\n";
    for (int i = 1; i < GUARD_HEADERS_MAX; i++)
        strcat(head, "X: y\r\n");
    size_t length = strlen(head);
    strcat(head, "\r\n");
    assert_status(head, 200);
    strcpy(head + length, "X: y\r\n\r\n");
    assert_status(head, 431);
}

static void guard__wants_one_host_that_names_one_place(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "GET / HTTP/1.1\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n",
        "GET / HTTP/1.1\r\nHost:\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: :80\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a:8x\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: [::1\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: [::g-]\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: [::1]x\r\n\r\n",
        "GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n",
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_status(bad[i], 400);
}

static void guard__wants_bodies_whose_end_everybody_sees(void **state)
{
    (void)state;
    assert_status(HEAD("Content-Length: 0\r\nContent-Length: 0\r\n"), 400);
    assert_status(HEAD("Content-Length: 0\r\nTransfer-Encoding: chunked\r\n"), 400);
    assert_status(HEAD("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"), 400);
    assert_status("GET / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", 400);
    assert_status(HEAD("Transfer-Encoding: gzip\r\n"), 501);
    assert_status(HEAD("Transfer-Encoding: Chunked\r\n"), 411);
    assert_status(HEAD("Expect: nothing\r\n"), 400);
    assert_status(HEAD("Expect: 100-continue\r\nExpect: 100-continue\r\n"), 400);
}

static void guard__routes_by_the_path_of_a_whole_address(void **state)
{
    (void)state;
    assert_string_equal(guard_path("/a/b"), "/a/b");
    assert_string_equal(guard_path("http://a"), "/");
    assert_string_equal(guard_path("https://a/b"), "/b");
    assert_status(LINE("http://a/b/c?d"), 200);
    assert_string_equal(routed, "/b/c");
}

/* The trial at start. */

static int faults_clear(void **state)
{
    (void)state;
    memset(&fault, 0, sizeof fault);
    return 0;
}

static void assert_trial(enum error_class class)
{
    struct error error = {0};
    assert_int_equal(guard_self_test(&error), -1);
    assert_int_equal(error.class, class);
}

static void self_test__knows_the_library_that_is_here(void **state)
{
    (void)state;
    struct error error = {0};
    if (guard_self_test(&error) < 0)
        fail_msg("%s", error.text);
}

static void self_test__stops_when_a_bad_head_passes(void **state)
{
    (void)state;
    fault.recv_passes = true;
    assert_trial(ERROR_INTERNAL);
}

static void self_test__stops_when_a_good_head_is_not_answered(void **state)
{
    (void)state;
    fault.response_fails = true;
    assert_trial(ERROR_INTERNAL);
}

static void self_test__stops_when_nothing_can_be_tried(void **state)
{
    (void)state;
    fault.connect_fails = true;
    assert_trial(ERROR_INTERNAL);
    fault.connect_fails = false;
    fault.send_is_short = true;
    assert_trial(ERROR_INTERNAL);
    fault.send_is_short = false;
    fault.recv_code = EAGAIN;
    assert_trial(ERROR_INTERNAL);
}

static void self_test__says_when_the_library_cannot_listen(void **state)
{
    (void)state;
    fault.info_fails = true;
    assert_trial(ERROR_UNAVAILABLE);
    fault.info_fails = false;
    struct rlimit limit, none = {0};
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    none.rlim_max = limit.rlim_max;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    struct error error = {0};
    int made = guard_self_test(&error);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    assert_int_equal(made, -1);
    assert_int_equal(error.class, ERROR_UNAVAILABLE);
}

int main(void)
{
#define TRIAL(test) cmocka_unit_test_teardown(test, faults_clear)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(guard__passes_what_everybody_reads_the_same_way),
        cmocka_unit_test(guard__refuses_targets_that_could_be_read_twice),
        cmocka_unit_test(guard__sees_a_nul_in_the_target_itself),
        cmocka_unit_test(guard__refuses_a_target_that_is_too_long),
        cmocka_unit_test(guard__refuses_request_lines_that_could_be_read_twice),
        cmocka_unit_test(guard__refuses_header_lines_that_could_be_read_twice),
        cmocka_unit_test(guard__refuses_a_second_value_of_what_has_one),
        cmocka_unit_test(guard__refuses_more_headers_than_it_looks_at),
        cmocka_unit_test(guard__wants_one_host_that_names_one_place),
        cmocka_unit_test(guard__wants_bodies_whose_end_everybody_sees),
        cmocka_unit_test(guard__routes_by_the_path_of_a_whole_address),
    };
    const struct CMUnitTest trials[] = {
        TRIAL(self_test__knows_the_library_that_is_here),
        TRIAL(self_test__stops_when_a_bad_head_passes),
        TRIAL(self_test__stops_when_a_good_head_is_not_answered),
        TRIAL(self_test__stops_when_nothing_can_be_tried),
        TRIAL(self_test__says_when_the_library_cannot_listen),
    };
    int failed =
        cmocka_run_group_tests_name("http: guard", tests, listener_start, listener_stop);
    return failed + cmocka_run_group_tests_name("http: guard's trial", trials, NULL, NULL);
}
