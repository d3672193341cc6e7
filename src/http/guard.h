/*
 * guard: refuses a request head that two parties could read differently (RFC 9112, section 11).
 *
 * libmicrohttpd normalises some faults away before a handler sees them: bare line feeds, NUL
 * bytes, empty names, and, worst, folded lines, which become part of a header's name. They show
 * in where names and values lie in its buffer: each line end became two NULs. Before a request
 * it skips lines that are empty, or begin with NUL; a head that follows one does not begin
 * where the buffer does, at a page (but for skipped lines of a page's size in all). That rests
 * on how this version lays its buffer out, so guard_self_test tries it at start, and fails
 * closed.
 *
 * Some faults leave the very bytes that a good head leaves, and pass: a NUL before a bare line
 * feed, and, where a head ends, two line feeds with two NULs, CRs or colons among them.
 * So no proxy that passes NULs, or headers without a name, may stand in front of the service.
 */
#ifndef HTTP_GUARD_H
#define HTTP_GUARD_H

#include "base/error.h"

#include <microhttpd.h>
#include <stddef.h>

/* Longest target and most headers that are taken. */
#define GUARD_TARGET_MAX  8192
#define GUARD_HEADERS_MAX 64

/* What the library must be given for a connection: more than 32 KiB it takes in whole pages. */
#define GUARD_POOL_MIN (33 * 1024)

/* What the library showed of a target before it decoded it. */
struct guard_target {
    size_t length;
    int status;        /* 0: nothing is wrong with it; else what to answer */
    const char *fault; /* in words */
};

/* Looks at a target as it came: for the library's URI log callback. */
void guard_look_at_target(const char *target, struct guard_target *ret_target);

struct guard_refusal {
    int status;        /* 0: the head is good */
    const char *fault; /* what is wrong and what to do: a constant text */
};

/*
 * Judges a head on the first call of the access handler; `path`, `method` and `version` are
 * that call's arguments themselves, not copies.
 */
struct guard_refusal guard_judge(struct MHD_Connection *connection,
                                 const struct guard_target *target, const char *path,
                                 const char *method, const char *version);

/* The path to route by: what follows scheme and authority in a target of absolute form. */
const char *guard_path(const char *path);

/* Sends good and bad heads through the library; ERROR_INTERNAL if the guard no longer sees
 * them. */
int guard_self_test(struct error *error);

#endif
