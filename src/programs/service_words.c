#include "programs/service_words.h"

#include "config/check_options.h"
#include "programs/audit_command.h"
#include "programs/backup_command.h"
#include "programs/check.h"
#include "programs/copy_command.h"
#include "programs/migrate_command.h"
#include "programs/receipts_command.h"

#include <string.h>

const struct service_word service_words[SERVICE_WORDS] = {
    {"audit", audit_command, audit_command_table},
    {"backup", backup_command, backup_command_table},
    {"check", check_main, check_options_table},
    {"files copy", copy_command, copy_command_table},
    {"migrate", migrate_command, migrate_command_table},
    {"receipts export", receipts_export_command, receipts_export_table},
    {"receipts verify", receipts_verify_command, receipts_verify_table},
    {"receipts prune", receipts_prune_command, receipts_prune_table},
    {"receipts", receipts_command, NULL},
};

/* How many arguments the words are; 0: the arguments do not begin with them. */
static int words_match(const char *words, int argc, char **argv)
{
    int taken = 0;
    while (*words) {
        size_t length = strcspn(words, " ");
        if (taken == argc || strlen(argv[taken]) != length ||
            strncmp(argv[taken], words, length) != 0)
            return 0;
        taken++;
        words += length;
        words += strspn(words, " ");
    }
    return taken;
}

const struct service_word *service_word_find(int argc, char **argv, int *ret_taken)
{
    for (size_t i = 0; i < SERVICE_WORDS; i++) {
        *ret_taken = words_match(service_words[i].words, argc, argv);
        if (*ret_taken)
            return &service_words[i];
    }
    return NULL;
}
