/*
 * metrics: what users-service counts of itself, declared once in a table (metrics.c).
 *
 * Any thread counts at any time: a number is found by its labels without a lock, and changed
 * atomically. No personal data is ever a label. Each metric has a bound on its sets of labels;
 * what comes on top is counted together, with every label "other".
 *
 *     metrics_add(METRIC_HTTP_REQUESTS, 1, "public", "GET", "/api/users", "200");
 */
#ifndef METRICS_METRICS_H
#define METRICS_METRICS_H

#include "base/buffer.h"
#include "metrics/exposition.h"

#include <stddef.h>
#include <stdint.h>

enum metric {
    METRIC_BUILD_INFO,    /* version */
    METRIC_STARTED,       /* seconds since 1970 */
    METRIC_HTTP_REQUESTS, /* listener, method, route, code */
    METRIC_HTTP_SECONDS,  /* listener, route */
    METRIC_PENDING,       /* the backlog, as of the scrape */
    METRIC_BLOCKED,
    METRIC_SCHEDULED,
    METRIC_OLDEST,
    METRIC_MARKED,
    METRIC_RATE,
    METRIC_TIME_TO_CLEAN,
    METRIC_ATTEMPTS, /* outcome, class */
    METRIC_FINISHED, /* reason */
    METRIC_ERASED,
    METRIC_BREAKER, /* state */
    METRIC_BREAKER_OPENED,
    METRIC_STORE_OURS,
    METRIC_ALARMS,
    METRIC_MAILBOX_DEPTH, /* mailbox */
    METRIC_MAILBOX_CAPACITY,
    METRIC_BATCH_OPERATIONS,
    METRIC_BATCH_SECONDS,
    METRIC_PROVIDER_SECONDS, /* verb */
    METRIC_PROVIDER_CALLS,   /* verb, answer */
    METRIC_RENEWALS,         /* source, outcome */
    METRIC_SWEEPS,           /* caller, outcome */
    METRIC_SWEEPS_IN_VAIN,
    METRIC_JOB_CALLED,
    METRIC_JOB_LATE_AFTER,
    METRIC_DRIFT, /* kind */
    METRIC_AUDIT_ENDED,
    METRICS
};

#define METRIC_LABELS_MAX  4
#define METRIC_BUCKETS_MAX 16

enum metric_unit {
    UNIT_COUNT,   /* of what the name says */
    UNIT_SECONDS, /* values are microseconds */
    UNIT_RATE,    /* a second; values are millionths */
};

struct metric_row {
    const char *name;
    enum exposition_kind kind;
    enum metric_unit unit;
    const char *help;
    const char *labels[METRIC_LABELS_MAX + 1];
    size_t series_most;    /* sets of labels beside the one called "other" */
    const int64_t *bounds; /* histogram: upper ends of the buckets, 0 after the last */
};

extern const struct metric_row metric_table[METRICS];

/* Units of the value in one of what is shown. */
int64_t metrics_divisor(enum metric metric);

/* Adds to a counter, or counts `value` in a histogram. Labels as the table names them. */
#define metrics_add(metric, value, ...)                                                        \
    metrics_add_labelled(metric, value, (const char *const[]){NULL, ##__VA_ARGS__},            \
                         sizeof((const char *const[]){NULL, ##__VA_ARGS__}) /                  \
                             sizeof(const char *))
/* Sets a gauge. */
#define metrics_set(metric, value, ...)                                                        \
    metrics_set_labelled(metric, value, (const char *const[]){NULL, ##__VA_ARGS__},            \
                         sizeof((const char *const[]){NULL, ##__VA_ARGS__}) /                  \
                             sizeof(const char *))

/* Behind the macros: `labels` has an empty place in front, which counts in `count`. */
void metrics_add_labelled(enum metric metric, int64_t value, const char *const *labels,
                          size_t count);
void metrics_set_labelled(enum metric metric, int64_t value, const char *const *labels,
                          size_t count);

/* The sum over all sets of labels whose first label is `first` (NULL: any). */
int64_t metrics_total(enum metric metric, const char *first);

/* Writes all of them; -1 without memory, or past the buffer's limit. */
int metrics_write(struct buffer *text);

#endif
