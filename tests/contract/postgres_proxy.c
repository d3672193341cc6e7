#include "contract/postgres_proxy.h"

#include "support/check.h"

#include <arpa/inet.h>
#include <libpq-fe.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define LINES_MAX 32

struct line {
    int client, server; /* -1: free */
    bool committing;    /* its COMMIT is at the server, and the answer is to be lost */
};

static struct line lines[LINES_MAX];
static atomic_int fault, cuts, stopping;
static int listener;
static struct sockaddr_in server_address;
static pthread_t thread;
static char proxy_url[256];

static void line_cut(struct line *line)
{
    close(line->client);
    close(line->server);
    line->client = line->server = -1;
}

static void line_accept(void)
{
    int client = accept(listener, NULL, NULL);
    for (size_t i = 0; client >= 0 && i < LINES_MAX; i++) {
        if (lines[i].client >= 0)
            continue;
        int server = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        lines[i] = (struct line){.client = client, .server = server};
        if (fault == PROXY_REFUSE || fault == PROXY_FULL ||
            connect(server, (struct sockaddr *)&server_address, sizeof server_address) < 0)
            line_cut(&lines[i]);
        return;
    }
    close(client);
}

/* Carries over what there is; false: the line is to be cut. */
static bool line_carry(struct line *line, bool from_client)
{
    char bytes[65536];
    ssize_t length = recv(from_client ? line->client : line->server, bytes, sizeof bytes, 0);
    if (length <= 0)
        return false;
    if (from_client && memmem(bytes, (size_t)length, "COMMIT", 7)) {
        if (fault == PROXY_CUT_COMMIT) {
            fault = PROXY_NONE;
            cuts++;
            return false;
        }
        line->committing = fault == PROXY_CUT_ANSWER;
    } else if (!from_client && line->committing) {
        fault = PROXY_NONE;
        cuts++;
        return false;
    }
    return send(from_client ? line->server : line->client, bytes, (size_t)length,
                MSG_NOSIGNAL) == length;
}

static void lines_carry(const struct pollfd *waits)
{
    for (size_t i = 0; i < LINES_MAX; i++) {
        struct line *line = &lines[i];
        if (line->client < 0)
            continue;
        bool intact = fault != PROXY_REFUSE;
        if (intact && waits[2 * i].revents)
            intact = line_carry(line, true);
        if (intact && waits[2 * i + 1].revents)
            intact = line_carry(line, false);
        if (!intact)
            line_cut(line);
    }
}

static void *proxy_run(void *argument)
{
    (void)argument;
    while (!stopping) {
        struct pollfd waits[2 * LINES_MAX + 1];
        for (size_t i = 0; i < LINES_MAX; i++) {
            waits[2 * i] = (struct pollfd){.fd = lines[i].client, .events = POLLIN};
            waits[2 * i + 1] = (struct pollfd){.fd = lines[i].server, .events = POLLIN};
        }
        waits[2 * LINES_MAX] = (struct pollfd){.fd = listener, .events = POLLIN};
        poll(waits, 2 * LINES_MAX + 1, 10);
        lines_carry(waits);
        if (waits[2 * LINES_MAX].revents)
            line_accept();
    }
    return NULL;
}

static void server_find(const char *url, char *ret_name, size_t size)
{
    PQconninfoOption *options = PQconninfoParse(url, NULL);
    assert_non_null(options);
    server_address =
        (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    for (PQconninfoOption *option = options; option->keyword; option++) {
        if (strcmp(option->keyword, "port") == 0 && option->val)
            server_address.sin_port = htons((uint16_t)atoi(option->val));
        if (strcmp(option->keyword, "dbname") == 0 && option->val)
            snprintf(ret_name, size, "%s", option->val);
    }
    PQconninfoFree(options);
}

const char *proxy_start(const char *url)
{
    char name[64] = "";
    server_find(url, name, sizeof name);
    for (size_t i = 0; i < LINES_MAX; i++)
        lines[i].client = lines[i].server = -1;
    struct sockaddr_in own = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof own;
    listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(listener, (struct sockaddr *)&own, length), 0);
    assert_int_equal(listen(listener, 16), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&own, &length), 0);
    snprintf(proxy_url, sizeof proxy_url,
             "postgresql://postgres@127.0.0.1:%d/%s?sslmode=disable&prepared=off",
             ntohs(own.sin_port), name);
    stopping = fault = cuts = 0;
    assert_int_equal(pthread_create(&thread, NULL, proxy_run, NULL), 0);
    return proxy_url;
}

void proxy_set(enum proxy_fault wanted)
{
    fault = wanted;
}

int proxy_has_cut(void)
{
    return cuts;
}

void proxy_stop(void)
{
    stopping = 1;
    pthread_join(thread, NULL);
    for (size_t i = 0; i < LINES_MAX; i++) {
        if (lines[i].client >= 0)
            line_cut(&lines[i]);
    }
    close(listener);
}
