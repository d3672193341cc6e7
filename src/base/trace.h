/*
 * trace: which request something is done for, across programs (W3C Trace Context, level 1).
 *
 * A trace has an id that all share who have a part in it; each part has an id of its own, the
 * span, which is also what our log calls a request. What came from a caller is passed on; a
 * part that nobody called for begins a trace.
 */
#ifndef BASE_TRACE_H
#define BASE_TRACE_H

#include <stdbool.h>

/* "00-<32 hexadecimal digits>-<16>-<2>" with its end: the value of the header traceparent. */
#define TRACE_PARENT_SIZE 56
#define TRACE_ID_SIZE     33
#define TRACE_SPAN_SIZE   17

struct trace {
    char id[TRACE_ID_SIZE]; /* lower-case hexadecimal; "": none */
    char span[TRACE_SPAN_SIZE];
    bool sampled; /* the caller records it */
    bool given;   /* it was begun by somebody else, who may want it passed on */
};

/*
 * Takes over the trace of `parent` with a span of our own. Begins one if it is NULL or
 * malformed, as the specification wants it.
 */
void trace_take(const char *parent, struct trace *ret_trace);

/* Begins a trace whose id is the digits of a UUID. */
void trace_begin(const char *uuid, struct trace *ret_trace);

/* Another span of the same trace. */
void trace_go_on(struct trace *trace);

/* Writes the header's value: what is called now is a part of this span. */
void trace_format(const struct trace *trace, char ret_text[static TRACE_PARENT_SIZE]);

#endif
