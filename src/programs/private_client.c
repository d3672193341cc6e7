#include "programs/private_client.h"

#include "http/client.h"
#include "job/token.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#define URL_SIZE   2048
#define ANSWER_MAX ((size_t)16 * 1024 * 1024)
#define CONNECT_MS 10000
#define CALL_MS    120000
#define REST_MS    1000
/* The answer of a fetch is as long as what it brings. */
#define FETCH_MS ((int64_t)24 * 3600 * 1000)

struct private_client {
    const struct private_settings *settings;
    struct http_client *http;
    char authorization[TOKEN_SIZE + 32];
    int signals; /* SIGINT and SIGTERM */
    bool stopped;
};

static int settings_check(const struct private_settings *settings,
                          struct private_client *client, struct error *error)
{
    char token[TOKEN_SIZE] = "";
    if (!settings->url)
        return error_set(error, ERROR_USAGE,
                         "--private is required: the address of the service's private API");
    if (http_url_check(settings->url, error) < 0)
        return error_wrap(error, "--private");
    if (settings->token_file && token_read(settings->token_file, token, error) < 0)
        return error_wrap(error, "--token-file");
    if (*token)
        snprintf(client->authorization, sizeof client->authorization,
                 "Authorization: Bearer %s", token);
    token_forget(token);
    return 0;
}

static int signals_open(struct private_client *client, struct error *error)
{
    sigset_t set;
    signal(SIGPIPE, SIG_IGN);
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigprocmask(SIG_BLOCK, &set, NULL);
    client->signals = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    return client->signals < 0
               ? error_set_errno(error, ERROR_UNAVAILABLE, errno, "cannot hear signals")
               : 0;
}

int private_client_open(const struct private_settings *settings,
                        struct private_client **ret_client, struct error *error)
{
    struct private_client *client = calloc(1, sizeof *client);
    if (!client)
        return error_set(error, ERROR_NO_MEMORY, "no memory for a client");
    client->settings = settings;
    client->signals = -1;
    if (settings_check(settings, client, error) < 0 || signals_open(client, error) < 0 ||
        http_client_open(&client->http, error) < 0) {
        private_client_close(client);
        return -1;
    }
    *ret_client = client;
    return 0;
}

void private_client_close(struct private_client *client)
{
    if (!client)
        return;
    http_client_close(client->http);
    if (client->signals >= 0)
        close(client->signals);
    token_forget(client->authorization);
    free(client);
}

bool private_client_is_stopped(const struct private_client *client)
{
    return client->stopped;
}

static bool signal_came(struct private_client *client)
{
    struct signalfd_siginfo info;
    client->stopped |= read(client->signals, &info, sizeof info) == (ssize_t)sizeof info;
    return client->stopped;
}

void private_client_rest(struct private_client *client, int64_t rest_ms)
{
    if (!signal_came(client))
        http_client_poll(client->http, rest_ms, &client->signals, 1);
    signal_came(client);
}

/* What a service cannot do now, for want of memory too, is nobody's configuration. */
static enum error_class status_class(int status)
{
    return status >= 500 || status == 429   ? ERROR_UNAVAILABLE
           : status == 404 || status == 409 ? ERROR_INVALID
                                            : ERROR_CONFIG;
}

static json_t *answer_read(const struct http_response *response, struct error *error)
{
    if (response->outcome != HTTP_ANSWERED) {
        error_set(error, ERROR_UNAVAILABLE, "%s", response->text);
        return NULL;
    }
    json_t *root = response->body.length
                       ? json_loadb(response->body.bytes, response->body.length, 0, NULL)
                       : NULL;
    json_t *data = json_object_get(root, "data");
    if (response->status / 100 == 2 && json_is_object(data)) {
        json_incref(data);
    } else {
        const char *message = json_string_value(json_object_get(root, "message"));
        error_set(error, status_class(response->status), "the service answered %d%s%s",
                  response->status, message ? ": " : "", message ? message : "");
        data = NULL;
    }
    json_decref(root);
    return data;
}

/* One request to its end; -1 with an error if a signal ended it. */
static int request_run(struct private_client *client, struct http_request *request,
                       const char *path, struct http_response *response, struct error *error)
{
    const struct private_settings *settings = client->settings;
    char url[URL_SIZE];
    const char *const headers[] = {client->authorization};
    size_t length = strlen(settings->url);
    while (length && settings->url[length - 1] == '/')
        length--;
    snprintf(url, sizeof url, "%.*s%s", (int)length, settings->url, path);
    request->url = url;
    request->headers = headers;
    request->header_count = *client->authorization ? 1 : 0;
    request->connect_ms = CONNECT_MS;
    request->ca_file = settings->ca_file;
    request->client_cert = settings->client_cert;
    request->client_key = settings->client_key;
    request->unix_socket = settings->unix_socket;
    request->body_max = ANSWER_MAX;
    http_client_start(client->http, request, response);
    while (!response->done && !signal_came(client))
        http_client_poll(client->http, REST_MS, &client->signals, 1);
    if (response->done)
        return 0;
    http_client_abort(client->http, response);
    return error_set(error, ERROR_UNAVAILABLE, "stopped");
}

json_t *private_client_call(struct private_client *client, const char *method, const char *path,
                            struct error *error)
{
    struct http_request request = {
        .method = method, .body = strcmp(method, "POST") == 0 ? "" : NULL, .total_ms = CALL_MS};
    struct http_response response = {0};
    json_t *data = NULL;
    if (request_run(client, &request, path, &response, error) == 0)
        data = answer_read(&response, error);
    http_response_deinit(&response);
    return data;
}

/* Where an answer goes. */
struct sink {
    FILE *out;
    int trouble; /* the errno of a write that failed */
};

static bool sink_take(void *owner, const char *bytes, size_t length)
{
    struct sink *sink = owner;
    if (fwrite(bytes, 1, length, sink->out) == length)
        return true;
    sink->trouble = errno;
    return false;
}

int private_client_fetch(struct private_client *client, const char *path, const char *type,
                         FILE *out, struct error *error)
{
    struct sink sink = {.out = out};
    struct http_request request = {
        .method = "GET", .total_ms = FETCH_MS, .piece = sink_take, .owner = &sink};
    struct http_response response = {0};
    int failed = request_run(client, &request, path, &response, error);
    if (!failed && sink.trouble)
        failed = error_set_errno(error, ERROR_IO, sink.trouble, "what came cannot be written");
    else if (!failed && response.outcome == HTTP_ANSWERED && response.status == 200)
        failed = http_response_is_type(&response, type)
                     ? 0
                     : error_set(error, ERROR_CONFIG,
                                 "this is no users-service, or another "
                                 "version");
    else if (!failed) {
        json_decref(answer_read(&response, error));
        failed = -1;
    }
    http_response_deinit(&response);
    return failed;
}
