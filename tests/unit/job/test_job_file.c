#include "config/job_file.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define NEEDED "schedule=@daily\nhealth=http://h/\nfallback=http://h/f\ntoken-file=/t\n"

static int file_read(const char *text, struct job_file **ret_file, struct error *error)
{
    char path[] = "job_file_XXXXXX";
    int file = mkstemp(path);
    struct job_options program = {.log_level = "debug"};
    assert_true(file >= 0);
    assert_int_equal(write(file, text, strlen(text)), strlen(text));
    close(file);
    int result = job_file_open(path, &program, ret_file, error);
    unlink(path);
    return result;
}

static void job_file__reads_jobs_with_their_defaults(void **state)
{
    (void)state;
    struct job_file *file;
    struct error error = {0};
    const char *text = "; jobs\n[defaults]\nretries = 4\n" NEEDED
                       "[one]\nretries = 2\nheader = A: 1\nheader = B: 2\n"
                       "[two]\nname = other\nfail-on-blocked = on\n";
    if (file_read(text, &file, &error) < 0)
        fail_msg("%s", error.text);
    assert_int_equal(file->count, 2);
    const struct job_options *one = &file->jobs[0].options, *two = &file->jobs[1].options;
    assert_string_equal(one->name, "one");
    assert_string_equal(two->name, "two");
    assert_int_equal(one->retries, 2);
    assert_int_equal(two->retries, 4);
    assert_int_equal(one->headers.count, 2);
    assert_int_equal(two->headers.count, 0);
    assert_false(one->fail_on_blocked);
    assert_true(two->fail_on_blocked);
    assert_string_equal(two->fallback, "http://h/f");
    assert_string_equal(two->log_level, "debug");
    job_file_close(file);
}

static void job_file__refuses_what_it_cannot_keep(void **state)
{
    (void)state;
    static const struct {
        const char *text, *word;
    } rows[] = {
        {"", "no job"},
        {"[one]", "line 1"},
        {"[one]\n" NEEDED "[two]", "line 6"},
        {"[one]\n" NEEDED "[two]\n\n; x\n", "line 6"},
        {"[one]\n" NEEDED "once = on\n", "once"},
        {"[one]\n" NEEDED "fail-on-blocked = yes\n", "line 6"},
        {"[one]\n" NEEDED "retries = -1\n", "retries"},
        {"[defaults]\n" NEEDED, "no job"},
        {"[a/b]\n" NEEDED, "a/b"},
        {"[aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa]\n" NEEDED, "named"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct job_file *file;
        struct error error = {0};
        if (file_read(rows[i].text, &file, &error) == 0)
            fail_msg("row %zu was taken", i);
        if (!strstr(error.text, rows[i].word))
            fail_msg("row %zu: %s", i, error.text);
    }
    struct job_file *file = NULL;
    struct error error = {0};
    assert_int_equal(file_read("[one]\n" NEEDED "retries = 1", &file, &error), 0);
    job_file_close(file);
}

static void job_file__bounds_everything(void **state)
{
    (void)state;
    char *text = malloc(JOB_FILE_BYTES_MAX + 100);
    struct job_file *file;
    struct error error = {0};
    assert_non_null(text);
    for (int jobs = JOB_FILE_JOBS_MAX; jobs <= JOB_FILE_JOBS_MAX + 1; jobs++) {
        size_t length = (size_t)sprintf(text, "[defaults]\n" NEEDED);
        for (int i = 0; i < jobs; i++)
            length += (size_t)sprintf(text + length, "[job-%d]\nretries=1\n", i);
        int result = file_read(text, &file, &error);
        assert_int_equal(result, jobs > JOB_FILE_JOBS_MAX ? -1 : 0);
        if (result == 0)
            job_file_close(file);
    }
    memset(text, '\n', JOB_FILE_BYTES_MAX + 1);
    text[JOB_FILE_BYTES_MAX + 1] = '\0';
    assert_int_equal(file_read(text, &file, &error), -1);
    assert_non_null(strstr(error.text, "KiB"));
    size_t length = (size_t)sprintf(text, "[one]\n" NEEDED);
    for (int i = 0; i < 100; i++)
        length += (size_t)sprintf(text + length, "retries=1\n");
    assert_int_equal(file_read(text, &file, &error), -1);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(job_file__reads_jobs_with_their_defaults),
        cmocka_unit_test(job_file__refuses_what_it_cannot_keep),
        cmocka_unit_test(job_file__bounds_everything),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
