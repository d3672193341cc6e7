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

static bool is_at(size_t at, const char *bytes, size_t length)
{
    return at <= input_length && input_length - at >= length &&
           memcmp(input + at, bytes, length) == 0;
}

/* The length of the line's text at `at`: up to a byte that no line may hold. */
static size_t text_length(size_t at)
{
    size_t end = at;
    while (end < input_length && (input[end] >= ' ' || input[end] == '\t') &&
           input[end] != 0x7f)
        end++;
    return end - at;
}

/*
 * A NUL before a bare line feed leaves the NULs in the library's buffer that CR LF leaves, and
 * so do, where the head ends, two line feeds among NULs, CRs and colons (see http/guard.h).
 */
static size_t end_length(size_t at)
{
    return is_at(at, "\r\n", 2) || is_at(at, "\0\n", 2) ? 2 : 0;
}

/* The bytes of the empty line and of the end of the line before it. */
static size_t head_end_length(size_t at)
{
    size_t feeds = 0;
    for (size_t i = at; i < at + 4; i++) {
        if (i >= input_length || !memchr("\0\r\n:", input[i], 4))
            return 0;
        feeds += input[i] == '\n';
    }
    return feeds == 2 && input[at + 3] == '\n' ? 4 : 0;
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
    size_t length = text_length(place);
    if (!is_request_line((const char *)input + place, length, &old))
        return false;
    for (place += length; !head_end_length(place); place += length) {
        if (!end_length(place))
            return false;
        place += 2;
        length = text_length(place);
        if (!header_take((const char *)input + place, length, &framing))
            return false;
    }
    place += head_end_length(place) + framing.body;
    return framing.lengths <= 1 && framing.hosts <= 1 && (framing.hosts == 1 || old);
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
