#include "programs/check.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/uuid.h"
#include "config/check_options.h"
#include "config/limits.h"
#include "fallback/verdict.h"
#include "programs/check_traces.h"
#include "programs/drivers.h"

#include <semaphore.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

/* Bytes of the objects that are put, and the part of one that is asked for. */
#define OBJECT_BYTES 4096
#define PART_FIRST   1000
#define PART_BYTES   100

#define TEXT_SIZE 320

enum outcome {
    WORKS,
    LACKS, /* and the service does without */
    FAILS,
    UNTRIED,
};

/* Objects of the check: one by itself, two for a batch, and one that is never put. */
enum object { ALONE, FIRST, SECOND, NEVER, OBJECTS };

struct check {
    struct files *files;
    int64_t timeout_ms;
    sem_t answered;
    char keys[OBJECTS][FILES_KEY_SIZE];
    bool there[OBJECTS]; /* put, or perhaps put, and not seen to be gone */
    unsigned char bytes[OBJECT_BYTES];
    char text[TEXT_SIZE]; /* what the outcome of a step means */
    bool silent, refused; /* a step failed, for want of an answer or by one */
};

static void on_done(struct files_op *op)
{
    struct check *check = op->owner;
    sem_post(&check->answered);
}

static void op_run(struct check *check, struct files_op *op)
{
    op->deadline_ms = clock_boot_ms() + check->timeout_ms;
    op->done = on_done;
    op->owner = check;
    files_submit_always(check->files, op);
    while (sem_wait(&check->answered) < 0)
        continue;
}

static void say(struct check *check, const char *text)
{
    snprintf(check->text, sizeof check->text, "%s", text);
}

/* What the store said against it. */
static enum outcome fail(struct check *check, const struct files_answer *answer)
{
    char class[FILES_CODE_SIZE];
    verdict_class_name(answer, class, sizeof class);
    snprintf(check->text, sizeof check->text, "%s%s%s", class, *answer->text ? ": " : "",
             answer->text);
    if (verdict_of_delete(answer) == VERDICT_RETRY)
        check->silent = true;
    else
        check->refused = true;
    return FAILS;
}

/* The store did as it was told, and it did not help. */
static enum outcome fail_with(struct check *check, const char *text)
{
    say(check, text);
    check->refused = true;
    return FAILS;
}

static bool is_absent(const struct files_answer *answer)
{
    return answer->status == 404 && strcmp(answer->code, "NoSuchBucket") != 0;
}

static enum outcome identity_try(struct check *check)
{
    struct files_op op = {.verb = FILES_IDENTITY_READ};
    op_run(check, &op);
    if (files_answer_is_ok(&op.answer)) {
        snprintf(check->text, sizeof check->text,
                 "the store belongs to the database %s, and to no other",
                 op.identity.database_id);
        return WORKS;
    }
    if (is_absent(&op.answer)) {
        say(check, "nobody's yet: a new database can take it");
        return WORKS;
    }
    fail(check, &op.answer);
    if (op.answer.status == 403)
        strncat(check->text, "; without s3:ListBucket, 403 is said of what is not there",
                sizeof check->text - strlen(check->text) - 1);
    return FAILS;
}

static struct files_answer object_put(struct check *check, enum object object)
{
    struct files_op op = {.verb = FILES_PUT,
                          .key = check->keys[object],
                          .content_type = "application/octet-stream",
                          .bytes = check->bytes,
                          .length = sizeof check->bytes};
    check->there[object] = true;
    op_run(check, &op);
    /* Refused is not put; without an answer it may be. */
    if (!files_answer_is_ok(&op.answer) && verdict_of_delete(&op.answer) == VERDICT_BLOCKED)
        check->there[object] = false;
    return op.answer;
}

static enum outcome put_try(struct check *check)
{
    struct files_answer answer = object_put(check, ALONE);
    if (!files_answer_is_ok(&answer))
        return fail(check, &answer);
    say(check, "avatars can be stored");
    return WORKS;
}

/* Reads a part, or with `length` 0 all; true if the bytes are those that were put. */
static bool object_read(struct check *check, size_t first, size_t length,
                        struct files_answer *ret_answer)
{
    struct files_op op = {.verb = FILES_GET,
                          .key = check->keys[ALONE],
                          .range_first = first,
                          .range_length = length};
    size_t expected = length ? length : sizeof check->bytes;
    buffer_init(&op.body, 2 * sizeof check->bytes);
    op_run(check, &op);
    *ret_answer = op.answer;
    bool same = files_answer_is_ok(&op.answer) && op.body.length == expected &&
                memcmp(op.body.bytes, check->bytes + first, expected) == 0;
    buffer_deinit(&op.body);
    return same;
}

static enum outcome get_try(struct check *check)
{
    struct files_answer answer;
    if (!check->there[ALONE])
        return UNTRIED;
    bool same = object_read(check, 0, 0, &answer);
    if (!files_answer_is_ok(&answer))
        return fail(check, &answer);
    if (!same)
        return fail_with(check, "what is read is not what was put");
    say(check, "avatars can be read");
    return WORKS;
}

static enum outcome part_try(struct check *check)
{
    struct files_answer answer;
    if (!check->there[ALONE])
        return UNTRIED;
    if (object_read(check, PART_FIRST, PART_BYTES, &answer)) {
        say(check, "readers of links can ask for a part");
        return WORKS;
    }
    say(check, "the service cuts parts itself; with --avatars redirect readers get it whole");
    return LACKS;
}

static enum outcome listing_try(struct check *check)
{
    struct files_op op = {.verb = FILES_LIST, .key = check->keys[ALONE]};
    if (!check->there[ALONE])
        return UNTRIED;
    buffer_init(&op.body, FILES_LIST_BYTES_MAX);
    op_run(check, &op);
    size_t length = strlen(op.key);
    bool found = op.body.length == length + 1 && strncmp(op.body.bytes, op.key, length) == 0;
    buffer_deinit(&op.body);
    if (found) {
        say(check, "objects can be listed");
        return WORKS;
    }
    char class[FILES_CODE_SIZE];
    verdict_class_name(&op.answer, class, sizeof class);
    snprintf(check->text, sizeof check->text,
             "objects cannot be copied to another store (s3:ListBucket): %s", class);
    return LACKS;
}

static enum outcome versions_try(struct check *check)
{
    struct files_op op = {.verb = FILES_VERSIONING};
    op_run(check, &op);
    if (!files_answer_is_ok(&op.answer)) {
        say(check, "it does not say whether it keeps versions; a deletion will tell");
        return LACKS;
    }
    if (op.mfa_delete)
        return fail_with(check, "MFA delete is on: versions stay until somebody removes them");
    say(check, op.keeps_versions ? "kept: every version of an object is deleted, see \"delete\""
                                 : "none are kept: what is deleted is gone");
    return WORKS;
}

/* Deletes `count` objects of the check; of the first that is not done, the answer is told. */
static enum outcome objects_delete(struct check *check, const enum object *objects,
                                   size_t count, bool *ret_one_by_one)
{
    const char *keys[OBJECTS];
    struct files_answer answers[OBJECTS];
    enum outcome outcome = WORKS;
    for (size_t i = 0; i < count; i++)
        keys[i] = check->keys[objects[i]];
    struct files_op op = {
        .verb = FILES_DELETE, .keys = keys, .answers = answers, .count = count};
    op_run(check, &op);
    *ret_one_by_one = op.one_by_one;
    for (size_t i = 0; i < count; i++) {
        if (verdict_of_delete(&answers[i]) != VERDICT_DONE && outcome == WORKS)
            outcome = fail(check, &answers[i]);
    }
    return outcome;
}

/* Said to be deleted is not gone yet. */
static enum outcome absence_try(struct check *check, const enum object *objects, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct files_op op = {.verb = FILES_GET, .key = check->keys[objects[i]]};
        buffer_init(&op.body, 2 * sizeof check->bytes);
        op_run(check, &op);
        buffer_deinit(&op.body);
        if (files_answer_is_ok(&op.answer))
            return fail_with(check, "an object is there after it was said to be deleted");
        if (!is_absent(&op.answer))
            return fail(check, &op.answer);
        check->there[objects[i]] = false;
    }
    return WORKS;
}

static enum outcome delete_try(struct check *check)
{
    static const enum object objects[] = {ALONE};
    bool one_by_one;
    if (!check->there[ALONE])
        return UNTRIED;
    enum outcome outcome = objects_delete(check, objects, 1, &one_by_one);
    if (outcome == WORKS)
        outcome = absence_try(check, objects, 1);
    if (outcome == WORKS)
        say(check, "what is deleted is gone");
    return outcome;
}

static enum outcome bulk_try(struct check *check)
{
    static const enum object objects[] = {FIRST, NEVER, SECOND};
    bool one_by_one;
    for (enum object object = FIRST; object <= SECOND; object++) {
        struct files_answer answer = object_put(check, object);
        if (!files_answer_is_ok(&answer))
            return fail(check, &answer);
    }
    enum outcome outcome = objects_delete(check, objects, 3, &one_by_one);
    if (outcome == WORKS)
        outcome = absence_try(check, objects, 3);
    if (outcome != WORKS)
        return outcome;
    say(check, one_by_one ? "the store has none: objects are deleted one by one"
                          : "many objects go with one request, one that is not there too");
    return one_by_one ? LACKS : WORKS;
}

static const struct {
    const char *name;
    enum outcome (*try)(struct check *check);
} steps[] = {
    {"identity", identity_try}, {"put", put_try},          {"get", get_try},
    {"ranged get", part_try},   {"listing", listing_try},  {"versions", versions_try},
    {"delete", delete_try},     {"bulk delete", bulk_try},
};

#define STEPS (sizeof steps / sizeof *steps)

static void row_print(const char *name, enum outcome outcome, const char *text)
{
    static const char *const words[] = {
        [WORKS] = "yes", [LACKS] = "no", [FAILS] = "FAILS", [UNTRIED] = "-"};
    printf("%-12s %-7s %s\n", name, words[outcome], text);
}

/* A store that does not answer at all is asked no more. */
static void steps_run(struct check *check)
{
    printf("%-12s %-7s %s\n", "what", "works", "what it means");
    for (size_t i = 0; i < STEPS; i++) {
        bool is_gone = i > 0 && check->silent;
        say(check, "not tried");
        enum outcome outcome = is_gone ? UNTRIED : steps[i].try(check);
        row_print(steps[i].name, outcome, check->text);
        fflush(stdout);
    }
}

/* Whatever happened, nothing of the check stays, or it is said what does. */
static void objects_remove(struct check *check)
{
    bool one_by_one, silent = check->silent, refused = check->refused;
    for (enum object object = ALONE; object < OBJECTS; object++) {
        if (check->there[object] && objects_delete(check, &object, 1, &one_by_one) != WORKS)
            printf("left behind, if it was stored: %s\n", check->keys[object]);
    }
    check->silent = silent;
    check->refused = refused;
}

static int check_judge(const struct check *check)
{
    if (check->refused)
        puts("\nThe service does not work with this store as it is.");
    else if (check->silent)
        puts("\nThe store does not answer: try again.");
    else
        puts("\nThe service works with this store.");
    return check->refused ? EX_CONFIG : check->silent ? EX_UNAVAILABLE : EX_OK;
}

static int check_run(const struct service_options *options, struct error *error)
{
    struct check check = {.timeout_ms = options->files_timeout};
    struct files_driver *driver;
    if (drivers_open_files(options->files, NULL, &driver, error) < 0 ||
        files_open(driver, LIMIT_FILES_MAILBOX, &check.files, error) < 0)
        return -1;
    for (size_t i = 0; i < OBJECTS; i++) {
        char id[UUID_TEXT_SIZE];
        uuid_generate(id);
        snprintf(check.keys[i], sizeof check.keys[i], "%s%s", FILES_AVATAR_PREFIX, id);
    }
    for (size_t i = 0; i < sizeof check.bytes; i++)
        check.bytes[i] = (unsigned char)(i * 7 + i / 256);
    sem_init(&check.answered, 0, 0);
    steps_run(&check);
    objects_remove(&check);
    files_close(check.files);
    sem_destroy(&check.answered);
    return check_judge(&check);
}

int check_main(int argc, char **argv)
{
    struct service_options options = {0};
    struct error error = {0};
    struct check_traces traces;
    enum log_level level = LOG_INFO;
    bool help;
    if (check_options_read(argc, argv, &options, &help, &error) == 0 && help) {
        options_print_help(check_options_table(), stdout);
        return EX_OK;
    }
    int code = -1;
    if (error.class == ERROR_NONE) {
        log_level_parse(options.log_level, &level);
        log_init(level, isatty(STDERR_FILENO));
        check_traces_note(&traces, options.files);
        code = check_run(&options, &error);
        check_traces_remove(&traces);
    }
    if (code < 0) {
        fprintf(stderr, "users-service: %s\n", error.text);
        return error_exit_code(&error);
    }
    return fflush(stdout) == 0 ? code : EX_IOERR;
}
