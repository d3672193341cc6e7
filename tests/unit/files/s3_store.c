#include "s3_store.h"

#include "base/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct server server;
struct files_driver *driver;
const char *const keys[KEYS] = {"avatars/a", "avatars/b&c", "avatars/d"};
struct files_answer answers[KEYS];

const char *reply(const char *status, const char *headers, const char *body)
{
    static char texts[SERVER_REPLIES_MAX][4096];
    static size_t next;
    char *text = texts[next++ % SERVER_REPLIES_MAX];
    snprintf(text, sizeof texts[0], "HTTP/1.1 %s\r\n%sContent-Length: %zu\r\n\r\n%s", status,
             headers, strlen(body), body);
    return text;
}

void driver_open(const char *host, unsigned port, const char *more)
{
    char url[512];
    struct error error = {0};
    snprintf(url, sizeof url, "s3://bucket/pre?region=eu-west-1&endpoint=http://%s:%u%s", host,
             port, more);
    const struct files_s3_options options = {.url = url};
    if (files_s3_open(&options, &driver, &error) < 0)
        fail_msg("%s", error.text);
}

void store_open_at(const char *host, const char *more, const struct server_reply *replies,
                   size_t count)
{
    server_start(&server, replies, count);
    driver_open(host, server.port, more);
}

void store_open(const struct server_reply *replies, size_t count)
{
    store_open_at("127.0.0.1", "", replies, count);
}

void store_close(void)
{
    driver->close(driver);
    server_stop(&server);
}

void on_done(struct files_op *op)
{
    unsigned *done = op->owner;
    (*done)++;
}

void run(struct files_op *op, int64_t within_ms)
{
    unsigned done = 0;
    int64_t began = clock_boot_ms();
    op->deadline_ms = began + within_ms;
    op->owner = &done;
    op->done = on_done;
    driver->start(driver, op);
    while (!done)
        driver->poll(driver, PATIENCE);
    assert_int_equal(done, 1);
    assert_true(clock_boot_ms() - began < PATIENCE);
}

void environment_set(void)
{
    setenv("AWS_ACCESS_KEY_ID", "someone", 1);
    setenv("AWS_SECRET_ACCESS_KEY", "verysecret", 1);
    setenv("http_proxy", "http://127.0.0.1:1", 1);
    setenv("AWS_EC2_METADATA_DISABLED", "true", 1);
    unsetenv("AWS_SESSION_TOKEN");
    unsetenv("AWS_CA_BUNDLE");
}

struct files_op delete_against(size_t count, const char *bytes, enum server_after after,
                               int64_t within_ms)
{
    const struct server_reply replies[] = {{KEEPS_NO_VERSIONS, SERVER_KEEP}, {bytes, after}};
    struct files_op op = {
        .verb = FILES_DELETE, .keys = keys, .answers = answers, .count = count};
    store_open(replies, 2);
    run(&op, within_ms);
    store_close();
    return op;
}

void batch(const char *body)
{
    delete_against(KEYS, reply("200 OK", "", body), SERVER_KEEP, PATIENCE);
}

void assert_answer(const struct files_answer *answer, int status, const char *code)
{
    if (answer->status != status || strcmp(answer->code, code) != 0)
        fail_msg("answer %d '%s' (%s), not %d '%s'", answer->status, answer->code, answer->text,
                 status, code);
}

void assert_all(int status, const char *code)
{
    for (size_t i = 0; i < KEYS; i++)
        assert_answer(&answers[i], status, code);
}
