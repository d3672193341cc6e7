/*
 * condition: entity tags and ranges in requests (RFC 9110, sections 8.8.3, 13 and 14).
 */
#ifndef HTTP_CONDITION_H
#define HTTP_CONDITION_H

#include <stdbool.h>
#include <stddef.h>

/*
 * True if `header`, the value of If-Match or If-None-Match, is "*" or lists `tag`, which has
 * its quotes. `weak`: W/"x" counts as "x" (If-None-Match); a strong comparison never takes a
 * W/.
 */
bool condition_lists_tag(const char *header, const char *tag, bool weak);

enum range_verdict {
    RANGE_WHOLE,         /* none was asked for, or one that may be ignored: answer 200 */
    RANGE_PART,          /* answer 206 with the bytes from `first` to `last` */
    RANGE_UNSATISFIABLE, /* answer 416 */
};

/* Reads the value of Range (NULL: none) against a body of `length` bytes. Several are ignored.
 */
enum range_verdict condition_read_range(const char *header, size_t length, size_t *ret_first,
                                        size_t *ret_last);

#endif
