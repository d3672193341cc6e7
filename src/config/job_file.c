#include "config/job_file.h"

#include <ctype.h>
#include <errno.h>
#include <ini.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LINES_MAX 64

/* Longest name of a job; inih would cut one of 50 without a word. */
#define NAME_LENGTH_MAX 48

/* Longest line: inih would take the rest of a longer one for the next. */
#define LINE_LENGTH_MAX 190

struct reading {
    struct job_file *file;
    struct job_file_job defaults;
    struct error *error;
    bool failed;
};

static void job_free(struct job_file_job *job)
{
    for (size_t i = 0; i < job->count; i++)
        free(job->lines[i]);
    free(job->name);
}

void job_file_close(struct job_file *file)
{
    if (!file)
        return;
    for (size_t i = 0; i < file->count; i++)
        job_free(&file->jobs[i]);
    free(file->jobs);
    free(file);
}

static bool name_is_good(const char *name)
{
    size_t length = strlen(name);
    for (const char *at = name; *at; at++) {
        if (!isalnum((unsigned char)*at) && !strchr("-_.", *at))
            return false;
    }
    return length && length <= NAME_LENGTH_MAX;
}

static int line_add(struct job_file_job *job, const char *name, const char *value,
                    struct error *error)
{
    if (job->count == LINES_MAX)
        return error_set(error, ERROR_CONFIG, "more than %d lines in one section", LINES_MAX);
    size_t size = strlen(name) + strlen(value) + 4;
    bool flag = strcmp(name, "fail-on-blocked") == 0;
    if (flag && strcmp(value, "on") != 0)
        return error_set(error, ERROR_CONFIG, "%s: give on, or leave the line out", name);
    char *line = malloc(size);
    if (!line)
        return error_set(error, ERROR_NO_MEMORY, "no memory for the file of jobs");
    snprintf(line, size, "--%s%s%s", name, flag ? "" : "=", flag ? "" : value);
    job->lines[job->count++] = line;
    return 0;
}

static struct job_file_job *job_find(struct reading *reading, const char *name)
{
    struct job_file *file = reading->file;
    if (strcmp(name, "defaults") == 0)
        return &reading->defaults;
    for (size_t i = 0; i < file->count; i++) {
        if (strcmp(file->jobs[i].name, name) == 0)
            return &file->jobs[i];
    }
    if (!name_is_good(name)) {
        error_set(
            reading->error, ERROR_CONFIG,
            "a job is named by letters, digits, dots, dashes and underscores, not \"%.64s\"",
            name);
        return NULL;
    }
    if (file->count == JOB_FILE_JOBS_MAX) {
        error_set(reading->error, ERROR_CONFIG, "more than %d jobs", JOB_FILE_JOBS_MAX);
        return NULL;
    }
    char *copy = strdup(name);
    struct job_file_job *jobs = realloc(file->jobs, (file->count + 1) * sizeof *jobs);
    if (jobs)
        file->jobs = jobs;
    if (!copy || !jobs) {
        free(copy);
        error_set(reading->error, ERROR_NO_MEMORY, "no memory for the file of jobs");
        return NULL;
    }
    jobs[file->count] = (struct job_file_job){.name = copy};
    return &jobs[file->count++];
}

/* inih's word for a line that was taken is 1. */
static int line_take(void *owner, const char *section, const char *name, const char *value)
{
    struct reading *reading = owner;
    if (reading->failed)
        return 1;
    struct job_file_job *job = job_find(reading, section);
    if (job && line_add(job, name, value, reading->error) == 0)
        return 1;
    reading->failed = true;
    return 0;
}

/* The defaults go first, so that the job's own lines win. */
static int job_settle(struct job_file_job *job, const struct reading *reading,
                      const struct job_options *program, struct error *error)
{
    char *lines[2 * LINES_MAX];
    size_t count = 0;
    struct job_file_job whole = {.name = job->name};
    for (size_t i = 0; i < reading->defaults.count; i++)
        lines[count++] = reading->defaults.lines[i];
    for (size_t i = 0; i < job->count; i++)
        lines[count++] = job->lines[i];
    if (count > LINES_MAX)
        return error_set(error, ERROR_CONFIG, "job %s: more than %d lines with the defaults",
                         job->name, LINES_MAX);
    for (size_t i = 0; i < count; i++) {
        whole.lines[i] = strdup(lines[i]);
        if (!whole.lines[i]) {
            whole.name = NULL;
            job_free(&whole);
            return error_set(error, ERROR_NO_MEMORY, "no memory for the file of jobs");
        }
        whole.count++;
    }
    job->name = NULL;
    job_free(job);
    *job = whole;
    job->options = *program;
    if (job_options_read_section((int)job->count, job->lines, &job->options, error) < 0)
        return error_wrap(error, "job %s", job->name);
    job->options.name = job->name;
    return 0;
}

/* The whole file as a text, which the caller frees; NULL with the error filled in. */
static char *text_read(const char *path, struct error *error)
{
    char *text = malloc(JOB_FILE_BYTES_MAX + 1);
    FILE *stream = text ? fopen(path, "re") : NULL;
    size_t length = stream ? fread(text, 1, JOB_FILE_BYTES_MAX + 1, stream) : 0;
    int failed = 0;
    if (!text)
        failed = error_set(error, ERROR_NO_MEMORY, "no memory for the file of jobs");
    else if (!stream)
        failed = error_set_errno(error, ERROR_CONFIG, errno, "cannot be opened");
    else if (ferror(stream))
        failed = error_set_errno(error, ERROR_CONFIG, errno, "cannot be read");
    else if (length > JOB_FILE_BYTES_MAX)
        failed =
            error_set(error, ERROR_CONFIG, "larger than %d KiB", JOB_FILE_BYTES_MAX / 1024);
    else if (memchr(text, '\0', length))
        failed = error_set(error, ERROR_CONFIG, "not a text");
    if (stream)
        fclose(stream);
    if (failed || !stream) {
        free(text);
        return NULL;
    }
    text[length] = '\0';
    return text;
}

/* inih keeps two things to itself: lines that are too long, and sections without a line. */
static int text_check(const char *text, struct error *error)
{
    int empty = 0; /* where a section began that has no line yet */
    for (int line = 1;; line++) {
        size_t length = strcspn(text, "\n");
        const char *first = text + strspn(text, " \t\r");
        bool section = *first == '[', last = !text[length];
        if (length > LINE_LENGTH_MAX)
            return error_set(error, ERROR_CONFIG, "line %d: longer than %d bytes", line,
                             LINE_LENGTH_MAX);
        if (!section && !strchr("\r\n;#", *first))
            empty = 0;
        if (empty && (section || last))
            return error_set(error, ERROR_CONFIG, "line %d: a section without a line", empty);
        if (section && last)
            return error_set(error, ERROR_CONFIG, "line %d: a section without a line", line);
        if (last)
            return 0;
        if (section)
            empty = line;
        text += length + 1;
    }
}

static int jobs_read(struct reading *reading, const char *text,
                     const struct job_options *program, struct error *error)
{
    if (text_check(text, error) < 0)
        return -1;
    int line = ini_parse_string(text, line_take, reading);
    if (reading->failed)
        return error_wrap(error, "line %d", line);
    if (line)
        return error_set(error, ERROR_CONFIG, "line %d: neither [NAME] nor name = value", line);
    if (!reading->file->count)
        return error_set(error, ERROR_CONFIG, "no job in it: give a section [NAME]");
    for (size_t i = 0; i < reading->file->count; i++) {
        if (job_settle(&reading->file->jobs[i], reading, program, error) < 0)
            return -1;
    }
    return 0;
}

int job_file_open(const char *path, const struct job_options *program,
                  struct job_file **ret_file, struct error *error)
{
    char *text = text_read(path, error);
    if (!text)
        return error_wrap(error, "%s", path);
    struct reading reading = {.file = calloc(1, sizeof(struct job_file)), .error = error};
    int result = reading.file
                     ? jobs_read(&reading, text, program, error)
                     : error_set(error, ERROR_NO_MEMORY, "no memory for the file of jobs");
    free(text);
    job_free(&reading.defaults);
    if (result < 0) {
        job_file_close(reading.file);
        return error_wrap(error, "%s", path);
    }
    *ret_file = reading.file;
    return 0;
}
