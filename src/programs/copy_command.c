#include "programs/copy_command.h"

#include "programs/private_client.h"

#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#define PATH_SIZE   256
#define BAR_WIDTH   30
#define CURSOR_SIZE 64

/* Calls in a row that copy nothing before it is said that it does not work. */
#define IDLE_MAX 5
/* Between two calls after one that did not work. */
#define REST_MS 1000

struct settings {
    struct private_settings service;
    int64_t limit;
};

#define AT(member) offsetof(struct settings, member)

static const struct option options[] = {
    PRIVATE_OPTIONS,
    {.name = "limit",
     .type = OPTION_INTEGER,
     .offset = AT(limit),
     .value = "COUNT",
     .preset = "50",
     .least = 1,
     .most = 250,
     .prose = "Avatars in one call."},
};

static const struct option_table table = {
    .program = "users-service files copy",
    .synopsis = "--private URL --token-file FILE",
    .summary =
        "Moves avatars from the stores of --files-also to that of --files, while the service "
        "runs. It may be stopped at any time; run again, it goes on.",
    .epilogue = "Exit codes: 0 everything is in the new store, 64 usage, 69 the service does "
                "not answer, 70 some could not be copied, 75 stopped, 78 configuration.\n",
    .environment = "USERS_",
    .options = options,
    .count = sizeof options / sizeof *options,
};

struct command {
    struct settings settings;
    struct private_client *client;
    bool shown;
    int64_t total, copied, failed;
    char trouble[512];
};

static int64_t member_number(const json_t *data, const char *name)
{
    return (int64_t)json_integer_value(json_object_get(data, name));
}

static void trouble_set(struct command *command, const char *text)
{
    if (text)
        snprintf(command->trouble, sizeof command->trouble, "%s", text);
}

static bool is_stopped(const struct command *command)
{
    return private_client_is_stopped(command->client);
}

/* One call, to its end or a signal. NULL, with the trouble, if nothing came of it. */
static json_t *call(struct command *command, const char *method, const char *cursor,
                    int *ret_code)
{
    char path[PATH_SIZE], limit[32] = "";
    struct error error = {0};
    if (strcmp(method, "POST") == 0)
        snprintf(limit, sizeof limit, "&limit=%lld", (long long)command->settings.limit);
    snprintf(path, sizeof path, "/api/files/copy?cursor=%s%s", cursor, limit);
    json_t *data = private_client_call(command->client, method, path, &error);
    if (!data)
        trouble_set(command, error.text);
    *ret_code = error_exit_code(&error);
    return data;
}

static void progress_show(struct command *command)
{
    int64_t total = command->total > command->copied ? command->total : command->copied;
    int done = total ? (int)(command->copied * BAR_WIDTH / total) : BAR_WIDTH;
    if (!isatty(STDERR_FILENO))
        return;
    fprintf(stderr, "\r[%.*s%*s] %lld of %lld", done, "##############################",
            BAR_WIDTH - done, "", (long long)command->copied, (long long)total);
    if (command->failed)
        fprintf(stderr, ", %lld not yet", (long long)command->failed);
    fflush(stderr);
    command->shown = true;
}

/* Counts what is left to copy; -1, with an exit code, if it cannot be known. */
static int64_t left_count(struct command *command, int *ret_code)
{
    char cursor[CURSOR_SIZE] = "";
    int64_t left = 0;
    bool more = true;
    while (more) {
        json_t *data = call(command, "GET", cursor, ret_code);
        if (!data)
            return -1;
        const char *next = json_string_value(json_object_get(data, "cursor"));
        left += member_number(data, "left");
        more = json_is_true(json_object_get(data, "more")) && next;
        snprintf(cursor, sizeof cursor, "%s", next ? next : "");
        json_decref(data);
    }
    return left;
}

/* Once through all users. Returns how many were copied. */
static int64_t round_run(struct command *command)
{
    char cursor[CURSOR_SIZE] = "";
    int64_t before = command->copied;
    bool more = true;
    int idle = 0;
    command->failed = 0;
    while (more && !is_stopped(command) && idle < IDLE_MAX) {
        int code;
        json_t *data = call(command, "POST", cursor, &code);
        if (!data) {
            idle++;
            private_client_rest(command->client, REST_MS);
            continue;
        }
        idle = 0;
        const char *next = json_string_value(json_object_get(data, "cursor"));
        command->copied += member_number(data, "copied");
        command->failed += member_number(data, "failed");
        trouble_set(command, json_string_value(json_object_get(data, "trouble")));
        more = json_is_true(json_object_get(data, "more")) && next;
        snprintf(cursor, sizeof cursor, "%s", next ? next : "");
        json_decref(data);
        progress_show(command);
    }
    return command->copied - before;
}

/* Rounds until nothing is left, or one comes to nothing: what failed is met again. */
static int copy_run(struct command *command)
{
    int code = EX_UNAVAILABLE;
    int64_t left = left_count(command, &code);
    command->total = left;
    while (left > 0 && !is_stopped(command)) {
        int64_t copied = round_run(command);
        left = is_stopped(command) ? left : left_count(command, &code);
        command->total = command->copied + (left > 0 ? left : 0);
        if (copied == 0 && left > 0)
            break;
    }
    if (command->shown)
        fputc('\n', stderr);
    if (is_stopped(command)) {
        fprintf(stderr, "users-service: stopped after %lld; run it again to go on\n",
                (long long)command->copied);
        return EX_TEMPFAIL;
    }
    if (left < 0) {
        fprintf(stderr, "users-service: --private %s: %s\n", command->settings.service.url,
                command->trouble);
        return code;
    }
    printf("%lld copied, %lld left\n", (long long)command->copied, (long long)left);
    if (left)
        fprintf(stderr, "users-service: %s\n", command->trouble);
    return left ? EX_SOFTWARE : EX_OK;
}

const struct option_table *copy_command_table(void)
{
    return &table;
}

int copy_command(int argc, char **argv)
{
    struct command command = {.client = NULL};
    struct error error = {0};
    bool help = false;
    if (options_read(&table, argc, argv, &command.settings, &help, &error) == 0 && help) {
        options_print_help(&table, stdout);
        return EX_OK;
    }
    int code;
    if (error.class != ERROR_NONE ||
        private_client_open(&command.settings.service, &command.client, &error) < 0) {
        fprintf(stderr, "users-service files copy: %s\n", error.text);
        code = error_exit_code(&error);
    } else {
        code = copy_run(&command);
    }
    private_client_close(command.client);
    return code;
}
