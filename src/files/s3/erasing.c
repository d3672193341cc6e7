#include "files/s3/erasing.h"

#include "files/s3/answer.h"

#include <stdio.h>
#include <string.h>

void s3_erasing_init(struct s3_erasing *erasing, const char *prefix, bool mfa)
{
    *erasing = (struct s3_erasing){.prefix = prefix, .mfa = mfa};
    s3_versions_init(&erasing->found);
}

void s3_erasing_deinit(struct s3_erasing *erasing)
{
    s3_versions_deinit(&erasing->found);
}

static void listing_restart(struct s3_erasing *erasing)
{
    erasing->stage = S3_ERASING_LISTING;
    erasing->key_marker[0] = erasing->version_marker[0] = '\0';
    erasing->seen_markers = false;
    s3_versions_deinit(&erasing->found);
}

void s3_erasing_begin(struct s3_erasing *erasing, const char *key)
{
    erasing->key = key;
    erasing->rounds = erasing->asked_count = 0;
    erasing->asked = NULL;
    erasing->refused = erasing->markers_only = false;
    erasing->held = 0;
    erasing->until[0] = erasing->mode[0] = '\0';
    erasing->answer = (struct files_answer){0};
    snprintf(erasing->full_key, sizeof erasing->full_key, "%s%s", erasing->prefix, key);
    listing_restart(erasing);
}

static void parameter_add(struct s3_call *call, const char *name, const char *value)
{
    call->parameters[call->parameter_count++] =
        (struct s3_parameter){.name = name, .value = value};
}

static void listing_call(struct s3_erasing *erasing, struct s3_call *call)
{
    call->method = "GET";
    snprintf(erasing->page, sizeof erasing->page, "%d", S3_VERSIONS_PAGE);
    parameter_add(call, "versions", "");
    parameter_add(call, "prefix", erasing->full_key);
    parameter_add(call, "max-keys", erasing->page);
    if (erasing->key_marker[0])
        parameter_add(call, "key-marker", erasing->key_marker);
    if (erasing->version_marker[0])
        parameter_add(call, "version-id-marker", erasing->version_marker);
}

/* Markers go last, when nothing is left that they hide. */
static const struct s3_version_ids *ids_to_delete(const struct s3_erasing *erasing)
{
    return erasing->found.objects.count ? &erasing->found.objects : &erasing->found.markers;
}

static int deleting_call(struct s3_erasing *erasing, struct s3_call *call, struct buffer *sent)
{
    buffer_deinit(sent);
    if (s3_versions_write_delete(ids_to_delete(erasing), erasing->full_key, sent) < 0)
        return -1;
    parameter_add(call, "delete", "");
    call->method = "POST";
    call->bytes = sent->bytes;
    call->length = sent->length;
    call->content_type = "application/xml";
    return 0;
}

int s3_erasing_call(struct s3_erasing *erasing, struct s3_call *call, struct buffer *sent)
{
    call->parameter_count = 0;
    switch (erasing->stage) {
    case S3_ERASING_LISTING:
        listing_call(erasing, call);
        return 0;
    case S3_ERASING_DELETING:
        return deleting_call(erasing, call, sent);
    case S3_ERASING_ASKING:
        call->method = "HEAD";
        call->key = erasing->key;
        parameter_add(call, "versionId", erasing->asked);
        return 0;
    }
    return -1;
}

/* Reads an answer of which the status has to be 200; false if `answer` says that it is not. */
static bool answer_is_good(struct s3_transfer *transfer, CURLcode result,
                           struct files_answer *answer)
{
    struct files_op op = {.verb = FILES_GET};
    s3_answer_read(&op, S3_READS, transfer, result, "");
    *answer = op.answer;
    return files_answer_is_ok(answer);
}

static void answer_malformed(struct files_answer *answer)
{
    files_answer_set(answer, answer->status, FILES_CODE_MALFORMED,
                     "the body is not what S3 answers to this");
}

/* Why they stay, as far as it was found out: " until 2030-01-01T00:00:00Z (COMPLIANCE)". */
static const char *reason_find(const struct s3_erasing *erasing, char *text, size_t size)
{
    const char *code = erasing->answer.code;
    if (erasing->until[0] && erasing->held)
        snprintf(text, size, " until %s (%s), legal hold on %zu", erasing->until, erasing->mode,
                 erasing->held);
    else if (erasing->until[0])
        snprintf(text, size, " until %s (%s)", erasing->until, erasing->mode);
    else if (erasing->held)
        snprintf(text, size, " until the legal hold on %zu ends", erasing->held);
    else if (erasing->mfa && strcmp(code, "AccessDenied") == 0)
        snprintf(text, size, " until MFA delete is off");
    else
        snprintf(text, size, ", %.60s", erasing->answer.text);
    return erasing->until[0] || erasing->held                  ? FILES_CODE_LOCKED
           : erasing->mfa && strcmp(code, "AccessDenied") == 0 ? FILES_CODE_MFA
                                                               : code;
}

/* "3 versions stay until …: ID ID ID". The ids come last: they are what may be cut. */
static void stay_explain(struct s3_erasing *erasing)
{
    const struct s3_version_ids *ids = ids_to_delete(erasing);
    struct files_answer *answer = &erasing->answer, said = *answer;
    char text[FILES_TEXT_SIZE + S3_VERSION_SIZE], reason[FILES_TEXT_SIZE];
    const char *code = reason_find(erasing, reason, sizeof reason);
    bool one = ids->count == 1 && !erasing->found.more;
    size_t length = (size_t)snprintf(text, sizeof text, "%zu%s %s%s stay%s%s:", ids->count,
                                     erasing->found.more ? " or more" : "",
                                     ids == &erasing->found.objects ? "version" : "marker",
                                     one ? "" : "s", one ? "s" : "", reason);
    for (const char *id = s3_version_ids_next(ids, NULL); id && length < FILES_TEXT_SIZE;
         id = s3_version_ids_next(ids, id))
        length += (size_t)snprintf(text + length, sizeof text - length, " %s", id);
    files_answer_set(answer, said.status, code == answer->code ? said.code : code, text);
    answer->retry_after_ms = said.retry_after_ms;
}

/* Goes on to the next version that stays, to ask for its lock; false after the last. */
static bool asking_next(struct s3_erasing *erasing)
{
    erasing->stage = S3_ERASING_ASKING;
    erasing->asked = s3_version_ids_next(&erasing->found.objects, erasing->asked);
    if (erasing->asked && erasing->asked_count++ < S3_ERASING_ASKED_MAX)
        return true;
    stay_explain(erasing);
    return false;
}

/* Only markers on this page: what they hide may be on the next. */
static bool listing_go_on(struct s3_erasing *erasing)
{
    erasing->seen_markers |= erasing->found.markers.count > 0;
    snprintf(erasing->key_marker, sizeof erasing->key_marker, "%s", erasing->found.next_key);
    snprintf(erasing->version_marker, sizeof erasing->version_marker, "%s",
             erasing->found.next_version);
    s3_versions_deinit(&erasing->found);
    return true;
}

/*
 * Keeps what went wrong. That the listing, or the deletion of many, is absent says nothing of
 * the key: a proxy without such a route answers so, with every version left behind.
 */
static void refusal_keep(struct s3_erasing *erasing, const struct files_answer *answer)
{
    erasing->answer = *answer;
    if ((answer->status == 404 && !answer->code[0]) || s3_code_is_absence(answer->code))
        answer_malformed(&erasing->answer);
}

static void listing_refused(struct s3_erasing *erasing, const struct files_answer *answer)
{
    char text[2 * FILES_TEXT_SIZE];
    refusal_keep(erasing, answer);
    if (strcmp(answer->code, "AccessDenied") != 0)
        return;
    snprintf(text, sizeof text,
             "all versions stay: they may not be listed (s3:ListBucketVersions): %s",
             answer->text);
    files_answer_set(&erasing->answer, answer->status, answer->code, text);
}

static bool listing_answered(struct s3_erasing *erasing, struct s3_transfer *transfer,
                             CURLcode result)
{
    struct files_answer answer;
    struct s3_versions *found = &erasing->found;
    if (!answer_is_good(transfer, result, &answer)) {
        listing_refused(erasing, &answer);
        return false;
    }
    if (s3_versions_read(found, erasing->full_key, transfer->received.bytes,
                         transfer->received.length) < 0) {
        answer_malformed(&answer);
        erasing->answer = answer;
        return false;
    }
    if (found->more && found->objects.count == 0 &&
        !(erasing->markers_only && found->markers.count))
        return listing_go_on(erasing);
    if (found->objects.count == 0 && erasing->seen_markers) {
        erasing->markers_only = true;
        listing_restart(erasing);
        return true;
    }
    if (found->objects.count + found->markers.count == 0) {
        files_answer_set(&erasing->answer, 204, NULL, NULL);
        return false;
    }
    if (erasing->refused)
        return asking_next(erasing);
    if (erasing->rounds++ < S3_ERASING_ROUNDS_MAX) {
        erasing->stage = S3_ERASING_DELETING;
        return true;
    }
    files_answer_set(&erasing->answer, 200, FILES_CODE_UNANSWERED,
                     "versions were said to be deleted and are listed all the same");
    return false;
}

/* Of one version: the first refusal is what is told; what is not there is as good as deleted.
 */
static void deleted_take(void *owner, const struct s3_deleted *deleted)
{
    struct s3_erasing *erasing = owner;
    if (!deleted->failed || erasing->refused || s3_code_is_absence(deleted->error.code))
        return;
    erasing->refused = true;
    files_answer_set(&erasing->answer, 200,
                     deleted->error.code[0] ? deleted->error.code : FILES_CODE_MALFORMED,
                     deleted->error.message);
}

static bool deleting_answered(struct s3_erasing *erasing, struct s3_transfer *transfer,
                              CURLcode result)
{
    struct s3_error error;
    struct files_answer answer;
    bool good = answer_is_good(transfer, result, &answer);
    if (good) {
        const struct buffer *body = &transfer->received;
        switch (s3_xml_read(body->bytes, body->length, &error, deleted_take, erasing)) {
        case S3_DOCUMENT_DELETED:
            break;
        case S3_DOCUMENT_ERROR:
            good = false;
            files_answer_set(&answer, answer.status,
                             error.code[0] ? error.code : FILES_CODE_MALFORMED, error.message);
            break;
        case S3_DOCUMENT_MALFORMED:
            good = false;
            answer_malformed(&answer);
        }
    }
    if (!good && strcmp(answer.code, "AccessDenied") != 0) {
        refusal_keep(erasing, &answer);
        return false;
    }
    if (!good) {
        erasing->refused = true;
        erasing->answer = answer;
    }
    listing_restart(erasing);
    return true;
}

static void header_take(CURL *easy, const char *name, char *ret_value, size_t size)
{
    struct curl_header *header;
    ret_value[0] = '\0';
    if (curl_easy_header(easy, name, 0, CURLH_HEADER, -1, &header) == CURLHE_OK)
        snprintf(ret_value, size, "%s", header->value);
}

/* Whoever may not see the lock is told as much as S3 said before. */
static bool asking_answered(struct s3_erasing *erasing, struct s3_transfer *transfer)
{
    char until[S3_UNTIL_SIZE], mode[S3_UNTIL_SIZE], hold[S3_UNTIL_SIZE];
    header_take(transfer->easy, "x-amz-object-lock-retain-until-date", until, sizeof until);
    header_take(transfer->easy, "x-amz-object-lock-mode", mode, sizeof mode);
    header_take(transfer->easy, "x-amz-object-lock-legal-hold", hold, sizeof hold);
    erasing->held += strcmp(hold, "ON") == 0;
    /* Times of one form, in UTC, have the order of their letters. */
    if (strcmp(until, erasing->until) > 0) {
        memcpy(erasing->until, until, sizeof until);
        memcpy(erasing->mode, mode, sizeof mode);
    }
    return asking_next(erasing);
}

void s3_erasing_give_up(struct s3_erasing *erasing, const char *code, const char *text)
{
    if (erasing->stage == S3_ERASING_ASKING)
        stay_explain(erasing);
    else
        files_answer_set(&erasing->answer, 0, code, text);
}

bool s3_erasing_answered(struct s3_erasing *erasing, struct s3_transfer *transfer,
                         CURLcode result)
{
    switch (erasing->stage) {
    case S3_ERASING_LISTING:
        return listing_answered(erasing, transfer, result);
    case S3_ERASING_DELETING:
        return deleting_answered(erasing, transfer, result);
    case S3_ERASING_ASKING:
        return asking_answered(erasing, transfer);
    }
    return false;
}
