#include "fallback/verdict.h"

#include <stdio.h>
#include <string.h>

struct code_rule {
    const char *code;
    enum verdict verdict;
};

/* S3's codes: "Error responses" of its API reference; the lower-case ones are files.h's. */
static const struct code_rule code_rules[] = {
    {FILES_CODE_TIMEOUT, VERDICT_RETRY},
    {FILES_CODE_UNREACHABLE, VERDICT_RETRY},
    {FILES_CODE_RESET, VERDICT_RETRY},
    {FILES_CODE_MALFORMED, VERDICT_RETRY},
    {FILES_CODE_UNANSWERED, VERDICT_RETRY},
    {FILES_CODE_NOT_SENT, VERDICT_RETRY},
    {FILES_CODE_NO_SPACE, VERDICT_RETRY},
    {FILES_CODE_IO, VERDICT_RETRY},
    {FILES_CODE_NO_MEMORY, VERDICT_RETRY},
    {FILES_CODE_TLS, VERDICT_BLOCKED},
    {FILES_CODE_REDIRECT, VERDICT_BLOCKED},
    {FILES_CODE_LOCKED, VERDICT_BLOCKED},
    {FILES_CODE_MFA, VERDICT_BLOCKED},
    {"NoSuchKey", VERDICT_DONE},
    {"NoSuchVersion", VERDICT_DONE},
    {"SlowDown", VERDICT_RETRY},
    {"ServiceUnavailable", VERDICT_RETRY},
    {"InternalError", VERDICT_RETRY},
    {"InternalFailure", VERDICT_RETRY},
    {"OperationAborted", VERDICT_RETRY},
    {"RequestTimeout", VERDICT_RETRY},
    {"RequestTimeTooSkewed", VERDICT_RETRY},
    {"Throttling", VERDICT_RETRY},
    {"ThrottlingException", VERDICT_RETRY},
    {"RequestLimitExceeded", VERDICT_RETRY},
    {"TooManyRequests", VERDICT_RETRY},
    {"BandwidthLimitExceeded", VERDICT_RETRY},
    {"AccessDenied", VERDICT_BLOCKED},
    {"NoSuchBucket", VERDICT_BLOCKED},
};

struct status_rule {
    int least, most;
    enum verdict verdict;
};

/* For answers without a code that the table above knows. The first row that fits counts. */
static const struct status_rule status_rules[] = {
    {408, 408, VERDICT_RETRY},   {429, 429, VERDICT_RETRY}, {500, 500, VERDICT_RETRY},
    {501, 501, VERDICT_BLOCKED}, {502, 599, VERDICT_RETRY},
};

/* A done without an error code: S3 answers 204 (200 in a batch); a local folder 404 if absent.
 */
static bool status_is_done(int status)
{
    return status == 200 || status == 202 || status == 204 || status == 404;
}

enum verdict verdict_of_delete(const struct files_answer *answer)
{
    if (!*answer->code && status_is_done(answer->status))
        return VERDICT_DONE;
    for (size_t i = 0; *answer->code && i < sizeof code_rules / sizeof *code_rules; i++) {
        if (strcmp(code_rules[i].code, answer->code) == 0)
            return code_rules[i].verdict;
    }
    for (size_t i = 0; i < sizeof status_rules / sizeof *status_rules; i++) {
        if (answer->status >= status_rules[i].least && answer->status <= status_rules[i].most)
            return status_rules[i].verdict;
    }
    return VERDICT_BLOCKED;
}

bool verdict_is_throttle(const struct files_answer *answer)
{
    return answer->status == 429 || answer->status == 503 ||
           strcmp(answer->code, "SlowDown") == 0 ||
           strncmp(answer->code, "Throttling", 10) == 0;
}

void verdict_class_name(const struct files_answer *answer, char *text, size_t size)
{
    if (*answer->code)
        snprintf(text, size, "%s", answer->code);
    else
        snprintf(text, size, "http-%d", answer->status);
}
