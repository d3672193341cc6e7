/*
 * job_file: any number of jobs in one file.
 *
 * INI: a section [NAME] for each job, whose lines are its flags without the dashes; what stands
 * in [defaults] holds for every job that says nothing else. Flags that take no value are "on".
 */
#ifndef CONFIG_JOB_FILE_H
#define CONFIG_JOB_FILE_H

#include "config/job_options.h"

#include <stddef.h>

#define JOB_FILE_JOBS_MAX  64
#define JOB_FILE_BYTES_MAX (256 * 1024)

struct job_file {
    struct job_file_job *jobs; /* in the order of the file; at least one */
    size_t count;
};

struct job_file_job {
    struct job_options options; /* its texts are the file's */
    char *name;
    char *lines[64]; /* "--name=value", the defaults first */
    size_t count;
};

/*
 * Reads the whole file, or nothing of it. `program` holds the program's own options, which
 * every job gets too. Returns 0, or -1 with an error that names the file, the line or the job.
 */
int job_file_open(const char *path, const struct job_options *program,
                  struct job_file **ret_file, struct error *error);

/* NULL is allowed. */
void job_file_close(struct job_file *file);

#endif
