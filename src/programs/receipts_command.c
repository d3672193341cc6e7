#include "programs/receipts_command.h"

#include "programs/receipts_fetch.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#define PATH_SIZE 256

struct settings {
    struct private_settings service;
    const char *to, *file, *head, *before;
};

#define AT(member) offsetof(struct settings, member)

#define EXIT_CODES                                                                             \
    "Exit codes: 0 done, 64 usage, 65 the chain is broken: a record was changed, removed or\n" \
    "cut off, 69 the service does not answer, 78 configuration."

static const struct option export_options[] = {
    {.name = "to",
     .type = OPTION_TEXT,
     .offset = AT(to),
     .value = "FILE",
     .prose = "Where to write. The file is there whole, or not at all."},
    PRIVATE_OPTIONS,
};

static const struct option verify_options[] = {
    {.name = "file",
     .type = OPTION_TEXT,
     .offset = AT(file),
     .value = "FILE",
     .prose = "An export. Without it, the receipts of a running service are verified."},
    {.name = "head",
     .type = OPTION_TEXT,
     .offset = AT(head),
     .value = "DIGEST",
     .prose = "The digest of a seal that was seen before: it must be in the chain, or it was "
              "made anew since."},
    PRIVATE_OPTIONS,
};

static const struct option prune_options[] = {
    {.name = "before",
     .type = OPTION_TEXT,
     .offset = AT(before),
     .value = "TIME",
     .prose = "Only seals whose records are all older than this: 2026-01-31 (UTC), or an "
              "instant as it is exported."},
    {.name = "file",
     .type = OPTION_TEXT,
     .offset = AT(file),
     .value = "FILE",
     .prose = "An export that has them. It is verified first."},
    PRIVATE_OPTIONS,
};

#define COUNT(options) (sizeof(options) / sizeof *(options))

enum word { WORD_EXPORT, WORD_VERIFY, WORD_PRUNE, WORDS };

static const struct option_table tables[WORDS] = {
    [WORD_EXPORT] = {.program = "users-service receipts export",
                     .synopsis = "--to FILE --private URL --token-file FILE",
                     .summary = "Writes all receipts of a running service, with their seals, "
                                "to a file, a line each.",
                     .epilogue = EXIT_CODES,
                     .environment = "USERS_",
                     .options = export_options,
                     .count = COUNT(export_options)},
    [WORD_VERIFY] = {.program = "users-service receipts verify",
                     .synopsis = "--file FILE | --private URL --token-file FILE",
                     .summary = "Verifies the chain of receipts, in an export or in the "
                                "database, and names what has no seal yet.",
                     .epilogue = EXIT_CODES,
                     .environment = "USERS_",
                     .options = verify_options,
                     .count = COUNT(verify_options)},
    [WORD_PRUNE] = {.program = "users-service receipts prune",
                    .synopsis = "--before TIME --file FILE --private URL --token-file FILE",
                    .summary = "Removes old receipts from the database, after they were "
                               "exported. Their seals stay, and so does the last seal's range.",
                    .epilogue = EXIT_CODES,
                    .environment = "USERS_",
                    .options = prune_options,
                    .count = COUNT(prune_options)},
};

/* What a seal has that may go. */
struct prunable {
    int64_t number;
    char digest[RECEIPT_DIGEST_SIZE];
};

struct command {
    struct settings settings;
    struct private_client *client;
    struct receipts_check check;
    bool head_found;
    int64_t before;
    struct prunable *prunable;
    size_t count;
    bool full; /* no memory for one */
};

static void head_compare(void *owner, const struct receipt_seal *seal, int64_t newest)
{
    struct command *command = owner;
    (void)newest;
    command->head_found |= strcmp(seal->digest, command->settings.head) == 0;
}

static void prunable_note(void *owner, const struct receipt_seal *seal, int64_t newest)
{
    struct command *command = owner;
    if (seal->pruned_at || newest >= command->before || command->full)
        return;
    struct prunable *rows =
        reallocarray(command->prunable, command->count + 1, sizeof *command->prunable);
    command->full = !rows;
    if (!rows)
        return;
    command->prunable = rows;
    struct prunable *row = &rows[command->count++];
    row->number = seal->number;
    memcpy(row->digest, seal->digest, sizeof row->digest);
}

static void range_print(const char *what, const struct receipt_range *range, const char *end)
{
    if (range->count)
        printf("%s %" PRId64 " to %" PRId64 " (%" PRId64 ")%s", what, range->after, range->last,
               range->count, end);
}

static void report_print(const struct receipts_check *check)
{
    printf("%" PRId64 " seals (%" PRId64 " pruned), %" PRId64 " receipts, %" PRId64
           " erased persons\n",
           check->seals, check->pruned, check->objects, check->persons);
    if (check->seals)
        printf("head: seal %" PRId64 " %s\n", check->last.number, check->last.digest);
    printf("without a seal: ");
    range_print("receipts", &check->open_objects, check->open_persons.count ? ", " : "");
    range_print("erased", &check->open_persons, "");
    puts(check->open_objects.count + check->open_persons.count ? "" : "none");
}

static int export_run(struct command *command, struct error *error)
{
    if (!command->settings.to)
        return error_set(error, ERROR_USAGE, "--to is required");
    if (private_client_open(&command->settings.service, &command->client, error) < 0 ||
        receipts_fetch_file(command->client, &command->check, command->settings.to, error) < 0)
        return -1;
    report_print(&command->check);
    return 0;
}

static int verify_run(struct command *command, struct error *error)
{
    const struct settings *settings = &command->settings;
    if (settings->head)
        command->check.sealed = head_compare;
    int failed;
    if (settings->file)
        failed = receipts_check_file(&command->check, settings->file, error);
    else if (private_client_open(&settings->service, &command->client, error) < 0)
        return -1;
    else
        failed = receipts_fetch(command->client, &command->check, NULL, error);
    if (failed)
        return -1;
    report_print(&command->check);
    if (settings->head && !command->head_found)
        return error_set(error, ERROR_INVALID,
                         "no seal has the digest of --head: the chain was made anew, or ends "
                         "before it");
    return 0;
}

/* The service compares the digest, so that only what the file has can go. */
static int seal_prune(struct command *command, const struct prunable *row, int64_t *pruned,
                      struct error *error)
{
    char path[PATH_SIZE];
    snprintf(path, sizeof path, "/api/receipts?seal=%" PRId64 "&digest=%s", row->number,
             row->digest);
    json_t *data = private_client_call(command->client, "DELETE", path, error);
    if (!data)
        return -1;
    *pruned += (int64_t)json_integer_value(json_object_get(data, "pruned"));
    json_decref(data);
    return 0;
}

static int prune_run(struct command *command, struct error *error)
{
    const struct settings *settings = &command->settings;
    int64_t pruned = 0;
    if (!settings->before || receipts_time_parse(settings->before, &command->before) < 0)
        return error_set(error, ERROR_USAGE, "--before is required: a date, like 2026-01-31");
    if (!settings->file)
        return error_set(error, ERROR_USAGE,
                         "--file is required: an export that has what is to go");
    command->check.sealed = prunable_note;
    if (private_client_open(&settings->service, &command->client, error) < 0 ||
        receipts_check_file(&command->check, settings->file, error) < 0)
        return -1;
    if (command->full)
        return error_set(error, ERROR_NO_MEMORY, "no memory for the seals");
    /* From the last seal the chain goes on. */
    if (command->count &&
        command->prunable[command->count - 1].number == command->check.last.number)
        command->count--;
    for (size_t i = 0; i < command->count; i++) {
        if (seal_prune(command, &command->prunable[i], &pruned, error) < 0)
            return error_wrap(error, "seal %lld", (long long)command->prunable[i].number);
    }
    printf("%" PRId64 " records pruned, under %zu seals\n", pruned, command->count);
    return 0;
}

static int (*const runs[WORDS])(struct command *command, struct error *error) = {
    [WORD_EXPORT] = export_run, [WORD_VERIFY] = verify_run, [WORD_PRUNE] = prune_run};

static int word_run(enum word word, int argc, char **argv)
{
    struct command command = {.settings = {.to = NULL}};
    struct error error = {0};
    bool help = false;
    if (options_read(&tables[word], argc, argv, &command.settings, &help, &error) == 0 &&
        help) {
        options_print_help(&tables[word], stdout);
        return EX_OK;
    }
    if (error.class == ERROR_NONE && receipts_check_init(&command.check) < 0)
        error_set(&error, ERROR_NO_MEMORY, "no memory to verify with");
    command.check.owner = &command;
    if (error.class == ERROR_NONE)
        runs[word](&command, &error);
    receipts_check_deinit(&command.check);
    private_client_close(command.client);
    free(command.prunable);
    if (error.class == ERROR_NONE)
        return EX_OK;
    fprintf(stderr, "%s: %s\n", tables[word].program, error.text);
    return error.class == ERROR_INVALID ? EX_DATAERR : error_exit_code(&error);
}

int receipts_export_command(int argc, char **argv)
{
    return word_run(WORD_EXPORT, argc, argv);
}

int receipts_verify_command(int argc, char **argv)
{
    return word_run(WORD_VERIFY, argc, argv);
}

int receipts_prune_command(int argc, char **argv)
{
    return word_run(WORD_PRUNE, argc, argv);
}

const struct option_table *receipts_export_table(void)
{
    return &tables[WORD_EXPORT];
}

const struct option_table *receipts_verify_table(void)
{
    return &tables[WORD_VERIFY];
}

const struct option_table *receipts_prune_table(void)
{
    return &tables[WORD_PRUNE];
}

int receipts_command(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    fputs("users-service receipts: say export, verify or prune\n", stderr);
    return EX_USAGE;
}
