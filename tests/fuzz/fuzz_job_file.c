/* A file of jobs: what is taken has jobs, each with a name and what a job needs. */
#include "fuzz.h"

#include "config/job_file.h"

#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    struct job_options program = {.word = JOB_RUN};
    struct job_file *jobs = NULL;
    struct error error;
    char path[64];
    int file = memfd_create("jobs", MFD_CLOEXEC);
    FUZZ_HOLDS(file >= 0 && write(file, bytes, length) == (ssize_t)length);
    snprintf(path, sizeof path, "/proc/self/fd/%d", file);
    if (job_file_open(path, &program, &jobs, &error) == 0) {
        FUZZ_HOLDS(jobs->count >= 1 && jobs->count <= JOB_FILE_JOBS_MAX);
        for (size_t i = 0; i < jobs->count; i++)
            FUZZ_HOLDS(jobs->jobs[i].name && jobs->jobs[i].options.health &&
                       jobs->jobs[i].options.fallback && jobs->jobs[i].options.schedule);
        job_file_close(jobs);
    }
    close(file);
    return 0;
}
