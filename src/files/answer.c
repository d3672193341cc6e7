#include "files/driver.h"

#include "base/clock.h"

#include <ctype.h>
#include <string.h>

/* Copies up to `size` - 1 bytes as one line; never ends inside a UTF-8 character. */
static void line_copy(char *to, size_t size, const char *from)
{
    size_t length = strnlen(from, size);
    if (length == size) {
        length--;
        while (length && ((unsigned char)from[length] & 0xc0) == 0x80)
            length--;
    }
    for (size_t i = 0; i < length; i++)
        to[i] = (unsigned char)from[i] < ' ' || from[i] == 0x7f ? ' ' : from[i];
    to[length] = '\0';
}

static void code_copy(char *to, size_t size, const char *from)
{
    size_t length = 0;
    for (; *from && length < size - 1; from++) {
        if (isalnum((unsigned char)*from) || strchr(".-_", *from))
            to[length++] = *from;
    }
    to[length] = '\0';
}

void files_answer_set(struct files_answer *answer, int status, const char *code,
                      const char *text)
{
    answer->status = status;
    answer->retry_after_ms = 0;
    code_copy(answer->code, sizeof answer->code, code ? code : "");
    line_copy(answer->text, sizeof answer->text, text ? text : "");
}

bool files_answer_is_ok(const struct files_answer *answer)
{
    return answer->status >= 200 && answer->status < 300 && answer->code[0] == '\0';
}

/* Answers the keys that are not valid; returns how many are left. */
static size_t op_keys_begin(struct files_op *op)
{
    size_t open = 0;
    if (op->count > FILES_DELETE_KEYS_MAX)
        return 0;
    for (size_t i = 0; i < op->count; i++) {
        op->answers[i] = (struct files_answer){0};
        if (files_key_is_valid(op->keys[i]))
            open++;
        else
            files_answer_set(&op->answers[i], 400, FILES_CODE_BAD_KEY, "the key is not valid");
    }
    return open;
}

/* True if `op` names something that could be worked on. */
static bool op_is_sound(struct files_op *op)
{
    switch (op->verb) {
    case FILES_PUT:
    case FILES_GET:
    case FILES_LINK:
        return files_key_is_valid(op->key);
    case FILES_DELETE:
        return op_keys_begin(op) > 0;
    case FILES_LIST:
        return strlen(op->key) < FILES_KEY_SIZE;
    case FILES_VERSIONING:
    case FILES_IDENTITY_READ:
        return true;
    case FILES_IDENTITY_CREATE:
        return uuid_parse(op->identity.store_id, op->identity.store_id) &&
               uuid_parse(op->identity.database_id, op->identity.database_id);
    }
    return false;
}

bool files_op_begin(struct files_op *op)
{
    op->answer = (struct files_answer){0};
    op->address_changed = op->one_by_one = op->more = false;
    op->keeps_versions = op->mfa_delete = false;
    if (!op_is_sound(op))
        files_op_fail(op, 400, FILES_CODE_BAD_KEY, "no key or id given is valid");
    else if (clock_boot_ms() >= op->deadline_ms)
        files_op_fail(op, 0, FILES_CODE_NOT_SENT, "the deadline passed before it was begun");
    else
        return true;
    return false;
}

bool files_key_is_open(const struct files_op *op, size_t index)
{
    return op->answers[index].status == 0 && op->answers[index].code[0] == '\0';
}

void files_op_finish(struct files_op *op)
{
    if (op->verb == FILES_DELETE) {
        for (size_t i = 0; i < op->count; i++) {
            if (files_key_is_open(op, i))
                op->answers[i] = op->answer;
        }
    }
    op->done(op);
}

void files_op_fail(struct files_op *op, int status, const char *code, const char *text)
{
    files_answer_set(&op->answer, status, code, text);
    files_op_finish(op);
}
