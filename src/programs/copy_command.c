#include "programs/copy_command.h"

#include "base/clock.h"
#include "base/log.h"
#include "config/options.h"
#include "http/client.h"
#include "job/token.h"

#include <errno.h>
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sysexits.h>
#include <unistd.h>

#define URL_SIZE    2048
#define ANSWER_MAX  65536
#define CONNECT_MS  10000
#define CALL_MS     120000
#define BAR_WIDTH   30
#define CURSOR_SIZE 64

/* Calls in a row that copy nothing before it is said that it does not work. */
#define IDLE_MAX 5
/* Between two calls after one that did not work. */
#define REST_MS 1000

struct settings {
    const char *private_url, *token_file, *ca_file, *client_cert, *client_key, *unix_socket;
    int64_t limit;
};

#define AT(member) offsetof(struct settings, member)

static const struct option options[] = {
    {.name = "private",
     .type = OPTION_TEXT,
     .offset = AT(private_url),
     .value = "URL",
     .prose = "Where the private API of the running service is: http://127.0.0.1:8081."},
    {.name = "token-file",
     .type = OPTION_TEXT,
     .offset = AT(token_file),
     .value = "FILE",
     .prose = "The bearer token for it; nobody but the owner may read the file."},
    {.name = "unix-socket",
     .type = OPTION_TEXT,
     .offset = AT(unix_socket),
     .value = "PATH",
     .prose = "Connect to this socket, whatever the address says."},
    {.name = "ca-file",
     .type = OPTION_TEXT,
     .offset = AT(ca_file),
     .value = "FILE",
     .prose = "Certificates that are trusted (PEM), instead of the system's."},
    {.name = "client-cert",
     .type = OPTION_TEXT,
     .offset = AT(client_cert),
     .value = "FILE",
     .prose = "The certificate that is shown to the service (PEM)."},
    {.name = "client-key",
     .type = OPTION_TEXT,
     .offset = AT(client_key),
     .value = "FILE",
     .prose = "Its key (PEM)."},
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
    struct http_client *client;
    char authorization[TOKEN_SIZE + 32];
    int signals; /* SIGINT and SIGTERM */
    bool stopped, shown;
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

static bool signal_came(struct command *command)
{
    struct signalfd_siginfo info;
    command->stopped |= read(command->signals, &info, sizeof info) == (ssize_t)sizeof info;
    return command->stopped;
}

/* The data of an answer; NULL, with the trouble, if it is none. */
static json_t *answer_read(struct command *command, const struct http_response *response)
{
    if (response->outcome != HTTP_ANSWERED) {
        trouble_set(command, response->text);
        return NULL;
    }
    json_t *root = response->body.length
                       ? json_loadb(response->body.bytes, response->body.length, 0, NULL)
                       : NULL;
    json_t *data = json_object_get(root, "data");
    if (response->status == 200 && json_is_object(data)) {
        json_incref(data);
    } else {
        const char *message = json_string_value(json_object_get(root, "message"));
        char text[64];
        snprintf(text, sizeof text, "the service answered %d", response->status);
        trouble_set(command, message ? message : text);
        data = NULL;
    }
    json_decref(root);
    return data;
}

/* One call, to its end or a signal. NULL, with the trouble, if nothing came of it. */
static json_t *call(struct command *command, const char *method, const char *cursor,
                    int *ret_status)
{
    const struct settings *settings = &command->settings;
    char url[URL_SIZE], limit[32] = "";
    const char *const headers[] = {command->authorization};
    if (strcmp(method, "POST") == 0)
        snprintf(limit, sizeof limit, "&limit=%lld", (long long)settings->limit);
    size_t length = strlen(settings->private_url);
    while (length && settings->private_url[length - 1] == '/')
        length--;
    snprintf(url, sizeof url, "%.*s/api/files/copy?cursor=%s%s", (int)length,
             settings->private_url, cursor, limit);
    struct http_request request = {.method = method,
                                   .url = url,
                                   .headers = headers,
                                   .header_count = *command->authorization ? 1 : 0,
                                   .body = strcmp(method, "POST") == 0 ? "" : NULL,
                                   .connect_ms = CONNECT_MS,
                                   .total_ms = CALL_MS,
                                   .ca_file = settings->ca_file,
                                   .client_cert = settings->client_cert,
                                   .client_key = settings->client_key,
                                   .unix_socket = settings->unix_socket,
                                   .body_max = ANSWER_MAX};
    struct http_response response = {0};
    http_client_start(command->client, &request, &response);
    while (!response.done && !signal_came(command))
        http_client_poll(command->client, REST_MS, &command->signals, 1);
    json_t *data = NULL;
    if (response.done)
        data = answer_read(command, &response);
    else
        http_client_abort(command->client, &response);
    *ret_status = response.outcome == HTTP_ANSWERED ? response.status : 0;
    http_response_deinit(&response);
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
        int status;
        json_t *data = call(command, "GET", cursor, &status);
        if (!data) {
            *ret_code = status && status != 503 ? EX_CONFIG : EX_UNAVAILABLE;
            return -1;
        }
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
    while (more && !command->stopped && idle < IDLE_MAX) {
        int status;
        json_t *data = call(command, "POST", cursor, &status);
        if (!data) {
            idle++;
            if (!command->stopped)
                http_client_poll(command->client, REST_MS, &command->signals, 1);
            signal_came(command);
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
    while (left > 0 && !command->stopped) {
        int64_t copied = round_run(command);
        left = command->stopped ? left : left_count(command, &code);
        command->total = command->copied + (left > 0 ? left : 0);
        if (copied == 0 && left > 0)
            break;
    }
    if (command->shown)
        fputc('\n', stderr);
    if (command->stopped) {
        fprintf(stderr, "users-service: stopped after %lld; run it again to go on\n",
                (long long)command->copied);
        return EX_TEMPFAIL;
    }
    if (left < 0) {
        fprintf(stderr, "users-service: --private %s: %s\n", command->settings.private_url,
                command->trouble);
        return code;
    }
    printf("%lld copied, %lld left\n", (long long)command->copied, (long long)left);
    if (left)
        fprintf(stderr, "users-service: %s\n", command->trouble);
    return left ? EX_SOFTWARE : EX_OK;
}

static int settings_check(struct command *command, struct error *error)
{
    const struct settings *settings = &command->settings;
    char token[TOKEN_SIZE] = "";
    if (!settings->private_url)
        return error_set(error, ERROR_USAGE,
                         "--private is required: the address of the "
                         "service's private API");
    if (http_url_check(settings->private_url, error) < 0)
        return error_wrap(error, "--private");
    if (settings->token_file && token_read(settings->token_file, token, error) < 0)
        return error_wrap(error, "--token-file");
    if (*token)
        snprintf(command->authorization, sizeof command->authorization,
                 "Authorization: Bearer %s", token);
    token_forget(token);
    return 0;
}

static int signals_open(struct command *command, struct error *error)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigprocmask(SIG_BLOCK, &set, NULL);
    command->signals = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    return command->signals < 0
               ? error_set_errno(error, ERROR_UNAVAILABLE, errno, "cannot hear signals")
               : 0;
}

const struct option_table *copy_command_table(void)
{
    return &table;
}

int copy_command(int argc, char **argv)
{
    struct command command = {.signals = -1};
    struct error error = {0};
    bool help;
    if (options_read(&table, argc, argv, &command.settings, &help, &error) == 0 && help) {
        options_print_help(&table, stdout);
        return EX_OK;
    }
    int code;
    signal(SIGPIPE, SIG_IGN);
    if (error.class != ERROR_NONE || settings_check(&command, &error) < 0 ||
        signals_open(&command, &error) < 0 || http_client_open(&command.client, &error) < 0) {
        fprintf(stderr, "users-service files copy: %s\n", error.text);
        code = error_exit_code(&error);
    } else {
        code = copy_run(&command);
    }
    http_client_close(command.client);
    if (command.signals >= 0)
        close(command.signals);
    token_forget(command.authorization);
    return code;
}
