#include "files/s3/renewal.h"

#include "base/buffer.h"
#include "base/clock.h"
#include "base/log.h"
#include "files/driver.h"
#include "files/s3/grant.h"
#include "metrics/metrics.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* "Use IMDSv2" in the user guide of EC2: a session of six hours, the longest there is. */
#define METADATA_TOKEN_PATH "/latest/api/token"
#define METADATA_ROLE_PATH  "/latest/meta-data/iam/security-credentials/"
#define METADATA_LIFE       "X-aws-ec2-metadata-token-ttl-seconds: 21600"
#define METADATA_TOKEN_NAME "X-aws-ec2-metadata-token: "

#define ROLE_NAME_SIZE 256
#define HEADER_SIZE    (S3_TOKEN_SIZE + 64)
#define URL_SIZE       (S3_SOURCE_URL_SIZE + ROLE_NAME_SIZE + 64)

/* Longest web identity token that is sent, as STS bounds it. */
#define WEB_IDENTITY_BYTES_MAX 20000

enum step {
    STEP_REST,
    STEP_SESSION, /* the machine's service: a token for the next two */
    STEP_ROLE,    /* which role it has */
    STEP_GRANT,   /* the credentials themselves */
};

struct s3_renewal {
    struct s3_source source;
    struct s3_credentials *credentials;
    char region[S3_SESSION_SIZE];
    char *trusted;
    CURLM *multi;
    CURL *easy;
    struct curl_slist *headers;
    struct buffer sent, received;
    enum step step;
    int64_t due_ms, pause_ms, begun_ms;
    bool held, failing;
    struct files_answer why;
    char session[S3_TOKEN_SIZE], role[ROLE_NAME_SIZE];
};

static void buffer_wipe(struct buffer *buffer)
{
    if (buffer->bytes)
        explicit_bzero(buffer->bytes, buffer->length);
    buffer_deinit(buffer);
}

static size_t on_body(char *bytes, size_t size, size_t count, void *data)
{
    struct s3_renewal *renewal = data;
    return buffer_append(&renewal->received, bytes, size * count) < 0 ? CURL_WRITEFUNC_ERROR
                                                                      : size * count;
}

static void call_clear(struct s3_renewal *renewal)
{
    curl_easy_reset(renewal->easy);
    curl_slist_free_all(renewal->headers);
    renewal->headers = NULL;
    buffer_wipe(&renewal->sent);
    buffer_wipe(&renewal->received);
}

static bool header_add(struct s3_renewal *renewal, const char *name, const char *value)
{
    char line[HEADER_SIZE];
    int length = snprintf(line, sizeof line, "%s%s", name, value);
    struct curl_slist *longer = length < 0 || (size_t)length >= sizeof line
                                    ? NULL
                                    : curl_slist_append(renewal->headers, line);
    explicit_bzero(line, sizeof line);
    if (!longer)
        return false;
    renewal->headers = longer;
    return true;
}

/* The file's text without blanks around it; -1, with why, if it cannot be had. */
static int token_read(struct s3_renewal *renewal, struct buffer *ret_token)
{
    char text[FILES_TEXT_SIZE], bytes[1024];
    const char *path = renewal->source.token_file;
    FILE *file = fopen(path, "re");
    if (!file) {
        snprintf(text, sizeof text, "cannot read '%.80s': %s", path, strerror(errno));
        files_answer_set(&renewal->why, 0, S3_CODE_NO_CREDENTIALS, text);
        return -1;
    }
    setvbuf(file, NULL, _IONBF, 0);
    size_t got;
    int failed = 0;
    while (!failed && (got = fread(bytes, 1, sizeof bytes, file)) > 0)
        failed = buffer_append(ret_token, bytes, got);
    failed = failed || ferror(file);
    fclose(file);
    explicit_bzero(bytes, sizeof bytes);
    while (ret_token->length && isspace((unsigned char)ret_token->bytes[ret_token->length - 1]))
        ret_token->bytes[--ret_token->length] = '\0';
    if (failed || ret_token->length == 0 || strlen(ret_token->bytes) != ret_token->length ||
        strpbrk(ret_token->bytes, "\r\n")) {
        snprintf(text, sizeof text, "'%.80s' does not hold a token", path);
        files_answer_set(&renewal->why, 0, S3_CODE_NO_CREDENTIALS, text);
        return -1;
    }
    return 0;
}

static bool form_append(struct s3_renewal *renewal, const char *name, const char *value)
{
    char *encoded = curl_easy_escape(renewal->easy, value, 0);
    bool added = encoded && buffer_printf(&renewal->sent, "&%s=%s", name, encoded) == 0;
    if (encoded)
        explicit_bzero(encoded, strlen(encoded));
    curl_free(encoded);
    return added;
}

/* "AssumeRoleWithWebIdentity" in the API reference of STS: a form, and no signature. */
static bool web_identity_prepare(struct s3_renewal *renewal, struct buffer *token)
{
    const struct s3_source *source = &renewal->source;
    return token_read(renewal, token) == 0 &&
           buffer_append_text(&renewal->sent,
                              "Action=AssumeRoleWithWebIdentity&Version=2011-06-15") == 0 &&
           form_append(renewal, "RoleArn", source->role_arn) &&
           form_append(renewal, "RoleSessionName", source->session_name) &&
           form_append(renewal, "WebIdentityToken", token->bytes) &&
           header_add(renewal, "Content-Type: ", "application/x-www-form-urlencoded") &&
           curl_easy_setopt(renewal->easy, CURLOPT_POSTFIELDSIZE_LARGE,
                            (curl_off_t)renewal->sent.length) == CURLE_OK &&
           curl_easy_setopt(renewal->easy, CURLOPT_POSTFIELDS, renewal->sent.bytes) == CURLE_OK;
}

static bool container_prepare(struct s3_renewal *renewal, struct buffer *token)
{
    const struct s3_source *source = &renewal->source;
    if (source->token_file[0])
        return token_read(renewal, token) == 0 &&
               header_add(renewal, "Authorization: ", token->bytes);
    return !source->authorization[0] ||
           header_add(renewal, "Authorization: ", source->authorization);
}

static bool metadata_prepare(struct s3_renewal *renewal, char *path, size_t size)
{
    if (renewal->step == STEP_SESSION) {
        snprintf(path, size, "%s", METADATA_TOKEN_PATH);
        return header_add(renewal, METADATA_LIFE, "") &&
               curl_easy_setopt(renewal->easy, CURLOPT_CUSTOMREQUEST, "PUT") == CURLE_OK;
    }
    snprintf(path, size, "%s%s", METADATA_ROLE_PATH,
             renewal->step == STEP_GRANT ? renewal->role : "");
    return header_add(renewal, METADATA_TOKEN_NAME, renewal->session);
}

static bool request_prepare(struct s3_renewal *renewal)
{
    char url[URL_SIZE], path[ROLE_NAME_SIZE + 64] = "";
    struct buffer token;
    bool ready = false;
    buffer_init(&token, WEB_IDENTITY_BYTES_MAX);
    switch (renewal->source.kind) {
    case S3_SOURCE_WEB_IDENTITY:
        ready = web_identity_prepare(renewal, &token);
        break;
    case S3_SOURCE_CONTAINER:
        ready = container_prepare(renewal, &token);
        break;
    case S3_SOURCE_METADATA:
        ready = metadata_prepare(renewal, path, sizeof path);
        break;
    case S3_SOURCE_VARIABLES:
    case S3_SOURCE_FILES:
        break;
    }
    buffer_wipe(&token);
    snprintf(url, sizeof url, "%s%s", renewal->source.url, path);
    return ready && curl_easy_setopt(renewal->easy, CURLOPT_URL, url) == CURLE_OK;
}

static bool way_set(struct s3_renewal *renewal)
{
    CURL *easy = renewal->easy;
    bool is_near = renewal->source.kind == S3_SOURCE_METADATA;
    long within = is_near ? S3_RENEWAL_METADATA_WITHIN_MS : S3_RENEWAL_TIMEOUT_MS;
    return curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https") == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_PROXY, "") == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, within) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS,
                            is_near ? within : (long)S3_RENEWAL_CONNECT_MS) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_WRITEDATA, renewal) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_HTTPHEADER, renewal->headers) == CURLE_OK &&
           (!renewal->trusted ||
            curl_easy_setopt(easy, CURLOPT_CAINFO, renewal->trusted) == CURLE_OK);
}

/* Said once when it begins to fail, and once when it works again. */
static void failure_note(struct s3_renewal *renewal)
{
    if (!renewal->failing)
        log_warning(renewal->held ? "credentials cannot be renewed; the old ones stay in use"
                                  : "credentials cannot be had",
                    log_text("source", s3_source_name(&renewal->source)),
                    log_text("error", renewal->why.code), log_text("text", renewal->why.text));
    renewal->failing = true;
    metrics_add(METRIC_RENEWALS, 1, s3_source_name(&renewal->source), "failed");
    renewal->pause_ms = renewal->pause_ms ? 2 * renewal->pause_ms : S3_RENEWAL_PAUSE_MS;
    if (renewal->pause_ms > S3_RENEWAL_PAUSE_MS_MAX)
        renewal->pause_ms = S3_RENEWAL_PAUSE_MS_MAX;
    renewal->due_ms = clock_boot_ms() + renewal->pause_ms;
    renewal->step = STEP_REST;
}

static void step_send(struct s3_renewal *renewal, enum step step)
{
    call_clear(renewal);
    renewal->step = step;
    files_answer_set(&renewal->why, 0, FILES_CODE_NO_MEMORY, "no memory to ask");
    if (request_prepare(renewal) && way_set(renewal) &&
        curl_multi_add_handle(renewal->multi, renewal->easy) == CURLM_OK)
        return;
    failure_note(renewal);
}

/* When to ask again for what ends at `expires_at`: boot-time clock. */
static int64_t due_after(int64_t expires_at)
{
    int64_t now = clock_boot_ms(), life = expires_at - clock_wall_ms();
    if (!expires_at)
        return INT64_MAX;
    /* Given out past its end, as Amazon does in an outage of its own. */
    if (life <= 0)
        return now + S3_RENEWAL_PAUSE_MS_MAX;
    int64_t ahead = life / 2 < S3_RENEWAL_AHEAD_MS ? life / 2 : S3_RENEWAL_AHEAD_MS;
    int64_t rest = life - ahead;
    return now + (rest > S3_RENEWAL_PAUSE_MS ? rest : S3_RENEWAL_PAUSE_MS);
}

static void grant_take(struct s3_renewal *renewal, struct s3_grant *grant)
{
    *renewal->credentials = grant->credentials;
    renewal->due_ms = due_after(grant->expires_at);
    renewal->step = STEP_REST;
    renewal->pause_ms = 0;
    log_event(renewal->failing ? LOG_INFO : LOG_DEBUG, "credentials were renewed",
              log_text("source", s3_source_name(&renewal->source)));
    renewal->held = true;
    renewal->failing = false;
    metrics_add(METRIC_RENEWALS, 1, s3_source_name(&renewal->source), "renewed");
    explicit_bzero(grant, sizeof *grant);
}

static void grant_read(struct s3_renewal *renewal, long status)
{
    struct s3_grant grant;
    const struct buffer *body = &renewal->received;
    renewal->why = (struct files_answer){.status = (int)status};
    int result = renewal->source.kind == S3_SOURCE_WEB_IDENTITY
                     ? s3_grant_read_sts(body->bytes, body->length, &grant, &renewal->why)
                     : s3_grant_read_json(body->bytes, body->length, &grant, &renewal->why);
    if (result == 0 && status == 200) {
        grant_take(renewal, &grant);
        return;
    }
    if (result == 0)
        files_answer_set(&renewal->why, (int)status, FILES_CODE_MALFORMED,
                         "credentials came with a status that is not 200");
    explicit_bzero(&grant, sizeof grant);
    failure_note(renewal);
}

/* Takes one line of printable text; false if the answer is anything else. */
static bool line_take(const struct s3_renewal *renewal, long status, char *to, size_t size)
{
    const struct buffer *body = &renewal->received;
    struct error error;
    char *text = body->bytes;
    if (status != 200 || !text || strlen(text) != body->length)
        return false;
    text[strcspn(text, "\r\n")] = '\0';
    return s3_credentials_copy(to, size, text, "it", &error) == 0;
}

static void answer_take(struct s3_renewal *renewal, long status)
{
    bool taken = false;
    switch (renewal->step) {
    case STEP_SESSION:
        taken = line_take(renewal, status, renewal->session, sizeof renewal->session);
        break;
    case STEP_ROLE:
        taken = line_take(renewal, status, renewal->role, sizeof renewal->role);
        break;
    case STEP_GRANT:
    case STEP_REST:
        grant_read(renewal, status);
        return;
    }
    if (taken) {
        step_send(renewal, renewal->step + 1);
        return;
    }
    files_answer_set(&renewal->why, (int)status, S3_CODE_NO_CREDENTIALS,
                     renewal->step == STEP_ROLE && status == 404
                         ? "the machine has no role"
                         : "the machine's metadata service refuses");
    failure_note(renewal);
}

/* Nobody answered. Somebody who was named will come back; somebody who was not is not there. */
static void silence_take(struct s3_renewal *renewal, CURLcode result)
{
    char text[FILES_TEXT_SIZE];
    bool is_late = result == CURLE_OPERATION_TIMEDOUT;
    const char *code = is_late ? FILES_CODE_TIMEOUT : FILES_CODE_UNREACHABLE;
    snprintf(text, sizeof text, "%s: %s", s3_source_name(&renewal->source),
             curl_easy_strerror(result));
    if (renewal->source.implied && !renewal->held) {
        code = S3_CODE_NO_CREDENTIALS;
        snprintf(text, sizeof text,
                 "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or a profile; no machine's "
                 "role answers either");
    }
    files_answer_set(&renewal->why, 0, code, text);
    failure_note(renewal);
}

bool s3_renewal_take(struct s3_renewal *renewal, CURL *easy, CURLcode result)
{
    if (easy != renewal->easy)
        return false;
    long status = 0;
    curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
    curl_multi_remove_handle(renewal->multi, easy);
    if (result == CURLE_OK)
        answer_take(renewal, status);
    else
        silence_take(renewal, result);
    if (renewal->step == STEP_REST)
        call_clear(renewal);
    return true;
}

/* The files changed, or say what they said before. */
static void files_read(struct s3_renewal *renewal)
{
    struct s3_source source;
    struct s3_credentials credentials;
    struct error error = {0};
    renewal->due_ms = INT64_MAX;
    if (s3_source_find(renewal->region, &source, &credentials, &error) < 0)
        log_warning("credentials cannot be read anew; the old ones stay in use",
                    log_text("text", error.text));
    else if (source.kind == S3_SOURCE_FILES)
        *renewal->credentials = credentials;
    s3_credentials_clear(&credentials);
}

void s3_renewal_advance(struct s3_renewal *renewal, int64_t now)
{
    if (renewal->step != STEP_REST || now < renewal->due_ms)
        return;
    renewal->begun_ms = now;
    if (renewal->source.kind == S3_SOURCE_FILES)
        files_read(renewal);
    else
        step_send(renewal,
                  renewal->source.kind == S3_SOURCE_METADATA ? STEP_SESSION : STEP_GRANT);
}

int64_t s3_renewal_due(const struct s3_renewal *renewal)
{
    return renewal->step == STEP_REST ? renewal->due_ms : INT64_MAX;
}

void s3_renewal_hasten(struct s3_renewal *renewal, int64_t now)
{
    int64_t soonest = renewal->begun_ms + S3_RENEWAL_PAUSE_MS;
    if (renewal->source.kind == S3_SOURCE_VARIABLES || renewal->failing)
        return;
    if (soonest < now)
        soonest = now;
    if (renewal->due_ms > soonest)
        renewal->due_ms = soonest;
}

bool s3_renewal_concerns(const struct files_answer *answer)
{
    static const char *const codes[] = {"ExpiredToken", "ExpiredTokenException", "InvalidToken",
                                        "InvalidAccessKeyId", "TokenRefreshRequired"};
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
        if (strcmp(codes[i], answer->code) == 0)
            return true;
    }
    return false;
}

enum s3_renewal_state s3_renewal_state(const struct s3_renewal *renewal,
                                       struct files_answer *ret_why)
{
    if (renewal->held)
        return S3_RENEWAL_READY;
    if (!renewal->failing || renewal->step != STEP_REST)
        return S3_RENEWAL_ASKING;
    *ret_why = renewal->why;
    return S3_RENEWAL_FAILED;
}

static int renewal_init(struct s3_renewal *renewal, const char *region, const char *trusted,
                        struct error *error)
{
    renewal->easy = curl_easy_init();
    renewal->trusted = trusted ? strdup(trusted) : NULL;
    if (!renewal->easy || (trusted && !renewal->trusted))
        return error_set(error, ERROR_NO_MEMORY, "no memory for the S3 store");
    snprintf(renewal->region, sizeof renewal->region, "%s", region);
    if (s3_source_find(region, &renewal->source, renewal->credentials, error) < 0)
        return -1;
    renewal->held = !s3_source_is_asked(&renewal->source);
    renewal->due_ms = renewal->held ? INT64_MAX : 0;
    return 0;
}

int s3_renewal_open(CURLM *multi, const char *region, const char *trusted,
                    struct s3_credentials *credentials, struct s3_renewal **ret_renewal,
                    struct error *error)
{
    struct s3_renewal *renewal = calloc(1, sizeof *renewal);
    if (!renewal)
        return error_set(error, ERROR_NO_MEMORY, "no memory for the S3 store");
    renewal->multi = multi;
    renewal->credentials = credentials;
    /* Forms escape each byte with three at worst. */
    buffer_init(&renewal->sent, 3 * (WEB_IDENTITY_BYTES_MAX + S3_ROLE_SIZE) + 1024);
    buffer_init(&renewal->received, S3_RENEWAL_ANSWER_BYTES_MAX);
    if (renewal_init(renewal, region, trusted, error) < 0) {
        s3_renewal_close(renewal);
        return -1;
    }
    *ret_renewal = renewal;
    return 0;
}

void s3_renewal_close(struct s3_renewal *renewal)
{
    if (!renewal)
        return;
    if (renewal->easy) {
        if (renewal->step != STEP_REST)
            curl_multi_remove_handle(renewal->multi, renewal->easy);
        call_clear(renewal);
        curl_easy_cleanup(renewal->easy);
    }
    free(renewal->trusted);
    explicit_bzero(renewal, sizeof *renewal);
    free(renewal);
}
