/* describe-fallback-job: prints the manual page of fallback-job, or its completion. */
#include "config/job_options.h"
#include "programs/describe.h"

int main(int argc, char **argv)
{
    const struct option_table *run = job_options_table(JOB_RUN);
    struct manual_word words[JOB_WORDS + 1] = {{.words = "", .table = run}};
    for (size_t i = 0; i < JOB_WORDS; i++)
        words[i + 1] = (struct manual_word){
            .words = job_options_word((enum job_word)i),
            .table = job_options_table((enum job_word)i),
            .also = i == JOB_CHECK ? run : NULL,
        };
    const struct manual manual = {
        .program = "fallback-job",
        .version = PROJECT_VERSION,
        .purpose = "has services finish what was left undone, on a schedule",
        .words = words,
        .count = JOB_WORDS + 1,
        .see_also = "users-service(8), systemd.exec(5), crontab(5)",
    };
    return describe_main(&manual, argc, argv);
}
