#include "http/guard.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

/* A line end in the library's buffer: CR and LF, both overwritten with NUL. */
#define LINE_END 2
/* Pages are this large, or a multiple of it. */
#define PAGE_SIZE_LEAST 4096

static struct guard_refusal refuse(int status, const char *fault)
{
    return (struct guard_refusal){.status = status, .fault = fault};
}

static int hex_value(char digit)
{
    return isdigit((unsigned char)digit)    ? digit - '0'
           : isxdigit((unsigned char)digit) ? tolower((unsigned char)digit) - 'a' + 10
                                            : -1;
}

/* The authority of a target in absolute form (RFC 9112, section 3.2.2); NULL: it has none. */
static const char *target_authority(const char *target)
{
    static const char *const schemes[] = {"http://", "https://"};
    for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++) {
        if (strncasecmp(target, schemes[i], strlen(schemes[i])) == 0)
            return target + strlen(schemes[i]);
    }
    return NULL;
}

const char *guard_path(const char *path)
{
    const char *authority = target_authority(path);
    if (!authority)
        return path;
    const char *rest = authority + strcspn(authority, "/");
    return *rest ? rest : "/";
}

static const char *target_fault(const char *target)
{
    const char *authority = target_authority(target);
    if (*target != '/' && !authority)
        return "the target must be a path that begins with a slash";
    if (authority && memchr(authority, '%', strcspn(authority, "/?")))
        return "the target's host may not be percent-encoded";
    for (const char *at = target; *at; at++) {
        unsigned char byte = (unsigned char)*at;
        if (byte <= ' ' || byte >= 0x7f || strchr("#\"<>\\^`{|}", byte))
            return "the target holds a byte that has to be percent-encoded";
        if (byte != '%')
            continue;
        int high = hex_value(at[1]), low = high < 0 ? -1 : hex_value(at[2]);
        if (low < 0 || (high == 0 && low == 0))
            return "the target holds a malformed percent-encoding, or %00";
    }
    return NULL;
}

void guard_look_at_target(const char *target, struct guard_target *ret_target)
{
    ret_target->length = strlen(target);
    ret_target->fault = target_fault(target);
    ret_target->status = ret_target->fault ? 400 : 0;
    if (ret_target->length > GUARD_TARGET_MAX) {
        ret_target->fault = "the target is too long: 8192 bytes at most";
        ret_target->status = 414;
    }
}

/* RFC 9110, section 5.6.2. */
static bool is_token(const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        unsigned char byte = (unsigned char)text[i];
        if (!isalnum(byte) && !(byte && strchr("!#$%&'*+-.^_`|~", byte)))
            return false;
    }
    return length > 0;
}

static bool value_holds(const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        unsigned char byte = (unsigned char)text[i];
        if ((byte < ' ' && byte != '\t') || byte == 0x7f)
            return false;
    }
    return true;
}

/* A name or an address, and a port if need be. */
static bool host_holds(const char *text)
{
    size_t length = *text == '[' ? strcspn(text, "]") : strcspn(text, ":");
    const char *rest = text + length + (*text == '[' && text[length] == ']');
    if (length == 0 || (*text == '[' && text[length] != ']'))
        return false;
    for (size_t i = *text == '[' ? 1 : 0; i < length; i++) {
        if (!isalnum((unsigned char)text[i]) && !strchr(*text == '[' ? ":." : ".-_", text[i]))
            return false;
    }
    return *rest == '\0' ||
           (*rest == ':' && strspn(rest + 1, "0123456789") == strlen(rest + 1));
}

struct head_walk {
    uintptr_t end; /* of the line before */
    size_t count;
    int hosts, lengths, encodings, expects;
    const char *host, *encoding, *expect;
    unsigned singles; /* a bit for each that was there */
    struct guard_refusal refusal;
};

/*
 * Headers that say one thing, which the service acts on: of two, it would believe the first,
 * and somebody before it perhaps the last. True if this is the second of one.
 */
static bool single_is_repeated(struct head_walk *walk, const char *name)
{
    static const char *const names[] = {"Authorization",   "Content-Type", "Content-Encoding",
                                        "Idempotency-Key", "If-Range",     "Range"};
    for (unsigned i = 0; i < sizeof names / sizeof *names; i++) {
        if (strcasecmp(name, names[i]) != 0)
            continue;
        bool seen = walk->singles & 1u << i;
        walk->singles |= 1u << i;
        return seen;
    }
    return false;
}

static void header_note(struct head_walk *walk, const char *name, const char *value)
{
    if (strcasecmp(name, "Host") == 0) {
        walk->hosts++;
        walk->host = value;
    } else if (strcasecmp(name, "Content-Length") == 0) {
        walk->lengths++;
    } else if (strcasecmp(name, "Transfer-Encoding") == 0) {
        walk->encodings++;
        walk->encoding = value;
    } else if (strcasecmp(name, "Expect") == 0) {
        walk->expects++;
        walk->expect = value;
    }
}

static enum MHD_Result header_walk(void *data, enum MHD_ValueKind kind, const char *name,
                                   size_t name_length, const char *value, size_t value_length)
{
    (void)kind;
    struct head_walk *walk = data;
    if (++walk->count > GUARD_HEADERS_MAX)
        walk->refusal = refuse(431, "too many headers: 64 at most");
    else if (!value || (uintptr_t)name != walk->end + LINE_END)
        walk->refusal = refuse(400, "a header line is malformed, folded, or ends in a bare LF");
    else if (!is_token(name, name_length))
        walk->refusal = refuse(400, "a header's name holds a byte that it may not");
    else if (!value_holds(value, value_length))
        walk->refusal = refuse(400, "a header's value holds a control character");
    else if (single_is_repeated(walk, name))
        walk->refusal = refuse(400, "a header that has one value is given twice");
    if (walk->refusal.status)
        return MHD_NO;
    walk->end = (uintptr_t)value + value_length;
    header_note(walk, name, value);
    return MHD_YES;
}

static struct guard_refusal line_judge(const struct guard_target *target, const char *path,
                                       const char *method, const char *version)
{
    static const char *const methods[] = {"GET",   "HEAD",    "POST",  "PUT",    "DELETE",
                                          "PATCH", "OPTIONS", "TRACE", "CONNECT"};
    bool known = false;
    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++)
        known |= strcmp(methods[i], method) == 0;
    if (strcmp(version, "HTTP/1.1") != 0 && strcmp(version, "HTTP/1.0") != 0)
        return refuse(400, "the HTTP version must be 1.1 or 1.0");
    if (!is_token(method, strlen(method)))
        return refuse(400, "the method holds a byte that it may not");
    if (!known)
        return refuse(501, "this method is not known here");
    if (target->status)
        return refuse(target->status, target->fault);
    if ((uintptr_t)method % PAGE_SIZE_LEAST != 0)
        return refuse(400, "nothing may stand before the request line, not even an empty line");
    if ((uintptr_t)path != (uintptr_t)method + strlen(method) + 1 ||
        (uintptr_t)version != (uintptr_t)path + target->length + 1)
        return refuse(400, "the request line must have single spaces and no NUL");
    return refuse(0, NULL);
}

/* Who reads the target and who reads Host must come to the same place. */
static bool authority_is_host(const char *path, const struct head_walk *walk)
{
    const char *authority = target_authority(path);
    size_t length = authority ? strcspn(authority, "/") : 0;
    return !authority || (walk->hosts == 1 && strlen(walk->host) == length &&
                          strncasecmp(walk->host, authority, length) == 0);
}

static struct guard_refusal framing_judge(const struct head_walk *walk, const char *version)
{
    bool old = strcmp(version, "HTTP/1.0") == 0;
    if (walk->hosts > 1 || (walk->hosts == 0 && !old) ||
        (walk->hosts == 1 && !host_holds(walk->host)))
        return refuse(400, "exactly one Host header is needed, with a host and perhaps a port");
    if (walk->lengths > 1)
        return refuse(400, "Content-Length is given twice");
    if (walk->encodings && walk->lengths)
        return refuse(400, "Content-Length and Transfer-Encoding exclude each other");
    if (walk->encodings > 1 || (walk->encodings && old))
        return refuse(400, "Transfer-Encoding is given twice, or in HTTP/1.0");
    if (walk->encodings && strcasecmp(walk->encoding, "chunked") != 0)
        return refuse(501, "this transfer encoding is not known here");
    /* Chunk extensions and bare LFs inside chunks cannot be seen: no chunks are taken. */
    if (walk->encodings)
        return refuse(411, "a chunked body is not taken: send Content-Length");
    if (walk->expects > 1 || (walk->expects && strcasecmp(walk->expect, "100-continue") != 0))
        return refuse(400, "nothing can be expected but 100-continue");
    return refuse(0, NULL);
}

struct guard_refusal guard_judge(struct MHD_Connection *connection,
                                 const struct guard_target *target, const char *path,
                                 const char *method, const char *version)
{
    struct guard_refusal refusal = line_judge(target, path, method, version);
    if (refusal.status)
        return refusal;
    struct head_walk walk = {.end = (uintptr_t)version + strlen(version)};
    MHD_get_connection_values_n(connection, MHD_HEADER_KIND, header_walk, &walk);
    if (walk.refusal.status)
        return walk.refusal;
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);
    /* The last line's end, and the empty line's. */
    if (!info || walk.end + 2 * LINE_END != (uintptr_t)method + info->header_size ||
        memcmp((const char *)walk.end, (const char[2 * LINE_END]){0}, 2 * LINE_END) != 0)
        return refuse(400, "a header line is malformed, folded, or ends in a bare LF");
    if (!authority_is_host(path, &walk))
        return refuse(400, "the target names another host than the Host header");
    return framing_judge(&walk, version);
}
