#include "metrics/metrics.h"

#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>

/* Bytes of all labels of a set with their ends; a longer label is cut. */
#define LABEL_MOST  63
#define VALUES_SIZE (METRIC_LABELS_MAX * (LABEL_MOST + 1))

/* Places of a metric's table of series: a power of two, over what any row allows. */
#define SLOTS 512
/* Series of all metrics: over what all rows allow together. */
#define SERIES_MAX 700

struct series {
    char values[VALUES_SIZE]; /* each label with its NUL */
    size_t length;
    _Atomic int64_t value; /* histogram: the sum */
    _Atomic int64_t buckets[METRIC_BUCKETS_MAX];
};

/* Series are never taken away, so whoever has found one needs no lock to go on. */
static struct series pool[SERIES_MAX];
static size_t pool_used;
static _Atomic(struct series *) slots[METRICS][SLOTS];
static size_t series_counts[METRICS];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* of adding a series */

int64_t metrics_divisor(enum metric metric)
{
    return metric_table[metric].unit == UNIT_COUNT ? 1 : 1000000;
}

static size_t values_pack(const char *const *labels, size_t count,
                          char ret_values[static VALUES_SIZE])
{
    size_t length = 0;
    for (size_t i = 0; i < count; i++) {
        size_t part = strnlen(labels[i], LABEL_MOST);
        memcpy(ret_values + length, labels[i], part);
        length += part;
        ret_values[length++] = '\0';
    }
    return length;
}

/* FNV-1a. */
static size_t values_hash(const char *values, size_t length)
{
    uint32_t hash = 2166136261u;
    for (size_t i = 0; i < length; i++)
        hash = (hash ^ (unsigned char)values[i]) * 16777619u;
    return hash;
}

/* The series with these values, or NULL with the place where it would be. */
static struct series *series_look_up(enum metric metric, const char *values, size_t length,
                                     size_t *ret_slot)
{
    size_t slot = values_hash(values, length) % SLOTS;
    for (;; slot = (slot + 1) % SLOTS) {
        struct series *series =
            atomic_load_explicit(&slots[metric][slot], memory_order_acquire);
        if (!series) {
            *ret_slot = slot;
            return NULL;
        }
        if (series->length == length && memcmp(series->values, values, length) == 0)
            return series;
    }
}

static struct series *series_add(enum metric metric, const char *values, size_t length,
                                 size_t slot)
{
    struct series *series = &pool[pool_used++];
    memcpy(series->values, values, length);
    series->length = length;
    series_counts[metric]++;
    atomic_store_explicit(&slots[metric][slot], series, memory_order_release);
    return series;
}

static struct series *series_make(enum metric metric, const char *values, size_t length)
{
    static const char *const others[METRIC_LABELS_MAX] = {"other", "other", "other", "other"};
    const struct metric_row *row = &metric_table[metric];
    char other[VALUES_SIZE];
    size_t slot, labels = 0;
    pthread_mutex_lock(&lock);
    struct series *series = series_look_up(metric, values, length, &slot);
    if (!series && row->labels[0] && series_counts[metric] >= row->series_most) {
        while (row->labels[labels])
            labels++;
        length = values_pack(others, labels, other);
        values = other;
        series = series_look_up(metric, values, length, &slot);
    }
    if (!series)
        series = series_add(metric, values, length, slot);
    pthread_mutex_unlock(&lock);
    return series;
}

static struct series *series_find(enum metric metric, const char *const *labels, size_t count)
{
    char values[VALUES_SIZE];
    size_t slot;
    assert(count <= METRIC_LABELS_MAX && !metric_table[metric].labels[count] &&
           (count == 0 || metric_table[metric].labels[count - 1]));
    size_t length = values_pack(labels, count, values);
    struct series *series = series_look_up(metric, values, length, &slot);
    return series ? series : series_make(metric, values, length);
}

void metrics_add_labelled(enum metric metric, int64_t value, const char *const *labels,
                          size_t count)
{
    struct series *series = series_find(metric, labels + 1, count - 1);
    const int64_t *bounds = metric_table[metric].bounds;
    size_t bucket = 0;
    while (bounds && bounds[bucket] && value > bounds[bucket])
        bucket++;
    if (bounds)
        atomic_fetch_add_explicit(&series->buckets[bucket], 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&series->value, value, memory_order_relaxed);
}

void metrics_set_labelled(enum metric metric, int64_t value, const char *const *labels,
                          size_t count)
{
    struct series *series = series_find(metric, labels + 1, count - 1);
    atomic_store_explicit(&series->value, value, memory_order_relaxed);
}

int64_t metrics_total(enum metric metric, const char *first)
{
    int64_t total = 0;
    for (size_t i = 0; i < SLOTS; i++) {
        struct series *series = atomic_load_explicit(&slots[metric][i], memory_order_acquire);
        if (series && (!first || strcmp(series->values, first) == 0))
            total += atomic_load_explicit(&series->value, memory_order_relaxed);
    }
    return total;
}

static int histogram_write(struct buffer *text, enum metric metric, struct series *series,
                           const struct exposition_label *labels, size_t count)
{
    const struct metric_row *row = &metric_table[metric];
    int64_t divisor = metrics_divisor(metric), so_far = 0;
    struct exposition_label bounded[METRIC_LABELS_MAX + 1];
    char bound[EXPOSITION_NUMBER_SIZE];
    memcpy(bounded, labels, count * sizeof *labels);
    for (size_t i = 0;; i++) {
        bool last = row->bounds[i] == 0;
        so_far += atomic_load_explicit(&series->buckets[i], memory_order_relaxed);
        exposition_number(row->bounds[i], divisor, bound);
        bounded[count] = (struct exposition_label){"le", last ? "+Inf" : bound};
        if (exposition_sample(text, row->name, "_bucket", bounded, count + 1, so_far, 1) < 0)
            return -1;
        if (last)
            break;
    }
    int64_t sum = atomic_load_explicit(&series->value, memory_order_relaxed);
    if (exposition_sample(text, row->name, "_sum", labels, count, sum, divisor) < 0)
        return -1;
    return exposition_sample(text, row->name, "_count", labels, count, so_far, 1);
}

static int series_write(struct buffer *text, enum metric metric, struct series *series)
{
    const struct metric_row *row = &metric_table[metric];
    struct exposition_label labels[METRIC_LABELS_MAX];
    const char *value = series->values;
    size_t count = 0;
    for (; row->labels[count]; count++) {
        labels[count] = (struct exposition_label){row->labels[count], value};
        value += strlen(value) + 1;
    }
    if (row->kind == EXPOSITION_HISTOGRAM)
        return histogram_write(text, metric, series, labels, count);
    return exposition_sample(text, row->name, "", labels, count,
                             atomic_load_explicit(&series->value, memory_order_relaxed),
                             metrics_divisor(metric));
}

static int metric_write(struct buffer *text, enum metric metric)
{
    const struct metric_row *row = &metric_table[metric];
    /* Without labels it is there from the start, so that a rate over it begins at 0. */
    if (!row->labels[0])
        series_find(metric, NULL, 0);
    int failed = exposition_head(text, row->name, row->kind, row->help);
    for (size_t i = 0; i < SLOTS && !failed; i++) {
        struct series *series = atomic_load_explicit(&slots[metric][i], memory_order_acquire);
        if (series)
            failed = series_write(text, metric, series);
    }
    return failed;
}

int metrics_write(struct buffer *text)
{
    int failed = 0;
    for (int metric = 0; metric < METRICS && !failed; metric++)
        failed = metric_write(text, (enum metric)metric);
    return failed;
}
