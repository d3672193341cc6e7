/*
 * exposition: the text format that Prometheus reads (version 0.0.4), for whoever has numbers.
 *
 *     exposition_head(text, "jobs_total", EXPOSITION_COUNTER, "Jobs that ran.");
 *     exposition_sample(text, "jobs_total", "", labels, 1, 7, 1);
 */
#ifndef METRICS_EXPOSITION_H
#define METRICS_EXPOSITION_H

#include "base/buffer.h"

#include <stddef.h>
#include <stdint.h>

#define EXPOSITION_CONTENT_TYPE "text/plain; version=0.0.4; charset=utf-8"

enum exposition_kind { EXPOSITION_COUNTER, EXPOSITION_GAUGE, EXPOSITION_HISTOGRAM };

struct exposition_label {
    const char *name;
    const char *value; /* any text: what the format reserves is escaped */
};

/* A value that cannot be told now. */
#define EXPOSITION_UNKNOWN INT64_MIN

/* The lines that go before the samples of `name`. Like all of these, -1 without memory. */
int exposition_head(struct buffer *text, const char *name, enum exposition_kind kind,
                    const char *help);

/*
 * One sample: `name` and `suffix` ("_sum"), the labels, and value / divisor. The divisor is a
 * power of ten up to a million, and the quotient is written exactly.
 */
int exposition_sample(struct buffer *text, const char *name, const char *suffix,
                      const struct exposition_label *labels, size_t count, int64_t value,
                      int64_t divisor);

/* Writes value / divisor alone, without needless zeros; `ret_text` has EXPOSITION_NUMBER_SIZE.
 */
#define EXPOSITION_NUMBER_SIZE 32
void exposition_number(int64_t value, int64_t divisor,
                       char ret_text[static EXPOSITION_NUMBER_SIZE]);

#endif
