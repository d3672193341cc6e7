#include "programs/audit_command.h"

#include "programs/private_client.h"

#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#define BAR_WIDTH 30

/* Between two looks at how far it is. */
#define LOOK_MS 500
/* Calls in a row that got no answer, before it is said. */
#define SILENT_MAX 20
/* Findings that are printed; the rest is for the API. */
#define FINDINGS_SHOWN 20

struct settings {
    struct private_settings service;
    const char *share;
    bool deletes, watches;
};

#define AT(member) offsetof(struct settings, member)

static const struct option options[] = {
    PRIVATE_OPTIONS,
    {.name = "delete",
     .type = OPTION_FLAG,
     .offset = AT(deletes),
     .prose = "Deletes the objects that nobody owns, once all have been counted."},
    {.name = "max-share",
     .type = OPTION_TEXT,
     .offset = AT(share),
     .value = "PERCENT",
     .prose = "With --delete: if more of a store's objects than this would go, none does. "
              "Default: the service's --audit-share."},
    {.name = "watch",
     .type = OPTION_FLAG,
     .offset = AT(watches),
     .prose =
         "Begins none: follows the one that is under way, or says what the last one found."},
};

static const struct option_table table = {
    .program = "users-service audit",
    .synopsis = "--private URL --token-file FILE",
    .summary =
        "Compares the file store of a running service with its users: objects that nobody "
        "owns,\nusers whose avatar is not there, old versions. Looks only, unless told to "
        "--delete.",
    .epilogue =
        "Exit codes: 0 they agree, or what did not is being deleted; 64 usage; 65 they do "
        "not agree;\n69 the service does not answer; 70 the audit failed, or refused to "
        "delete so much;\n75 stopped watching, the audit goes on; 78 configuration.\n",
    .environment = "USERS_",
    .options = options,
    .count = sizeof options / sizeof *options,
};

struct command {
    struct settings settings;
    struct private_client *client;
    bool shown;
    struct error error; /* of the last call */
};

/* One call, to its end or a signal. NULL, with the error, if nothing came of it. */
static json_t *call(struct command *command, const char *method, const char *path)
{
    command->error = (struct error){0};
    return private_client_call(command->client, method, path, &command->error);
}

static int call_fail(const struct command *command)
{
    if (private_client_is_stopped(command->client))
        return EX_TEMPFAIL;
    fprintf(stderr, "users-service: --private %s: %s\n", command->settings.service.url,
            command->error.text);
    return command->error.class == ERROR_UNAVAILABLE ? EX_UNAVAILABLE : EX_CONFIG;
}

static int64_t count_of(const json_t *audit, const char *name)
{
    const json_t *counts = json_object_get(audit, "counts");
    return (int64_t)json_integer_value(json_object_get(counts, name));
}

static const char *text_of(const json_t *audit, const char *name)
{
    const char *text = json_string_value(json_object_get(audit, name));
    return text ? text : "";
}

static void progress_show(struct command *command, const json_t *audit)
{
    double part = json_number_value(json_object_get(audit, "progress"));
    int done = (int)(part * BAR_WIDTH);
    if (!isatty(STDERR_FILENO))
        return;
    fprintf(stderr, "\r[%.*s%*s] %3d%% %lld objects, %lld strays, %lld missing  ", done,
            "##############################", BAR_WIDTH - done, "", (int)(100 * part),
            (long long)count_of(audit, "objects"), (long long)count_of(audit, "strays"),
            (long long)count_of(audit, "missing"));
    fflush(stderr);
    command->shown = true;
}

/* One that is under way already is followed: it answers the same question. */
static int begin(struct command *command)
{
    char path[128], share[48] = "";
    const struct settings *settings = &command->settings;
    if (settings->share)
        snprintf(share, sizeof share, "&maxShare=%.20s", settings->share);
    snprintf(path, sizeof path, "/api/audit?delete=%s%s", settings->deletes ? "true" : "false",
             share);
    json_t *audit = call(command, "POST", path);
    bool under_way = !audit && command->error.class == ERROR_INVALID;
    json_decref(audit);
    if (under_way && settings->deletes) {
        fprintf(stderr, "users-service: %s\n", command->error.text);
        return EX_TEMPFAIL;
    }
    return audit || under_way ? EX_OK : call_fail(command);
}

/* Until it is over. NULL, with an exit code, if that cannot be seen. */
static json_t *follow(struct command *command, int *ret_code)
{
    int silent = 0;
    for (;;) {
        json_t *audit = call(command, "GET", "/api/audit");
        silent = audit ? 0 : silent + 1;
        bool refused = !audit && command->error.class != ERROR_UNAVAILABLE;
        bool stopped = private_client_is_stopped(command->client);
        if (stopped || refused || silent == SILENT_MAX) {
            json_decref(audit);
            *ret_code = call_fail(command);
            return NULL;
        }
        if (audit && strcmp(text_of(audit, "state"), "running") != 0)
            return audit;
        if (audit)
            progress_show(command, audit);
        json_decref(audit);
        private_client_rest(command->client, LOOK_MS);
    }
}

static void findings_print(struct command *command)
{
    char path[64];
    snprintf(path, sizeof path, "/api/audit/findings?limit=%d", FINDINGS_SHOWN);
    json_t *page = call(command, "GET", path);
    size_t index;
    json_t *finding;
    json_array_foreach(json_object_get(page, "items"), index, finding)
    {
        const char *user = text_of(finding, "userId");
        printf("  %-11s %s%s%s\n", text_of(finding, "kind"), text_of(finding, "key"),
               *user ? " of user " : "", user);
    }
    if (json_is_string(json_object_get(page, "next")))
        printf("  and more: GET /api/audit/findings\n");
    json_decref(page);
}

/* Says what was found; the exit code follows from it. */
static int report(struct command *command, const json_t *audit)
{
    const char *state = text_of(audit, "state");
    int64_t strays = count_of(audit, "strays"), scheduled = count_of(audit, "scheduled");
    int64_t others = count_of(audit, "missing") + count_of(audit, "oldVersions") +
                     count_of(audit, "unknown");
    if (strcmp(state, "never") == 0) {
        puts("there was no audit yet");
        return EX_OK;
    }
    printf("audit %s: %lld objects, %lld avatars of users\n", state,
           (long long)count_of(audit, "objects"), (long long)count_of(audit, "pointers"));
    printf("  %lld objects that nobody owns, %lld of them to be deleted now\n",
           (long long)strays, (long long)scheduled);
    printf("  %lld users whose avatar is not there\n", (long long)count_of(audit, "missing"));
    printf("  %lld objects with old versions, %lld that the service did not name\n",
           (long long)count_of(audit, "oldVersions"), (long long)count_of(audit, "unknown"));
    printf("  %lld objects too young to judge\n", (long long)count_of(audit, "young"));
    if (strays + others > 0)
        findings_print(command);
    if (strcmp(state, "done") != 0) {
        fprintf(stderr, "users-service: the audit %s: %s\n",
                strcmp(state, "stopped") == 0 ? "was stopped" : state,
                text_of(audit, "trouble"));
        return EX_SOFTWARE;
    }
    return strays > scheduled || others > 0 ? EX_DATAERR : EX_OK;
}

static int audit_run(struct command *command)
{
    int code = command->settings.watches ? EX_OK : begin(command);
    if (code != EX_OK)
        return code;
    json_t *audit = follow(command, &code);
    if (command->shown)
        fputc('\n', stderr);
    if (!audit)
        return code;
    code = report(command, audit);
    json_decref(audit);
    return code;
}

static int settings_check(const struct settings *settings, struct error *error)
{
    int64_t share = 0;
    if (settings->share && (number_parse(settings->share, &share) < 0 || share > 100))
        return error_set(error, ERROR_USAGE, "--max-share is a whole number from 0 to 100");
    return 0;
}

const struct option_table *audit_command_table(void)
{
    return &table;
}

int audit_command(int argc, char **argv)
{
    struct command command = {.client = NULL};
    struct error error = {0};
    bool help = false;
    if (options_read(&table, argc, argv, &command.settings, &help, &error) == 0 && help) {
        options_print_help(&table, stdout);
        return EX_OK;
    }
    int code;
    if (error.class != ERROR_NONE || settings_check(&command.settings, &error) < 0 ||
        private_client_open(&command.settings.service, &command.client, &error) < 0) {
        fprintf(stderr, "users-service audit: %s\n", error.text);
        code = error_exit_code(&error);
    } else {
        code = audit_run(&command);
    }
    private_client_close(command.client);
    return code;
}
