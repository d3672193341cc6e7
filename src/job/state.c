#include "job/state.h"

#include "base/buffer.h"
#include "base/clock.h"
#include "http/json_text.h"
#include "job/civil.h"
#include "job/slots.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int damaged(const char *path, struct error *error)
{
    return error_set(error, ERROR_CONFIG, "state file %s: damaged: remove it", path);
}

/* Whether there is a state, and whether what is there is of any use. */
enum found { FOUND_STATE, FOUND_DAMAGED, FOUND_NOTHING, FOUND_UNREADABLE };

/* Up to its end, or one byte too many. */
static int bytes_read(int file, struct buffer *bytes)
{
    char part[4096];
    while (bytes->length <= STATE_BYTES_MAX) {
        ssize_t length = read(file, part, sizeof part);
        if (length < 0 && errno == EINTR)
            continue;
        if (length <= 0)
            return (int)length;
        if (buffer_append(bytes, part, (size_t)length) < 0) {
            errno = ENOMEM;
            return -1;
        }
    }
    return 0;
}

static enum found bytes_parse(const struct buffer *bytes, json_t **ret_root)
{
    json_error_t fault;
    if (bytes->length == 0 || bytes->length > STATE_BYTES_MAX)
        return FOUND_DAMAGED;
    json_t *root = json_text_read(bytes->bytes, bytes->length, JSON_REJECT_DUPLICATES, &fault);
    if (json_is_object(json_object_get(root, "jobs"))) {
        *ret_root = root;
        return FOUND_STATE;
    }
    bool refused = root || *fault.text;
    json_decref(root);
    errno = ENOMEM;
    return refused ? FOUND_DAMAGED : FOUND_UNREADABLE;
}

/* Unreadable: errno says why. */
static enum found file_find(const char *path, json_t **ret_root)
{
    struct stat status;
    struct buffer bytes;
    enum found found = FOUND_UNREADABLE;
    int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (file < 0)
        return errno == ENOENT ? FOUND_NOTHING : FOUND_UNREADABLE;
    buffer_init(&bytes, STATE_BYTES_MAX + 4096);
    if (fstat(file, &status) == 0) {
        if (!S_ISREG(status.st_mode))
            found = FOUND_DAMAGED;
        else if (bytes_read(file, &bytes) == 0)
            found = bytes_parse(&bytes, ret_root);
    }
    int code = errno;
    buffer_deinit(&bytes);
    close(file);
    errno = code;
    return found;
}

/*
 * The whole file; an empty object if there is none, or, with `anew`, if it is damaged. NULL
 * with the error filled in: what could not be read now may be good all the same.
 */
static json_t *file_load(const char *path, bool anew, struct error *error)
{
    json_t *root = NULL;
    enum found found = file_find(path, &root);
    switch (found) {
    case FOUND_STATE:
        break;
    case FOUND_UNREADABLE:
        error_set_errno(error, error_class_of(errno), errno, "state file %s", path);
        break;
    case FOUND_DAMAGED:
    case FOUND_NOTHING:
        if (found == FOUND_DAMAGED && !anew) {
            damaged(path, error);
            break;
        }
        root = json_pack("{s:{}}", "jobs");
        if (!root)
            error_set(error, ERROR_NO_MEMORY, "state file %s: no memory", path);
        break;
    }
    return root;
}

int state_read(const char *path, const char *job, int64_t *ret_slot, struct error *error)
{
    *ret_slot = SLOTS_NONE;
    json_t *root = file_load(path, false, error);
    if (!root)
        return -1;
    const json_t *record = json_object_get(json_object_get(root, "jobs"), job);
    const char *slot = json_string_value(json_object_get(record, "slot"));
    int result = 0;
    if (record && (!slot || civil_parse(slot, ret_slot) < 0)) {
        *ret_slot = SLOTS_NONE;
        result = damaged(path, error);
    }
    json_decref(root);
    return result;
}

static json_t *record_encode(const struct state_record *record, json_t *old_success)
{
    char slot[CIVIL_TEXT_SIZE], started[CLOCK_TEXT_SIZE], success[CLOCK_TEXT_SIZE];
    civil_format(record->slot_s, 0, true, slot);
    clock_format_utc(record->started_wall_ms, started);
    clock_format_utc(record->success_wall_ms, success);
    json_t *succeeded = record->success_wall_ms ? json_string(success)
                        : old_success           ? json_incref(old_success)
                                                : json_null();
    json_t *reason = json_string(record->reason);
    return json_pack("{s:s, s:s, s:s, s:i, s:I, s:o, s:o}", "slot", slot, "started", started,
                     "outcome", record->outcome, "exit", record->exit_code, "failures",
                     (json_int_t)record->failures, "succeeded", succeeded, "reason",
                     reason ? reason : json_string(""));
}

static int text_write(int file, const char *text)
{
    size_t length = strlen(text);
    while (length) {
        ssize_t written = write(file, text, length);
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return -1;
        text += written;
        length -= (size_t)written;
    }
    return fsync(file);
}

/* The rename is durable once its folder is. */
static int folder_sync(const char *path)
{
    char folder[4096];
    const char *slash = strrchr(path, '/');
    snprintf(folder, sizeof folder, "%.*s", slash ? (int)(slash - path) + 1 : 1,
             slash ? path : ".");
    int file = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (file < 0)
        return -1;
    int failed = fsync(file);
    close(file);
    return failed;
}

static int file_replace(const char *path, const char *text, struct error *error)
{
    char aside[4096];
    if (snprintf(aside, sizeof aside, "%s.new", path) >= (int)sizeof aside)
        return error_set(error, ERROR_IO, "state file %s: the path is too long", path);
    int file = open(aside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);
    if (file < 0)
        return error_set_errno(error, ERROR_IO, errno, "state file %s", aside);
    int failed = text_write(file, text);
    failed |= close(file);
    if (!failed)
        failed = rename(aside, path);
    if (!failed)
        failed = folder_sync(path);
    return failed ? error_set_errno(error, ERROR_IO, errno, "state file %s", path) : 0;
}

int state_write(const char *path, const struct state_record *record, struct error *error)
{
    json_t *root = file_load(path, true, error);
    if (!root)
        return -1;
    json_t *jobs = json_object_get(root, "jobs");
    json_t *old_success = json_object_get(json_object_get(jobs, record->job), "succeeded");
    json_t *encoded = record_encode(record, old_success);
    char *text = NULL;
    if (encoded && json_object_set_new(jobs, record->job, encoded) == 0)
        text = json_text_write(root, JSON_INDENT(2));
    json_decref(root);
    if (!text)
        return error_set(error, ERROR_NO_MEMORY, "state file %s: no memory", path);
    int result = file_replace(path, text, error);
    free(text);
    return result;
}

static const char *text_of(const json_t *record, const char *name)
{
    const char *text = json_string_value(json_object_get(record, name));
    return text ? text : "-";
}

static bool record_print(const char *name, const json_t *record, FILE *out)
{
    const char *outcome = text_of(record, "outcome"), *reason = text_of(record, "reason");
    long long failures = json_integer_value(json_object_get(record, "failures"));
    fprintf(out, "%s: %s, slot %s, last good run %s", name, outcome, text_of(record, "slot"),
            text_of(record, "succeeded"));
    if (failures)
        fprintf(out, ", %lld failed in a row: %s", failures, reason);
    fputc('\n', out);
    return strcmp(outcome, "ok") == 0;
}

int state_print(const char *path, const char *job, FILE *out, struct error *error)
{
    json_t *root = file_load(path, false, error);
    if (!root)
        return -1;
    json_t *jobs = json_object_get(root, "jobs");
    const char *name;
    json_t *record;
    int bad = 0, printed = 0;
    json_object_foreach(jobs, name, record)
    {
        if (job && strcmp(job, name) != 0)
            continue;
        bad += !record_print(name, record, out);
        printed++;
    }
    json_decref(root);
    if (!printed)
        fprintf(out, "%s: no run yet\n", job ? job : path);
    return bad;
}
