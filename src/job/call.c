#include "job/call.h"

#include "http/json_text.h"

#include <ctype.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

/* Appends name=value with all but RFC 3986's unreserved characters percent-encoded. */
static int query_append(struct buffer *url, const char *name, const char *value)
{
    const char *mark = strchr(url->bytes, '?');
    const char *joint = !mark ? "?" : mark[1] && url->bytes[url->length - 1] != '&' ? "&" : "";
    if (buffer_printf(url, "%s%s=", joint, name) < 0)
        return -1;
    for (; *value; value++) {
        unsigned char byte = (unsigned char)*value;
        bool plain = isalnum(byte) || (byte && strchr("-._~", byte));
        if (buffer_printf(url, plain ? "%c" : "%%%02X", byte) < 0)
            return -1;
    }
    return 0;
}

int call_url(const char *url, int64_t limit, int64_t timeout_ms, const char *cursor,
             struct buffer *ret_url)
{
    char number[32];
    if (buffer_append_text(ret_url, url) < 0)
        return -1;
    snprintf(number, sizeof number, "%lld", (long long)limit);
    if (limit && query_append(ret_url, "limit", number) < 0)
        return -1;
    snprintf(number, sizeof number, "%llds", (long long)(timeout_ms / 1000));
    if (timeout_ms && query_append(ret_url, "timeout", number) < 0)
        return -1;
    return *cursor ? query_append(ret_url, "cursor", cursor) : 0;
}

/* A count may be missing, which is 0, but not be anything else than a count. */
static bool count_read(const json_t *object, const char *name, int64_t *ret_count)
{
    const json_t *value = json_object_get(object, name);
    *ret_count = value ? json_integer_value(value) : 0;
    return !value || (json_is_integer(value) && *ret_count >= 0);
}

static bool counts_read(const json_t *object, struct call_counts *ret_counts)
{
    return count_read(object, "attempted", &ret_counts->attempted) &&
           count_read(object, "deleted", &ret_counts->deleted) &&
           count_read(object, "failed", &ret_counts->failed) &&
           count_read(object, "blocked", &ret_counts->blocked) &&
           count_read(object, "remaining", &ret_counts->remaining);
}

bool call_progress_read(const char *line, size_t length, struct call_counts *ret_counts)
{
    json_error_t fault;
    json_t *object = json_text_read(line, length, JSON_REJECT_DUPLICATES, &fault);
    const json_t *progress = json_object_get(object, "progress");
    bool told = json_is_object(progress) && counts_read(progress, ret_counts);
    json_decref(object);
    return told;
}

static void verdict_fail(struct call_verdict *verdict, int exit_code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void verdict_fail(struct call_verdict *verdict, int exit_code, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    verdict->exit_code = exit_code;
    verdict->more = false;
    vsnprintf(verdict->text, sizeof verdict->text, format, arguments);
    va_end(arguments);
}

/* The envelope's message, if it can be shown: one line of bounded length without a secret. */
static const char *message_of(const json_t *envelope, const char *const *secrets)
{
    const char *message = json_string_value(json_object_get(envelope, "message"));
    if (!message || strlen(message) > 200)
        return NULL;
    for (; *secrets; secrets++) {
        if (**secrets && strstr(message, *secrets))
            return NULL;
    }
    for (const char *at = message; *at; at++) {
        if (iscntrl((unsigned char)*at))
            return NULL;
    }
    return message;
}

static void cursor_read(const json_t *data, struct call_verdict *verdict)
{
    const json_t *cursor = json_object_get(data, "cursor");
    if (!verdict->more)
        return;
    if (!json_is_string(cursor) || !json_string_length(cursor))
        verdict_fail(verdict, EX_SOFTWARE, "there is more to do, but the answer has no cursor");
    else if (json_string_length(cursor) >= sizeof verdict->cursor)
        verdict_fail(verdict, EX_SOFTWARE, "the cursor of the answer is too long");
    else
        snprintf(verdict->cursor, sizeof verdict->cursor, "%s", json_string_value(cursor));
}

/* Reads the result of a sweep; anything else in a good answer is nobody's business. */
static void result_read(const json_t *envelope, struct call_verdict *verdict)
{
    const json_t *data = json_object_get(envelope, "data");
    const json_t *more = json_object_get(data, "more");
    if (!more)
        return;
    if (!json_is_boolean(more) || !counts_read(data, &verdict->counts) ||
        !count_read(data, "oldestPendingSeconds", &verdict->oldest_pending_s)) {
        verdict_fail(verdict, EX_SOFTWARE, "the answer is a sweep's, but damaged");
        return;
    }
    verdict->counted = true;
    verdict->more = json_is_true(more);
    cursor_read(data, verdict);
}

/* A stream answers 200 before the work is done, so its last line is what says how it went. */
static void stream_judge(const json_t *envelope, const char *const *secrets,
                         struct call_verdict *verdict)
{
    const char *status = json_string_value(json_object_get(envelope, "status"));
    const char *message = message_of(envelope, secrets);
    if (!status)
        verdict_fail(verdict, EX_SOFTWARE, "the answer ended without its last line");
    else if (strcmp(status, "ok") != 0)
        verdict_fail(verdict, EX_SOFTWARE, "the service broke the work off%s%s",
                     message ? ": " : "", message ? message : "");
}

static void status_judge(const struct http_response *response, const json_t *envelope,
                         const char *const *secrets, struct call_verdict *verdict)
{
    const char *message = message_of(envelope, secrets);
    if (response->status / 100 == 3)
        verdict_fail(verdict, EX_SOFTWARE,
                     "the call was answered with status %d: redirects are not followed",
                     response->status);
    else
        verdict_fail(verdict, EX_SOFTWARE, "the call was answered with status %d%s%s",
                     response->status, message ? ": " : "", message ? message : "");
}

static bool status_in(const struct call_success *success, int status)
{
    return status >= 0 && status < 600 &&
           success->statuses[status / CHAR_BIT] >> status % CHAR_BIT & 1;
}

/* Reads a status at `*at` and moves past it; -1 if there is none. */
static int status_take(const char **at)
{
    int status = 0;
    for (int i = 0; i < 3; i++) {
        if (!isdigit((unsigned char)**at))
            return -1;
        status = status * 10 + (*(*at)++ - '0');
    }
    return status >= 100 && status < 600 ? status : -1;
}

int call_success_parse(const char *text, struct call_success *ret_success)
{
    struct call_success success = {{0}};
    for (;;) {
        int first = status_take(&text);
        int last = first;
        if (first >= 0 && *text == '-') {
            text++;
            last = status_take(&text);
        }
        if (first < 0 || last < first)
            return -1;
        for (int i = first; i <= last; i++) {
            unsigned char *bits = &success.statuses[i / CHAR_BIT];
            *bits = (unsigned char)(*bits | 1u << i % CHAR_BIT);
        }
        if (!*text) {
            *ret_success = success;
            return 0;
        }
        if (*text++ != ',')
            return -1;
    }
}

/*
 * A sweep may be asked for twice, so whatever can pass is worth another try: no connection, no
 * whole answer in time, and the statuses that say "later". What is refused stays refused.
 */
static bool may_be_retried(const struct http_response *response)
{
    switch (response->outcome) {
    case HTTP_ANSWERED:
        break;
    case HTTP_UNREACHABLE:
    case HTTP_TIMEOUT:
    case HTTP_CUT:
        return true;
    case HTTP_TLS:
    case HTTP_TOO_LARGE:
    case HTTP_FAILED:
        return false;
    }
    static const int later[] = {408, 425, 429, 500, 502, 503, 504};
    for (size_t i = 0; i < sizeof later / sizeof *later; i++) {
        if (response->status == later[i])
            return true;
    }
    return false;
}

/* No service is waited for longer than this at its own word. */
#define RETRY_AFTER_MAX_S 86400

static void retry_judge(const struct http_response *response, struct call_verdict *verdict)
{
    int64_t after_s = response->retry_after_s;
    verdict->retry = may_be_retried(response);
    if (verdict->retry && after_s > 0)
        verdict->retry_after_ms =
            (after_s < RETRY_AFTER_MAX_S ? after_s : RETRY_AFTER_MAX_S) * 1000;
}

void call_judge(const struct http_response *response, const struct call_success *success,
                const char *const *secrets, struct call_verdict *ret_verdict)
{
    *ret_verdict = (struct call_verdict){.status = response->status};
    if (response->outcome != HTTP_ANSWERED) {
        verdict_fail(ret_verdict, response->outcome == HTTP_TIMEOUT ? EX_TEMPFAIL : EX_SOFTWARE,
                     "the call was not answered: %s", response->text);
        retry_judge(response, ret_verdict);
        return;
    }
    json_error_t fault;
    json_t *envelope = response->body.length
                           ? json_text_read(response->body.bytes, response->body.length,
                                            JSON_REJECT_DUPLICATES, &fault)
                           : NULL;
    if (!status_in(success, response->status)) {
        status_judge(response, envelope, secrets, ret_verdict);
        retry_judge(response, ret_verdict);
    } else if (http_response_is_type(response, HTTP_CONTENT_TYPE_NDJSON)) {
        stream_judge(envelope, secrets, ret_verdict);
        ret_verdict->retry = ret_verdict->exit_code != 0;
    }
    if (!ret_verdict->exit_code)
        result_read(envelope, ret_verdict);
    json_decref(envelope);
}
