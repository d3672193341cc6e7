#include "http/client.h"

#include <curl/curl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct http_client {
    CURLM *multi;
    CURL *easy; /* NULL while no request is under way */
    struct curl_slist *headers;
    const struct http_request *request;
    struct http_response *response;
    size_t head_bytes;
    bool head_whole;   /* the empty line behind the last head has come */
    size_t line_start; /* in the body: where the line that is arriving begins */
    bool too_large;
    char words[CURL_ERROR_SIZE];
};

int http_client_open(struct http_client **ret_client, struct error *error)
{
    struct http_client *client = calloc(1, sizeof *client);
    if (!client)
        return error_set(error, ERROR_NO_MEMORY, "no memory for an HTTP client");
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        free(client);
        return error_set(error, ERROR_INTERNAL, "libcurl cannot be initialised");
    }
    client->multi = curl_multi_init();
    if (!client->multi) {
        http_client_close(client);
        return error_set(error, ERROR_NO_MEMORY, "no memory for an HTTP client");
    }
    *ret_client = client;
    return 0;
}

void http_client_close(struct http_client *client)
{
    if (!client)
        return;
    http_client_abort(client);
    curl_multi_cleanup(client->multi);
    curl_global_cleanup();
    free(client);
}

void http_client_abort(struct http_client *client)
{
    if (client->easy) {
        curl_multi_remove_handle(client->multi, client->easy);
        curl_easy_cleanup(client->easy);
    }
    curl_slist_free_all(client->headers);
    client->easy = NULL;
    client->headers = NULL;
}

void http_response_deinit(struct http_response *response)
{
    buffer_deinit(&response->body);
}

bool http_response_is_type(const struct http_response *response, const char *type)
{
    size_t length = strlen(type);
    return strncasecmp(response->content_type, type, length) == 0 &&
           (!response->content_type[length] || strchr("; \t", response->content_type[length]));
}

/* Hands the line that has just ended to the caller; what it takes leaves the body. */
static void line_finish(struct http_client *client)
{
    struct buffer *body = &client->response->body;
    char *line = body->bytes + client->line_start;
    size_t length = body->length - client->line_start;
    if (length && line[length - 1] == '\r')
        length--;
    if (!length || client->request->line(client->request->owner, line, length))
        body->length = client->line_start;
    else
        client->line_start = body->length;
    body->bytes[body->length] = '\0';
}

static bool lines_receive(struct http_client *client, const char *bytes, size_t length)
{
    struct buffer *body = &client->response->body;
    while (length) {
        const char *end = memchr(bytes, '\n', length);
        size_t part = end ? (size_t)(end - bytes) : length;
        if (buffer_append(body, bytes, part) < 0)
            return false;
        if (end) {
            line_finish(client);
            part++;
        }
        bytes += part;
        length -= part;
    }
    return true;
}

static void head_note(struct http_client *client)
{
    struct http_response *response = client->response;
    long status = 0;
    const char *type = NULL;
    curl_easy_getinfo(client->easy, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_getinfo(client->easy, CURLINFO_CONTENT_TYPE, &type);
    response->status = (int)status;
    snprintf(response->content_type, sizeof response->content_type, "%s", type ? type : "");
}

static bool is_lines(const struct http_client *client)
{
    return client->request->line && client->response->status / 100 == 2 &&
           http_response_is_type(client->response, HTTP_CONTENT_TYPE_NDJSON);
}

static size_t body_receive(char *bytes, size_t size, size_t count, void *owner)
{
    struct http_client *client = owner;
    size_t length = size * count;
    head_note(client);
    bool taken = is_lines(client) ? lines_receive(client, bytes, length)
                                  : buffer_append(&client->response->body, bytes, length) == 0;
    client->too_large |= !taken;
    /* Any other count than what came makes libcurl end the request. */
    return taken ? length : !length;
}

/* libcurl takes a head that was cut for a whole one, so its end is looked for here. */
static size_t head_receive(char *bytes, size_t size, size_t count, void *owner)
{
    struct http_client *client = owner;
    size_t length = size * count;
    if (length >= 5 && memcmp(bytes, "HTTP/", 5) == 0)
        client->head_whole = false;
    if (length && (*bytes == '\r' || *bytes == '\n'))
        client->head_whole = true;
    client->head_bytes += length;
    if (client->head_bytes <= HTTP_HEAD_BYTES_MAX)
        return length;
    client->too_large = true;
    return 0;
}

static int headers_set(struct http_client *client, const struct http_request *request)
{
    for (size_t i = 0; i < request->header_count; i++) {
        struct curl_slist *longer = curl_slist_append(client->headers, request->headers[i]);
        if (!longer)
            return -1;
        client->headers = longer;
    }
    return 0;
}

static int options_set(struct http_client *client, const struct http_request *request)
{
    CURL *easy = client->easy;
    int failed = 0;
#define SET(option, value) failed |= curl_easy_setopt(easy, option, value) != CURLE_OK
    SET(CURLOPT_URL, request->url);
    SET(CURLOPT_CUSTOMREQUEST, request->method);
    SET(CURLOPT_NOBODY, strcmp(request->method, "HEAD") == 0 ? 1L : 0L);
    if (request->body) {
        SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->length);
        SET(CURLOPT_POSTFIELDS, request->body);
        SET(CURLOPT_CUSTOMREQUEST, request->method);
    }
    SET(CURLOPT_HTTPHEADER, client->headers);
    SET(CURLOPT_PROTOCOLS_STR, "http,https");
    SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    SET(CURLOPT_FOLLOWLOCATION, 0L);
    /* A credential goes to the host that was named, not to what http_proxy points at. */
    SET(CURLOPT_PROXY, "");
    /* curl repeats a request by itself when a connection that it kept turns out dead. */
    SET(CURLOPT_FRESH_CONNECT, 1L);
    SET(CURLOPT_FORBID_REUSE, 1L);
    SET(CURLOPT_NOSIGNAL, 1L);
    /* A name server that does not answer must not hold up the end of a request. */
    SET(CURLOPT_QUICK_EXIT, 1L);
    SET(CURLOPT_CONNECTTIMEOUT_MS, (long)request->connect_ms);
    SET(CURLOPT_TIMEOUT_MS, (long)request->total_ms);
    if (request->ca_file)
        SET(CURLOPT_CAINFO, request->ca_file);
    SET(CURLOPT_USERAGENT, "fallback-job/" PROJECT_VERSION);
    SET(CURLOPT_ERRORBUFFER, client->words);
    SET(CURLOPT_WRITEFUNCTION, body_receive);
    SET(CURLOPT_WRITEDATA, client);
    SET(CURLOPT_HEADERFUNCTION, head_receive);
    SET(CURLOPT_HEADERDATA, client);
#undef SET
    return failed ? -1 : 0;
}

void http_client_start(struct http_client *client, const struct http_request *request,
                       struct http_response *response)
{
    *response = (struct http_response){.outcome = HTTP_FAILED, .text = "no memory"};
    buffer_init(&response->body, request->body_max);
    client->request = request;
    client->response = response;
    client->head_bytes = client->line_start = 0;
    client->head_whole = client->too_large = false;
    client->words[0] = '\0';
    client->easy = curl_easy_init();
    if (client->easy && headers_set(client, request) == 0 &&
        options_set(client, request) == 0 &&
        curl_multi_add_handle(client->multi, client->easy) == CURLM_OK) {
        response->text[0] = '\0';
        return;
    }
    http_client_abort(client);
}

static enum http_outcome outcome_of(const struct http_client *client, CURLcode code)
{
    if (client->too_large)
        return HTTP_TOO_LARGE;
    switch (code) {
    case CURLE_OK:
        return client->head_whole ? HTTP_ANSWERED : HTTP_CUT;
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_CONNECT:
    case CURLE_INTERFACE_FAILED:
        return HTTP_UNREACHABLE;
    case CURLE_OPERATION_TIMEDOUT:
        return HTTP_TIMEOUT;
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CIPHER:
    case CURLE_SSL_ISSUER_ERROR:
        return HTTP_TLS;
    case CURLE_PARTIAL_FILE:
    case CURLE_GOT_NOTHING:
    case CURLE_RECV_ERROR:
    case CURLE_SEND_ERROR:
        return HTTP_CUT;
    default:
        return HTTP_FAILED;
    }
}

static void request_finish(struct http_client *client, CURLcode code)
{
    struct http_response *response = client->response;
    head_note(client);
    response->outcome = outcome_of(client, code);
    struct buffer *body = &response->body;
    if (response->outcome == HTTP_ANSWERED && is_lines(client) &&
        body->length > client->line_start)
        line_finish(client);
    const char *words = *client->words ? client->words : curl_easy_strerror(code);
    if (response->outcome == HTTP_TOO_LARGE)
        words = "the answer is larger than allowed";
    else if (code == CURLE_OK)
        words = "the answer ended within its head";
    if (response->outcome != HTTP_ANSWERED)
        snprintf(response->text, sizeof response->text, "%s", words);
    http_client_abort(client);
}

/* True once the request has ended, well or not. */
static bool request_step(struct http_client *client)
{
    int running, queued;
    CURLMcode failed = curl_multi_perform(client->multi, &running);
    if (failed != CURLM_OK) {
        request_finish(client, CURLE_FAILED_INIT);
        return true;
    }
    const CURLMsg *message;
    while ((message = curl_multi_info_read(client->multi, &queued))) {
        if (message->msg == CURLMSG_DONE) {
            request_finish(client, message->data.result);
            return true;
        }
    }
    return false;
}

enum http_state http_client_poll(struct http_client *client, int64_t timeout_ms, int wake_fd)
{
    struct curl_waitfd wake = {.fd = wake_fd, .events = CURL_WAIT_POLLIN};
    if (!client->easy || request_step(client))
        return HTTP_DONE;
    int bounded = timeout_ms > 60000 ? 60000 : timeout_ms < 0 ? 0 : (int)timeout_ms;
    if (curl_multi_poll(client->multi, wake_fd < 0 ? NULL : &wake, wake_fd >= 0, bounded,
                        NULL) != CURLM_OK) {
        request_finish(client, CURLE_FAILED_INIT);
        return HTTP_DONE;
    }
    if (wake.revents)
        return HTTP_WOKEN;
    return request_step(client) ? HTTP_DONE : HTTP_RUNNING;
}

int http_url_check(const char *url, struct error *error)
{
    CURLU *parts = curl_url();
    char *scheme = NULL, *user = NULL, *fragment = NULL;
    int result = 0;
    if (!parts)
        return error_set(error, ERROR_NO_MEMORY, "no memory for an address");
    if (curl_url_set(parts, CURLUPART_URL, url, 0) != CURLUE_OK ||
        curl_url_get(parts, CURLUPART_SCHEME, &scheme, 0) != CURLUE_OK ||
        (strcmp(scheme, "http") != 0 && strcmp(scheme, "https") != 0))
        result =
            error_set(error, ERROR_USAGE, "give an address such as http://127.0.0.1:8081/");
    else if (curl_url_get(parts, CURLUPART_USER, &user, 0) == CURLUE_OK)
        result = error_set(error, ERROR_USAGE, "an address may not hold a user or a password");
    else if (curl_url_get(parts, CURLUPART_FRAGMENT, &fragment, 0) == CURLUE_OK)
        result = error_set(error, ERROR_USAGE, "an address may not end in a fragment (#…)");
    curl_free(scheme);
    curl_free(user);
    curl_free(fragment);
    curl_url_cleanup(parts);
    return result;
}
