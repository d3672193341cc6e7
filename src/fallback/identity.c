#include "fallback/identity.h"

#include "fallback/verdict.h"

#include <string.h>

static enum identity_step check_end(struct identity_check *check, enum identity_verdict verdict)
{
    check->verdict = verdict;
    check->was_good |= verdict == IDENTITY_GOOD;
    return IDENTITY_STEP_END;
}

static enum identity_step files_step(struct identity_check *check, enum files_verb verb,
                                     int64_t now)
{
    check->files.verb = verb;
    check->files.deadline_ms = now + check->timeout_ms;
    memset(&check->files.answer, 0, sizeof check->files.answer);
    return IDENTITY_STEP_FILES;
}

enum identity_step identity_check_begin(struct identity_check *check, int64_t now)
{
    check->stage = CHECK_READING;
    check->error = (struct error){0};
    return files_step(check, FILES_IDENTITY_READ, now);
}

/* The provider's answer was no identity: is it silent, or is it a refusal? */
static enum identity_step answer_refuse(struct identity_check *check)
{
    const struct files_answer *answer = &check->files.answer;
    bool silent = verdict_of_delete(answer) == VERDICT_RETRY;
    char class[FILES_CODE_SIZE];
    verdict_class_name(answer, class, sizeof class);
    error_set(&check->error, silent ? ERROR_UNAVAILABLE : ERROR_CONFIG,
              "the file store %s (%s%s%s)",
              silent ? "does not answer" : "refuses: check --files and its credentials", class,
              *answer->text ? ": " : "", answer->text);
    return check_end(check, silent ? IDENTITY_UNANSWERED : IDENTITY_REFUSED);
}

/* Takes the store for this database's, on record. */
static enum identity_step store_adopt(struct identity_check *check)
{
    check->stage = CHECK_ADOPTING;
    check->repository.verb = STORE_ADOPT;
    memcpy(check->repository.id, check->store_id, UUID_TEXT_SIZE);
    memcpy(check->repository.store_id, check->files.identity.store_id, UUID_TEXT_SIZE);
    return IDENTITY_STEP_REPOSITORY;
}

static bool older_is_awaited(const struct identity_check *check)
{
    return check->move == IDENTITY_MOVE_WAITS && !check->was_good;
}

/* Before the older stores are known nobody can tell a move from a mistake. */
static enum identity_step older_await(struct identity_check *check)
{
    error_set(&check->error, ERROR_UNAVAILABLE,
              "this store takes over from store %s once that has answered: see --files-also",
              check->store_id);
    return check_end(check, IDENTITY_UNANSWERED);
}

static enum identity_step identity_compare(struct identity_check *check)
{
    const struct files_identity *found = &check->files.identity;
    if (strcmp(found->database_id, check->database_id) != 0) {
        error_set(&check->error, ERROR_CONFIG,
                  "the file store belongs to another database (its %s names %s, this is %s): "
                  "give each database a bucket, prefix or folder of its own",
                  FILES_IDENTITY_KEY, found->database_id, check->database_id);
        return check_end(check, IDENTITY_REFUSED);
    }
    if (check->older && *check->store_id && strcmp(found->store_id, check->store_id) != 0) {
        error_set(&check->error, ERROR_CONFIG,
                  "a store of --files-also is another one (%s) than it was (%s)",
                  found->store_id, check->store_id);
        return check_end(check, IDENTITY_REFUSED);
    }
    if (check->older) {
        memcpy(check->store_id, found->store_id, UUID_TEXT_SIZE);
        return check_end(check, IDENTITY_GOOD);
    }
    bool is_known = strcmp(found->store_id, check->store_id) == 0;
    if (!*check->store_id || (!is_known && check->move == IDENTITY_MOVE_GIVEN))
        return store_adopt(check);
    if (!is_known && older_is_awaited(check))
        return older_await(check);
    if (!is_known) {
        error_set(&check->error, ERROR_CONFIG,
                  "this is another store (%s) than the one with this database's files (%s): "
                  "point --files at that one, or give it with --files-also",
                  found->store_id, check->store_id);
        return check_end(check, IDENTITY_REFUSED);
    }
    return check_end(check, IDENTITY_GOOD);
}

static enum identity_step reading_next(struct identity_check *check, int64_t now)
{
    const struct files_answer *answer = &check->files.answer;
    if (files_answer_is_ok(answer))
        return identity_compare(check);
    bool absent = answer->status == 404 && strcmp(answer->code, "NoSuchBucket") != 0;
    if (!absent)
        return answer_refuse(check);
    if (check->older) {
        error_set(&check->error, ERROR_CONFIG,
                  "a store of --files-also has no %s: it never held files of this database",
                  FILES_IDENTITY_KEY);
        return check_end(check, IDENTITY_REFUSED);
    }
    if (*check->store_id && older_is_awaited(check))
        return older_await(check);
    if (*check->store_id && check->move != IDENTITY_MOVE_GIVEN) {
        error_set(&check->error, ERROR_CONFIG,
                  "the file store has no %s, but this database's files are in store %s: "
                  "this is the wrong bucket, prefix or folder",
                  FILES_IDENTITY_KEY, check->store_id);
        return check_end(check, IDENTITY_REFUSED);
    }
    check->stage = CHECK_CREATING;
    memcpy(check->files.identity.store_id, check->fresh_store_id, UUID_TEXT_SIZE);
    memcpy(check->files.identity.database_id, check->database_id, UUID_TEXT_SIZE);
    return files_step(check, FILES_IDENTITY_CREATE, now);
}

enum identity_step identity_check_next(struct identity_check *check, int64_t now)
{
    switch (check->stage) {
    case CHECK_READING:
        return reading_next(check, now);
    case CHECK_CREATING:
        /* 412: somebody was faster; what is there now decides. */
        if (files_answer_is_ok(&check->files.answer) || check->files.answer.status == 412)
            return identity_compare(check);
        return answer_refuse(check);
    case CHECK_ADOPTING:
        break;
    }
    if (check->repository.outcome == REPOSITORY_OK) {
        memcpy(check->store_id, check->repository.store_id, UUID_TEXT_SIZE);
        return check_end(check, IDENTITY_GOOD);
    }
    error_set(&check->error, ERROR_UNAVAILABLE, "the store could not be recorded: %s",
              check->repository.outcome == REPOSITORY_FAILED ? check->repository.error.text
                                                             : "another one is known already");
    return check_end(check, check->repository.outcome == REPOSITORY_FAILED ? IDENTITY_UNANSWERED
                                                                           : IDENTITY_REFUSED);
}
