#include "files/s3/grant.h"

#include "files/driver.h"

#include <expat.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

/* Longest text inside an element: a session token. */
#define TEXT_SIZE S3_TOKEN_SIZE

/* Reads "2026-11-23T12:00:00Z", with or without a fraction; 0 if it is anything else. */
static int64_t instant_parse(const char *text)
{
    struct tm tm = {0};
    const char *rest = strptime(text, "%Y-%m-%dT%H:%M:%S", &tm);
    if (!rest)
        return 0;
    if (*rest == '.')
        rest += 1 + strspn(rest + 1, "0123456789");
    if (strcmp(rest, "Z") != 0 && strcmp(rest, "+00:00") != 0)
        return 0;
    return (int64_t)timegm(&tm) * 1000;
}

/* Keeps the status that the answer has. */
static int refuse(struct files_answer *answer, const char *code, const char *text)
{
    files_answer_set(answer, answer->status, code, text);
    return -1;
}

static int grant_set(struct s3_grant *grant, const char *key_id, const char *secret,
                     const char *token, const char *expiration, struct files_answer *answer)
{
    struct s3_credentials *to = &grant->credentials;
    struct error error = {0};
    if (!key_id || !secret)
        return refuse(answer, FILES_CODE_MALFORMED, "the answer holds no credentials");
    if (s3_credentials_copy(to->key_id, sizeof to->key_id, key_id, "the key id", &error) < 0 ||
        s3_credentials_copy(to->secret, sizeof to->secret, secret, "the secret", &error) < 0 ||
        (token && *token &&
         s3_credentials_copy(to->token, sizeof to->token, token, "the token", &error) < 0))
        return refuse(answer, FILES_CODE_MALFORMED, error.text);
    grant->expires_at = expiration && *expiration ? instant_parse(expiration) : 0;
    if (expiration && *expiration && !grant->expires_at)
        return refuse(answer, FILES_CODE_MALFORMED, "the expiration is no instant in UTC");
    return 0;
}

static const char *member(const json_t *object, const char *name)
{
    return json_string_value(json_object_get(object, name));
}

int s3_grant_read_json(const char *bytes, size_t length, struct s3_grant *ret_grant,
                       struct files_answer *answer)
{
    *ret_grant = (struct s3_grant){0};
    json_t *object = length ? json_loadb(bytes, length, 0, NULL) : NULL;
    /* The machine's service says "Success", the container's nothing; their errors differ in
     * the first letter. */
    const char *code = member(object, "Code"), *message = member(object, "Message");
    if (!code)
        code = member(object, "code");
    if (!message)
        message = member(object, "message");
    int result = code && strcmp(code, "Success") != 0
                     ? refuse(answer, code, message)
                     : grant_set(ret_grant, member(object, "AccessKeyId"),
                                 member(object, "SecretAccessKey"), member(object, "Token"),
                                 member(object, "Expiration"), answer);
    json_decref(object);
    if (result < 0)
        explicit_bzero(ret_grant, sizeof *ret_grant);
    return result;
}

/* The elements of STS that count; each name stands once in an answer of its kind. */
enum element { KEY_ID, SECRET, TOKEN, EXPIRATION, CODE, MESSAGE, ELEMENTS };

struct reader {
    XML_Parser parser;
    size_t length;
    char text[TEXT_SIZE + 1]; /* a byte more, to see that one is longer */
    char found[ELEMENTS][TEXT_SIZE + 1];
};

static void XMLCALL on_start(void *data, const char *name, const char **attributes)
{
    struct reader *reader = data;
    (void)name;
    (void)attributes;
    reader->length = 0;
}

static void XMLCALL on_text(void *data, const char *text, int length)
{
    struct reader *reader = data;
    size_t room = sizeof reader->text - 1 - reader->length;
    size_t taken = (size_t)length < room ? (size_t)length : room;
    memcpy(reader->text + reader->length, text, taken);
    reader->length += taken;
}

static void XMLCALL on_end(void *data, const char *name)
{
    static const char *const names[ELEMENTS] = {
        "AccessKeyId", "SecretAccessKey", "SessionToken", "Expiration", "Code", "Message"};
    struct reader *reader = data;
    const char *colon = strrchr(name, ':');
    reader->text[reader->length] = '\0';
    for (size_t i = 0; i < ELEMENTS; i++) {
        if (strcmp(colon ? colon + 1 : name, names[i]) == 0)
            memcpy(reader->found[i], reader->text, reader->length + 1);
    }
    reader->length = 0;
}

static void XMLCALL on_doctype(void *data, const char *name, const char *system_id,
                               const char *public_id, int has_internal_subset)
{
    struct reader *reader = data;
    (void)name;
    (void)system_id;
    (void)public_id;
    (void)has_internal_subset;
    XML_StopParser(reader->parser, XML_FALSE);
}

static bool document_read(struct reader *reader, const char *bytes, size_t length)
{
    reader->parser = XML_ParserCreate(NULL);
    if (!reader->parser || length == 0 || length > INT32_MAX) {
        XML_ParserFree(reader->parser);
        return false;
    }
    XML_SetUserData(reader->parser, reader);
    XML_SetElementHandler(reader->parser, on_start, on_end);
    XML_SetCharacterDataHandler(reader->parser, on_text);
    XML_SetStartDoctypeDeclHandler(reader->parser, on_doctype);
    bool whole = XML_Parse(reader->parser, bytes, (int)length, XML_TRUE) == XML_STATUS_OK;
    XML_ParserFree(reader->parser);
    return whole;
}

/* NULL for an element that was not there. */
static const char *element(const struct reader *reader, enum element which)
{
    return reader->found[which][0] ? reader->found[which] : NULL;
}

int s3_grant_read_sts(const char *bytes, size_t length, struct s3_grant *ret_grant,
                      struct files_answer *answer)
{
    struct reader reader = {0};
    int result;
    *ret_grant = (struct s3_grant){0};
    if (!document_read(&reader, bytes, length))
        result = refuse(answer, FILES_CODE_MALFORMED, "the body is not what STS answers");
    else if (element(&reader, CODE))
        result = refuse(answer, reader.found[CODE], reader.found[MESSAGE]);
    else
        result = grant_set(ret_grant, element(&reader, KEY_ID), element(&reader, SECRET),
                           element(&reader, TOKEN), element(&reader, EXPIRATION), answer);
    explicit_bzero(&reader, sizeof reader);
    if (result < 0)
        explicit_bzero(ret_grant, sizeof *ret_grant);
    return result;
}
