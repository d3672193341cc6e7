/* The table, and what counting from many threads comes to. */
#include "metrics/metrics.h"
#include "support/check.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static char text[1 << 20];

static const char *written(void)
{
    struct buffer buffer;
    buffer_init(&buffer, sizeof text - 1);
    assert_int_equal(metrics_write(&buffer), 0);
    memcpy(text, buffer.bytes, buffer.length + 1);
    buffer_deinit(&buffer);
    return text;
}

static bool ends_with(const char *word, const char *end)
{
    size_t length = strlen(word), part = strlen(end);
    return length >= part && strcmp(word + length - part, end) == 0;
}

static size_t label_count(const struct metric_row *row)
{
    size_t count = 0;
    while (row->labels[count])
        count++;
    return count;
}

static void metrics__are_named_by_kind_and_unit(void **state)
{
    (void)state;
    for (size_t i = 0; i < METRICS; i++) {
        const struct metric_row *row = &metric_table[i];
        assert_non_null(row->name);
        assert_memory_equal(row->name, "users_service_", 14);
        assert_int_equal(ends_with(row->name, "_total"), row->kind == EXPOSITION_COUNTER);
        assert_int_equal(ends_with(row->name, "_seconds"), row->unit == UNIT_SECONDS);
        assert_true(strlen(row->help) > 10 && ends_with(row->help, "."));
        assert_int_equal(row->bounds != NULL, row->kind == EXPOSITION_HISTOGRAM);
        for (size_t j = 0; j < i; j++)
            assert_string_not_equal(row->name, metric_table[j].name);
    }
}

static void metrics__have_bounds(void **state)
{
    (void)state;
    size_t series = 0;
    for (size_t i = 0; i < METRICS; i++) {
        const struct metric_row *row = &metric_table[i];
        assert_int_equal(label_count(row) > 0, row->series_most > 0);
        assert_true(row->series_most < 512);
        series += row->series_most + 1;
        size_t bounds = 0;
        for (; row->bounds && row->bounds[bounds]; bounds++)
            assert_true(bounds == 0 || row->bounds[bounds] > row->bounds[bounds - 1]);
        assert_true(bounds < METRIC_BUCKETS_MAX);
    }
    assert_true(series <= 700);
}

static void metrics__without_labels_are_there_from_the_start(void **state)
{
    (void)state;
    assert_non_null(strstr(written(), "\nusers_service_users_erased_total 0\n"));
}

static void *thread_count(void *argument)
{
    static const char *const outcomes[] = {"done", "retry", "blocked"};
    (void)argument;
    for (int i = 0; i < 3000; i++) {
        metrics_add(METRIC_ATTEMPTS, 1, outcomes[i % 3], "none");
        metrics_add(METRIC_BATCH_OPERATIONS, i % 600);
    }
    return NULL;
}

static void metrics__count_what_many_threads_count(void **state)
{
    (void)state;
    pthread_t threads[4];
    for (size_t i = 0; i < COUNT_OF(threads); i++)
        assert_int_equal(pthread_create(&threads[i], NULL, thread_count, NULL), 0);
    for (size_t i = 0; i < COUNT_OF(threads); i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(metrics_total(METRIC_ATTEMPTS, "done"), 4000);
    assert_int_equal(metrics_total(METRIC_ATTEMPTS, NULL), 12000);
    assert_non_null(strstr(
        written(), "\nusers_service_commit_batch_operations_bucket{le=\"+Inf\"} 12000\n"));
    /* 0 and 1 of each 600 are in the first bucket. */
    assert_non_null(
        strstr(text, "\nusers_service_commit_batch_operations_bucket{le=\"1\"} 40\n"));
    assert_non_null(
        strstr(text, "\nusers_service_commit_batch_operations_bucket{le=\"512\"} "));
    assert_non_null(strstr(text, "\nusers_service_commit_batch_operations_sum 3594000\n"));
}

static void metrics__past_the_bound_are_counted_together(void **state)
{
    (void)state;
    const struct metric_row *row = &metric_table[METRIC_PROVIDER_CALLS];
    for (size_t i = 0; i < row->series_most + 5; i++) {
        char code[32];
        snprintf(code, sizeof code, "Code%zu", i);
        metrics_add(METRIC_PROVIDER_CALLS, 2, "delete", code);
        metrics_add(METRIC_PROVIDER_CALLS, 1, "delete", code);
    }
    assert_non_null(
        strstr(written(),
               "\nusers_service_provider_calls_total{verb=\"delete\",answer=\"Code0\"} 3\n"));
    assert_non_null(strstr(
        text, "\nusers_service_provider_calls_total{verb=\"other\",answer=\"other\"} 15\n"));
}

static void metrics__cut_a_label_that_is_too_long(void **state)
{
    (void)state;
    char longest[200];
    memset(longest, 'x', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    metrics_set(METRIC_BUILD_INFO, 1, longest);
    const char *found = strstr(written(), "version=\"xxx");
    assert_non_null(found);
    assert_int_equal(strspn(found + sizeof "version=\"" - 1, "x"), 63);
}

static void metrics__fail_without_room(void **state)
{
    (void)state;
    size_t length = strlen(written());
    struct buffer buffer;
    buffer_init(&buffer, length - 1);
    assert_int_equal(metrics_write(&buffer), -1);
    buffer_deinit(&buffer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CHECK(metrics__are_named_by_kind_and_unit),
        CHECK(metrics__have_bounds),
        CHECK(metrics__without_labels_are_there_from_the_start),
        CHECK(metrics__count_what_many_threads_count),
        CHECK(metrics__past_the_bound_are_counted_together),
        CHECK(metrics__cut_a_label_that_is_too_long),
        CHECK(metrics__fail_without_room),
    };
    return cmocka_run_group_tests_name("metrics: metrics", tests, NULL, NULL);
}
