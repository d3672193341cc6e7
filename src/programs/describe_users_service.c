/* describe-users-service: prints the manual page of users-service, or its completion. */
#include "config/service_options.h"
#include "programs/describe.h"
#include "programs/service_words.h"

int main(int argc, char **argv)
{
    struct manual_word words[SERVICE_WORDS + 1] = {
        {.words = "", .table = &service_option_table}};
    size_t count = 1;
    for (size_t i = 0; i < SERVICE_WORDS; i++) {
        if (service_words[i].table)
            words[count++] = (struct manual_word){.words = service_words[i].words,
                                                  .table = service_words[i].table()};
    }
    const struct manual manual = {
        .program = "users-service",
        .version = PROJECT_VERSION,
        .purpose = "keeps users and their avatars in agreement",
        .words = words,
        .count = count,
        .see_also = "fallback-job(8), systemd.exec(5)",
    };
    return describe_main(&manual, argc, argv);
}
