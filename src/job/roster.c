#include "job/roster.h"

#include "base/clock.h"
#include "http/client.h"
#include "job/next.h"
#include "job/token.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

/* It becomes a label and a part of keys; a file's names were looked at there. */
static int name_check(const char *name, struct error *error)
{
    for (const char *at = name; *at; at++) {
        if (!isalnum((unsigned char)*at) && !strchr("-_.", *at))
            return error_set(error, ERROR_USAGE,
                             "--name: give letters, digits, dots, dashes and underscores");
    }
    if (!*name || strlen(name) > ROSTER_NAME_MAX)
        return error_set(error, ERROR_USAGE, "--name: give 1 to %d characters",
                         ROSTER_NAME_MAX);
    return 0;
}

static int schedule_read(const struct job_options *options, struct roster_job *job,
                         struct error *error)
{
    int64_t first;
    if (!options->schedule)
        return 0;
    if (schedule_parse(options->schedule, &job->schedule, error) < 0)
        return error_wrap(error, "--schedule");
    bool prefixed = job->schedule.zone[0];
    if (zone_open(prefixed ? job->schedule.zone : options->timezone, &job->zone, error) < 0)
        return error_wrap(error, prefixed ? "--schedule" : "--timezone");
    if (next_instant(&job->schedule, job->zone, clock_wall_ms() / 1000, &first) < 0)
        return error_set(error, ERROR_USAGE, "--schedule: it never fires");
    return 0;
}

static int addresses_check(const struct job_options *options, struct error *error)
{
    if (http_url_check(options->health, error) < 0)
        return error_wrap(error, "--health");
    if (http_url_check(options->fallback, error) < 0)
        return error_wrap(error, "--fallback");
    if (options->ping && http_url_check(options->ping, error) < 0)
        return error_wrap(error, "--ping");
    return 0;
}

static int readable_check(const char *option, const char *path, int mode, struct error *error)
{
    if (path && access(path, mode) < 0)
        return error_set(error, ERROR_CONFIG, "--%s: %s cannot be %s", option, path,
                         mode == X_OK ? "started" : "read");
    return 0;
}

/* Headers that carry a secret have no place among the arguments, which everybody can list. */
static int header_is_plain(const char *header, struct error *error)
{
    static const char *const secret[] = {"authorization", "cookie", "proxy-authorization",
                                         "x-api-key", "x-auth-token"};
    size_t length = strcspn(header, ":");
    if (credentials_header_check(header, error) < 0)
        return error_wrap(error, "--header");
    for (size_t i = 0; i < sizeof secret / sizeof *secret; i++) {
        if (strlen(secret[i]) == length && strncasecmp(header, secret[i], length) == 0)
            return error_set(error, ERROR_CONFIG,
                             "--header: %s is a secret: give it by --header-file or "
                             "--header-variable",
                             secret[i]);
    }
    return 0;
}

static int key_check(const char *path, struct error *error)
{
    struct stat status;
    if (!path)
        return 0;
    if (stat(path, &status) < 0)
        return error_set_errno(error, ERROR_CONFIG, errno, "--client-key: %s", path);
    if (status.st_mode & 077)
        return error_set(error, ERROR_CONFIG,
                         "--client-key: %s: others than its user have access: chmod 600", path);
    return 0;
}

/* The state file is replaced as a whole, which takes a folder that can be written. */
static int state_check(const char *path, struct error *error)
{
    char folder[4096] = ".";
    const char *slash = path ? strrchr(path, '/') : NULL;
    if (!path)
        return 0;
    size_t length = slash ? (size_t)(slash - path) : 0;
    if (length >= sizeof folder - 8)
        return error_set(error, ERROR_CONFIG, "--state: the path is too long");
    if (slash) {
        memcpy(folder, path, length);
        memcpy(folder + length, "/", 2);
    }
    if (access(folder, W_OK | X_OK) < 0)
        return error_set_errno(error, ERROR_CONFIG, errno, "--state: folder %s", folder);
    return 0;
}

static int files_check(const struct job_options *options, struct error *error)
{
    for (size_t i = 0; i < options->headers.count; i++) {
        if (header_is_plain(options->headers.items[i], error) < 0)
            return -1;
    }
    if (readable_check("ca", options->ca_file, R_OK, error) < 0 ||
        readable_check("client-cert", options->client_cert, R_OK, error) < 0 ||
        readable_check("body-file", options->body_file, R_OK, error) < 0 ||
        readable_check("alert-command", options->alert_command, X_OK, error) < 0 ||
        key_check(options->client_key, error) < 0)
        return -1;
    return state_check(options->state, error);
}

struct credentials_sources roster_credentials(const struct roster_job *job)
{
    return (struct credentials_sources){.token_file = job->options->token_file,
                                        .token_variable = job->options->token_variable,
                                        .header_file = job->options->header_file,
                                        .header_variables = &job->options->header_variables};
}

static void settings_fill(struct roster_job *job, bool several)
{
    const struct job_options *options = job->options;
    bool goes_on = options->on_failure ? strcmp(options->on_failure, "continue") == 0 : several;
    job->run = (struct run_settings){
        .schedule = options->once ? NULL : &job->schedule,
        .zone = job->zone,
        .startup_timeout_ms = options->startup_timeout_ms,
        .health_timeout_ms = options->health_timeout_ms,
        .call_timeout_ms = options->call_timeout_ms,
        .run_timeout_ms = options->run_timeout_ms,
        .stop_timeout_ms = options->stop_timeout_ms,
        .max_age_ms = options->max_age_ms,
        .health_retries = options->health_retries,
        .retries = options->retries,
        .spread_ms = run_spread(options->name, options->spread_ms),
        .jitter_ms = options->jitter_ms,
        .start_deadline_ms = options->start_deadline_ms,
        .fail_after = options->fail_after,
        .catch_up = strcmp(options->catch_up, "once") == 0,
        .queue_one = strcmp(options->overlap, "queue-one") == 0,
        .keep_going = goes_on,
        .fail_on_blocked = options->fail_on_blocked,
    };
}

static int job_fill(struct roster_job *job, bool several, struct error *error)
{
    struct credentials credentials;
    struct credentials_sources sources = roster_credentials(job);
    if (name_check(job->options->name, error) < 0 || addresses_check(job->options, error) < 0 ||
        schedule_read(job->options, job, error) < 0 || files_check(job->options, error) < 0)
        return -1;
    if (call_success_parse(job->options->success, &job->success) < 0)
        return error_set(error, ERROR_USAGE,
                         "--success: give statuses such as 200,204 or 200-299");
    if (credentials_read(&sources, &credentials, error) < 0)
        return -1;
    credentials_forget(&credentials);
    settings_fill(job, several);
    return 0;
}

static int jobs_fill(struct roster *roster, struct error *error)
{
    size_t count = roster->file ? roster->file->count : 1;
    roster->jobs = calloc(count, sizeof *roster->jobs);
    if (!roster->jobs)
        return error_set(error, ERROR_NO_MEMORY, "no memory for the jobs");
    for (roster->count = 0; roster->count < count;) {
        struct roster_job *job = &roster->jobs[roster->count++];
        job->source = roster->file ? &roster->file->jobs[roster->count - 1] : NULL;
        job->options = job->source ? &job->source->options : &roster->program;
        if (job_fill(job, count > 1, error) < 0)
            return job->source ? error_wrap(error, "%s: job %s", roster->program.config,
                                            job->options->name)
                               : -1;
    }
    return 0;
}

int roster_open(const struct job_options *options, struct roster **ret_roster,
                struct error *error)
{
    struct roster *roster = calloc(1, sizeof *roster);
    if (!roster)
        return error_set(error, ERROR_NO_MEMORY, "no memory for the jobs");
    roster->holders = 1;
    roster->program = *options;
    if ((options->config &&
         job_file_open(options->config, options, &roster->file, error) < 0) ||
        jobs_fill(roster, error) < 0) {
        roster_release(roster);
        return -1;
    }
    *ret_roster = roster;
    return 0;
}

struct roster *roster_hold(struct roster *roster)
{
    roster->holders++;
    return roster;
}

void roster_release(struct roster *roster)
{
    if (!roster || --roster->holders)
        return;
    for (size_t i = 0; i < roster->count; i++)
        zone_close(roster->jobs[i].zone);
    free(roster->jobs);
    job_file_close(roster->file);
    free(roster);
}

const struct roster_job *roster_find(const struct roster *roster, const char *name)
{
    for (size_t i = 0; i < roster->count; i++) {
        if (strcmp(roster->jobs[i].options->name, name) == 0)
            return &roster->jobs[i];
    }
    return NULL;
}

bool roster_starts_programs(const struct roster *roster)
{
    for (size_t i = 0; i < roster->count; i++) {
        if (roster->jobs[i].options->alert_command)
            return true;
    }
    return false;
}

bool roster_job_is_same(const struct roster_job *one, const struct roster_job *other)
{
    const struct job_file_job *left = one->source, *right = other->source;
    if (!left || !right || left->count != right->count ||
        one->run.keep_going != other->run.keep_going)
        return false;
    for (size_t i = 0; i < left->count; i++) {
        if (strcmp(left->lines[i], right->lines[i]) != 0)
            return false;
    }
    return true;
}
