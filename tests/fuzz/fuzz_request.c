/*
 * Requests, one after another on a connection: what the guard lets pass is what a reader of the
 * strictest kind, who knows nothing of the library, takes for one request too, and no more.
 */
#include "exchange.h"

#include "handlers/service.h"
#include "http/router.h"

#include <ctype.h>
#include <strings.h>

static const uint8_t *input;
static size_t input_length, place; /* of the request that is next */

/*
 * The length of the line at `at` without its CR LF, or -1 if it does not end in just that. Two
 * other endings leave the same two NULs in the library's buffer, see http/guard.h: NUL LF, and
 * colon LF where a line is empty.
 */
static ptrdiff_t line_length(size_t at)
{
    if (at < input_length && input_length - at >= 2 && memcmp(input + at, ":\n", 2) == 0)
        return 0;
    for (size_t i = at; i < input_length; i++) {
        uint8_t byte = input[i];
        if (byte == '\r' || byte == '\0')
            return i + 1 < input_length && input[i + 1] == '\n' ? (ptrdiff_t)(i - at) : -1;
        if ((byte < ' ' && byte != '\t') || byte == 0x7f)
            return -1;
    }
    return -1;
}

/* METHOD SP TARGET SP HTTP/1.1 or 1.0. */
static bool is_request_line(const char *line, size_t length, bool *ret_old)
{
    const char *first = memchr(line, ' ', length);
    const char *last = memrchr(line, ' ', length);
    if (!first || last == first || length < 9 || last != line + length - 9)
        return false;
    for (const char *at = first + 1; at < last; at++) {
        if ((uint8_t)*at <= ' ' || (uint8_t)*at >= 0x7f)
            return false;
    }
    *ret_old = memcmp(last + 1, "HTTP/1.0", 8) == 0;
    return first > line && last > first + 1 &&
           (*ret_old || memcmp(last + 1, "HTTP/1.1", 8) == 0);
}

struct framing {
    size_t hosts, lengths, body;
};

static bool is_name(const char *name, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        if (!isalnum((uint8_t)name[i]) && !strchr("!#$%&'*+-.^_`|~", name[i]))
            return false;
    }
    return length > 0;
}

static bool header_take(const char *line, size_t length, struct framing *framing)
{
    const char *colon = memchr(line, ':', length);
    size_t name = colon ? (size_t)(colon - line) : 0;
    if (!colon || !is_name(line, name))
        return false;
    if (name == 4 && strncasecmp(line, "Host", name) == 0)
        framing->hosts++;
    if (name == 17 && strncasecmp(line, "Transfer-Encoding", name) == 0)
        return false;
    if (name == 14 && strncasecmp(line, "Content-Length", name) == 0) {
        framing->lengths++;
        for (const char *at = colon + 1; at < line + length; at++) {
            if (isdigit((uint8_t)*at))
                framing->body = framing->body * 10 + (size_t)(*at - '0');
            else if (*at != ' ' && *at != '\t')
                return false;
            if (framing->body > SIZE_MAX / 20)
                return false;
        }
    }
    return true;
}

/* Reads the request at `place` and moves behind it; false if it is none. */
static bool request_read(void)
{
    struct framing framing = {0};
    bool old = false;
    ptrdiff_t length = line_length(place);
    if (length < 0 || !is_request_line((const char *)input + place, (size_t)length, &old))
        return false;
    for (place += (size_t)length + 2; (length = line_length(place)) > 0;
         place += (size_t)length + 2) {
        if (!header_take((const char *)input + place, (size_t)length, &framing))
            return false;
    }
    place += 2 + framing.body;
    return length == 0 && framing.lengths <= 1 && framing.hosts <= 1 &&
           (framing.hosts == 1 || old);
}

static void request_witness(const struct request *request, const struct guard_refusal *refusal)
{
    (void)request;
    if (!refusal->status)
        FUZZ_HOLDS(request_read());
    else
        FUZZ_HOLDS(refusal->fault);
}

/* A route, if there is one, and the query: none of it may be read beyond its end. */
static void request_route(struct request *request)
{
    static struct route routes[ROUTES_MAX];
    static const char *const names[] = {"limit", "cursor", "timeout", NULL};
    static size_t count;
    static struct service service;
    const char *parameters[REQUEST_PARAMETERS_MAX] = {0};
    char allow[64];
    int64_t limit;
    if (!count)
        count = routes_private(&service, routes);
    const char *path = guard_path(request->parameters[0]);
    const struct route *route =
        router_find(routes, count, request->method, path, parameters, allow, sizeof allow);
    for (size_t i = 0; route && i < REQUEST_PARAMETERS_MAX && parameters[i]; i++)
        FUZZ_HOLDS(parameters[i] >= path && parameters[i] <= path + strlen(path));
    if (request_refuse_unknown_query(request, names))
        return;
    if (service_read_limit(request, &limit))
        FUZZ_HOLDS(limit >= 1 && limit <= 1000);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    input = bytes;
    input_length = length;
    place = 0;
    exchange_run(bytes, length, request_witness, request_route);
    return 0;
}
