#include "http/client.h"

#include <curl/curl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* A request under way. */
struct transfer {
    struct transfer *next;
    struct http_client *client;
    CURL *easy;
    struct curl_slist *headers;
    const struct http_request *request;
    struct http_response *response;
    size_t head_bytes;
    bool head_whole;   /* the empty line behind the last head has come */
    size_t line_start; /* in the body: where the line that is arriving begins */
    bool too_large;
    char words[CURL_ERROR_SIZE];
};

struct http_client {
    CURLM *multi;
    struct transfer *transfers;
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

/* Takes a transfer off its client's list and frees it. */
static void transfer_close(struct transfer *transfer)
{
    struct transfer **at = &transfer->client->transfers;
    while (*at && *at != transfer)
        at = &(*at)->next;
    if (*at)
        *at = transfer->next;
    if (transfer->easy) {
        curl_multi_remove_handle(transfer->client->multi, transfer->easy);
        curl_easy_cleanup(transfer->easy);
    }
    curl_slist_free_all(transfer->headers);
    free(transfer);
}

void http_client_close(struct http_client *client)
{
    if (!client)
        return;
    while (client->transfers)
        transfer_close(client->transfers);
    curl_multi_cleanup(client->multi);
    curl_global_cleanup();
    free(client);
}

void http_client_abort(struct http_client *client, const struct http_response *response)
{
    for (struct transfer *at = client->transfers; at; at = at->next) {
        if (at->response == response) {
            transfer_close(at);
            return;
        }
    }
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
static void line_finish(struct transfer *transfer)
{
    struct buffer *body = &transfer->response->body;
    char *line = body->bytes + transfer->line_start;
    size_t length = body->length - transfer->line_start;
    if (length && line[length - 1] == '\r')
        length--;
    if (!length || transfer->request->line(transfer->request->owner, line, length))
        body->length = transfer->line_start;
    else
        transfer->line_start = body->length;
    body->bytes[body->length] = '\0';
}

static bool lines_receive(struct transfer *transfer, const char *bytes, size_t length)
{
    struct buffer *body = &transfer->response->body;
    while (length) {
        const char *end = memchr(bytes, '\n', length);
        size_t part = end ? (size_t)(end - bytes) : length;
        if (buffer_append(body, bytes, part) < 0)
            return false;
        if (end) {
            line_finish(transfer);
            part++;
        }
        bytes += part;
        length -= part;
    }
    return true;
}

static void head_note(struct transfer *transfer)
{
    struct http_response *response = transfer->response;
    long status = 0;
    const char *type = NULL;
    curl_off_t retry_after = 0;
    curl_easy_getinfo(transfer->easy, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_getinfo(transfer->easy, CURLINFO_RETRY_AFTER, &retry_after);
    curl_easy_getinfo(transfer->easy, CURLINFO_CONTENT_TYPE, &type);
    response->status = (int)status;
    response->retry_after_s = retry_after;
    snprintf(response->content_type, sizeof response->content_type, "%s", type ? type : "");
}

static bool is_lines(const struct transfer *transfer)
{
    return transfer->request->line && transfer->response->status / 100 == 2 &&
           http_response_is_type(transfer->response, HTTP_CONTENT_TYPE_NDJSON);
}

static bool piece_receive(const struct transfer *transfer, const char *bytes, size_t length)
{
    return transfer->request->piece(transfer->request->owner, bytes, length);
}

static size_t body_receive(char *bytes, size_t size, size_t count, void *owner)
{
    struct transfer *transfer = owner;
    size_t length = size * count;
    head_note(transfer);
    if (transfer->request->piece && transfer->response->status / 100 == 2)
        return piece_receive(transfer, bytes, length) ? length : !length;
    bool taken = is_lines(transfer)
                     ? lines_receive(transfer, bytes, length)
                     : buffer_append(&transfer->response->body, bytes, length) == 0;
    transfer->too_large |= !taken;
    /* Any other count than what came makes libcurl end the request. */
    return taken ? length : !length;
}

/* libcurl takes a head that was cut for a whole one, so its end is looked for here. */
static size_t head_receive(char *bytes, size_t size, size_t count, void *owner)
{
    struct transfer *transfer = owner;
    size_t length = size * count;
    if (length >= 5 && memcmp(bytes, "HTTP/", 5) == 0)
        transfer->head_whole = false;
    if (length && (*bytes == '\r' || *bytes == '\n'))
        transfer->head_whole = true;
    transfer->head_bytes += length;
    if (transfer->head_bytes <= HTTP_HEAD_BYTES_MAX)
        return length;
    transfer->too_large = true;
    return 0;
}

static int headers_set(struct transfer *transfer, const struct http_request *request)
{
    for (size_t i = 0; i < request->header_count; i++) {
        struct curl_slist *longer = curl_slist_append(transfer->headers, request->headers[i]);
        if (!longer)
            return -1;
        transfer->headers = longer;
    }
    return 0;
}

static int options_set(struct transfer *transfer, const struct http_request *request)
{
    CURL *easy = transfer->easy;
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
    SET(CURLOPT_HTTPHEADER, transfer->headers);
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
    if (request->client_cert)
        SET(CURLOPT_SSLCERT, request->client_cert);
    if (request->client_key)
        SET(CURLOPT_SSLKEY, request->client_key);
    if (request->unix_socket)
        SET(CURLOPT_UNIX_SOCKET_PATH, request->unix_socket);
    SET(CURLOPT_PRIVATE, transfer);
    SET(CURLOPT_USERAGENT, "fallback-job/" PROJECT_VERSION);
    SET(CURLOPT_ERRORBUFFER, transfer->words);
    SET(CURLOPT_WRITEFUNCTION, body_receive);
    SET(CURLOPT_WRITEDATA, transfer);
    SET(CURLOPT_HEADERFUNCTION, head_receive);
    SET(CURLOPT_HEADERDATA, transfer);
#undef SET
    return failed ? -1 : 0;
}

static int transfer_open(struct transfer *transfer)
{
    transfer->easy = curl_easy_init();
    if (!transfer->easy || headers_set(transfer, transfer->request) < 0 ||
        options_set(transfer, transfer->request) < 0)
        return -1;
    return curl_multi_add_handle(transfer->client->multi, transfer->easy) == CURLM_OK ? 0 : -1;
}

void http_client_start(struct http_client *client, const struct http_request *request,
                       struct http_response *response)
{
    struct transfer *transfer = calloc(1, sizeof *transfer);
    *response = (struct http_response){.outcome = HTTP_FAILED, .text = "no memory"};
    buffer_init(&response->body, request->body_max);
    response->done = !transfer;
    if (!transfer)
        return;
    *transfer = (struct transfer){
        .next = client->transfers, .client = client, .request = request, .response = response};
    client->transfers = transfer;
    if (transfer_open(transfer) == 0) {
        response->text[0] = '\0';
        return;
    }
    transfer_close(transfer);
    response->done = true;
}

static enum http_outcome outcome_of(const struct transfer *transfer, CURLcode code)
{
    if (transfer->too_large)
        return HTTP_TOO_LARGE;
    switch (code) {
    case CURLE_OK:
        return transfer->head_whole ? HTTP_ANSWERED : HTTP_CUT;
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

static void request_finish(struct transfer *transfer, CURLcode code)
{
    struct http_response *response = transfer->response;
    head_note(transfer);
    response->outcome = outcome_of(transfer, code);
    struct buffer *body = &response->body;
    if (response->outcome == HTTP_ANSWERED && is_lines(transfer) &&
        body->length > transfer->line_start)
        line_finish(transfer);
    const char *words = *transfer->words ? transfer->words : curl_easy_strerror(code);
    if (response->outcome == HTTP_TOO_LARGE)
        words = "the answer is larger than allowed";
    else if (code == CURLE_OK)
        words = "the answer ended within its head";
    if (response->outcome != HTTP_ANSWERED)
        snprintf(response->text, sizeof response->text, "%s", words);
    response->done = true;
    transfer_close(transfer);
}

static void requests_fail(struct http_client *client)
{
    for (struct transfer *at = client->transfers, *next; at; at = next) {
        next = at->next;
        request_finish(at, CURLE_FAILED_INIT);
    }
}

/* Lets all requests do what they can do now; true if one has ended. */
static bool requests_step(struct http_client *client)
{
    int running, queued;
    bool ended = false;
    if (curl_multi_perform(client->multi, &running) != CURLM_OK) {
        ended = client->transfers != NULL;
        requests_fail(client);
    }
    const CURLMsg *message;
    while ((message = curl_multi_info_read(client->multi, &queued))) {
        struct transfer *transfer = NULL;
        if (message->msg != CURLMSG_DONE)
            continue;
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&transfer);
        request_finish(transfer, message->data.result);
        ended = true;
    }
    return ended;
}

void http_client_poll(struct http_client *client, int64_t timeout_ms, const int *watched,
                      size_t count)
{
    struct curl_waitfd wait[HTTP_WATCHED_MAX] = {{0}};
    for (size_t i = 0; i < count; i++)
        wait[i] = (struct curl_waitfd){.fd = watched[i], .events = CURL_WAIT_POLLIN};
    if (requests_step(client))
        return;
    int bounded = timeout_ms > 60000 ? 60000 : timeout_ms < 0 ? 0 : (int)timeout_ms;
    if (curl_multi_poll(client->multi, wait, (unsigned)count, bounded, NULL) != CURLM_OK) {
        requests_fail(client);
        return;
    }
    requests_step(client);
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
