#include "programs/audit_command.h"

#include "config/options.h"
#include "http/client.h"
#include "job/token.h"

#include <errno.h>
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sysexits.h>
#include <unistd.h>

#define URL_SIZE   2048
#define ANSWER_MAX ((size_t)1 << 20)
#define CONNECT_MS 10000
#define CALL_MS    30000
#define BAR_WIDTH  30

/* Between two looks at how far it is. */
#define LOOK_MS 500
/* Calls in a row that got no answer, before it is said. */
#define SILENT_MAX 20
/* Findings that are printed; the rest is for the API. */
#define FINDINGS_SHOWN 20

struct settings {
    const char *private_url, *token_file, *ca_file, *client_cert, *client_key, *unix_socket;
    const char *share;
    bool deletes, watches;
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
    struct http_client *client;
    char authorization[TOKEN_SIZE + 32];
    int signals; /* SIGINT and SIGTERM */
    bool stopped, shown;
    int status; /* of the last call; 0: no answer */
    char trouble[512];
};

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
        snprintf(command->trouble, sizeof command->trouble, "%s", response->text);
        return NULL;
    }
    command->status = response->status;
    json_t *root = response->body.length
                       ? json_loadb(response->body.bytes, response->body.length, 0, NULL)
                       : NULL;
    json_t *data = json_object_get(root, "data");
    const char *message = json_string_value(json_object_get(root, "message"));
    if (response->status / 100 == 2 && json_is_object(data)) {
        json_incref(data);
    } else {
        data = NULL;
        snprintf(command->trouble, sizeof command->trouble, "the service answered %d%s%s",
                 response->status, message ? ": " : "", message ? message : "");
    }
    json_decref(root);
    return data;
}

/* One call, to its end or a signal. NULL, with the trouble, if nothing came of it. */
static json_t *call(struct command *command, const char *method, const char *path)
{
    const struct settings *settings = &command->settings;
    char url[URL_SIZE];
    const char *const headers[] = {command->authorization};
    size_t length = strlen(settings->private_url);
    while (length && settings->private_url[length - 1] == '/')
        length--;
    snprintf(url, sizeof url, "%.*s%s", (int)length, settings->private_url, path);
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
    command->status = 0;
    http_client_start(command->client, &request, &response);
    while (!response.done && !signal_came(command))
        http_client_poll(command->client, LOOK_MS, &command->signals, 1);
    json_t *data = NULL;
    if (response.done)
        data = answer_read(command, &response);
    else
        http_client_abort(command->client, &response);
    http_response_deinit(&response);
    return data;
}

static int call_fail(const struct command *command)
{
    if (command->stopped)
        return EX_TEMPFAIL;
    fprintf(stderr, "users-service: --private %s: %s\n", command->settings.private_url,
            command->trouble);
    return command->status && command->status != 503 ? EX_CONFIG : EX_UNAVAILABLE;
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
    bool under_way = !audit && command->status == 409;
    json_decref(audit);
    if (under_way && settings->deletes) {
        fprintf(stderr, "users-service: %s\n", command->trouble);
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
        bool refused = command->status && command->status != 503;
        if (command->stopped || (!audit && (refused || silent == SILENT_MAX))) {
            json_decref(audit);
            *ret_code = call_fail(command);
            return NULL;
        }
        if (audit && strcmp(text_of(audit, "state"), "running") != 0)
            return audit;
        if (audit)
            progress_show(command, audit);
        json_decref(audit);
        http_client_poll(command->client, LOOK_MS, &command->signals, 1);
        signal_came(command);
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
    int64_t share = 0;
    if (settings->share && (number_parse(settings->share, &share) < 0 || share > 100))
        return error_set(error, ERROR_USAGE, "--max-share is a whole number from 0 to 100");
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

const struct option_table *audit_command_table(void)
{
    return &table;
}

int audit_command(int argc, char **argv)
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
        fprintf(stderr, "users-service audit: %s\n", error.text);
        code = error_exit_code(&error);
    } else {
        code = audit_run(&command);
    }
    http_client_close(command.client);
    if (command.signals >= 0)
        close(command.signals);
    token_forget(command.authorization);
    return code;
}
